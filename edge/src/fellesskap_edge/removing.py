"""Taking parcels out: overdue, recalled and returned ones in one sweep with one badge. Pure.

A badge removes whatever has a `remove` right of one of its carriers, in one session per locker. One
door after the other: the next opens when the last was shut.
"""

from datetime import UTC, datetime, timedelta

from fellesskap_edge.choosing import in_operation
from fellesskap_edge.facts import BadgeUse, Operation
from fellesskap_edge.operating import authorise
from fellesskap_edge.service import out_of_reach
from fellesskap_edge.state import Draft, Forget, Keep, TellCourier
from fellesskap_edge.visiting import acted, badge_of, current
from fellesskap_protocol.messages import Badge, Right

TAKE_OUT_WITHIN = timedelta(minutes=2)
"""Whoever comes after the courier must not find the sweep ready: later the badge is shown again."""


def take_out(draft: Draft, authorisation_id: str) -> TellCourier:
    """Begin a sweep: open the first door."""
    badge, session = badge_of(draft, "remove"), current(draft)
    if badge is None or session is None:
        return TellCourier("badge_needed")
    if draft.now.wall - session.acted_at > TAKE_OUT_WITHIN:
        return TellCourier("badge_needed")
    used = draft.c.badges.get(badge.jti)
    if used is not None and used.session_id != session.id:
        draft.presented("badge", "used_up", badge_jti=badge.jti)
        return TellCourier("badge_used")
    wanted = removable(draft, badge)
    if not wanted:
        return TellCourier("nothing_to_take")
    _drop_old(draft)
    if used is None:
        use = BadgeUse(session.id, datetime.fromtimestamp(badge.exp, UTC))
        draft.c.badges[badge.jti] = use
        draft.say(Keep("badge", badge.jti, use))
    draft.change(sweep=tuple(right.id for right in wanted))
    return _next(draft, badge, authorisation_id)


def sweep_on(draft: Draft, authorisation_id: str) -> None:
    """Open the next door of the sweep, or say that nothing is left."""
    badge = badge_of(draft, "remove")
    if badge is None:
        draft.change(sweep=None)
        draft.say(TellCourier("badge_needed"))
        return
    draft.say(_next(draft, badge, authorisation_id))


def removable(draft: Draft, badge: Badge) -> list[Right]:
    """Return the rights by which a badge takes out what lies here, in the order of the doors."""
    found = [
        (number, right)
        for right in draft.c.rights.values()
        if right.kind == "remove" and not right.revoked and right.carrier_id in badge.carriers
        if (number := lies_in(draft, right)) is not None
    ]
    return [right for _, right in sorted(found, key=lambda one: (one[0], one[1].id))]


def lies_in(draft: Draft, right: Right) -> int | None:
    """Return where the parcel of a right lies: by what was put in here, else by the right."""
    for number, place in draft.c.places.items():
        held = draft.c.rights.get(place.right_id or "")
        if held is not None and held.parcel_id == right.parcel_id:
            return number
    named = draft.c.places.get(right.compartment or 0)
    if named is not None and named.content != "empty" and named.right_id is None:
        return right.compartment
    return None


def _next(draft: Draft, badge: Badge, authorisation_id: str) -> TellCourier:
    """Open the first door of the sweep that can be opened now; the others stay for later."""
    left = list(draft.c.sweep or ())
    while left:
        right = draft.c.rights.get(left.pop(0))
        number = None if right is None or right.revoked else lies_in(draft, right)
        if number is None or in_operation(draft, number) or out_of_reach(draft, number):
            continue
        draft.change(sweep=tuple(left))
        acted(draft)
        operation = Operation(authorisation_id, "remove", right, badge_jti=badge.jti)
        authorise(draft, number, operation, "badge")
        return TellCourier("opens", number)
    draft.change(sweep=None)
    return TellCourier("swept")


def _drop_old(draft: Draft) -> None:
    if not draft.now.trusted:
        return  # set back again, the clock would let a dropped one remove a second time
    for jti, use in list(draft.c.badges.items()):
        if draft.now.wall >= use.exp:
            del draft.c.badges[jti]
            draft.say(Forget("badge", jti))
