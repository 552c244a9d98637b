"""I8: whatever was acknowledged survives: by 2xx, by the journal's ack, by an event delivered.

Compares what was acknowledged with what is seen later: a look that was asked for after it, what
the ledger and the stores show after a start, what carriers are told. Nothing is held against a
state from before a backup was put back (`Restored`), nor of a locker in quarantine.
"""

from fellesskap_protocol.events import StoreCreated
from tests.judge import history
from tests.judge.fold import epoch_of
from tests.judge.rules import HELD, Entry, Rules
from tests.judge.state import Parcel, Place, World

BEFORE_DEPOSIT = frozenset(
    ("expected", "authorised", "cancelled", "expired", "diverted", "delivery_failed")
)
CONTRADICTS = {
    "deposited": BEFORE_DEPOSIT,
    "collected": BEFORE_DEPOSIT
    | {"deposited", "overdue", "recalled", "disputed", "dropped_off", "lost", "removed"},
    "removed": BEFORE_DEPOSIT
    | {"deposited", "overdue", "recalled", "disputed", "dropped_off", "lost", "collected"},
    "cancelled": frozenset(("expected", "authorised")),
    "recall": frozenset(("deposited", "overdue")),
}
"""Which states of a parcel cannot be seen after a fact."""
NEVER = 1 << 62
CLONES = 3
"""From the third store within a day on a locker is in quarantine: nothing is concluded."""
NEEDS_ENTRY = {
    "parcel.deposited": {"deposited", "reported"},
    "parcel.dropped_off": {"deposited", "reported"},
    "parcel.collected": {"collected"},
    "parcel.removed": {"removed"},
    "parcel.picked_up": {"removed"},
}
"""Any of these facts; a new store reports also what it put in when nobody heard it."""


def looked(world: World, record: history.Answered) -> str | None:
    """Hold that what somebody sees does not contradict what was acknowledged before they asked."""
    question = world.questions.get(record.op)
    if question is None or question.asked.act != "look":
        return None
    ask = question.asked
    known = world.parcels.get(str(record.body.get("parcel_id") or ask.target))
    if record.status == 404:
        reserved = known is not None and known.facts.get("reserved", NEVER) < question.line
        gone = (reserved and not _unsure(world, known)) or ask.target in world.operations
        return f"{ask.target} was answered 2xx and is not found" if gone else None
    if known is None or _unsure(world, known) or record.outcome != "ok":
        return None
    return _contradiction(known, record, question.line)


def _unsure(world: World, parcel: Parcel | None) -> bool:
    place = world.places.get(parcel.locker) if parcel else None
    return parcel is None or parcel.unsure or (place is not None and len(place.epochs) >= CLONES)


def _contradiction(parcel: Parcel, record: history.Answered, asked: int) -> str | None:
    state, reservation = (str(record.body.get(name)) for name in ("state", "reservation"))
    for fact, line in parcel.facts.items():
        if line > asked or state not in CONTRADICTS.get(fact, ()):
            continue
        if fact == "recall" and "dispute" in parcel.facts:
            continue
        return f"{record.body.get('parcel_id')} was {fact} in line {line} and is {state}"
    cancelled = parcel.facts.get("cancelled", NEVER) < asked
    if cancelled and reservation in ("confirmed", "requested"):
        return f"{record.body.get('parcel_id')} was cancelled and is {reservation}"
    return HELD if any(line <= asked for line in parcel.facts.values()) else None


def acked(world: World, record: history.Acked) -> str | None:
    """Hold that only what is in the ledger is acknowledged."""
    known = epoch_of(world, record.locker, record.epoch)
    if record.verdict != "ok" or known is None or known.rewound:
        return None
    if record.seq > known.recorded:
        return f"entry {record.seq} was acknowledged, the ledger ends at {known.recorded}"
    return HELD


def still_there(world: World, record: history.Head) -> str | None:
    """Hold that a store and the ledger reach as far as they ever did."""
    place = world.places.get(record.locker)
    known = epoch_of(world, record.locker, record.epoch)
    if place is None or known is None:
        return None
    if record.of == "ledger":
        if record.seq < max(known.acked, 0 if known.rewound else known.recorded):
            return f"the ledger ends at {record.seq}, acknowledged was {known.acked}"
        return HELD
    if record.seq < known.head and not known.branched:
        return f"the store ends at {record.seq}, committed was {known.head}"
    return None if known.branched else HELD


def not_again(world: World, place: Place, entry: Entry) -> str | None:
    """Hold that no committed entry gives way to another."""
    del world
    known = place.epochs.get(entry.epoch)
    if known is None or entry.event is None or known.branched:
        return None
    if entry.event.seq > known.head:
        return HELD
    return f"entry {entry.event.seq} of {entry.epoch} was written again"


def begun_for_a_reason(world: World, place: Place, event: StoreCreated) -> str | None:
    """Hold that a store that is whole keeps its epoch."""
    del world
    if not place.epoch:
        return None
    refused = place.epochs[place.epoch].closed
    harmed = place.copy_at >= place.epoch_since
    if event.reason == "went_back":
        return HELD if refused or harmed else "a store says that it went back, and did not"
    return HELD if harmed else f"a new store, {event.reason}, and nothing happened to the old one"


def delivered(world: World, record: history.Delivered) -> str | None:
    """Hold that events are told in order, none left out, and only of what the ledger has."""
    feed = world.feeds.get(record.carrier)
    if feed is not None:
        known = feed.events.get(record.position)
        if known is not None and known != record.event_id:
            return f"position {record.position} is {record.event_id} and was {known}"
        new = record.via == "feed" and feed.last
        leapt = feed.leaps and record.position > feed.last
        if new and known is None and record.position != feed.last + 1 and not leapt:
            return f"position {record.position} of {record.carrier} after {feed.last}"
    facts = NEEDS_ENTRY.get(record.type)
    parcel = world.parcels.get(record.parcel_id)
    if facts is None or world.restored_at is not None:
        return None
    if parcel is None or not facts & parcel.facts.keys():
        return f"{record.type} of {record.parcel_id} was told, and the ledger has no such entry"
    return HELD


def in_turn(world: World, record: history.Delivered) -> str | None:
    """Hold that webhooks of one parcel come in order; what comes once more changes nothing."""
    told = world.hooked.get((record.carrier, record.parcel_id))
    if record.via != "webhook" or not told or record.position in told:
        return None
    if record.position > max(told):
        return HELD
    return f"{record.type} of {record.parcel_id} came by webhook after what followed it"


I8: Rules = {
    history.Answered: looked,
    history.Acked: acked,
    history.Head: still_there,
    history.Journalled: not_again,
    history.Delivered: (delivered, in_turn),
    StoreCreated: begun_for_a_reason,
}
