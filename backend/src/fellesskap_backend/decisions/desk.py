"""PURE: one locker whose row is locked: its requests are decided one after another.

Each decision is a link of the locker's chain, and what it confirms is promised to the next.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from fellesskap_backend.allocation import deciding as fair
from fellesskap_backend.allocation import view as fair_view
from fellesskap_backend.allocation.deciding import Decision
from fellesskap_backend.allocation.division import OTHER
from fellesskap_backend.allocation.standing import held_for_s
from fellesskap_backend.allocation.view import Use
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions import record
from fellesskap_backend.decisions.policy import FIRST_COME, Request, View, decide, never
from fellesskap_backend.decisions.record import Head
from fellesskap_backend.decisions.rules import Layout, Rules, digest_of, layout_of, shares_of
from fellesskap_protocol.capacity import Compartment, Demand, size_class

Row = dict[str, Any]


class Live(NamedTuple):
    """A live claim: the number of the decision that confirmed it, and what it counts as.

    `chained`: that decision says so itself; it was one of `fair-share`.
    """

    number: int | None
    demand: Demand
    use: Use | None = None
    chained: bool = False


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
    address: str = ""
    acked_seq: int = 0
    """How far its journal is recorded."""
    every: list[Compartment] = field(default_factory=list)
    """None, if the locker may confirm nothing."""
    usable: list[Compartment] = field(default_factory=list)
    claims: list[Live] = field(default_factory=list)
    lying: list[Use] = field(default_factory=list)
    """What the parcels that lie there count as; those that took no claim count as nothing."""
    allowances: list[tuple[Demand, int]] = field(default_factory=list)
    rules: Rules | None = None
    """None: `first-come v0` is in force."""
    cut_off: datetime | None = None
    """At which what is asked for now is decided, there or later; None: at once."""
    minute: int | None = None
    """The minute of the day at the locker, if it was written down; else it is that of `now`."""

    def view(self, now: datetime) -> View:
        """Return the locker as a decision sees it."""
        units = [demand for demand, units in self.allowances for _ in range(units)]
        if self.rules is None:
            return View(self.every, self.usable, [*(one.demand for one in self.claims), *units])
        return fair_view.View(
            (self.every, self.usable),
            shares_of(self.rules, self.layout),
            claims=[
                *((one.demand, one.use) for one in self.claims),
                *((one, None) for one in units),
            ],
            lying=self.lying,
            minute=self.rules.minute(now) if self.minute is None else self.minute,
        )

    @cached_property
    def layout(self) -> Layout:
        """Return its compartments with their digest."""
        return layout_of(tuple(self.every))


class Wanted(NamedTuple):
    """A request as it is decided, by whom; `said` is written down with it (times, durations)."""

    carrier_id: UUID
    request: Request
    said: Row
    number: int = 0
    """By which allocation knows the carrier."""


class Decided(NamedTuple):
    """A decision, its id (the reservation's, if it is confirmed), number and row."""

    decision: Decision
    id: UUID
    number: int
    row: Row
    use: Use | None = None
    """What the claim counts as, if there is one."""
    held_for_s: int | None = None
    """How long the claim waits, if that is shorter than was asked."""
    revision: int = 0
    """Of the locker, from then on."""


class Together(NamedTuple):
    """What was live when it was decided, and in which batch that was; None: alone."""

    live: str
    batch: Row | None = None


def answer(rules: Rules | None, view: View, carrier: int, request: Request) -> Decision:
    """Answer a request by the rules in force; the view is that of the same rules."""
    if rules is None:
        return Decision(reason=decide(FIRST_COME, view, request).reason)
    assert isinstance(view, fair_view.View)
    asked = fair.Request(str(carrier), request.demand, request.hold, request.is_duplicate)
    return fair.decide(rules.fair, view, asked)


class Desk:
    """Decides for one locker; `revision` and `head` are what its row is to say afterwards."""

    def __init__(self, place: Place, now: datetime) -> None:
        self.place = place
        self.view = place.view(now)
        self.revision = place.revision
        self.head = place.head
        self._layout = place.layout
        self._basis: Row = {
            "layout": self._layout.digest,
            "usable": record.spans(one.number for one in place.usable),
            "older": [_older(one, place.rules) for one in place.claims if one.number is None],
            "allowances": [[*record.box(one), units] for one, units in place.allowances],
        }
        self._rules: str | None = None
        if isinstance(self.view, fair_view.View) and place.rules is not None:
            self._rules = digest_of(place.rules)
            self._basis |= self._of_rules(self.view)
        self._live = [one.number for one in place.claims if one.number is not None]

    @property
    def live(self) -> str:
        """Return the numbers of the decisions whose claims are live, as they are written."""
        return record.spans(self._live)

    def waits(self, request: Request) -> bool:
        """Say whether a request is to wait for the cut-off: a hard one that might be given room."""
        is_open = self.place.cut_off is not None and request.hold == "hard"
        return is_open and never(self.view, request) is None

    def decide(self, wanted: Wanted, moment: Moment) -> Decided:
        """Answer one request, and write the answer down."""
        decision = answer(self.place.rules, self.view, wanted.number, wanted.request)
        return self.write(wanted, decision, moment, Together(self.live))

    def write(
        self, wanted: Wanted, decision: Decision, moment: Moment, together: Together
    ) -> Decided:
        """Write an answer down, as the next link of the chain."""
        request = wanted.request
        made = Decided(decision, moment.new_id(), self.head.number + 1, {})
        if decision.confirmed and request.hold == "hard":
            use = decision.use or Use(str(wanted.number), size_class(request.demand) or OTHER)
            made = made._replace(use=use, held_for_s=self._held_for_s(wanted, moment.now))
        body = record.canonical(self._body(wanted, made, moment.now, together))
        known = self._rules or self.head.rules
        self.head = Head(made.number, record.digest(body), self._layout.digest, known)
        if decision.confirmed:
            self.revision += 1
        if made.use is not None:
            self._promise(request.demand, made.use)
            self._live.append(made.number)
        row = {
            "id": made.id,
            "locker_id": self.place.locker_id,
            "number": made.number,
            "carrier_id": wanted.carrier_id,
            "decided_at": moment.now,
            "body": body.decode(),
        }
        return made._replace(row=row, revision=self.revision)

    def _promise(self, demand: Demand, use: Use) -> None:
        if isinstance(self.view, fair_view.View):
            self.view.give(demand, use)
        else:
            self.view.promise(demand)

    def _held_for_s(self, wanted: Wanted, now: datetime) -> int | None:
        """Return how long a claim waits for who often does not come; None: as was asked."""
        rules, deposit_by = self.place.rules, wanted.said.get("deposit_by")
        if rules is None or deposit_by is None or not isinstance(self.view, fair_view.View):
            return None
        standing = self.view.shares.standings.get(str(wanted.number))
        if standing is None or not standing.no_shows:
            return None
        asked_s = int((datetime.fromisoformat(deposit_by) - now).total_seconds())
        held_s = held_for_s(rules.fair, standing, asked_s)
        return held_s if held_s < asked_s else None

    def _of_rules(self, view: fair_view.View) -> Row:
        """Return what `fair-share` depends on beside what `first-come` does."""
        place = self.place
        lying = Counter(place.lying)
        uses = [one for one in place.claims if one.number is not None and not one.chained]
        return {
            "rules": self._rules,
            "minute": view.minute,
            "uses": sorted([one.number, *_counted(one.use)] for one in uses),
            "lying": sorted([*_counted(use), units] for use, units in lying.items()),
        }

    def _body(self, wanted: Wanted, made: Decided, now: datetime, together: Together) -> Row:
        request, place = wanted.request, self.place
        basis = self._basis | {"claims": together.live}
        if self._layout.digest != self.head.layout:
            basis["compartments"] = record.layout(place.every)
        body = {
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
        if place.rules is not None:
            self._add_rules(body, place.rules, wanted, made)
        if together.batch is not None:
            body["batch"] = together.batch
        return body

    def _add_rules(self, body: Row, rules: Rules, wanted: Wanted, made: Decided) -> None:
        """Add what only a decision of `fair-share` says."""
        if self.head.rules != self._rules:
            body["basis"]["rulebook"] = rules.written()
        body["position"]["day"] = rules.day
        decision = made.decision
        body |= {
            "policy": str(rules.fair),
            "carrier": str(wanted.number),
            "part": decision.part,
            "use": made.use and made.use.word,
            "quota": decision.quota,
            "used": decision.used,
        }
        if made.held_for_s is not None:
            body["held_for_s"] = made.held_for_s


def _older(one: Live, rules: Rules | None) -> list[Any]:
    box = record.box(one.demand)
    return box if rules is None else [*box, *_counted(one.use)]


def _counted(use: Use | None) -> tuple[str | None, str | None]:
    return (None, None) if use is None else (use.carrier, use.word)
