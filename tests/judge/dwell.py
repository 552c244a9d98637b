"""I16: dwell time leaves out the time that the locker could not serve.

What a locker proves (`serving`) must be true: its daemon ran, and no compartment is told of whose
board was silent, which was out of service, or twice. And nothing is overdue before it lay for its
`collect_within` in time that is proven.
"""

from fellesskap_protocol.events import Serving
from tests.judge import history
from tests.judge.rules import HELD, Rules
from tests.judge.state import Parcel, Place, World

NOTICED_S = 18.0
"""How long a daemon may not know that a board fell silent, or answers: three polls, a time-out."""
OVERLAP_S = 1.0
OVERDUE_S = 180.0
"""A clock that is believed may be a minute off; intervals a second apart count as one."""


def true_row(world: World, place: Place, event: Serving) -> str | None:
    """Hold that a row speaks of time in which these compartments could serve."""
    span_s = (event.to - event.from_).total_seconds()
    began, ended = world.at - span_s, world.at
    eps = place.slack() + OVERLAP_S
    for dead, alive in reversed(place.down):
        if alive <= began:
            break
        if min(ended, alive) - max(began, dead) > eps:
            return f"{span_s:.0f} s are told to have served, and the daemon was down in them"
    for number in event.compartments:
        if place.proven.get(number, float("-inf")) > began + eps:
            return f"{number} is told to have served the same time twice"
        since = place.service_since.get(number, float("inf"))
        if place.service.get(number) == "out" and since < began - eps and span_s > eps:
            return f"{number} is told to have served, and was out of service"
        for begin, end in place.silent.get(number, ()):
            noticed_s = NOTICED_S + sum(
                min(ran, ended) - max(stood, begin)
                for stood, ran in place.stalls
                if min(ran, ended) > max(stood, begin)
            )
            if min(ended, end) - max(began, begin) > noticed_s + place.slack():
                return f"{number} is told to have served, and its board was silent"
    return HELD


def _proven_s(world: World, parcel_id: str, parcel: Parcel) -> float | None:
    """Return how long a parcel provably could be collected; None if that cannot be said."""
    for place in world.places.values() if not parcel.locker else (world.places.get(parcel.locker),):
        number = None if place is None else place.where(parcel_id)
        if place is not None and number is not None:
            lying = place.lies[number]
            return None if place.unclear(lying) else lying.served_s
    return parcel.served_s


def _too_early(world: World, parcel_id: str) -> str | None:
    parcel = world.parcels.get(parcel_id)
    if parcel is None or parcel.collect_within_s is None or parcel.unsure:
        return None
    served_s = _proven_s(world, parcel_id, parcel)
    if served_s is None:
        return None
    if served_s + OVERDUE_S >= parcel.collect_within_s:
        return HELD
    within_s = parcel.collect_within_s
    return f"{parcel_id} is overdue after {served_s:.0f} s that served, {within_s:.0f} s allowed"


def told_overdue(world: World, record: history.Delivered) -> str | None:
    """Hold it when a carrier is told so."""
    return _too_early(world, record.parcel_id) if record.type == "parcel.overdue" else None


def seen_overdue(world: World, record: history.Answered) -> str | None:
    """Hold it when somebody sees it so."""
    question = world.questions.get(record.op)
    overdue = record.body.get("state") == "overdue" and question is not None
    if not overdue or question is None or question.asked.act != "look":
        return None
    return _too_early(world, str(record.body.get("parcel_id")))


I16: Rules = {
    Serving: true_row,
    history.Delivered: told_overdue,
    history.Answered: seen_overdue,
}
