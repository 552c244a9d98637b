"""All that decisions about some lockers depend on, read in one statement and so one snapshot.

Whoever decides by it holds the rows of the lockers locked; quotes and alternatives do not.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Integer,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from fellesskap_backend.allocation.view import Use
from fellesskap_backend.allowances.tables import Allowance
from fellesskap_backend.db import Json, UtcDateTime
from fellesskap_backend.decisions.desk import Live, Place
from fellesskap_backend.decisions.record import Head
from fellesskap_backend.decisions.rules import Carrier, Rules
from fellesskap_backend.lockers.tables import CONFIRMS, Compartment, Epoch, Locker
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight
from fellesskap_backend.reservations.tables import Claim
from fellesskap_protocol import capacity
from fellesskap_protocol.capacity import Demand

Places = dict[str, Place]
NUMBERS = 8
"""How many numbers a row of the statement has."""


def part(
    what: str,
    locker_id: Any,
    *numbers: Any,
    names: Any = None,
    texts: Sequence[Any] = (),
) -> Select[Any]:
    """Return one part: what it is, of which locker, numbers, a list, three texts."""
    blank = (null(),) * (NUMBERS - len(numbers))
    said = (*texts, null(), null(), null())[:3]
    if names is None:  # of its type all the same: the first part says how all are read
        names = type_coerce(null(), Json)
    return select(literal(what), locker_id, *numbers, *blank, names, *said)


def place_of(row: Any) -> Place:
    """Return a locker's place from its columns (`COLUMNS`)."""
    return Place(
        locker_id=row.locker_id,
        k_version=row.k_version,
        generation=row.generation,
        revision=row.revision,
        epoch=row.epoch,
        head=Head(row.decided, row.decision_hash, row.decision_layout, row.decision_rules),
        site_name=row.site_name,
        latitude=row.latitude,
        longitude=row.longitude,
    )


def read(session: Session, places: Places, now: datetime) -> None:
    """Read what decisions about these lockers depend on."""
    basis = Basis(places)
    for row in session.execute(_ROOM, {"lockers": list(places), "now": now}):
        basis.sort_in(row)
    basis.complete()


