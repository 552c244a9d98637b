"""PURE: one locker whose row is locked: its requests are decided one after another.

Each decision is a link of the locker's chain, and what it confirms is promised to the next.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions import record
from fellesskap_backend.decisions.policy import FIRST_COME, Decision, Request, View, decide
from fellesskap_backend.decisions.record import Head
from fellesskap_protocol.capacity import Compartment, Demand

Row = dict[str, Any]


@dataclass
class Place:
    """A locker as it was read: its row, its chain, and all that a decision depends on."""

    locker_id: str
    k_version: int = 1
    generation: int = 1
    revision: int = 0
    epoch: str | None = None
    head: Head = field(default_factory=Head)
    site_name: str = ""
    latitude: float | None = None
    longitude: float | None = None
    acked_seq: int = 0
    """How far its journal is recorded."""
    every: list[Compartment] = field(default_factory=list)
    """None, if the locker may confirm nothing."""
    usable: list[Compartment] = field(default_factory=list)
    claims: list[tuple[int | None, Demand]] = field(default_factory=list)
    """Live claims, each with the number of the decision that confirmed it."""
    allowances: list[tuple[Demand, int]] = field(default_factory=list)

    def view(self) -> View:
        """Return the locker as a decision sees it."""
        promised = [demand for _, demand in self.claims]
        for demand, units in self.allowances:
            promised += [demand] * units
        return View(self.every, self.usable, promised)


class Wanted(NamedTuple):
    """A request as it is decided, by whom; `said` is written down with it (times, durations)."""

    carrier_id: UUID
    request: Request
    said: Row


class Decided(NamedTuple):
    """A decision, its id (the reservation's, if it is confirmed), number and row."""

    decision: Decision
    id: UUID
    number: int
    row: Row


class Desk:
    """Decides for one locker; `revision` and `head` are what its row is to say afterwards."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.view = place.view()
        self.revision = place.revision
        self.head = place.head
        self._compartments = record.layout(place.every)
        self._layout = record.digest(record.canonical(self._compartments))
        self._basis: Row = {
            "layout": self._layout,
            "usable": record.spans(one.number for one in place.usable),
            "older": [record.box(one) for number, one in place.claims if number is None],
            "allowances": [[*record.box(one), units] for one, units in place.allowances],
        }
        self._live = [number for number, _ in place.claims if number is not None]

    def decide(self, wanted: Wanted, moment: Moment) -> Decided:
        """Answer one request, and write the answer down."""
        decision = decide(FIRST_COME, self.view, wanted.request)
        made = Decided(decision, moment.new_id(), self.head.number + 1, {})
        body = record.canonical(self._body(wanted, made, moment.now))
        self.head = Head(made.number, record.digest(body), self._layout)
        if decision.confirmed:
            self.revision += 1
            if wanted.request.hold == "hard":
                self.view.promise(wanted.request.demand)
                self._live.append(made.number)
        row = {
            "id": made.id,
            "locker_id": self.place.locker_id,
            "number": made.number,
            "carrier_id": wanted.carrier_id,
            "decided_at": moment.now,
            "body": body.decode(),
        }
        return made._replace(row=row)

    def _body(self, wanted: Wanted, made: Decided, now: datetime) -> Row:
        request, place = wanted.request, self.place
        basis = self._basis | {"claims": record.spans(self._live)}
        if self._layout != self.head.layout:
            basis["compartments"] = self._compartments
        return {
            "id": str(made.id),
            "locker_id": place.locker_id,
            "number": made.number,
            "prev": self.head.hash,
            "at": instant(now),
            "policy": str(FIRST_COME),
            "carrier_id": str(wanted.carrier_id),
            "request": {
                "box": record.box(request.demand),
                "hold": request.hold,
                "is_duplicate": request.is_duplicate,
                **wanted.said,
            },
            "basis": basis,
            "position": {
                "epoch": place.epoch,
                "acked_seq": place.acked_seq,
                "generation": place.generation,
                "revision": self.revision,
            },
            "outcome": made.decision.outcome,
        }
