"""I7: whatever the wire does to batches, the ledger has each event once, in order, gap-free."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from fellesskap_backend import db
from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.service import Standing
from fellesskap_backend.ledger.tables import Entry, Gap, Tail
from fellesskap_backend.lockers import service as lockers
from fellesskap_protocol import events, messages
from fellesskap_protocol.messages import Batch, event_hash
from fellesskap_protocol.signing import b64url
from tests.backend.lockers import HandLocker

EVENTS = 9
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
_numbers = itertools.count(1)


@dataclass
class Wire:
    """One locker of its own in a shared database, two stores of it, and what came of them."""

    engine: Engine
    locker_id: str = ""
    stores: dict[str, list[bytes]] = field(default_factory=dict)
    acked: dict[str, int] = field(default_factory=dict)
    pruned: dict[str, int] = field(default_factory=dict)
    """Up to where a store has dropped what was not asked for in time."""
    present: str = ""

    def __post_init__(self) -> None:
        self.locker_id = f"walk-{next(_numbers)}"
        self.locker = HandLocker("here", self.locker_id)
        with db.writing(self.engine) as session:
            lockers.provision(session, self.locker_id, site_name="S", address="A", now=NOW)
            lockers.claim_device(
                session,
                self.locker_id,
                device_id=self.locker.device_id,
                public_key=b64url(self.locker.key.public.raw),
                now=NOW,
            )
        for epoch in ("one", "two"):
            self.locker.begin(epoch)
            for number in range(EVENTS):
                self.locker.add(events.Booted(software=f"{epoch}.{number}"))
            self.stores[epoch] = self.locker.stored
            self.pruned[epoch] = 0

    def batch(self, epoch: str, first: int, to: int, *, forged: bool = False) -> Batch:
        self.locker.epoch, self.locker.stored = epoch, list(self.stores[epoch])
        if forged:
            body = self.locker.stored[first - 1]
            self.locker.stored[first - 1] = body.replace(b"booted", b"boated")
        gap = None
        if first <= self.pruned[epoch] < to:
            last = self.pruned[epoch]
            gap = messages.Gap(from_=first, to=last, hash=event_hash(self.stores[epoch][last - 1]))
            first = last + 1
        return self.locker.batch(first, to, gap)

    def deliver(self, batch: Batch) -> Standing:
        """Give one batch to the ledger; it answers for itself and never goes back."""
        known = self.acked.get(batch.epoch, 0)
        standing = db.run(
            self.engine,
            lambda session: ledger.ingest(session, self.locker_id, batch, moment=Moment(NOW)),
        )
        assert standing.acked_seq >= known
        if batch.epoch not in self.acked:
            self.present = batch.epoch
        if batch.epoch != self.present:
            assert (standing.verdict, standing.acked_seq) == ("closed", known)
        self.acked[batch.epoch] = standing.acked_seq
        return standing

    def recorded(self) -> set[tuple[str, int]]:
        with db.reader(self.engine) as session:
            mine = select(Entry.epoch, Entry.seq).where(Entry.locker_id == self.locker_id)
            return {(row.epoch, row.seq) for row in session.execute(mine)}

    def check(self) -> None:
        """Compare the ledger with what was sent."""
        with db.reader(self.engine) as session:
            rows = session.scalars(select(Entry).where(Entry.locker_id == self.locker_id)).all()
            gaps = session.scalars(select(Gap).where(Gap.locker_id == self.locker_id)).all()
            tails = session.scalars(select(Tail).where(Tail.locker_id == self.locker_id)).all()
        for epoch, acked in self.acked.items():
            recorded = {row.seq: row.body for row in rows if row.epoch == epoch}
            lost = {
                seq
                for gap in gaps
                if gap.epoch == epoch
                for seq in range(gap.first_seq, gap.last_seq + 1)
            }
            assert set(recorded) | lost == set(range(1, acked + 1))
            assert not set(recorded) & lost
            stored = self.stores[epoch]
            assert all(body == stored[seq - 1] for seq, body in recorded.items())
        closed = {(tail.epoch, tail.acked_seq) for tail in tails}
        assert closed == {one for one in self.acked.items() if one[0] != self.present}


Stretch = st.tuples(
    st.sampled_from(["one", "one", "one", "two"]),
    st.integers(1, EVENTS),
    st.integers(1, EVENTS),
    st.sampled_from(["sent", "sent", "twice", "forged", "prune"]),
)


@given(st.lists(Stretch, max_size=12))
@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_split_lost_doubled_reordered_batches_are_recorded_once_in_order(
    engine: Engine, stretches: list[tuple[str, int, int, str]]
) -> None:
    wire = Wire(engine)
    for epoch, one, other, how in stretches:
        first, to = sorted((one, other))
        if how == "prune":
            wire.pruned[epoch] = max(wire.pruned[epoch], min(to, EVENTS - 1))
            continue
        before = wire.acked.get(epoch, 0)
        # The last event of all proves itself by nothing that follows: it is not forged.
        forged = how == "forged" and first > wire.pruned[epoch] and (first <= before or to > first)
        standing = wire.deliver(wire.batch(epoch, first, to, forged=forged))
        if forged and first <= before + 1 and epoch == wire.present:
            known = (epoch, first) in wire.recorded() or first == before + 1
            assert (standing.verdict == "refused") == known
            assert standing.acked_seq == before or not known
        if how == "twice":
            again = wire.deliver(wire.batch(epoch, first, to))
            assert again.acked_seq == standing.acked_seq
    wire.check()
    # The wire mends: the present store sends what is wanted until all of it is there.
    epoch = wire.present or "one"
    for _ in range(EVENTS):
        acked = wire.acked.get(epoch, 0)
        if acked < EVENTS:
            assert wire.deliver(wire.batch(epoch, acked + 1, EVENTS)).verdict == "ok"
    assert wire.acked[epoch] == EVENTS
    wire.check()
