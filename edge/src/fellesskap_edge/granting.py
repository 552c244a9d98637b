"""Rights as they come from the backend: one whole revision at a time. Pure.

A right that holds a parcel is never dropped here; only `revoked` takes it out of use. A claim that
became a collect right stays one, with its compartment, whatever an older wish says of it; one that
was used up stays so until it is taken away. No right opens where another's parcel lies.
"""

import msgspec

from fellesskap_edge.facts import Place, Position
from fellesskap_edge.state import Draft, Forget, Keep, Record, RightsArrived
from fellesskap_protocol.events import RightsApplied
from fellesskap_protocol.messages import Right


def rights_arrived(draft: Draft, event: RightsArrived) -> None:
    """Put a revision in force and say so in the journal."""
    holding = _holding(draft)
    gone = set(event.remove)
    if event.from_empty:
        gone |= set(draft.c.rights) - {right.id for right in event.put}
    for right_id in sorted(gone - holding):
        if draft.c.rights.pop(right_id, None) is not None:
            draft.say(Forget("right", right_id))
    for right in event.put:
        _adopt(draft, right)
        kept = _merged(draft, right, holds_parcel=right.id in _holding(draft))
        draft.c.rights[right.id] = kept
        draft.say(Keep("right", right.id, kept))
        _believe(draft, kept)
    position = Position(event.generation, event.revision)
    draft.change(position=position)
    draft.say(
        Keep("position", "rights", position),
        Record(
            RightsApplied(
                generation=event.generation,
                revision=event.revision,
                used=dict(sorted(draft.c.used.items())),
            )
        ),
    )


def _holding(draft: Draft) -> set[str]:
    return {place.right_id for place in draft.c.places.values() if place.right_id}


def _adopt(draft: Draft, wished: Right) -> None:
    """Let the backend's right to an unannounced parcel take the place of the edge's own.

    One without a compartment is a second code to it: custody stays with the first.
    """
    if wished.kind != "collect" or wished.compartment is None:
        return
    for number, place in draft.c.places.items():
        held = draft.c.rights.get(place.right_id or "")
        if held is None or held.id == wished.id:
            continue
        if held.parcel_id == wished.parcel_id:
            del draft.c.rights[held.id]
            draft.c.rights[wished.id] = msgspec.structs.replace(wished, compartment=number)
            draft.say(Forget("right", held.id))
            draft.place(number, Place("parcel", place.service, wished.id))


def _believe(draft: Draft, right: Right) -> None:
    """Take the backend's word for what lies where, if the own store was lost."""
    number = right.compartment or 0
    place = draft.c.places.get(number)
    lies_there = right.kind == "collect" and not right.revoked and right.parcel_id
    if place is not None and place.content == "unknown" and place.right_id is None and lies_there:
        draft.place(number, Place("parcel", place.service, right.id))


def _merged(draft: Draft, wished: Right, *, holds_parcel: bool) -> Right:
    known = draft.c.rights.get(wished.id)
    if known is not None and (_used_up(known) or holds_parcel):
        revoked = known.revoked if _used_up(known) else wished.revoked
        return msgspec.structs.replace(
            wished, kind=known.kind, compartment=known.compartment, revoked=revoked
        )
    place = draft.c.places.get(wished.compartment or 0)
    if place is not None and place.right_id not in (None, wished.id):
        return msgspec.structs.replace(wished, compartment=None)
    return wished


def _used_up(right: Right) -> bool:
    """Say whether a parcel was taken out by this right: `completing` leaves it like that."""
    takes_out = right.kind in ("collect", "remove", "drop_off")
    return takes_out and right.revoked and right.compartment is None
