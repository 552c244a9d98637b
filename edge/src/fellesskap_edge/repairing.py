"""What a damaged fact leaves in force: the safe side. Pure.

A damaged right is dropped and asked for again; damaged throttle counters leave the keypad asking
for all twelve digits; of a damaged place only a right to collect tells what lies there. A damaged
key may have named any fact of its kind, a damaged kind any fact. Only `start` uses it.
"""

from collections.abc import Iterable, Set
from datetime import datetime

from fellesskap_edge.facts import CLASSES, FactKind, Place, RemoteOpens, Used
from fellesskap_edge.store import Facts
from fellesskap_edge.throttle import locked_out
from fellesskap_protocol.messages import Right

THROTTLES = ("keypad", "labels")
REMOTE_OPENS_MAX = 1000
"""More than any limit: after damage no door is opened from afar for ten minutes."""
Kinds = Set[FactKind | None]


def kinds_of(damaged: Iterable[tuple[str, str]]) -> Kinds:
    """Return the kinds of which something is missing; None stands for every kind."""
    known = {name: name for name in CLASSES}
    return {known.get(kind) for kind, _ in damaged}  # type: ignore[call-overload]


def repaired(facts: Facts, kinds: Kinds, now: datetime, compartments: Iterable[int]) -> Facts:
    """Answer damage on the safe side (`docs/protocol.md` 3, design 5)."""
    facts = dict(facts)
    if kinds & {"right", "position", None}:
        # From revision 0 the backend sends every right anew.
        facts.pop(("position", "rights"), None)
    if kinds & {"throttle", None}:
        for key in THROTTLES:
            facts.setdefault(("throttle", key), locked_out(now))
    if kinds & {"remote_opens", None}:
        facts.setdefault(("remote_opens", "all"), RemoteOpens((now,) * REMOTE_OPENS_MAX))
    if kinds & {"used", None}:
        rights = [right for right in facts.values() if isinstance(right, Right)]
        for right in rights:
            if right.kind == "allowance" and right.size_class:
                facts.setdefault(("used", right.size_class), Used(right.granted))
    for number in compartments:
        known = facts.get(("place", str(number)))
        if known is None and kinds & {"place", None}:
            facts["place", str(number)] = _held(facts, number)
        elif known in (None, Place("empty")) and kinds & {"operation", None}:
            # Somebody may have been putting a parcel in.
            facts["place", str(number)] = Place("unknown")
    return facts


def _held(facts: Facts, number: int) -> Place:
    """Return what a right to collect tells of a compartment of which nothing else is known."""
    for right in facts.values():
        if isinstance(right, Right) and right.kind == "collect" and right.compartment == number:
            return Place("parcel", right_id=right.id)
    return Place("unknown")
