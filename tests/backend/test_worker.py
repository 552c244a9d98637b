"""Deadlines: reservations expire, parcels become overdue; capacity stays bound till it is free."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fellesskap_backend.db import Moment
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_backend.worker import Worker
from fellesskap_protocol import events
from tests.backend.api import Api, request, reserve
from tests.backend.lockers import HandLocker, deposit
from tests.system.house import wait_for

PAST = datetime.now(UTC) - timedelta(minutes=1)


@pytest.fixture
def worker(api: Api) -> Iterator[Worker]:
    made = Worker(api.settings, api.secrets, api.engine)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def locker(api: Api) -> HandLocker:
    made = HandLocker(api.secrets.installation)
    made.claim(api)
    made.commission(3)
    _tell(api, made)
    return made


def _tell(api: Api, locker: HandLocker, *said: events.Event) -> None:
    locker.add(*said)
    moment = Moment(datetime.now(UTC))
    birth, batch = locker.birth(), locker.batch()

    def work(session: Any) -> None:
        ledger.born(session, "oslo-1", birth, moment=moment)
        ledger.ingest(session, "oslo-1", batch, moment=moment)

    api.change(work)


def test_a_reservation_that_was_not_used_expires_and_its_capacity_stays_bound(
    api: Api, worker: Worker, locker: HandLocker
) -> None:
    assert reserve(api.carrier(), request(), "k").status_code == 201
    before = api.rows(Locker)[0].revision

    def pass_time(session: Any) -> None:
        session.get(Reservation, api.rows(Reservation)[0].id).deposit_by = PAST

    api.change(pass_time)
    worker.wake()
    wait_for("it expires", lambda: api.rows(Reservation)[0].state == "expired")
    assert api.rows(Parcel)[0].state == "expired"
    assert api.rows(Right)[0].removed
    assert api.rows(RightCode)[0].removed_at is not None
    assert api.rows(Locker)[0].revision == before + 1
    claim = api.rows(Claim)[0]
    assert (claim.released_at_revision, claim.released) == (before + 1, False)
    assert [row.what for row in api.rows(ParcelEntry)] == ["expected", "expired"]
    assert {row.type for row in api.rows(Notice)} == {
        "reservation.confirmed",
        "reservation.expired",
    }
    _tell(api, locker, events.RightsApplied(generation=1, revision=before + 1, used={}))
    assert api.rows(Claim)[0].released


def _deposited(api: Api, locker: HandLocker) -> None:
    """Deposit a parcel whose time has passed."""
    reservation = reserve(api.carrier(), request(), "k").json()
    now = datetime.now(UTC)
    served = events.Serving(compartments=(1, 2, 3), from_=now - timedelta(minutes=10), to=now)
    _tell(api, locker, *deposit(reservation), served)

    def pass_time(session: Any) -> None:
        session.get(Parcel, api.rows(Parcel)[0].id).collect_by = PAST

    api.change(pass_time)


def test_a_parcel_that_was_not_collected_becomes_overdue(
    api: Api, locker: HandLocker, worker: Worker
) -> None:
    _deposited(api, locker)
    worker.wake()
    wait_for("it is overdue", lambda: api.rows(Parcel)[0].state == "overdue")
    assert "parcel.overdue" in {row.type for row in api.rows(Notice)}
    assert not api.rows(Right)[0].removed


def test_nothing_becomes_overdue_while_its_locker_is_out_of_contact(
    api: Api, locker: HandLocker
) -> None:
    _deposited(api, locker)

    def silence(session: Any) -> None:
        session.get(Locker, "oslo-1").contact_at = datetime.now(UTC) - timedelta(minutes=21)

    api.change(silence)
    other = reserve(api.carrier("Sydpost"), request(2), "k2").json()

    def pass_time(session: Any) -> None:
        row = next(row for row in api.rows(Reservation) if str(row.id) == other["id"])
        session.get(Reservation, row.id).deposit_by = PAST

    api.change(pass_time)
    worker = Worker(api.settings, api.secrets, api.engine)
    worker.start()
    try:
        # Both deadlines are looked at in the same round: once one has passed, the other had its
        # turn in the round before.
        wait_for(
            "the reservation expires",
            lambda: any(row.state == "expired" for row in api.rows(Reservation)),
        )
        worker.stop()
    finally:
        worker.stop()
    assert {row.state for row in api.rows(Parcel)} == {"deposited", "expired"}
