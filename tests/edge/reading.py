"""A scanner that is stepped, with everything that it said."""

from fellesskap_edge import scanner as s
from fellesskap_edge.scanners import FAMILIES
from fellesskap_edge.scanners.framing import Unreadable

ANSWERS = {
    "grow": bytes.fromhex("02 00 00 01 00 33 31"),
    "honeywell": b"TRGMOD3\x06.",
    "ssi": bytes.fromhex("04 D0 00 00 FF 2C"),
    "line": b"",
}
"""What a healthy scanner of the family says to anything that it is told."""


class Desk:
    """One scanner in virtual time."""

    def __init__(self, family: str = "line", *, up: bool = True, setup: bool = True) -> None:
        self.scanner = s.scanner(family, setup=setup)
        self.answer = ANSWERS[family]
        self.now = 0.0
        self.said: list[s.Effect] = []
        if up:
            self.give(s.PortUp())

    def give(self, event: s.Event, at: float | None = None) -> tuple[s.Effect, ...]:
        """Step once."""
        self.now = max(self.now, at if at is not None else self.now)
        self.scanner, effects = s.step(self.scanner, event, self.now)
        self.said += effects
        return effects

    def hear(self, data: bytes, after_s: float = 0.0) -> tuple[s.Effect, ...]:
        """Let bytes come."""
        self.wait(after_s)
        return self.give(s.Received(data))

    def wait(self, seconds: float) -> list[s.Effect]:
        """Let time pass, ticking at every deadline."""
        said: list[s.Effect] = []
        until = self.now + seconds
        while self.scanner.wake_at <= until:
            said += self.give(s.Tick(), at=self.scanner.wake_at)
        self.now = until
        return said

    def ready(self) -> "Desk":
        """Answer all of the set-up; forget what was said."""
        for _ in range(2 * len(FAMILIES[self.scanner.family.name].setup) + 2):
            if self.scanner.phase is s.Phase.SETTING_UP:
                self.hear(self.answer)
        assert self.scanner.phase is s.Phase.READY
        self.said.clear()
        return self

    @property
    def scans(self) -> list[bytes]:
        """The labels that were told."""
        return [one.label for one in self.said if isinstance(one, s.Scan)]

    @property
    def unreadable(self) -> int:
        """How often somebody was told that it could not be read."""
        return sum(isinstance(one, Unreadable) for one in self.said)

    def told(self, kind: type[s.Effect]) -> int:
        """How often this was said."""
        return sum(isinstance(one, kind) for one in self.said)

    @property
    def written(self) -> list[bytes]:
        """What was sent to the scanner."""
        return [one.data for one in self.said if isinstance(one, s.Write)]
