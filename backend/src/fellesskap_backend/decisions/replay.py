"""PURE: a locker's log of decisions, folded: each is derived again from its stored body.

The body says what the desk knew. The same desk decides again and writes it down; what comes out is
the same to the byte, or somebody altered one of the two. What is not in a body is remembered from
earlier ones: compartments and rules by their digest, claims by the number of the decision. What was
decided together at a cut-off is derived together: each answer depends on all that was asked.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from fellesskap_backend.allocation.view import Use
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions import batches, record
from fellesskap_backend.decisions.batches import Batch
from fellesskap_backend.decisions.desk import Decided, Desk, Live, Place, Wanted
from fellesskap_backend.decisions.policy import FIRST_COME, Request
from fellesskap_backend.decisions.record import Head, Json
from fellesskap_backend.decisions.rules import Rules, digest_of
from fellesskap_protocol.capacity import Compartment, Demand

BATCH_MAX = 1_000_000
"""Requests of one locker at one cut-off: more than any will see."""


class NotDerived(Exception):
    """A body from which nothing can be decided: it names what never was, or is none at all."""


@dataclass
class Run:
    """Decisions that are derived together: one alone, or those of a batch, one after another."""

    links: list[Any]
    """Rows with `number` and `body`."""
    first: int
    of: int = 1

    def takes(self, row: Any, first: int, of: int) -> bool:
        """Say whether a row is the next of this batch."""
        expected = self.first + len(self.links)
        return (first, of, row.number) == (self.first, self.of, expected) and len(self.links) < of

    def touches(self, numbers: Container[int]) -> bool:
        """Say whether any of these numbers belongs to it, whether it is there or not."""
        ends = range(self.first, self.first + min(self.of, BATCH_MAX))
        return any(number in numbers for number in (*ends, *(row.number for row in self.links)))

    def stands_beside(self, numbers: Container[int]) -> bool:
        """Say whether it was decided beside a claim that one of these gave."""
        try:
            basis = msgspec.json.decode(self.links[0].body)["basis"]
            return any(number in numbers for number in record.numbers(basis["claims"]))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return False

    @property
    def is_whole(self) -> bool:
        """Say whether all of it is there."""
        return len(self.links) == self.of and self.links[0].number == self.first


def runs(rows: Iterable[Any]) -> Iterator[Run]:
    """Yield what is derived together, in the order of the chain."""
    run: Run | None = None
    for row in rows:
        first, of = _batch_of(row)
        if run is not None and run.takes(row, first, of):
            run.links.append(row)
            continue
        if run is not None:
            yield run
        run = Run([row], first, of)
    if run is not None:
        yield run


@dataclass(frozen=True)
class _Again(Moment):
    """The moment of decisions that were made: it gives their ids again, in order."""

    made: Iterator[UUID] = field(default_factory=lambda: iter(()))

    def new_id(self) -> UUID:
        """Return the next id."""
        return next(self.made)


class Fold:
    """One locker's log, first decision first; `key_of` a day are its lots drawn with."""

    def __init__(self, key_of: Callable[[date], bytes]) -> None:
        self._key_of = key_of
        self._head = Head()
        self._layouts: dict[str, list[Compartment]] = {}
        self._claims: dict[int, Live] = {}
        self.rules: dict[str, Rules] = {}
        """By their digest."""

    def again(self, run: Run, *, alone: bool) -> list[str]:
        """Return the bodies as they are derived anew; raise `NotDerived`.

        `alone`: the one before is altered or gone, so what this one says of it is taken as it is.
        """
        numbers = [row.number for row in run.links]
        try:
            said: list[Json] = [msgspec.json.decode(row.body) for row in run.links]
            head = _head_before(numbers[0], said[0]) if alone else self._head
            last = said[-1]["basis"]
            known = last.get("rules", head.rules)
            written = run.links[-1].body.encode()
            self._head = Head(numbers[-1], record.digest(written), last["layout"], known)
            made = self._decided(said, head)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise NotDerived(type(error).__name__) from error
        for number, one, decided in zip(numbers, said, made, strict=True):
            if decided.use is not None:
                self._remember(number, one, decided.use)
        return [_body(one) for one in made]

    def take(self, run: Run) -> None:
        """Believe what a run says, for something that it depends on is altered or gone."""
        for row in run.links:
            try:
                said: Json = msgspec.json.decode(row.body)
                basis = said["basis"]
                self._absorb(basis)
                written = record.digest(row.body.encode())
                rules = basis.get("rules", self._head.rules)
                self._head = Head(row.number, written, basis["layout"], rules)
                use = _use(said.get("carrier"), said.get("use"))
                if use is not None or ("use" not in said and said["outcome"] == "confirmed"):
                    self._remember(row.number, said, use)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError):
                continue

    def _decided(self, said: list[Json], head: Head) -> list[Decided]:
        """Decide again what was decided together."""
        first = said[0]
        ids = iter([UUID(one["id"]) for one in said])
        moment = _Again(datetime.fromisoformat(first["at"]), made=ids)
        desk = Desk(self._place(first, head), moment.now)
        if "batch" not in first:
            return [desk.decide(_wanted(first), moment)]
        of_batch = first["batch"]
        key = self._key_of(date.fromisoformat(of_batch["day"]))
        batch = Batch(of_batch["day"], datetime.fromisoformat(of_batch["cut_off"]), key)
        waiting = {one["batch"]["ticket"]: _wanted(one) for one in said}
        made = batches.decide(desk, batch, waiting, moment)
        if len(made) < len(said):
            raise ValueError("one ticket for two")
        return list(made.values())

    def _remember(self, number: int, said: Json, use: Use | None) -> None:
        """Remember a claim that a decision gave."""
        chained = "use" in said
        demand = _demand(said["request"]["box"])
        self._claims[number] = Live(number, demand, use if chained else None, chained)

    def _absorb(self, basis: Json) -> None:
        """Remember what is written out only where it is new."""
        if "compartments" in basis:
            every = [_compartment(one) for one in basis["compartments"]]
            written = record.canonical(record.layout(every))
            self._layouts[record.digest(written)] = every
        if "rulebook" in basis:
            rules = Rules.read(basis["rulebook"])
            self.rules[digest_of(rules)] = rules

    def _place(self, said: Json, head: Head) -> Place:
        basis, position = said["basis"], said["position"]
        self._absorb(basis)
        every = self._layouts[basis["layout"]]
        by_number = {one.number: one for one in every}
        place = Place(
            said["locker_id"],
            generation=position["generation"],
            revision=position["revision"],
            epoch=position["epoch"],
            head=head,
            acked_seq=position["acked_seq"],
            every=every,
            usable=[by_number[number] for number in record.numbers(basis["usable"])],
            claims=[self._claims[number] for number in record.numbers(basis["claims"])],
            allowances=[(_demand(box), units) for *box, units in basis["allowances"]],
        )
        if said["policy"] == str(FIRST_COME):
            place.claims += [Live(None, _demand(box)) for box in basis["older"]]
        else:
            self._add_rules(place, basis)
        return place

    def _add_rules(self, place: Place, basis: Json) -> None:
        """Add what only `fair-share` depends on."""
        place.rules, place.minute = self.rules[basis["rules"]], basis["minute"]
        uses = {number: _use(*use) for number, *use in basis["uses"]}
        place.claims = [
            one._replace(use=uses[one.number]) if one.number in uses else one
            for one in place.claims
        ]
        for *box, carrier, word in basis["older"]:
            place.claims.append(Live(None, _demand(box), _use(carrier, word)))
        for carrier, word, units in basis["lying"]:
            place.lying += [Use.of(carrier, word)] * units


