"""A technician at a pseudo-terminal: reads what a command asks, types what a script answers."""

import os
import re
import selectors
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.system.house import NeverHappened

Answer = str | Callable[[re.Match[str]], str]


class Terminal:
    """One command in a terminal of its own; `said` is all that it has printed."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._master, slave = os.openpty()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=folder, start_new_session=True
        )
        os.close(slave)
        self.said = ""
        self._answered = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._master, selectors.EVENT_READ)

    def talk(self, script: dict[str, Answer], timeout_s: float = 120) -> int:
        """Answer each question (a line that ends with `> `) by the first pattern that it holds.

        Returns the exit status; `script` gives lines, or makes them of the match.
        """
        deadline = time.monotonic() + timeout_s
        while self._hear(deadline):
            question = self.said[self._answered :]
            if question.endswith("\n> "):
                self._answered = len(self.said)
                self.type(self._answer(script, question))
        os.close(self._master)
        return self.process.wait(10)

    def type(self, line: str) -> None:
        """Type a line, Enter included."""
        os.write(self._master, f"{line}\n".encode())

    def hear_until(self, text: str, timeout_s: float = 60) -> None:
        """Read until a text was printed."""
        deadline = time.monotonic() + timeout_s
        while text not in self.said and self._hear(deadline):
            pass

    def _hear(self, deadline: float) -> bool:
        if not self._selector.select(max(0.0, deadline - time.monotonic())):
            raise NeverHappened(f"it neither asks nor ends; it said:\n{self.said}")
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # the other end is closed
            return False
        self.said += data.decode().replace("\r\n", "\n")
        return bool(data)

    @staticmethod
    def _answer(script: dict[str, Answer], question: str) -> str:
        last = question.rstrip("\n> ").rsplit("\n", 1)[-1]
        for pattern, answer in script.items():
            if found := re.search(pattern, last):
                return answer if isinstance(answer, str) else answer(found)
        raise AssertionError(f"no answer to: {last}")
