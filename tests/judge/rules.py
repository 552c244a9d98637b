"""What a rule of the judge looks like.

A rule says in words what is wrong with a record, seen from all that was before it; `HELD`, if it
looked and found it right; None, if there was nothing to hold, or an excuse. So it is counted how
often each judges. It is asked before the record is folded in. `Rules` of one invariant name what
each kind of record must hold: a class of `history` gets `(world, record)`, but `Journalled` and
`Recorded` `(world, place, entry)`; a class of the protocol's events gets `(world, place, event)`,
as the locker committed it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fellesskap_protocol.events import AnyEvent, Presented
from fellesskap_protocol.messages import Right
from tests.judge.fold_journal import BY_CODE
from tests.judge.state import Place

Rule = Callable[..., str | None]
Rules = Mapping[type[Any], Rule | tuple[Rule, ...]]
HELD = ""
"""What a rule says that looked, and found it right."""


class Entry(NamedTuple):
    """An entry of a journal; `event` is None if it cannot be read."""

    epoch: str
    stored: bytes
    event: AnyEvent | None


def held_unless(wrong: str | None) -> str:
    """Say what is wrong, or that it was looked for."""
    return HELD if wrong is None else wrong


def puts_in(place: Place, event: Presented) -> bool:
    """Say whether an accepted presentation opens a door to put something in."""
    right: Right | None = place.force.get(event.right_id or "")
    match event.kind:
        case "label":
            return True
        case "badge":
            return event.right_id is None
        case "key":
            return event.compartment not in place.lies
        case _:
            drops = right is not None and right.kind == "drop_off"
            return event.kind in BY_CODE and drops and event.compartment not in place.lies