def _head_before(number: int, said: Json) -> Head:
    basis = said["basis"]
    layout = None if "compartments" in basis else basis["layout"]
    rules = None if "rulebook" in basis else basis.get("rules")
    return Head(number - 1, said["prev"], layout, rules)


def _wanted(said: Json) -> Wanted:
    rest = dict(said["request"])
    demand, hold = _demand(rest.pop("box")), rest.pop("hold")
    request = Request(demand, hold, rest.pop("is_duplicate"))
    return Wanted(UUID(said["carrier_id"]), request, rest, int(said.get("carrier", 0)))


def _body(decided: Decided) -> str:
    text: str = decided.row["body"]
    return text


def _use(carrier: str | None, word: str | None) -> Use | None:
    return None if carrier is None or word is None else Use.of(carrier, word)


def _demand(box: list[Any]) -> Demand:
    w_mm, h_mm, d_mm, g, needs = box
    return Demand(w_mm, h_mm, d_mm, g, tuple(needs))


def _compartment(written: list[Any]) -> Compartment:
    number, w_mm, h_mm, d_mm, floor_mm, top_mm, max_g, features = written
    return Compartment(number, w_mm, h_mm, d_mm, floor_mm, top_mm, max_g, tuple(features))


def _batch_of(row: Any) -> tuple[int, int]:
    """Return the number of the first of a row's batch and how many there are; alone: itself, 1."""
    batch = batches.batch_in(row.body)
    return (row.number, 1) if batch is None else (batch.first, batch.of)
