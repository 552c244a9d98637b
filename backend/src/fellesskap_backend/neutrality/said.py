"""PURE: what a decision's stored body says, as far as reports are made of it.

The only place that knows how a body is written. `first-come v0` knows no shares: of its decisions
`part`, `quota`, `used` and `rules` are None, nobody lends, and nobody may complain by an
entitlement.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from fellesskap_backend.allocation.division import OTHER
from fellesskap_backend.allocation.policy import FairShare, stored
from fellesskap_backend.allocation.view import Use
from fellesskap_backend.decisions.record import numbers
from fellesskap_protocol.capacity import Compartment, Demand, size_class

Json = dict[str, Any]
CONFIRMED = "confirmed"


@dataclass(frozen=True)
class Said:
    """One decision."""

    id: str
    locker_id: str
    number: int
    at: datetime
    carrier: str
    """Its id, as a text."""
    known_as: str
    """The number by which the allocation knows the carrier, as a text."""
    hold: str
    outcome: str
    """`confirmed`, or the reason why not."""
    demand: Demand
    basis: Json
    use: str | None
    """As what its claim counts: `M`, `low M`."""
    part: str | None
    """Of which part room was given: `guaranteed`, `commons`, `lent`, `accessible`."""
    quota: int | None
    used: int | None
    """The carrier's own in the class of the request, before the answer."""

    @property
    def size(self) -> str:
        """The class under which the request counts."""
        return size_class(self.demand) or OTHER

    @property
    def layout(self) -> str:
        """The digest of the locker's compartments."""
        return str(self.basis["layout"])

    @property
    def rules(self) -> str | None:
        """The digest of what was decided by beside the policy: standings, reviewed quotas."""
        return self.basis.get("rules")


@dataclass(frozen=True)
class Rulebook:
    """What decides who is entitled to what, as a body writes it out."""

    policy: FairShare
    weights: dict[str, int]
    """By the carrier's number."""
    entrants: frozenset[str]
    review: tuple[tuple[str, str, int], ...]
    """Carrier, class, units; stands for what the weights give in those classes."""


def read(body: str) -> Said | None:
    """Read a body; None for one that the desk did not write (`decisions replay` names it)."""
    try:
        said: Json = msgspec.json.decode(body)
        request = said["request"]
        return Said(
            id=said["id"],
            locker_id=said["locker_id"],
            number=said["number"],
            at=datetime.fromisoformat(said["at"]),
            carrier=said["carrier_id"],
            known_as=said.get("carrier", ""),
            hold=request["hold"],
            outcome=said["outcome"],
            demand=demand_of(request["box"]),
            basis=said["basis"],
            use=said.get("use"),
            part=said.get("part"),
            quota=said.get("quota"),
            used=said.get("used"),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def demand_of(box: Sequence[Any]) -> Demand:
    """Read a demand: w, h, d in mm, g, needs."""
    w_mm, h_mm, d_mm, g, needs = box
    return Demand(w_mm, h_mm, d_mm, g, tuple(needs))


def compartments_of(said: Said) -> tuple[Compartment, ...] | None:
    """Return the locker's compartments; None where the body names them by their digest alone."""
    written = said.basis.get("compartments")
    if written is None:
        return None
    return tuple(
        Compartment(number, w_mm, h_mm, d_mm, floor_mm, top_mm, max_g, tuple(features))
        for number, w_mm, h_mm, d_mm, floor_mm, top_mm, max_g, features in written
    )


def rulebook_of(said: Said) -> Rulebook | None:
    """Return the rules; None where the body names them by their digest alone."""
    written = said.basis.get("rulebook")
    if written is None:
        return None
    weights = {str(number): weight for number, weight, *_ in written["carriers"] if weight}
    entrants = (str(number) for number, _, is_entrant, *_ in written["carriers"] if is_entrant)
    review = (tuple(one) for one in written["quotas"] or ())
    policy = stored(msgspec.json.encode(written["policy"]))
    return Rulebook(policy, weights, frozenset(entrants), tuple(review))


def usable_of(said: Said) -> set[int]:
    """Return the numbers of the compartments that might be given away."""
    return set(numbers(said.basis["usable"]))


def claims_of(said: Said) -> list[int]:
    """Return the numbers of the decisions whose claims were live."""
    return numbers(said.basis["claims"])


def promised_of(said: Said) -> Iterator[tuple[Demand, Use | None]]:
    """Yield what else was promised: claims without a decision, units of the allowance."""
    for box in said.basis["older"]:
        yield demand_of(box[:5]), _use(*box[5:])
    for *box, units in said.basis["allowances"]:
        for _ in range(units):
            yield demand_of(box), None


def minute_of(said: Said) -> int:
    """Return the minute of the day at the locker; 0 where nothing depends on it."""
    return int(said.basis.get("minute", 0))


def uses_of(said: Said) -> dict[int, Use | None]:
    """Return what claims count as whose own decisions do not say it, by their numbers."""
    return {number: _use(*use) for number, *use in said.basis.get("uses", ())}


def lying_of(said: Said) -> Counter[Use]:
    """Return what the parcels counted as that lay there, and how many."""
    lying: Counter[Use] = Counter()
    for carrier, word, units in said.basis.get("lying", ()):
        use = _use(carrier, word)
        if use is not None:
            lying[use] += units
    return lying


def own_use(said: Said) -> Use | None:
    """Return what the decision's own claim counts as."""
    return _use(said.known_as, said.use)


def _use(carrier: str | None = None, word: str | None = None) -> Use | None:
    if carrier is None or word is None:
        return None
    *low, size = word.split()
    return Use(carrier, size, bool(low))