class Basis:
    """Puts the rows of a statement where they belong."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._policy: str | None = None
        self._day: str | None = None
        self._carriers: list[Carrier] = []
        self._reviews: dict[str, str] = {}

    def sort_in(self, row: Sequence[Any]) -> bool:
        """Take one row; say whether it is one of the basis at all."""
        what, locker_id, a, b, c, d, e, f, g, h, names, text, more, word = row
        match what:
            case "compartment":
                one = capacity.Compartment(a, b, c, d, e, f, g, tuple(names))
                place = self._places[locker_id]
                place.every.append(one)
                if capacity.usable(text, more):
                    place.usable.append(one)
                if word is not None:
                    place.lying.append(Use.of(str(h), word))
            case "claim":
                demand = Demand(a, b, c, d, tuple(names))
                use = None if text is None else Use(str(f), text, more == "accessible")
                self._places[locker_id].claims.append(Live(e, demand, use, more is not None))
            case "allowance":
                self._places[locker_id].allowances.append((Demand(a, b, c, 0), d))
            case "journal":
                self._places[locker_id].acked_seq = a
            case "policy":
                self._policy = text
            case "standing":
                self._day = text
                self._carriers.append(Carrier(a, b, bool(c), d, e, f, g))
            case "review":
                self._reviews[locker_id] = text
            case _:
                return False
        return True

    def complete(self) -> None:
        """Tell each locker by which rules is decided, when all rows are in."""
        if self._policy is None:
            return
        carriers = tuple(sorted(self._carriers))
        for locker_id, place in self._places.items():
            place.rules = Rules(self._policy, self._day, carriers, self._reviews.get(locker_id))


def parts_of(lockers: Any) -> Iterable[Select[Any]]:
    """Return the parts about lockers; `lockers` is a list of ids or a select of them."""
    yield (
        part(
            "compartment",
            Compartment.locker_id,
            *(Compartment.number, Compartment.width_mm, Compartment.height_mm),
            *(Compartment.depth_mm, Compartment.floor_mm, Compartment.top_mm, Compartment.max_g),
            Compartment.used_by,
            names=Compartment.features,
            texts=(
                case((Compartment.parcel_id.is_(None), Compartment.content), else_="parcel"),
                Compartment.service,
                Compartment.used_as,
            ),
        )
        .join(Locker, Locker.id == Compartment.locker_id)
        .where(Compartment.locker_id.in_(lockers), CONFIRMS)
    )
    yield part(
        "claim",
        Claim.locker_id,
        *(Claim.w_mm, Claim.h_mm, Claim.d_mm, Claim.g, Claim.decision, Claim.carrier_number),
        names=Claim.needs,
        texts=(Claim.use_size, Claim.part),
    ).where(Claim.locker_id.in_(lockers), Claim.released.is_(False))
    yield part(
        "allowance",
        Allowance.locker_id,
        *(Allowance.w_mm, Allowance.h_mm, Allowance.d_mm, Allowance.ceiling - Allowance.used),
    ).where(Allowance.locker_id.in_(lockers), Allowance.ceiling > Allowance.used)
    # The rules: no rows while `first-come` is in force and nothing else is announced.
    yield part("policy", _NOWHERE, Policy.version, texts=(Policy.body,)).where(
        Policy.version == _IN_FORCE
    )
    yield part(
        "standing",
        _NOWHERE,
        *(StandingRow.carrier_number, StandingRow.weight, cast(StandingRow.is_entrant, Integer)),
        *(StandingRow.memory_permille, StandingRow.holds),
        *(StandingRow.no_shows, StandingRow.excused),
        texts=(cast(StandingRow.day, String),),
    ).where(StandingRow.day == _TODAY)
    yield part("review", QuotaReview.locker_id, texts=(QuotaReview.body,)).where(
        QuotaReview.locker_id.in_(lockers),
        QuotaReview.in_force_from == _REVIEWED,
        QuotaReview.in_force_from >= func.coalesce(_WEIGHED, QuotaReview.in_force_from),
    )


def journals_of(lockers: Any) -> Select[Any]:
    """Return the part that says how far the journals are recorded."""
    return (
        part("journal", Epoch.locker_id, Epoch.acked_seq)
        .join(Locker, (Locker.id == Epoch.locker_id) & (Locker.epoch == Epoch.epoch))
        .where(Epoch.locker_id.in_(lockers))
    )


_NOWHERE = literal("")
_IN_FORCE = (
    select(func.max(Policy.version))
    .where(Policy.in_force_from <= bindparam("now", type_=UtcDateTime()))
    .scalar_subquery()
)
_TODAY = select(func.max(StandingRow.day)).scalar_subquery()
"""The day of the newest standings: they are made when it has begun."""
_EARLIER = aliased(QuotaReview)
_REVIEWED = (
    select(func.max(_EARLIER.in_force_from))
    .where(_EARLIER.locker_id == QuotaReview.locker_id, _EARLIER.in_force_from <= _TODAY)
    .correlate(QuotaReview)
    .scalar_subquery()
)
_WEIGHED = select(func.max(Weight.begins_on)).where(Weight.begins_on <= _TODAY).scalar_subquery()
COLUMNS = (
    Locker.id.label("locker_id"),
    *(Locker.k_version, Locker.generation, Locker.revision, Locker.epoch),
    *(Locker.decided, Locker.decision_hash, Locker.decision_layout, Locker.decision_rules),
    *(Locker.site_name, Locker.latitude, Locker.longitude),
)
"""What is read of the locker's own row."""
LOCKERS: Any = bindparam("lockers", expanding=True)
_ROOM = union_all(*parts_of(LOCKERS), journals_of(LOCKERS))
