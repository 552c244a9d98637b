"""The network of a world: it loses, doubles, delays, reorders, truncates and corrupts, and breaks.

A line between a locker and the backend has two directions; either may be cut alone. What passed is
kept for an attacker who listens.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.simulation.chronicle import Chronicle

Direction = Literal["up", "down"]
LOST, DOUBLED, LATE, TRUNCATED, CORRUPTED = 0.03, 0.03, 0.01, 0.005, 0.005
LATE_S_MAX = 400.0
LATENCIES_S = (0.05, 0.3, 0.3, 0.5, 2.5)
"""From fibre to a narrow-band radio."""
KEPT = 40


@dataclass
class Line:
    """Between one locker and the backend."""

    locker_id: str
    cut: set[Direction] = field(default_factory=set)
    heard: deque[tuple[Direction, str, bytes]] = field(default_factory=lambda: deque(maxlen=KEPT))


class Wire:
    """All lines; `after(delay_s, act)` does something later."""

    def __init__(
        self,
        rng: random.Random,
        chronicle: Chronicle,
        after: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._rng = rng
        self._chronicle = chronicle
        self._after = after
        self.latency_s = rng.choice(LATENCIES_S)
        self.faulty = True
        self.lines: dict[str, Line] = {}

    def line(self, locker_id: str) -> Line:
        """Return the line of a locker."""
        return self.lines.setdefault(locker_id, Line(locker_id))

    def carry(
        self,
        locker_id: str,
        direction: Direction,
        kind: str,
        *,
        payload: bytes,
        deliver: Callable[[bytes], None],
    ) -> None:
        """Carry one message, as well as it can."""
        line, rng = self.line(locker_id), self._rng
        line.heard.append((direction, kind, payload))
        if direction in line.cut:
            return
        times = 1
        delay_s = self.latency_s * rng.uniform(0.5, 1.5)
        if self.faulty:
            turn = rng.random()
            if turn < LOST:
                self._fault("lost", locker_id)
                return
            payload, times, delay_s = self._hurt(locker_id, turn - LOST, payload, delay_s=delay_s)
        for _ in range(times):
            self._after(delay_s, lambda: self._arrive(line, direction, payload, deliver))
            delay_s += rng.uniform(0.0, 5.0)

    def _hurt(
        self, locker_id: str, turn: float, payload: bytes, *, delay_s: float
    ) -> tuple[bytes, int, float]:
        """Return what arrives, how often and how late."""
        rng = self._rng
        if turn < DOUBLED:
            self._fault("doubled", locker_id)
            return payload, 2, delay_s
        if (turn := turn - DOUBLED) < LATE:
            self._fault("late", locker_id)  # and so behind those that were sent later
            return payload, 1, rng.uniform(5.0, LATE_S_MAX)
        if (turn := turn - LATE) < TRUNCATED:
            self._fault("truncated", locker_id)
            return payload[: rng.randrange(len(payload) or 1)], 1, delay_s
        if turn - TRUNCATED < CORRUPTED and payload:
            self._fault("corrupted", locker_id)
            at = rng.randrange(len(payload))
            changed = bytes((payload[at] ^ (1 << rng.randrange(7)),))
            return payload[:at] + changed + payload[at + 1 :], 1, delay_s
        return payload, 1, delay_s

    def _arrive(
        self, line: Line, direction: Direction, payload: bytes, deliver: Callable[[bytes], None]
    ) -> None:
        if direction not in line.cut:
            deliver(payload)

    def _fault(self, kind: str, locker_id: str) -> None:
        self._chronicle.fault("wire", kind, locker_id)
