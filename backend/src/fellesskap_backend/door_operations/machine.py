"""PURE: the life of a door operation: what each word of it makes of each state.

The locker's journal and the result of its command come by two ways, so any word may be late: what
the journal saw wins over what was concluded without it, and nothing that ended begins anew.
"""

from datetime import datetime, timedelta
from typing import Literal

State = Literal[
    "issued",
    "pulsed",
    "opened",
    "closed",
    "rejected",
    "expired",
    "not_opened",
    "left_open",
    "jammed",
    "unverified",
]
Word = Literal[
    "expired",
    "refused",
    "done",
    "pulsed",
    "opened",
    "closed",
    "not_opened",
    "left_open",
    "jammed",
]
"""`expired`: nothing was heard in time. `refused`, `done`: the locker's answer to the command. The
others are its journal's."""

_SEEN: dict[str, State] = {
    "pulsed": "pulsed",
    "opened": "opened",
    "closed": "closed",
    "not_opened": "not_opened",
    "left_open": "left_open",
    "jammed": "jammed",
}
_ANSWERED: dict[str, State] = {"refused": "rejected", "done": "pulsed"}
_DOOR: dict[str, State] = {"closed": "closed", "left_open": "left_open"}

TABLE: dict[str, dict[str, State]] = {
    "issued": {"expired": "expired", **_ANSWERED, **_SEEN},
    "expired": {**_ANSWERED, **_SEEN},
    "rejected": _SEEN,
    "pulsed": _SEEN,
    "not_opened": _SEEN,
    "jammed": {"opened": "opened", **_DOOR},
    "opened": _DOOR,
    "left_open": _DOOR,
    "closed": {},
}
"""What stands in no cell changes nothing."""
UNSEEN_AFTER = timedelta(seconds=60)
"""All pulses of an authorisation come within 30 s; the journal has as long to bring them."""


def after(state: str, word: Word) -> State | None:
    """Return the state that follows; None if the word changes nothing."""
    return TABLE[state].get(word)


def shown(state: str, updated_at: datetime, now: datetime) -> str:
    """Return the state as it is told: of a pulse without any further word nobody knows more.

    The door has no sensor, or the daemon was started again meanwhile.
    """
    unseen = state == "pulsed" and now - updated_at >= UNSEEN_AFTER
    return "unverified" if unseen else state
