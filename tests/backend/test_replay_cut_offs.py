"""Days that were decided at cut-offs are derived again; an altered row is named, and no other."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, update

from fellesskap_backend import db, secrets
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions.batches import key_of
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.receipts.closing import close_next
from fellesskap_backend.receipts.hours import HOUR, WAIT
from fellesskap_backend.settings import Settings
from tests.backend import decided_days
from tests.backend.test_replay import House

DAYS = (date(2027, 3, 2), date(2027, 3, 3))
HOURS = 25
"""From that of the first cut-off to that of the second."""


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[House]:
    house = House(db.engine(Settings(state=tmp_path)), secrets.load(tmp_path), tmp_path)
    upgrade(house.engine)
    yield house
    house.engine.dispose()


def derived(house: House, lockers: int, asked: int) -> None:
    """Decide and close two days; derive them again, whole and with a row altered."""
    keys = partial(key_of, house.kept.k_master)
    decided_days.load(house.engine, lockers, asked, keys=DAYS, key_of=keys)
    rng = random.Random(1)
    for hour in range(HOURS):
        at = decided_days.at(DAYS[0]) + (hour + 1) * HOUR + WAIT + timedelta(seconds=1)
        with db.writing(house.engine) as session:
            assert close_next(session, Moment(at, rng.randbytes), secrets=house.kept)
    count = lockers * asked * len(DAYS)
    assert house.replay() == {
        "lockers": lockers,
        "decisions": count,
        "receipts": count,
        "hours": HOURS,
        "altered": [],
    }
    with db.reader(house.engine) as session:
        rows = session.scalars(select(Decision).where(Decision.locker_id == "busy-1")).all()
    row = rng.choice(sorted(rows, key=lambda one: one.number))
    text = row.body.replace('"box":[', '"box":[1', 1)
    house.change(update(Decision).where(Decision.id == row.id).values(body=text))
    (named,) = house.replay()["altered"]
    assert named == f"busy-1: decision {row.number}: altered, told otherwise"


def test_two_days_at_cut_offs_are_derived_again_to_the_byte(empty: House) -> None:
    derived(empty, 3, 40)


@pytest.mark.full
def test_fifty_thousand_decisions_at_cut_offs_are_derived_again(empty: House) -> None:
    derived(empty, 250, 100)
