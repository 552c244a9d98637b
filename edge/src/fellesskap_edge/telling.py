"""When operators are told how the locker stands: after a change at most once a second.

It also keeps which faults stand, from the event that tells of one to its `ok`. Only `drive` uses
it; `snapshot` makes what they are told.
"""

from collections.abc import Callable

import msgspec

from fellesskap_protocol.events import Fault
from fellesskap_protocol.messages import State

WELL = "ok"
"""The `what` of the fault that ends one."""

STATE_S_MIN, STATE_S_MAX = 1.0, 600.0


class Telling:
    """What operators were told last, and whether it still holds."""

    def __init__(self, snapshot: Callable[[], State]) -> None:
        self._snapshot = snapshot
        self._state: State | None = None
        self._state_at = float("-inf")
        self._compared: object = None
        self._holds = False
        self._faults: dict[str, str] = {}

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults of boards, ports and scanner that stand, in words."""
        return tuple(f"{part}: {what}" for part, what in sorted(self._faults.items()))

    def stands(self, part: str) -> bool:
        """Say whether a part has a fault."""
        return part in self._faults

    def note(self, fault: Fault) -> None:
        """Keep a fault, or that it is over."""
        self._faults.pop(fault.part, None)
        if fault.what != WELL:
            self._faults[fault.part] = fault.what
        self.doubt()

    def doubt(self) -> None:
        """Something has changed that is not in the controller."""
        self._compared = None

    def due(self, controller: object) -> float:
        """Return when they are told next, in monotonic seconds."""
        if controller is not self._compared:
            fresh, told = self._snapshot(), self._state
            same = told and msgspec.structs.replace(told, at=fresh.at, clock=fresh.clock) == fresh
            self._compared, self._holds = controller, bool(same)
        return self._state_at + (STATE_S_MAX if self._holds else STATE_S_MIN)

    def told(self, now_s: float) -> State:
        """Return what they are told now."""
        self._state, self._state_at, self._holds = self._snapshot(), now_s, True
        return self._state
