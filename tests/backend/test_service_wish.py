"""A wish about a door's service reaches a real locker, and both sides then know the same."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from fellesskap_backend import db, secrets
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.idempotency import attempt
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers import servicing
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.operators import deeds
from fellesskap_backend.operators.deeds import Deed
from fellesskap_backend.parcels import acts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.settings import Settings
from fellesskap_edge.config_check import load
from fellesskap_edge.state import Controller
from tests.simulation.fleet import Fleet
from tests.simulation.stand import Stand
from tests.system.house import locker_toml


class Site:
    """One real locker of two doors on a stand, and its operator."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.fleet = Fleet(engine, secrets.load(folder))
        (folder / "locker.toml").write_text(locker_toml("oslo-1", 2))
        self.stand: Stand = self.fleet.add(load(folder / "locker.toml"), folder / "edge", 70)
        self.fleet.until("it has described itself", lambda: len(self.fleet.rows(Entry)) > 1)
        moment = self.fleet.moment()
        key = self.fleet.change(lambda one: carriers.add_operator(one, "Drift", moment))
        self.operator = carriers.credentials_of(key)

    def place(self, number: int) -> Compartment:
        return next(one for one in self.fleet.rows(Compartment) if one.number == number)

    def wish(self, number: int, service: servicing.Wanted) -> None:
        def work(session: Session) -> None:
            servicing.wish(session.get_one(Compartment, ("oslo-1", number)), service)

        self.fleet.change(work)

    def deed(self, act: Callable[..., Any], *what: Any) -> None:
        """Do something once, as the operator."""

        def work(session: Session) -> None:
            tried = attempt(act.__name__, f"k{self.fleet.now_s}", "")
            deed = Deed(session, self.operator, tried, self.fleet.moment(), "looked")
            assert act(deed, *what).status == 200

        self.fleet.change(work)

    def heard(self, number: int, service: str) -> None:
        def so() -> bool:
            place = self.place(number)
            settled = place.wished_service is None or place.wish_heard
            return settled and place.service == service

        self.fleet.until(f"{number} is {service}", so)
        assert self.edge.places[number].service == service

    @property
    def edge(self) -> Controller:
        """What the locker itself knows."""
        assert self.stand.drive is not None
        return self.stand.drive.controller

    @property
    def parcel(self) -> Parcel:
        return self.fleet.rows(Parcel)[0]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = db.engine(Settings(state=tmp_path))
    upgrade(made)
    yield Site(made, tmp_path)
    made.dispose()


def changes(site: Site) -> int:
    return sum(row.type == "service_changed" for row in site.fleet.rows(Entry))


def test_a_door_goes_out_and_comes_back_and_is_told_no_more_than_once(site: Site) -> None:
    site.wish(1, "out")
    site.heard(1, "out")
    site.fleet.run(120.0)
    assert changes(site) == 1, "what was heard is not said again"
    site.wish(1, "in")
    site.heard(1, "in")
    assert site.place(1).wished_service is None


def test_a_locker_out_of_reach_hears_it_when_it_is_back(site: Site) -> None:
    site.stand.disconnect()
    site.wish(2, "out")
    site.fleet.run(120.0)
    assert site.place(2).service == "in"
    site.stand.connect()
    site.heard(2, "out")


def test_a_wish_about_a_door_that_the_locker_has_not_is_dropped(site: Site) -> None:
    def work(session: Session) -> None:
        values = {
            column.name: getattr(site.place(1), column.name)
            for column in Compartment.__table__.columns
        }
        ghost = Compartment(**values | {"number": 9})
        servicing.wish(ghost, "in")
        session.add(ghost)

    site.fleet.change(work)
    site.fleet.until("it is dropped", lambda: site.place(9).wished_service is None)
    assert changes(site) == 0


@pytest.mark.parametrize("outcome", ["lost", "collected"])
def test_a_door_whose_parcel_is_gone_is_given_away_again_on_both_sides(
    site: Site, outcome: acts.Outcome
) -> None:
    fleet = site.fleet
    fleet.reserve("oslo-1", "P1")
    number = fleet.deposit(site.stand, "P1")
    parcel_id: UUID = site.parcel.id
    moment = fleet.moment()
    fleet.change(
        lambda one: acts.dispute(one, fleet.credentials, parcel_id, reason="gone", moment=moment)
    )
    site.deed(deeds.resolve, parcel_id, outcome)
    site.deed(deeds.clear, "oslo-1", number)
    site.heard(number, "in")
    fleet.until("it is unknown", lambda: site.place(number).content == "unknown")
    assert site.edge.places[number].content == "unknown"
    row = fleet.rows(Locker)[0]
    assert row.applied_revision == row.revision
    # Both doors are promised, and both promises are kept.
    for label in ("P2", "P3"):
        fleet.reserve("oslo-1", label)
    told = {fleet.deposit(site.stand, label) for label in ("P2", "P3")}
    assert told == {1, 2}
