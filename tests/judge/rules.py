"""What a rule of the judge looks like.

A rule says in words what is wrong with a record, seen from all that was before it, or None. It is
asked before the record is folded in. `Rules` of one invariant name what each kind of record must
hold: a class of `history` gets `(world, record)`, but `Journalled` and `Recorded` `(world, place,
entry)`; a class of the protocol's events gets `(world, place, event)`, as the locker committed it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fellesskap_protocol.events import AnyEvent, Presented
from fellesskap_protocol.messages import Right
from tests.judge.fold_journal import BY_CODE
from tests.judge.state import Place

Rule = Callable[..., str | None]
Rules = Mapping[type[Any], Rule]


class Entry(NamedTuple):
    """An entry of a journal; `event` is None if it cannot be read."""

    epoch: str
    stored: bytes
    event: AnyEvent | None


def first(*rules: Rule) -> Rule:
    """Return a rule that says what the first of several finds wrong."""

    def rule(*args: Any) -> str | None:
        for one in rules:
            wrong = one(*args)
            if wrong is not None:
                return wrong
        return None

    return rule


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
