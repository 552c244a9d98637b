"""PURE: a locker's log of decisions, folded: each is derived again from its stored body.

The body says what the desk knew. The same desk decides again and writes it down; what comes out is
the same to the byte, or somebody altered one of the two. What is not in a body is remembered from
earlier ones: compartments and rules by their digest, claims by the number of the decision.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from fellesskap_backend.allocation.view import Use
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions import record
from fellesskap_backend.decisions.desk import Decided, Desk, Live, Place, Wanted
from fellesskap_backend.decisions.policy import FIRST_COME, Request
from fellesskap_backend.decisions.record import Head, Json
from fellesskap_backend.decisions.rules import Rules, digest_of
from fellesskap_protocol.capacity import Compartment, Demand


class NotDerived(Exception):
    """A body from which nothing can be decided: it names what never was, or is none at all."""


@dataclass(frozen=True)
class _Again(Moment):
    """The moment of a decision that was made."""

    made: UUID = UUID(int=0)

    def new_id(self) -> UUID:
        """Return its id."""
        return self.made


class Fold:
    """One locker's log, first decision first."""

    def __init__(self) -> None:
        self._head = Head()
        self._layouts: dict[str, list[Compartment]] = {}
        self._claims: dict[int, Live] = {}
        self.rules: dict[str, Rules] = {}
        """By their digest."""

    def again(self, number: int, body: str, *, alone: bool) -> str:
        """Return the body as it is derived anew; raise `NotDerived`.

        `alone`: the one before is altered or gone, so what this one says of it is taken as it is.
        """
        try:
            said: Json = msgspec.json.decode(body)
            head = _head_before(number, said) if alone else self._head
            basis, moment = said["basis"], _moment(said)
            known = basis.get("rules", head.rules)
            self._head = Head(number, record.digest(body.encode()), basis["layout"], known)
            decided = Desk(self._place(said, head), moment.now).decide(_wanted(said), moment)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise NotDerived(type(error).__name__) from error
        if decided.use is not None:
            chained = "use" in said
            use = decided.use if chained else None
            self._claims[number] = Live(number, _demand(said["request"]["box"]), use, chained)
        return _body(decided)

    def _place(self, said: Json, head: Head) -> Place:
        basis, position = said["basis"], said["position"]
        if "compartments" in basis:
            every = [_compartment(one) for one in basis["compartments"]]
            written = record.canonical(record.layout(every))
            self._layouts[record.digest(written)] = every
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
        if "rulebook" in basis:
            rules = Rules.read(basis["rulebook"])
            self.rules[digest_of(rules)] = rules
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


def _moment(said: Json) -> Moment:
    return _Again(datetime.fromisoformat(said["at"]), made=UUID(said["id"]))


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
