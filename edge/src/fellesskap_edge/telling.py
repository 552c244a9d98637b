"""When operators are told how the locker stands: after a change at most once a second.

Only `drive` uses it; `snapshot` makes what they are told.
"""

from collections.abc import Callable

import msgspec

from fellesskap_protocol.messages import State

STATE_S_MIN, STATE_S_MAX = 1.0, 600.0


class Telling:
    """What operators were told last, and whether it still holds."""

    def __init__(self, snapshot: Callable[[], State]) -> None:
        self._snapshot = snapshot
        self._state: State | None = None
        self._state_at = float("-inf")
        self._compared: object = None
        self._holds = False

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
