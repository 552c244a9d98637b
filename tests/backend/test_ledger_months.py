"""The ledger by months on PostgreSQL: made ahead, nothing twice or lost, gone as a whole."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import months
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.settings import Settings
from fellesskap_protocol import events
from tests.backend.api import Api
from tests.backend.lockers import House
from tests.backend.postgres import Postgres

pytestmark = pytest.mark.slow
WRITERS = 4
_MONTHS = text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = 'ledger'::regclass ORDER BY relname"
)
_STRAY = text(
    "INSERT INTO ledger (locker_id, epoch, seq, type, body, recorded_at)"
    " VALUES ('far', 'e', :seq, 't', '', :at)"
)
_WHERE = text("SELECT tableoid::regclass::text FROM ledger WHERE locker_id = 'far' ORDER BY seq")


@pytest.fixture
def house(postgres: Postgres, tmp_path: Path) -> Iterator[House]:
    """A house of its own on PostgreSQL: its tables are changed."""
    url = postgres.create(f"months_{tmp_path.name}", "migrated")
    api = Api(Settings(state=tmp_path, database_url=url))
    try:
        yield House(api)
    finally:
        api.stop()


def _month(now: datetime, ahead: int) -> tuple[datetime, str]:
    """Return the middle of a month, and the name of its partition."""
    years, month = divmod(now.month - 1 + ahead, 12)
    at = datetime(now.year + years, month + 1, 15, tzinfo=UTC)
    return at, f"m{at:%Y_%m}"


def _add(house: House, *at: datetime) -> None:
    def work(session: Session) -> None:
        for seq, one in enumerate(at):
            session.execute(_STRAY, {"seq": seq, "at": one})

    house.api.change(work)


def _made(house: House) -> list[str]:
    return house.api.change(lambda session: list(session.scalars(_MONTHS)))


def _where(house: House) -> list[str]:
    return house.api.change(lambda session: list(session.scalars(_WHERE)))


def test_this_month_and_two_more_are_there_from_the_first_day(house: House) -> None:
    now = datetime.now(UTC)
    ahead = {_month(now, one)[1] for one in (1, 2)}
    assert ahead <= set(_made(house)) <= ahead | {"earlier", "other", _month(now, 0)[1]}
    assert db.run(house.api.engine, months.make_ahead) == 0


def test_what_no_month_was_made_for_is_kept_alarmed_and_moved_when_it_is_made(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    (soon, name), (far, _) = _month(now, 2), _month(now, 5)
    house.api.change(lambda session: session.execute(text(f"DROP TABLE ledger_months.{name}")))
    _add(house, soon, far)
    assert _where(house) == ["ledger_months.other"] * 2
    with caplog.at_level(logging.ERROR):
        assert db.run(house.api.engine, months.make_ahead) == 1
    assert "1 events lie in no month" in caplog.text
    assert _where(house) == [f"ledger_months.{name}", "ledger_months.other"]
    assert name in _made(house)


def test_a_month_goes_by_dropping_its_table(house: House) -> None:
    (soon, name), (later, _) = (_month(datetime.now(UTC), one) for one in (1, 2))
    _add(house, soon, later)
    detach = text(f"ALTER TABLE ledger DETACH PARTITION ledger_months.{name}")
    house.api.change(lambda session: session.execute(detach))
    house.api.change(lambda session: session.execute(text(f"DROP TABLE ledger_months.{name}")))
    assert len(_where(house)) == 1


def test_writers_at_once_record_a_batch_once(house: House) -> None:
    """The key holds the time and so proves nothing: the lock on the epoch does."""
    house.born()
    house.locker.commission(3)
    for _ in range(20):
        house.locker.add(events.Booted(software="0.1.0"))
    batch = house.locker.batch()
    together = threading.Barrier(WRITERS)
    said: list[int] = []

    def write(late_s: int) -> None:
        moment = Moment(datetime.now(UTC) + timedelta(seconds=late_s))
        together.wait(10)
        standing = db.run(
            house.api.engine,
            lambda session: ledger.ingest(
                session, "oslo-1", batch, moment=moment, secrets=house.api.secrets
            ),
        )
        said.append(standing.acked_seq)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for one in writers:
        one.start()
    for one in writers:
        one.join(60)
    assert said == [22] * WRITERS
    assert house.api.count(Entry) == 22
