"""All that decisions about some lockers depend on, read in one statement and so one snapshot.

Whoever decides by it holds the rows of the lockers locked; quotes and alternatives do not.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, bindparam, case, literal, null, select, type_coerce, union_all
from sqlalchemy.orm import Session

from fellesskap_backend.allowances.tables import Allowance
from fellesskap_backend.db import Json
from fellesskap_backend.decisions.desk import Place
from fellesskap_backend.decisions.record import Head
from fellesskap_backend.lockers.tables import CONFIRMS, Compartment, Epoch, Locker
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
    """Return one part of the statement: what it is, of which locker, numbers, a list, two texts."""
    blank = (null(),) * (NUMBERS - len(numbers))
    said = (*texts, null(), null())[:2]
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
        head=Head(row.decided, row.decision_hash, row.decision_layout),
        site_name=row.site_name,
        latitude=row.latitude,
        longitude=row.longitude,
    )


def read(session: Session, places: Places) -> None:
    """Read what decisions about these lockers depend on."""
    for row in session.execute(_ROOM, {"lockers": list(places)}):
        sort_in(places, row)


def sort_in(places: Mapping[str, Place], row: Sequence[Any]) -> bool:
    """Put one row where it belongs; say whether it is one of a place at all."""
    what, locker_id, a, b, c, d, e, f, g, _, names, text, more = row
    match what:
        case "compartment":
            one = capacity.Compartment(a, b, c, d, e, f, g, tuple(names))
            places[locker_id].every.append(one)
            if capacity.usable(text, more):
                places[locker_id].usable.append(one)
        case "claim":
            demand = Demand(a, b, c, d, tuple(names))
            places[locker_id].claims.append((e, demand))
        case "allowance":
            places[locker_id].allowances.append((Demand(a, b, c, 0), d))
        case "journal":
            places[locker_id].acked_seq = a
        case _:
            return False
    return True


def parts_of(lockers: Any) -> Iterable[Select[Any]]:
    """Return the parts about lockers; `lockers` is a list of ids or a select of them."""
    yield (
        part(
            "compartment",
            Compartment.locker_id,
            *(Compartment.number, Compartment.width_mm, Compartment.height_mm),
            *(Compartment.depth_mm, Compartment.floor_mm, Compartment.top_mm, Compartment.max_g),
            names=Compartment.features,
            texts=(
                case((Compartment.parcel_id.is_(None), Compartment.content), else_="parcel"),
                Compartment.service,
            ),
        )
        .join(Locker, Locker.id == Compartment.locker_id)
        .where(Compartment.locker_id.in_(lockers), CONFIRMS)
    )
    yield part(
        "claim",
        Claim.locker_id,
        *(Claim.w_mm, Claim.h_mm, Claim.d_mm, Claim.g, Claim.decision),
        names=Claim.needs,
    ).where(Claim.locker_id.in_(lockers), Claim.released.is_(False))
    yield part(
        "allowance",
        Allowance.locker_id,
        *(Allowance.w_mm, Allowance.h_mm, Allowance.d_mm, Allowance.ceiling - Allowance.used),
    ).where(Allowance.locker_id.in_(lockers), Allowance.ceiling > Allowance.used)


def journals_of(lockers: Any) -> Select[Any]:
    """Return the part that says how far the journals are recorded."""
    return (
        part("journal", Epoch.locker_id, Epoch.acked_seq)
        .join(Locker, (Locker.id == Epoch.locker_id) & (Locker.epoch == Epoch.epoch))
        .where(Epoch.locker_id.in_(lockers))
    )


COLUMNS = (
    Locker.id.label("locker_id"),
    *(Locker.k_version, Locker.generation, Locker.revision, Locker.epoch),
    *(Locker.decided, Locker.decision_hash, Locker.decision_layout),
    *(Locker.site_name, Locker.latitude, Locker.longitude),
)
"""What is read of the locker's own row."""
LOCKERS: Any = bindparam("lockers", expanding=True)
_ROOM = union_all(*parts_of(LOCKERS), journals_of(LOCKERS))
