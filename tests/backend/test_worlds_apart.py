"""I10: two worlds that differ in what rivals did look the same to a carrier, but for availability.

While whoever comes first is given room, and under `fair-share`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fellesskap_backend import secrets
from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.neutrality.month import WAIT, month_of
from fellesskap_backend.receipts.hours import HOUR
from fellesskap_backend.receipts.hours import WAIT as HOUR_WAIT
from tests.backend.worlds import (
    BEGINS,
    OWN,
    RIVALS,
    World,
    bodies,
    close_hour,
    close_month,
    copied,
    masked,
    world,
)

MARCH = month_of("2027-03")
FOREIGN = "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"
FAIR = FairShare(in_force_from=BEGINS - timedelta(days=1))
Rivals = Callable[[World, datetime], None]


def nobody(_world: World, _at: datetime) -> None:
    pass


def some(world: World, at: datetime) -> None:
    for number in range(3):
        world.ask(RIVALS[0], at.hour * 100 + number, at)


def many(world: World, at: datetime) -> None:
    """Other labels (the own ones too), outcomes, holds, sizes and another locker."""
    rival, hour = RIVALS[0], at.hour * 100
    for number in range(8):
        world.ask(rival, number, at)
        world.ask(rival, hour + number, at, locker_id="oslo-2")
        world.ask(rival, hour + 10 + number, at, hold="soft", needs=["low"])
    dimensions = {"w_mm": 3_000, "h_mm": 900, "d_mm": 900, "g": 900}
    world.ask(rival, hour + 50, at, dimensions=dimensions)


def live(world: World, rivals: Rivals) -> list[Any]:
    """Let a month go by, the carrier doing the same in each world; return all that it saw."""
    made = []
    for hour in range(4):
        at = BEGINS + hour * HOUR
        rivals(world, at)
        made.append(world.ask(OWN, hour, at + timedelta(minutes=1)))
        made.append(world.ask(OWN, 0, at + timedelta(minutes=2), hold="soft"))
        world.at(at + timedelta(minutes=3), "quote")
        rivals(world, at + timedelta(minutes=4))
        world.at(at + timedelta(minutes=5), "read")
        for path in ("/v1/reservations", "/v1/parcels", "/v1/metrics/neutrality?month=2027-03"):
            world.watch("GET", path)
        close_hour(world, at + HOUR + HOUR_WAIT)
    for one in made:
        said = one["body"]
        world.watch("GET", f"/v1/decisions/{said.get('decision_id', said.get('id'))}")
    world.watch("GET", "/v1/audit/roots")
    world.watch("GET", f"/v1/decisions/{FOREIGN}")
    close_month(world, MARCH.ends + WAIT)
    world.watch("GET", "/v1/metrics/neutrality?month=2027-03")
    return world.seen


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    secrets.load(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("policy", [None, FAIR], ids=str)
def test_what_rivals_do_shows_a_carrier_nothing(
    base: Path, tmp_path: Path, policy: FairShare | None
) -> None:
    seen = []
    for rivals in (nobody, some, many):
        with world(copied(base, tmp_path / rivals.__name__), policy) as one:
            seen.append(live(one, rivals))
    report = seen[0][-1]["body"]
    assert report["complete"] is True
    assert (report["yours"]["requested"], report["yours"]["served"]) == (8, 4)
    assert {*report["total"]["denied"].values(), report["jain"]} == {None}
    assert {one for one in report["total"].values() if not isinstance(one, dict)} == {None}
    statuses = {one["status"] for one in seen[0]}
    assert statuses == {200, 201, 404, 409}
    assert masked(seen[0]) == masked(seen[1]) == masked(seen[2])
    assert seen[0] != seen[2], "what is masked does differ"


def crowd(each: int) -> Rivals:
    """Let every rival ask for so much, half of it where there is no room any more."""

    def act(world: World, at: datetime) -> None:
        for number in range(each):
            for rival in RIVALS:
                where = f"oslo-{1 + number % 2}"
                world.ask(rival, at.hour * 100 + number, at, locker_id=where)

    return act


@pytest.mark.slow
def test_where_totals_are_shown_worlds_differ_in_totals_alone(base: Path, tmp_path: Path) -> None:
    seen = []
    for each in (4, 5):
        with world(copied(base, tmp_path / str(each))) as one:
            seen.append(live(one, crowd(each)))
    totals = [
        [said["body"].pop(name) for name in ("total", "jain")]
        for said in (each[-1] for each in seen)
    ]
    assert masked(seen[0]) == masked(seen[1])
    for total, jain in totals:
        assert None not in (total["requested"], total["served"], jain)
    assert totals[0] != totals[1]


# Under `fair-share`, where room beyond the own part is of the commons or lent --------------------


def afternoon(world: World, rivals: tuple[int, int]) -> list[Any]:
    """Have six of ten doors taken by two rivals, in one way or another, and ask for the seventh.

    At three nothing is kept: what a carrier is given beyond its part is of the commons, until four
    doors are used beyond parts by whomever; then it is lent.
    """
    three = datetime(2027, 3, 10, 14, tzinfo=UTC)
    made = [world.ask(OWN, number, three, locker_id="oslo-3") for number in range(3)]
    for who, asks in zip(RIVALS, rivals, strict=False):
        for number in range(asks):
            answer = world.ask(who, 100 + number, three, locker_id="oslo-3")
            assert answer["status"] == 201
    later = three + timedelta(minutes=1)
    made += [world.ask(OWN, number, later, locker_id="oslo-3") for number in (3, 4)]
    own_ids = [one["body"].get("decision_id") or one["body"]["id"] for one in made]
    world.at(three + timedelta(minutes=2), "read")
    month = "/v1/metrics/neutrality?month=2027-03"
    decisions = [f"/v1/decisions/{one}" for one in own_ids]
    for path in (month, "/v1/policy", "/v1/reservations", "/v1/lockers/oslo-3", *decisions):
        world.watch("GET", path)
    close_hour(world, three + HOUR + HOUR_WAIT)
    close_month(world, MARCH.ends + WAIT)
    for path in (month, "/v1/audit/roots", *decisions):
        world.watch("GET", path)
    return world.seen


def test_whether_room_was_common_or_lent_shows_what_rivals_use_to_auditors_alone(
    base: Path, tmp_path: Path
) -> None:
    seen, parts = [], []
    for rivals in ((2, 4), (6, 0)):
        with world(copied(base, tmp_path / str(rivals[0])), FAIR) as one:
            seen.append(afternoon(one, rivals))
            parts.append([said["part"] for said in bodies(one, "oslo-3") if said["carrier"] == "1"])
    assert parts[0] == ["guaranteed"] * 3 + ["commons", None]
    assert parts[1] == ["guaranteed"] * 3 + ["lent", None]
    assert masked(seen[0]) == masked(seen[1])
    told = [said["body"]["part"] for said in seen[0] if "part" in said["body"]]
    assert told == [*["guaranteed"] * 3, "beyond", None] * 2
