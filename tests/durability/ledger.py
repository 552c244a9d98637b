"""The backend's side for stores that break off: epochs, verdicts, gaps, as `docs/protocol.md` 3."""

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from fellesskap_protocol.events import GENESIS, AnyEvent, Deposited
from fellesskap_protocol.messages import (
    Ack,
    Batch,
    Birth,
    Gap,
    Result,
    Right,
    Verdict,
    decode_event,
    event_hash,
)
from fellesskap_protocol.signing import seal, unseal
from fellesskap_protocol.topics import Kind
from tests.simulation.backend import INSTALLATION, SimulatedBackend


@dataclass
class Epoch:
    """One journal as recorded; `hashes[n]` is that of event n (of those in a gap, unknown)."""

    acked: int = 0
    last_hash: str = GENESIS
    hashes: dict[int, str] = field(default_factory=dict)
    events: list[AnyEvent] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    closed: bool = False


class Ledger(SimulatedBackend):
    """Records in order per epoch, closes the old one, refuses what contradicts it."""

    challenge = ""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.epochs: dict[str, Epoch] = {}
        self.complaints: list[str] = []

    @property
    def open_epoch(self) -> Epoch:
        """The epoch that goes on."""
        return self.epochs[self.epoch]

    def hear(self, kind: Kind, payload: bytes, wall: datetime) -> list[tuple[Kind, bytes]]:
        """Take one message of the locker in; return what is answered."""
        if kind == "results":
            self.challenge = unseal(Result, payload, self._devices, aud=INSTALLATION).challenge
            return []
        if kind == "birth":
            birth = unseal(Birth, payload, self._devices, aud=INSTALLATION)
            self.challenge = birth.challenge
            if birth.epoch not in self.epochs:
                for old in self.epochs.values():
                    old.closed = True
                self.epochs[birth.epoch], self.epoch = Epoch(), birth.epoch
            return self._answer(birth, wall, "ok", birth.challenge)
        if kind == "journal":
            batch = unseal(Batch, payload, self._devices, aud=INSTALLATION)
            epoch = self.epochs[batch.epoch]
            return self._answer(batch, wall, self._record(epoch, batch), None)
        return []

    def _record(self, epoch: Epoch, batch: Batch) -> Verdict:
        gap = batch.gap
        if gap is not None and gap.from_ <= epoch.acked + 1 <= gap.to:
            epoch.gaps.append(gap)
            epoch.acked, epoch.last_hash = gap.to, gap.hash
        for seq, stored in enumerate(batch.events, start=batch.first_seq):
            hashed, event = event_hash(stored.encode()), decode_event(stored)
            if seq <= epoch.acked:
                if epoch.hashes.get(seq, hashed) != hashed:
                    return "refused"
            elif seq == epoch.acked + 1:
                if event.prev != epoch.last_hash or event.seq != seq:
                    return "refused"
                epoch.acked, epoch.last_hash = seq, hashed
                epoch.hashes[seq] = hashed
                epoch.events.append(event)
                if isinstance(event, Deposited) and event.right_id is not None:
                    self._let_collect(event.right_id, event.compartment)
        return "ok"

    def wish(self, right: Right) -> None:
        """Wish any right, or another in its place."""
        self.revision += 1
        self._rights[right.id] = (self.revision, right)

    def _let_collect(self, right_id: str, compartment: int) -> None:
        """Wish the claim as a right to collect, as the backend does."""
        _, right = self._rights[right_id]
        self.wish(msgspec.structs.replace(right, kind="collect", compartment=compartment))

    def _answer(
        self, heard: Birth | Batch, wall: datetime, verdict: Verdict, challenge: str | None
    ) -> list[tuple[Kind, bytes]]:
        epoch = self.epochs[heard.epoch]
        ack = Ack(
            **self._head(wall),
            epoch=heard.epoch,
            boot_id=heard.boot_id,
            session=heard.session,
            challenge=challenge,
            acked_seq=epoch.acked,
            verdict="closed" if epoch.closed else verdict,
            protocol=1,
        )
        owed = [] if epoch.closed else self._owed(heard, wall)
        return [("ack", seal(ack, self.key)), *owed]
