"""All that decisions about some lockers depend on, read in one statement and so one snapshot.

Whoever decides by it holds the rows of the lockers locked; quotes and alternatives do not.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    LABEL_STYLE_NONE,
    ColumnElement,
    Integer,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from fellesskap_backend.allocation.view import Use
from fellesskap_backend.allowances.tables import Allowance
from fellesskap_backend.cut_offs.tables import CutOff
from fellesskap_backend.db import Epoch, Json, UtcDateTime, rows_of
from fellesskap_backend.decisions.desk import Live, Place
from fellesskap_backend.decisions.record import Head
from fellesskap_backend.decisions.rules import Carrier, Rules
from fellesskap_backend.lists import among
from fellesskap_backend.lockers.tables import CONFIRMS, Compartment, Locker
from fellesskap_backend.lockers.tables import Epoch as Journal
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight
from fellesskap_backend.reservations.tables import Claim
from fellesskap_protocol import capacity
from fellesskap_protocol.capacity import Demand

Places = dict[str, Place]
These = Callable[[Any], ColumnElement[bool]]
NUMBERS = 8
"""How many numbers a row of the statement has."""
_NULL: Any = literal_column("NULL")
# Short names: psycopg reads a statement of more than 4,096 characters anew each time.
_C, _K = aliased(Compartment, name="c"), aliased(Claim, name="k")
_A, _O = aliased(Allowance, name="a"), aliased(CutOff, name="o")
_S, _R, _J = (
    aliased(StandingRow, name="s"),
    aliased(QuotaReview, name="r"),
    aliased(Journal, name="j"),
)


def part(
    what: str,
    locker_id: Any,
    *numbers: Any,
    names: Any = None,
    texts: Sequence[Any] = (),
) -> Select[Any]:
    """Return one part: what it is, of which locker, numbers, a list, three texts."""
    blank = (_NULL,) * (NUMBERS - len(numbers))
    said = (*texts, _NULL, _NULL, _NULL)[:3]
    if names is None:  # of its type all the same: the first part says how all are read
        names = type_coerce(_NULL, Json)
    columns = select(word(what), locker_id, *numbers, *blank, names, *said)
    return columns.set_label_style(LABEL_STYLE_NONE)


def word(text: str) -> Any:
    """Return a word of ours as it stands in a statement, not as a parameter of it."""
    return literal_column(f"'{text}'")


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
        address=row.address,
    )


def locked(session: Session, ids: Iterable[str]) -> Places:
    """Lock the rows of the lockers, in ascending id like everybody."""
    rows = rows_of(session, _LOCKED, {"lockers": list(ids)})
    return {row.locker_id: place_of(row) for row in rows}


def read(session: Session, places: Places, now: datetime) -> None:
    """Read what decisions about these lockers depend on."""
    basis = Basis(places)
    for row in rows_of(session, _ROOM, {"lockers": list(places), "now": now}).all():
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
            case "cut_off":
                self._places[locker_id].cut_off = datetime.fromtimestamp(a, UTC)
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


def parts_of(these: These) -> Iterable[Select[Any]]:
    """Return the parts about lockers; `these` says whether a column is the id of one of them."""
    yield (
        part(
            "compartment",
            _C.locker_id,
            *(_C.number, _C.width_mm, _C.height_mm),
            *(_C.depth_mm, _C.floor_mm, _C.top_mm, _C.max_g),
            _C.used_by,
            names=_C.features,
            texts=(
                case((_C.parcel_id.is_(None), _C.content), else_="parcel"),
                _C.service,
                _C.used_as,
            ),
        )
        .join(Locker, Locker.id == _C.locker_id)
        .where(these(_C.locker_id), these(Locker.id), CONFIRMS)
    )
    yield part(
        "claim",
        _K.locker_id,
        *(_K.w_mm, _K.h_mm, _K.d_mm, _K.g, _K.decision, _K.carrier_number),
        names=_K.needs,
        texts=(_K.use_size, _K.part),
    ).where(these(_K.locker_id), _K.released.is_(False))
    yield part(
        "allowance",
        _A.locker_id,
        *(_A.w_mm, _A.h_mm, _A.d_mm, _A.ceiling - _A.used),
    ).where(these(_A.locker_id), _A.ceiling > _A.used)
    yield (
        part("cut_off", _O.locker_id, Epoch(func.min(_O.at)))
        .where(
            these(_O.locker_id),
            _O.decided_at.is_(None),
            _O.begins_at <= bindparam("now", type_=UtcDateTime()),
        )
        .group_by(_O.locker_id)
    )
    # The rules: no rows while `first-come` is in force and nothing else is announced.
    yield part("policy", _NOWHERE, Policy.version, texts=(Policy.body,)).where(
        Policy.version == _IN_FORCE
    )
    yield part(
        "standing",
        _NOWHERE,
        *(_S.carrier_number, _S.weight, cast(_S.is_entrant, Integer)),
        *(_S.memory_permille, _S.holds),
        *(_S.no_shows, _S.excused),
        texts=(cast(_S.day, String),),
    ).where(_S.day == _TODAY)
    yield part("review", _R.locker_id, texts=(_R.body,)).where(
        these(_R.locker_id),
        _R.in_force_from == _REVIEWED,
        _R.in_force_from >= func.coalesce(_WEIGHED, _R.in_force_from),
    )


def journals_of(these: These) -> Select[Any]:
    """Return the part that says how far the journals are recorded."""
    return (
        part("journal", _J.locker_id, _J.acked_seq)
        .join(Locker, (Locker.id == _J.locker_id) & (Locker.epoch == _J.epoch))
        .where(these(_J.locker_id))
    )


_NOWHERE = word("")
_IN_FORCE = (
    select(func.max(Policy.version))
    .where(Policy.in_force_from <= bindparam("now", type_=UtcDateTime()))
    .scalar_subquery()
)
_TODAY = select(func.max(_S.day)).scalar_subquery()
"""The day of the newest standings: they are made when it has begun."""
_EARLIER = aliased(QuotaReview, name="e")
_REVIEWED = (
    select(func.max(_EARLIER.in_force_from))
    .where(_EARLIER.locker_id == _R.locker_id, _EARLIER.in_force_from <= _TODAY)
    .correlate(_R)
    .scalar_subquery()
)
_WEIGHED = select(func.max(Weight.begins_on)).where(Weight.begins_on <= _TODAY).scalar_subquery()
COLUMNS = (
    Locker.id.label("locker_id"),
    *(Locker.k_version, Locker.generation, Locker.revision, Locker.epoch),
    *(Locker.decided, Locker.decision_hash, Locker.decision_layout, Locker.decision_rules),
    *(Locker.site_name, Locker.latitude, Locker.longitude, Locker.address),
)
"""What is read of the locker's own row."""


def listed(locker_id: Any) -> ColumnElement[bool]:
    """Say whether it is the id of one of the parameter `lockers`."""
    return among(locker_id, "lockers")


_ROOM = union_all(*parts_of(listed), journals_of(listed))
_LOCKED = (
    select(*COLUMNS).where(listed(Locker.id)).order_by(Locker.id).with_for_update(key_share=True)
)
