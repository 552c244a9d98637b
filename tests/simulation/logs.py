"""What the product logs while a world lives: nothing secret may stand there."""

import logging


class Logs(logging.Handler):
    """Keeps what was logged: nothing secret may stand there."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
