"""What an outsider thinks of a store that was lost or went back in time.

A new epoch begins only for a reason; it tells what lies where; and what the backend says of a
compartment of which nothing is known is believed.
"""

from copy import deepcopy
from typing import Any

from fellesskap_protocol.events import GENESIS, AnyEvent, CustodyReported, StoreCreated
from tests.edge.outside_judge import Judge, Lying

OF_THE_STORE = (
    "events",
    "lies_in",
    "force",
    "service",
    "used",
    "drawn",
    "revision",
    "authorised",
    "remote_s",
    "jtis",
    "powerless",
    "put_out",
    "alarmed",
    "warm",
    "unknown",
    "_session",
    "_sessions",
    "_last_put",
    "_disputed",
    "_perhaps",
    "_bytes",
    "_hash",
    "_trusted_at",
    "_epoch",
)
"""What a judge knows because the store says so: it goes back in time with the store."""


class EpochJudge(Judge):
    """Follows a locker from one epoch to the next."""

    reason = "commissioned"
    """Why the next new epoch may begin; empty: it may not."""
    copied_s = 0.0

    def copied(self) -> None:
        """Somebody copies the card."""
        self.looked()
        self._copy: dict[str, Any] = deepcopy({name: getattr(self, name) for name in OF_THE_STORE})
        self.copied_s = self.stand.now_s

    def restored(self) -> None:
        """The copy is put in its place: what happened since is forgotten."""
        for name, known in deepcopy(self._copy).items():
            setattr(self, name, known)
        self.forgotten.append((self.copied_s, self.stand.now_s))
        self.reason = "went_back"
        self._lost = None

    def lost(self) -> None:
        """The store is gone. That doors were opened from afar must be feared all the same."""
        fresh = Judge(self.stand, self.office)
        self.stand.witness = self
        for name in set(OF_THE_STORE) - {"remote_s"}:
            setattr(self, name, getattr(fresh, name))
        self.forgotten.append((float("-inf"), self.stand.now_s))
        self.reason = "lost"
        self._lost = None

    def follow_epoch(self) -> None:
        """Begin a new chain where the journal does."""
        if self.stand.journal.epoch != self._epoch:
            assert self.reason, "a store that is not damaged keeps its epoch"
            self._epoch, self._bytes = self.stand.journal.epoch, []
            self._hash = GENESIS

    def judge_epoch(self, event: AnyEvent) -> None:
        """Take in an event that may be one of those that an epoch begins with."""
        match event:
            case StoreCreated():
                self._begun(event)
            case CustodyReported():
                self._reported(event)
            case _:
                pass

    def _begun(self, event: StoreCreated) -> None:
        assert event.seq == 1
        assert event.reason == self.reason, "an epoch begins for another reason than is said"
        self.reason = ""
        if event.reason == "commissioned":
            return
        self.unknown = set(self.doors) - set(self.lies_in)
        holding = {one.right_id for one in self.lies_in.values()}
        used_up = {name for name in self.used if self._kind(name) in ("claim", "collect")}
        self.force = {
            name: one
            for name, one in self.force.items()
            if name in holding or one.kind == "collect"
        }
        self.used, self.drawn, self.revision, self._lost = used_up, {}, 0, None
        self._reports: set[int] = set()

    def _kind(self, name: str) -> str:
        right = self.force.get(name)
        return right.kind if right else ""

    def _reported(self, event: CustodyReported) -> None:
        if event.compartment:
            lying = self.lies_in.get(event.compartment)
            assert lying is not None, "I1: what is told to lie there does not"
            assert lying.parcel_id == event.parcel_id, "I1: another parcel lies there"
            self._reports.add(event.compartment)
        if event.complete:
            held = {number for number in self.lies_in if self._holds(number)}
            assert self._reports == held, "I1: not all that lies there is told"

    def believe(self) -> None:
        """After rights were applied: the backend knows what lies where nothing is known of."""
        held = {one.right_id for one in self.lies_in.values()}
        for right in self.force.values():
            number = right.compartment
            believed = right.kind == "collect" and not right.revoked and right.id not in held
            if believed and number in self.unknown and right.id not in self.used:
                assert number is not None
                self.unknown.discard(number)
                self.lies_in[number] = Lying(right.parcel_id or "", right.id)
