"""Guessing at the kiosk: counted durably, slowed, and told to operators. Pure.

Keypad and labels are counted apart (`throttle.py`). A lock-out stands as a fault until it is over.
"""

from typing import Literal, get_args

import msgspec

from fellesskap_edge.state import Draft, Keep, Record
from fellesskap_edge.throttle import Throttle, dated, failed, holds_until, is_locked_out
from fellesskap_protocol.events import Fault

Counter = Literal["keypad", "labels"]
LOCKED_OUT = "locked out: 20 wrong ones in 24 h"


def slowed(draft: Draft, counter: Counter) -> bool:
    """Say whether the easy way is closed for now: codes ask for all digits, labels for a badge."""
    return holds_until(_of(draft, counter), draft.now.wall) is not None


def count(draft: Draft, counter: Counter) -> None:
    """Count one failure."""
    _put(draft, counter, failed(_of(draft, counter), draft.now.wall))


def mind(draft: Draft) -> None:
    """Date what a wrong clock dated ahead, and tell of a lock-out that is over."""
    for counter in get_args(Counter):
        throttle = _of(draft, counter)
        if throttle.failures:
            _put(draft, counter, dated(throttle, draft.now.wall))


def _of(draft: Draft, counter: Counter) -> Throttle:
    throttle: Throttle = getattr(draft.c, counter)
    return throttle


def _put(draft: Draft, counter: Counter, throttle: Throttle) -> None:
    told = is_locked_out(throttle, draft.now.wall)
    if told != throttle.told:
        what = LOCKED_OUT if told else "ok"
        draft.say(Record(Fault(part=counter, what=what, since=draft.now.wall)))
        throttle = msgspec.structs.replace(throttle, told=told)
    if throttle != _of(draft, counter):
        draft.change(**{counter: throttle})
        draft.say(Keep("throttle", counter, throttle))
