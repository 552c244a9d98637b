"""A backup of an hour ago is all that is left: it is restored, told so, and everything settles.

Three real lockers in virtual time, a real database, its own tools for backups. What happened in the
hour: collected, deposited, reserved, all of it, or half; and one locker's card was put back.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from fellesskap_backend import db, secrets
from fellesskap_backend.bridge.exchange import log as bridge_log
from fellesskap_backend.db import Moment
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger.tables import Entry, Tail
from fellesskap_backend.lockers import restoring
from fellesskap_backend.lockers.tables import Locker, Restoration
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations import ending
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks import numbering
from fellesskap_edge.config_check import load
from fellesskap_protocol.messages import Right
from tests.backend.postgres import Postgres
from tests.simulation.fleet import Fleet
from tests.simulation.stand import Stand
from tests.system.house import locker_toml

LOCKERS = ("asker-1", "baerum-1", "oslo-9")
DOORS = 16
MINUTE_S = 60.0
Parcels = dict[str, dict[str, Any]]


@pytest.fixture
def backup(
    settings: Settings, request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[], Callable[[], Engine]]:
    """Write a backup; what is returned restores it, each time into a database of its own."""
    turns = count(1)

    def opened(url: str) -> Engine:
        made = db.engine(settings.model_copy(update={"database_url": url}))
        request.addfinalizer(made.dispose)
        return made

    def sqlite() -> Callable[[], Engine]:
        kept = tmp_path / "backup.sqlite3"
        here = sqlite3.connect(settings.state / "fellesskap.sqlite3")
        there = sqlite3.connect(kept)
        with here, there:
            here.backup(there)
        here.close()
        there.close()
        return lambda: opened(f"sqlite:///{shutil.copy(kept, f'{kept}-{next(turns)}')}")

    def postgresql() -> Callable[[], Engine]:
        cluster: Postgres = request.getfixturevalue("postgres")
        database = settings.database_url.split("/")[3].split("?")[0]
        dump = cluster.dump(database)
        return lambda: opened(cluster.restore(dump, f"{database}_restored_{next(turns)}"))

    return sqlite if settings.database_url.startswith("sqlite") else postgresql


class Town:
    """Three lockers and what lies in them."""

    def __init__(self, engine: Engine, kept: secrets.Secrets, folder: Path) -> None:
        self.fleet = Fleet(engine, kept)
        self.parcels: Parcels = {}
        self.codes: dict[str, str] = {}
        for seed, locker_id in enumerate(LOCKERS, start=50):
            wiring = folder / f"{locker_id}.toml"
            wiring.write_text(locker_toml(locker_id, DOORS))
            self.fleet.add(load(wiring), folder / locker_id, seed)
        self.fleet.until("all are in contact", self.all_described)

    def all_described(self) -> bool:
        return {row.locker_id for row in self.fleet.rows(Entry)} == set(LOCKERS)

    def every(self) -> Iterator[tuple[int, str, Stand]]:
        for number, (locker_id, stand) in enumerate(self.fleet.stands.items()):
            yield number, locker_id, stand

    def reserve(self, *names: str) -> None:
        for number, locker_id, _ in self.every():
            for name in names:
                parcel = self.fleet.reserve(locker_id, f"{name}{number}")
                self.parcels[f"{name}{number}"] = parcel

    def deposit(self, *names: str) -> None:
        for number, _, stand in self.every():
            for name in names:
                self.fleet.deposit(stand, f"{name}{number}")
                right_id = self.parcels[f"{name}{number}"]["right_id"]
                self.codes[f"{name}{number}"] = self.fleet.code(right_id)

    def collect(self, *names: str) -> None:
        for number, _, stand in self.every():
            for name in names:
                self.fleet.collect(stand, self.codes[f"{name}{number}"])

    def states(self, *names: str) -> dict[str, str | None]:
        found = {row.id: row.state for row in self.fleet.rows(Parcel)}
        wanted = [f"{name}{number}" for name in names for number, _, _ in self.every()]
        return {one: found.get(UUID(self.parcels[one]["parcel_id"])) for one in wanted}

    def settled(self) -> bool:
        return all(row.restored_at is None for row in self.fleet.rows(Locker))


def before_the_backup(town: Town) -> None:
    town.reserve("A1", "B1", "C1", "D1")
    town.deposit("A1", "B1")


def the_hour_that_is_lost(town: Town, card: Path) -> None:
    """Much of everything; at the last locker the card of half an hour ago is put back."""
    town.collect("A1")
    town.deposit("C1", "D1")
    town.collect("D1")
    town.reserve("E1", "F1", "G1")
    town.deposit("E1", "F1")
    town.collect("F1")
    town.fleet.run(30 * MINUTE_S)
    last = town.fleet.stands[LOCKERS[-1]]
    last.kill()
    shutil.copy(last._path, card)
    last.boot()
    last.connect()
    town.fleet.run(20 * MINUTE_S)
    town.fleet.put_card_back(last, card)
    town.fleet.run(10 * MINUTE_S)
    assert [row.locker_id for row in town.fleet.rows(Tail)] == [LOCKERS[-1]]


@pytest.mark.slow
def test_a_restored_database_settles_and_every_resident_collects(
    engine: Engine,
    settings: Settings,
    backup: Callable[[], Callable[[], Engine]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    town = Town(engine, secrets.load(settings.state), tmp_path)
    fleet = town.fleet
    before_the_backup(town)
    restore = backup()
    rows = fleet.rows(Entry)
    known = {one: max(row.recorded_at for row in rows if row.locker_id == one) for one in LOCKERS}
    the_hour_that_is_lost(town, tmp_path / "card")

    fleet.use(restore())
    fleet.said.clear()
    fleet.run(20 * MINUTE_S)
    assert set(fleet.said) <= {"ack"}, "a database that is behind signs no right and no command"
    assert all(row.behind_since is not None for row in fleet.rows(Locker))
    assert "fellesskap-backend restored" in caplog.text
    assert bridge_log.name in {record.name for record in caplog.records}
    fleet.said.clear()
    fleet.run(20 * MINUTE_S)
    assert fleet.said == [], "and once it knows that it is, nothing at all"
    _refuses_everywhere(town, "behind")

    shown = fleet.change(lambda session: restoring.restored(session, Moment(fleet.now)))
    assert [one["locker_id"] for one in shown] == list(LOCKERS)
    _refuses_everywhere(town, "restored")
    fleet.until("all confirm again", town.settled, s_max=20 * MINUTE_S)
    _what_is_known(town)
    gaps = {row.locker_id: row for row in fleet.rows(Restoration)}
    assert {one: row.heard_until for one, row in gaps.items()} == known
    assert all(row.settled_seq and row.settled_at for row in gaps.values())
    tail = fleet.rows(Tail)[0]
    assert (tail.locker_id, tail.epoch) == (LOCKERS[-1], gaps[LOCKERS[-1]].epoch)

    town.collect("B1", "C1", "E1")
    assert set(town.states("B1", "C1", "E1").values()) == {"collected"}
    # What was reserved in that hour and never brought is reserved again.
    town.reserve("G1")
    town.deposit("G1")
    town.collect("G1")
    assert set(town.states("G1").values()) == {"collected"}


def _refuses_everywhere(town: Town, when: str) -> None:
    for locker_id in LOCKERS:
        status, body, _ = town.fleet.ask(locker_id, "H1", f"{when}-{locker_id}")
        assert (status, body["code"]) == (409, "locker_unavailable")


def _what_is_known(town: Town) -> None:
    """The journals that came again tell the hour; only a lost card leaves its tail untold."""
    last = str(len(LOCKERS) - 1)
    for name in ("A1", "D1"):
        for one, state in town.states(name).items():
            untold = {"A1": "disputed", "D1": "expected"}[name]
            assert state == (untold if one.endswith(last) else "collected"), one
    assert set(town.states("B1", "C1", "E1").values()) == {"deposited"}
    assert [one for one in town.states("F1").values() if one == "collected"] == ["collected"] * 2
    assert set(town.states("G1").values()) == {None}
    told = [row.type for row in town.fleet.rows(Notice)]
    assert told.count("parcel.adopted") == 2 + 3
    assert told.count("parcel.disputed") == 1
    assert [row for row in town.fleet.rows(Entry) if row.unapplied] == []


@pytest.mark.slow
def test_a_quiet_locker_and_one_out_of_reach_settle_too(engine: Engine, tmp_path: Path) -> None:
    fleet = Fleet(engine, secrets.load(tmp_path))
    for seed, locker_id in enumerate(LOCKERS[:2], start=80):
        (tmp_path / f"{locker_id}.toml").write_text(locker_toml(locker_id, 8))
        fleet.add(load(tmp_path / f"{locker_id}.toml"), tmp_path / locker_id, seed)
    quiet, away = fleet.stands.values()
    fleet.until("both are known", lambda: len({row.locker_id for row in fleet.rows(Entry)}) == 2)
    fleet.reserve(LOCKERS[1], "A1")
    fleet.deposit(away, "A1")
    fleet.run(10)
    away.disconnect()
    fleet.run(30 * MINUTE_S)
    fleet.change(lambda session: restoring.restored(session, Moment(fleet.now)))

    def waiting() -> set[str]:
        return {row.id for row in fleet.rows(Locker) if row.restored_at is not None}

    fleet.until("the quiet one settles", lambda: waiting() == {LOCKERS[1]}, s_max=MINUTE_S)
    assert quiet.connected
    fleet.said.clear()
    fleet.run(25 * MINUTE_S)
    assert waiting() == {LOCKERS[1]}
    assert fleet.said.count("commands") == 0, "nobody is asked who cannot hear"
    away.connect()
    fleet.until("the other settles", lambda: not waiting(), s_max=MINUTE_S)
    assert [row.state for row in fleet.rows(Parcel)] == ["deposited"]


@pytest.mark.slow
def test_what_one_backup_led_to_is_over_when_it_is_put_back_once_more(
    engine: Engine,
    settings: Settings,
    backup: Callable[[], Callable[[], Engine]],
    tmp_path: Path,
) -> None:
    """Its second life gives no generation and no position of its first, whoever heard of those."""
    fleet = Fleet(engine, secrets.load(settings.state))
    (tmp_path / "one.toml").write_text(locker_toml(LOCKERS[0], 8))
    stand = fleet.add(load(tmp_path / "one.toml"), tmp_path / "one", 90)
    fleet.until("it is known", lambda: len(fleet.rows(Entry)) > 0)
    kept = fleet.reserve(LOCKERS[0], "A1")
    codes = [fleet.code(kept["right_id"])]
    before, restore = _positions(fleet), backup()

    def settled() -> bool:
        return all(row.restored_at is None for row in fleet.rows(Locker))

    def rights() -> Mapping[str, Right]:
        assert stand.drive is not None
        return stand.drive.controller.rights

    def lives_again() -> None:
        fleet.use(restore())
        fleet.change(lambda session: restoring.restored(session, fleet.moment()))

    lives_again()
    fleet.until("the first settles", settled)
    codes.append(fleet.code(fleet.reserve(LOCKERS[0], "B1")["right_id"]))
    first = _positions(fleet) - before
    assert len(rights()) == 2
    stand.disconnect()
    fleet.run(30 * MINUTE_S)

    lives_again()
    fleet.change(
        lambda session: ending.cancel(
            session, fleet.credentials, UUID(kept["id"]), moment=fleet.moment()
        )
    )
    stand.connect()
    fleet.until("the second settles", settled)
    assert max(first) < min(_positions(fleet) - before)
    fleet.until("it has no right any more", lambda: not rights())
    for code in codes:
        said = stand.type_code(code[:8])
        assert said is not None
        assert said.compartment is None


def _positions(fleet: Fleet) -> set[int]:
    """Let the feeds go on, and return every position in them."""
    fleet.change(lambda session: numbering.give_positions(session, fleet.moment()))
    return {row.position for row in fleet.rows(Notice) if row.position is not None}
