"""What the product logs while a world lives: nothing secret may stand there."""

import logging


class Logs(logging.Handler):
    """Keeps what was logged as it would be written, an exception's words and traceback with it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))
