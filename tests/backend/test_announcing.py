"""Which lockers decide the coming day at cut-offs, when that is said, and to whom."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, update

from fellesskap_backend import db, secrets
from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.cut_offs import announcing, lots, shown
from fellesskap_backend.cut_offs.load import Coming, load
from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.decisions import batches
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.settings import Settings
from fellesskap_protocol.signing import unb64url
from tests.backend.crowd import CUT_OFF, DAY, MIDNIGHT, POLICY, SECOND, Town

SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
EVENING = MIDNIGHT - timedelta(hours=6)
"""18:00 at the lockers."""


@pytest.fixture
def town(settings: Settings, engine: Engine) -> Town:
    """Two lockers of four doors that answer at once."""
    made = Town(engine, secrets.load(settings.state), {"north": 1, "south": 1})
    for name in ("busy", "calm"):
        made.put_up(name, 4, busy=False)
    made.run(lambda session: session.delete(session.get_one(AnnouncedDay, DAY)))
    return made


def shown_of(town: Town, locker_id: str, now: datetime) -> Any:
    return db.read(town.engine, lambda session: shown.allocation(session, locker_id, now))


def lots_of(town: Town, now: datetime, since: date | None = None, limit: int = 9) -> Any:
    return db.read(
        town.engine,
        lambda session: lots.published(session, since, limit, now=now, secrets=town.secrets),
    )


def test_a_busy_locker_is_announced_the_evening_before_and_once(town: Town) -> None:
    asked_at = EVENING - timedelta(days=3)
    for number in range(5):
        town.ask("north", f"N-{number}", "busy", asked_at, deposit_by=MIDNIGHT.isoformat())
    for number in range(3):
        town.ask("north", f"C-{number}", "calm", asked_at, deposit_by=MIDNIGHT.isoformat())
    assert town.announce(EVENING - SECOND) is None
    assert town.announce(EVENING) == 1
    assert town.announce(EVENING + SECOND) is None
    (row,) = town.rows(CutOff)
    assert (row.locker_id, row.day, row.begins_at, row.at) == ("busy", DAY, MIDNIGHT, CUT_OFF)
    assert row.load_permille == 1_250
    day: dict[str, Any] = {
        "mode": "batch",
        "date": "2027-03-02",
        "cut_offs": ["2027-03-02T19:00:00Z"],
    }
    quiet: dict[str, Any] = {"mode": "at_once", "cut_offs": []}
    before = shown_of(town, "busy", EVENING)
    assert before == {**quiet, "date": "2027-03-01", "next_cut_off": None, "coming": day}
    assert town.ask("south", "S-1", "busy", EVENING).status != 202
    during = shown_of(town, "busy", MIDNIGHT)
    assert during == {**day, "next_cut_off": "2027-03-02T19:00:00Z", "coming": None}
    assert shown_of(town, "calm", MIDNIGHT)["mode"] == "at_once"
    assert town.ask("south", "S-2", "busy", MIDNIGHT).status == 202
    assert town.ask("south", "S-3", "calm", MIDNIGHT).status == 201
    town.cut()
    after = shown_of(town, "busy", CUT_OFF + SECOND)
    assert (after["mode"], after["next_cut_off"]) == ("batch", None)


@SQLITE
def test_a_worker_that_was_down_until_the_day_began_announces_nothing(town: Town) -> None:
    for number in range(9):
        town.ask("north", f"N-{number}", "busy", EVENING, deposit_by=MIDNIGHT.isoformat())
    assert town.announce(MIDNIGHT + SECOND) is None
    assert town.rows(AnnouncedDay) == []
    assert town.announce(EVENING + timedelta(days=1)) == 1
    assert {row.day for row in town.rows(CutOff)} == {DAY + timedelta(days=1)}


@SQLITE
def test_the_load_is_that_of_the_busiest_day_and_of_how_long_parcels_took_a_door(
    town: Town,
) -> None:
    def loads(now: datetime) -> dict[str, int]:
        return db.read(town.engine, lambda session: dict(announcing.loads(session, now)))

    for days, count in ((1, 3), (6, 2), (8, 9)):
        at = EVENING - timedelta(days=days)
        for number in range(count):
            deposit_by = (at + timedelta(days=1)).isoformat()
            town.ask("north", f"N-{days}-{number}", "busy", at, deposit_by=deposit_by)
    town.ask("north", "soft-1", "busy", EVENING - SECOND, hold="soft")
    never = {"w_mm": 2_000, "h_mm": 1, "d_mm": 1, "g": 1}
    town.ask("north", "never-1", "busy", EVENING - SECOND, dimensions=never)
    assert loads(EVENING) == {"busy": 750}, "3 of 4 doors, for a day each"
    at = EVENING - timedelta(days=1)
    taken = {"state": "collected", "deposited_at": at, "collected_at": at + timedelta(hours=8)}
    town.run(
        lambda session: session.execute(
            update(Parcel).where(Parcel.label_value.like("N-1-%")).values(taken)
        )
    )
    assert loads(EVENING) == {"busy": 250}, "3 of 4 doors, for eight hours"
    assert load([7], 24 * 3_600, 8) == 850
    assert load([7], 24 * 3_600 - 3_600, 8) == 800


def test_two_cut_offs_of_one_instant_are_one() -> None:
    """02:30 is not there on the day when clocks are put forward."""
    policy = FairShare(in_force_from=POLICY.in_force_from, cut_offs=("02:30", "03:30", "20:00"))
    coming = Coming.at(policy, datetime.fromisoformat("2027-03-27T18:00:00Z"))
    assert coming is not None
    assert [f"{one:%H:%M}" for one in coming.cut_offs(policy)] == ["01:30", "18:00"]
    assert coming.ends_at - coming.begins_at == timedelta(hours=23), "of that day"


@SQLITE
def test_a_key_is_held_to_by_its_hash_and_shown_once_its_day_is_over_and_decided(
    town: Town,
) -> None:
    for number in range(9):
        town.ask("north", f"N-{number}", "busy", EVENING - SECOND, deposit_by=CUT_OFF.isoformat())
    town.announce(EVENING)
    over = MIDNIGHT + timedelta(days=1)
    ((told,), more) = lots_of(town, MIDNIGHT)[0]["lots"], lots_of(town, MIDNIGHT)[1]
    assert (told["date"], told["key"], more) == ("2027-03-02", None, None)
    assert lots_of(town, over)[0]["lots"] == [told], "nothing was decided yet"
    town.cut(over)
    assert lots_of(town, over - SECOND)[0]["lots"] == [told]
    (then,) = lots_of(town, over)[0]["lots"]
    assert batches.hash_of(unb64url(then["key"])) == told["key_hash"]
    assert lots_of(town, over, since=DAY + timedelta(days=1)) == ({"lots": []}, None)
    town.announce(EVENING + timedelta(days=1))
    assert lots_of(town, over, limit=1)[1] == DAY + timedelta(days=1)


@SQLITE
def test_another_key_than_was_announced_is_found(town: Town) -> None:
    town.announce(EVENING)
    assert town.replayed() == []
    other = func.replace(AnnouncedDay.key_hash, "a", "b")
    town.run(lambda session: session.execute(update(AnnouncedDay).values(key_hash=other)))
    assert town.replayed() == ["lots of 2027-03-02: not the key that was announced"]
