"""I7: each entry of a journal is in the ledger exactly once, in order, gap-free per epoch.

What is lost is a row that says so (`Gap`). An old copy of a store may go on in its epoch until it
was told; the ledger takes nothing of that.
"""

from fellesskap_protocol.events import GENESIS
from tests.judge import history
from tests.judge.fold import epoch_of
from tests.judge.rules import HELD, Entry, Rules
from tests.judge.state import Epoch, Place, World

CLONES = 3
"""From the third store on two machines may be one locker, and their epochs stand side by side."""
REFUSALS_MAX = 20
"""How often a locker may be told that its epoch is refused before it must have heard it."""


def chained(world: World, place: Place, entry: Entry) -> str | None:
    """Hold that the locker's own journal has no hole and its chain holds."""
    del world
    if entry.event is None:
        return "the locker wrote an entry that cannot be read"
    seq, known = entry.event.seq, place.epochs.get(entry.epoch, Epoch(entry.epoch))
    if known.refusals > REFUSALS_MAX:
        return f"the locker goes on with {entry.epoch}, which was refused {known.refusals} times"
    if known.branched or seq <= known.head:
        return None
    if seq != known.head + 1:
        return f"entry {seq} of {entry.epoch} after {known.head}"
    return HELD if entry.event.prev == known.hash else f"entry {seq}: its chain does not hold"


def in_order(world: World, place: Place, entry: Entry) -> str | None:
    """Hold that the ledger takes the next entry, as it was written, and no other."""
    del world
    known = place.epochs.get(entry.epoch)
    if known is None:
        return f"recorded of {entry.epoch}, of which the locker wrote nothing"
    if entry.event is None:
        return "an entry was recorded that cannot be read"
    seq = entry.event.seq
    if known.rewound:
        return None
    if seq != known.recorded + 1:
        when = "again" if seq <= known.recorded else f"after {known.recorded}"
        return f"entry {seq} of {entry.epoch} was recorded {when}"
    if known.recorded_hash not in ("", entry.event.prev):
        return f"entry {seq} was recorded, and its chain does not hold"
    written = known.unrecorded.get(seq)
    if written is None:
        told = known.branched or seq <= known.furthest
        return None if told else f"entry {seq} was recorded and never written"
    if written[0] == entry.stored:
        return HELD
    return None if known.branched else f"entry {seq} is not what the locker wrote"


def in_its_epoch(world: World, place: Place, entry: Entry) -> str | None:
    """Hold that nothing is recorded of an epoch once the next one has begun."""
    del world
    known = place.epochs.get(entry.epoch)
    if known is None or known.rewound or len(place.epochs) >= CLONES:
        return None
    if known.over:
        return f"an entry of {entry.epoch} was recorded after one of the epoch that followed it"
    return HELD


def told_lost(world: World, record: history.Gap) -> str | None:
    """Hold that only what was recorded once is told lost, from where the ledger stands now."""
    known = epoch_of(world, record.locker, record.epoch)
    if known is None:
        return None
    if record.last > known.furthest:
        words = f"{record.first} to {record.last} are told lost"
        return f"{words}, and only up to {known.furthest} was ever acknowledged"
    if known.rewound:
        return None
    if record.first != known.recorded + 1 or not record.first <= record.last <= known.head:
        return f"{record.first} to {record.last} are told lost: {known.recorded}, {known.head}"
    return HELD


def same_bytes(world: World, record: history.Head) -> str | None:
    """Hold that the ledger's newest entry is what was recorded."""
    known = epoch_of(world, record.locker, record.epoch)
    if record.of != "ledger" or known is None or known.rewound or record.seq != known.recorded:
        return None
    expected = known.recorded_hash if record.seq else GENESIS
    if not record.hash or not expected:
        return None
    if record.hash == expected:
        return HELD
    return f"entry {record.seq} of the ledger is another than was recorded"


I7: Rules = {
    history.Journalled: chained,
    history.Recorded: (in_order, in_its_epoch),
    history.Gap: told_lost,
    history.Head: same_bytes,
}
