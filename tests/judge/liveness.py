"""Once faults stop, everything settles: judged at the end, if the calm was long enough.

No parcel stuck, no entry undelivered, no reservation in limbo, no door operation without an end.
"""

from collections.abc import Iterator
from math import inf

from tests.judge import history
from tests.judge.rules import HELD, Rules
from tests.judge.state import Place, World

OPERATION_ENDS = frozenset(
    ("closed", "rejected", "expired", "not_opened", "left_open", "jammed", "unverified", "refused")
)
TOLD_BY = {
    "deposited": {"parcel.deposited", "parcel.dropped_off"},
    "collected": {"parcel.collected", "parcel.resolved"},
    "removed": {"parcel.removed", "parcel.picked_up", "parcel.resolved"},
}
"""Any of these tells a carrier; an operator may find out what a locker says only later."""
ENDED_S = 600.0
"""How long after its last act an operation may be in hand."""
DUE_S = 900.0
"""How long the backend may take to act on a deadline that has passed."""
GRACE_S = 120.0
"""How old the newest entry must be for the ledger to have it."""


def settled(world: World, record: history.End) -> str | None:
    """Name the first thing that did not settle, and how many there are."""
    if world.calm is None or record.at - world.calm.at < world.calm.settle_s:
        return None
    found = [*_reservations(world), *_parcels(world), *_operations(world)]
    found += [*_untold(world), *_unhooked(world)]
    for place in world.places.values():
        if place.up and place.contact:
            found += [*_undelivered(world, place), *_unrevoked(world, place)]
        found += _unended(world, place)
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{found[0]}{more}" if found else HELD


def _reservations(world: World) -> Iterator[str]:
    for name, parcel in world.parcels.items():
        limbo = parcel.hold == "hard" and parcel.reservation in ("confirmed", "requested")
        due = parcel.deposit_by_s is not None and world.at > parcel.deposit_by_s + DUE_S
        place = world.places.get(parcel.locker)
        if parcel.facts.keys() & {"deposited", "cancelled", "collected", "removed"}:
            continue
        if limbo and due and not parcel.unsure and place is not None and place.contact:
            yield f"the reservation of {name} is {parcel.reservation}, long after its deadline"


def _parcels(world: World) -> Iterator[str]:
    calm_at = world.calm.at if world.calm else world.at
    for name, parcel in world.parcels.items():
        came = parcel.came is not None and parcel.came >= calm_at
        gone = parcel.facts.keys() & {"collected", "removed", "dispute"}
        if came and not gone and not parcel.unsure and world.at - (parcel.came or 0) > ENDED_S:
            yield f"{name} is stuck: its resident came at {parcel.came:.0f} s"


def _untold(world: World) -> Iterator[str]:
    """Of whoever read the feed in the calm: all that was recorded of parcels must be in it."""
    calm_at = world.calm.at if world.calm else world.at
    for name, parcel in world.parcels.items():
        feed = world.feeds.get(parcel.carrier)
        if (
            feed is None
            or feed.read_at < calm_at
            or parcel.unsure
            or "reserved" not in parcel.facts
        ):
            continue
        for fact, types in TOLD_BY.items():
            if fact in parcel.facts and not types & parcel.told:
                yield f"{name} was {fact}, and its carrier was never told"


def _unhooked(world: World) -> Iterator[str]:
    """Of whoever has an endpoint, and read the feed in the calm: all of it came there too."""
    calm_at = world.calm.at if world.calm else world.at
    for carrier, feed in world.feeds.items():
        missed = [at for at, event_id in feed.events.items() if event_id not in feed.hooked]
        if feed.hooked and feed.read_at >= calm_at and missed:
            yield f"{carrier}: {len(missed)} events came by no webhook, that of {min(missed)} first"


def _operations(world: World) -> Iterator[str]:
    calm_at = world.calm.at if world.calm else world.at
    for name, (state, seen_at) in world.operations.items():
        if state not in OPERATION_ENDS and seen_at >= calm_at:
            yield f"door operation {name} is {state} for good"


def _undelivered(world: World, place: Place) -> Iterator[str]:
    epoch = place.epochs.get(place.epoch)
    if epoch is None:
        return
    other = epoch.recorded == epoch.head and epoch.recorded_hash not in ("", epoch.hash)
    if epoch.recorded > epoch.head or other:
        stands = f"it ends at {epoch.head}, the ledger at {epoch.recorded}"
        yield f"{place.locker}: it goes on with another past than {epoch.name} has: {stands}"
    old = [
        seq
        for seq, (_, _, at) in epoch.unrecorded.items()
        if world.at - at > GRACE_S + place.slack()
    ]
    if old:
        yield f"{place.locker}: {len(old)} entries of {epoch.name} are not in the ledger"


def _unrevoked(world: World, place: Place) -> Iterator[str]:
    """Of what was called back before the calm: its recipients' codes must be good for nothing."""
    calm = world.calm_line
    for right in place.force.values():
        parcel = world.parcels.get(right.parcel_id or "")
        if parcel is None or right.kind not in ("claim", "collect") or right.revoked:
            continue
        lies = place.where(right.parcel_id or "") is not None and right.id not in place.used
        recalled = parcel.facts.get("recall", calm) < calm and "dispute" not in parcel.facts
        if lies and recalled and not (parcel.unsure or place.blurred):
            yield f"{place.locker}: {right.parcel_id} was called back, and {right.id} opens"


def _unended(world: World, place: Place) -> Iterator[str]:
    for number, one in place.latest.items():
        unbroken = place.broken.get(number, -inf) < one.at
        running = one.pulses and not one.ended and not one.waiting and unbroken
        if running and number in place.spec.sensors and world.at - one.at > ENDED_S:
            yield f"{place.locker}: the operation of {number} has no end"


LIVE: Rules = {history.End: settled}
