"""What answers to requests of one caller depend on: the key, the lockers, what is there already.

Two statements for any number of requests. The first locks the rows of the lockers, in ascending id
like everybody; all that a decision depends on is read by the second, and so from one snapshot.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, bindparam, select, true, union_all
from sqlalchemy.orm import Session, aliased

from fellesskap_backend.carriers.service import (
    GOOD,
    Caller,
    Credentials,
    acting,
    caller,
    check_scope,
)
from fellesskap_backend.carriers.tables import ApiKey, Carrier
from fellesskap_backend.db import Moment, rows_of
from fellesskap_backend.idempotency import Answer, Attempt
from fellesskap_backend.lists import among
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations import basis
from fellesskap_backend.reservations.basis import Places
from fellesskap_backend.reservations.tables import LIVE, Reservation
from fellesskap_backend.rights.service import CODE_REST
from fellesskap_backend.rights.tables import RightCode
from fellesskap_backend.tenancy import Sees

ENDED = (
    *("collected", "removed", "cancelled", "expired", "diverted", "delivery_failed"),
    *("lost", "picked_up"),
)


class Admitted(NamedTuple):
    """Whose key it is, and the lockers that there are, their rows locked."""

    by: Caller
    places: Places


class Sought(NamedTuple):
    """What is looked for besides the basis: texts of several requests."""

    attempts: Sequence[Attempt]
    """At one operation."""
    labels: Sequence[str]
    code_macs: Sequence[str]
    """Of the codes that the requests would be given."""


@dataclass
class Found:
    """What is there of it."""

    answers: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    """What a key was answered before: fingerprint, status, body."""
    live: set[str] = field(default_factory=set)
    """Labels under which something of the carrier is under way."""
    code_macs: set[str] = field(default_factory=set)
    """Which of them are in use at these lockers."""


def admit(session: Session, credentials: Credentials, lockers: Iterable[str]) -> Admitted:
    """Check the key and lock the lockers.

    Raises `Unauthorized`, `Forbidden`, and `NotFound` for a carrier that is not acted for.
    """
    asked = {**credentials.parameters(), "lockers": sorted(set(lockers))}
    rows = rows_of(session, _ADMIT, asked).all()
    if not rows:
        return Admitted(caller(session, credentials, "carrier"), {})
    first = rows[0]
    check_scope(credentials, first.scopes)
    own = Caller(credentials.prefix, "carrier", first.carrier_id, first.number)
    places = {row.locker_id: basis.place_of(row) for row in rows}
    return Admitted(acting(session, own, credentials), places)


def read(session: Session, admitted: Admitted, sought: Sought, moment: Moment) -> Found:
    """Read the basis of decisions at these places, and what is there of the requests."""
    by, places = admitted
    parameters = {
        "lockers": list(places),
        "carrier": by.carrier_id,
        "labels": list(sought.labels),
        "tenant": by.tenant,
        "operation": sought.attempts[0].operation,
        "keys": [one.key for one in sought.attempts],
        "code_macs": list(sought.code_macs),
        "rested_since": moment.now - CODE_REST,
        "now": moment.now,
    }
    found, of_places = Found(), basis.Basis(places)
    for row in rows_of(session, _BASIS, parameters).all():
        if not of_places.sort_in(row):
            _sort_in(found, row)
    of_places.complete()
    return found


def live_labels(session: Session, by: Caller, labels: Sequence[str]) -> set[str]:
    """Return under which of these labels something of a carrier is under way."""
    rows = rows_of(session, _LIVE, {"carrier": by.carrier_id, "labels": list(labels)})
    return {row[_TEXT] for row in rows}


def _sort_in(found: Found, row: Any) -> None:
    what, _, status, *_, text, more, last = row
    match what:
        case "answer":
            found.answers[last] = (text, status, more)
        case "code":
            found.code_macs.add(text)
        case _:
            found.live.add(text)


_ADMIT = (
    select(
        *(ApiKey.carrier_id, ApiKey.scopes, Carrier.number, *basis.COLUMNS),
        Sees(ApiKey.carrier_id),
    )
    .select_from(Locker)
    .join(ApiKey, true())
    .join(Carrier, Carrier.id == ApiKey.carrier_id)
    .where(basis.listed(Locker.id), ApiKey.role == "carrier", *GOOD)
    .order_by(Locker.id)
    .with_for_update(of=Locker, key_share=True)
)
_HERE = basis.word("")
_TEXT = -3
"""Where the first text of a row stands."""
# Lists of a known length are written out once; others would be for each request.
_ENDED, _LIVE_STATES = [*map(basis.word, ENDED)], [*map(basis.word, LIVE)]
# Short names, for the statement's length: `basis`.
_P, _T = aliased(Parcel, name="p"), aliased(Reservation, name="t")
_W, _Q = aliased(Answer, name="w"), aliased(RightCode, name="q")
# A delivery that failed is given up by its carrier or by time, not by another reservation.
_UNDER_WAY = (
    basis.part("live", _HERE, texts=(_P.label_key,)).where(
        _P.carrier_id == bindparam("carrier"),
        among(_P.label_key, "labels"),
        _P.state.not_in(_ENDED),
    ),
    basis.part("live", _HERE, texts=(_T.label_key,)).where(
        _T.carrier_id == bindparam("carrier"),
        among(_T.label_key, "labels"),
        _T.state.in_(_LIVE_STATES),
    ),
)
_LIVE: CompoundSelect[Any] = union_all(*_UNDER_WAY)
_BASIS: CompoundSelect[Any] = union_all(
    *basis.parts_of(basis.listed),
    basis.journals_of(basis.listed),
    basis.part("answer", _HERE, _W.status, texts=(_W.fingerprint, _W.body, _W.key)).where(
        _W.tenant == bindparam("tenant"),
        _W.operation == bindparam("operation"),
        among(_W.key, "keys"),
    ),
    basis.part("code", _HERE, texts=(_Q.code_mac,)).where(
        basis.listed(_Q.locker_id),
        among(_Q.code_mac, "code_macs"),
        _Q.removed_at.is_(None) | (_Q.removed_at > bindparam("rested_since")),
    ),
    *_UNDER_WAY,
)
