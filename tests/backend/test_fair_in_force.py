"""`fair-share` in force: what carriers are answered over HTTP, written down and decided again."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import delete, event, update

from fellesskap_backend import db
from fellesskap_backend.allocation.division import class_of
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.room import geometry
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.neutrality.counting import Span, count
from fellesskap_backend.neutrality.month import month_of, name_at
from fellesskap_backend.operators.tables import OperatorAct
from fellesskap_backend.policies.tables import Policy, StandingRow
from fellesskap_backend.receipts.replaying import Replay
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_protocol import events
from tests.backend.api import Api, Json, request, reserve
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit
from tests.backend.receipts import after, close
from tests.backend.ruled import fair, put_in_force

pytestmark = pytest.mark.slow

DOORS = 10
HOUR = timedelta(hours=1)
SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
Three = tuple[Api, list[httpx.Client]]


def bodies(api: Api) -> list[Json]:
    rows = sorted(api.rows(Decision), key=lambda row: (row.decided_at, row.number))
    return [msgspec.json.decode(row.body) for row in rows]


def replayed(api: Api) -> list[str]:
    return db.read(api.engine, lambda session: Replay(session, api.secrets).run())["altered"]


@pytest.fixture
def three(api: Api) -> Three:
    """A locker of ten doors out of reach, three carriers: of six guaranteed 3, 2 and 1."""
    api.locker("fair-1", doors=DOORS, floor_mm=1300)
    return api, [api.carrier(name) for name in ("Nordpost", "Sydpost", "Vestpost")]


def ask(client: httpx.Client, number: int, **fields: Any) -> httpx.Response:
    return reserve(client, request(number, locker_id="fair-1", **fields), f"k{number}")


def test_one_that_asks_ten_times_over_leaves_the_others_their_entitlement(three: Three) -> None:
    api, (greedy, *others) = three
    put_in_force(api.engine, {1: 3, 2: 2, 3: 1})
    answers = [ask(greedy, number) for number in range(30)]
    got = Counter(one.status_code for one in answers)
    assert got == {201: 3 + 4, 409: 23}, "its own three, and the four that belong to nobody"
    refused = answers[-1].json()
    assert refused["code"] == refused["reason"] == "quota_exceeded"
    own = {name: refused[name] for name in ("size_class", "quota", "used")}
    assert own == {"size_class": "S", "quota": 3, "used": 7}
    for number, (client, entitled) in enumerate(zip(others, (2, 1), strict=True), start=4):
        for one in range(entitled):
            assert ask(client, number * 10 + one).status_code == 201
    assert ask(others[0], 49).json()["reason"] == "locker_full"
    parts = [one["part"] for one in bodies(api)]
    assert Counter(parts) == {"guaranteed": 6, "commons": 4, None: 24}
    assert replayed(api) == []
    rows = {row.right_id: (row.use_size, row.part) for row in api.rows(Claim)}
    assert rows == {row.right_id: (row.use_size, row.part) for row in api.rows(Reservation)}


def test_what_is_kept_in_the_morning_is_lent_in_the_afternoon(three: Three) -> None:
    api, (greedy, *_) = three
    put_in_force(api.engine, {1: 3, 2: 2, 3: 1}, fair(kept=False))
    answers = [ask(greedy, number).status_code for number in range(11)]
    assert answers == [201] * 10 + [409], "nothing that fits stays empty"
    assert Counter(one["part"] for one in bodies(api)[:10]) == {
        "guaranteed": 3,
        "commons": 4,
        "lent": 3,
    }


@SQLITE
def test_hours_are_borrowed_only_of_what_is_somebodys(three: Three) -> None:
    """Half of what is guaranteed is set aside for entrants: as there are none, it is common."""
    api, (newcomer, *_) = three
    put_in_force(api.engine, {2: 1, 3: 1}, fair(kept=False, entrant_permille=500))
    now = datetime.now(UTC)
    assert [ask(newcomer, number).status_code for number in range(DOORS)] == [201] * DOORS
    assert Counter(one["part"] for one in bodies(api)) == {"commons": 7, "lent": 3}
    span = Span.of(month_of(name_at(now)), now + HOUR)
    found = db.read(api.engine, lambda session: count(session, span))
    by_number = {row.number: str(row.id) for row in api.rows(Carrier)}
    assert found.lent.keys() == {(by_number[lender], by_number[1]) for lender in (2, 3)}
    since = [datetime.fromisoformat(one["at"]) for one in bodies(api) if one["part"] == "lent"]
    seconds = sum(int((span.until - at).total_seconds()) for at in since)
    assert found.figures[by_number[1]].borrowed == seconds
    assert replayed(api) == []


@SQLITE
def test_low_doors_are_kept_for_who_asks_for_one(api: Api) -> None:
    api.locker("fair-1", doors=4, floor_mm=400)
    carrier = api.carrier()
    put_in_force(api.engine, {1: 1}, fair(kept=False))
    answers = [ask(carrier, number) for number in range(4)]
    assert [one.status_code for one in answers] == [201, 201, 201, 409]
    assert answers[3].json()["reason"] == "locker_full", "as if it were not there"
    assert ask(carrier, 9, needs=["low"]).status_code == 201
    assert bodies(api)[-1]["part"] == "accessible"
    assert bodies(api)[-1]["use"] == "low S"
    assert replayed(api) == []


def test_receipts_say_by_which_rules_and_of_which_part(three: Three) -> None:
    api, (carrier, *_) = three
    put_in_force(api.engine, {1: 1, 2: 5})
    made = [ask(carrier, number).json() for number in range(6)]
    close(api, after(api))
    shown = [
        carrier.get(f"/v1/decisions/{one.get('decision_id', one.get('id'))}").json() for one in made
    ]
    said = [(one["policy"], one["part"], one["quota"], one["used"]) for one in shown]
    assert said[0] == ("fair-share v1", "guaranteed", 1, 0)
    assert said[1:5] == [("fair-share v1", "beyond", 1, used) for used in (1, 2, 3, 4)]
    assert said[5] == ("fair-share v1", None, 1, 5)
    assert shown[0]["because"].endswith("it is of your guaranteed part.")
    assert shown[5]["because"] == made[5]["detail"]
    proven = msgspec.json.decode(shown[0]["receipt"]["decision"])
    assert (proven["part"], proven["quota"], proven["used"]) == ("guaranteed", 1, 0)
    assert replayed(api) == []


def test_a_manifest_and_quotes_are_answered_by_the_same_rules(three: Three) -> None:
    api, (carrier, *_) = three
    put_in_force(api.engine, {1: 1, 2: 5})
    parcels = [request(number, locker_id="fair-1") for number in range(12)]
    quoted = {"locker_id": "fair-1", "size_class": "S"}
    (before,) = carrier.post("/v1/quotes", json={"parcels": [quoted]}).json()["quotes"]
    answer = carrier.post("/v1/manifests", json={"parcels": parcels}).json()
    (later,) = carrier.post("/v1/quotes", json={"parcels": [quoted]}).json()["quotes"]
    assert (answer["confirmed"], answer["refused"]) == (5, 7)
    assert {one["problem"]["reason"] for one in answer["parcels"][5:]} == {"quota_exceeded"}
    assert [one["problem"]["used"] for one in answer["parcels"][5:]] == [5] * 7
    assert (before["would_confirm"], later["would_confirm"]) == (True, False)
    assert later["reason"] == "quota_exceeded"
    assert replayed(api) == []


def test_alternatives_are_lockers_that_would_give_it_room(three: Three) -> None:
    api, (carrier, rival, _) = three
    for locker_id, floor_mm in (("fair-2", 1300), ("fair-3", 400)):
        api.locker(locker_id, doors=1 + (floor_mm > 1000), floor_mm=floor_mm)
    put_in_force(api.engine, {2: 1})
    for number in range(5):
        ask(carrier, number)
    near = ask(carrier, 9).json()["alternatives"]
    assert [one["locker_id"] for one in near] == ["fair-2", "oslo-1"], "fair-3's door is a low one"
    there = [reserve(one, request(8, locker_id="fair-2"), "k8") for one in (carrier, rival)]
    assert [one.status_code for one in there] == [201, 201]


def test_a_policy_that_comes_into_force_finds_what_was_there(three: Three) -> None:
    """Claims of before count, and the chain goes on; nobody's reservation is touched."""
    api, (early, late, _) = three
    for number in range(8):
        assert ask(early, number).status_code == 201
    put_in_force(api.engine, {1: 1, 2: 1}, fair(since=datetime.now(UTC)))
    assert ask(early, 8).json()["reason"] == "quota_exceeded"
    assert [ask(late, number).status_code for number in (20, 21, 22)] == [201, 201, 409]
    said = bodies(api)
    assert [one["policy"] for one in said] == ["first-come v0"] * 8 + ["fair-share v1"] * 4
    assert len(said[8]["basis"]["uses"]) == 8
    assert ["rulebook" in one["basis"] for one in said[8:]] == [True, False, False, False]
    assert replayed(api) == []


@SQLITE
def test_a_decision_by_rules_that_were_not_in_force_is_named(three: Three) -> None:
    api, (carrier, *_) = three
    put_in_force(api.engine, {1: 1})
    ask(carrier, 1)
    api.change(lambda session: session.execute(delete(Policy)))
    ask(carrier, 2)
    api.change(lambda session: session.execute(delete(StandingRow)))
    put_in_force(api.engine, {}, fair(since=datetime.now(UTC) - timedelta(hours=1)))
    assert "fair-1: decision 2: not by the rules in force" in replayed(api)


# Who often does not come -------------------------------------------------------------------------


def no_shows(api: Api, **counted: int) -> None:
    """Let every carrier stand so, and nothing say that it was made otherwise."""
    for change in (update(StandingRow).values(**counted), delete(OperatorAct)):
        api.change(lambda session, change=change: session.execute(change))  # type: ignore[misc]


def test_claims_of_who_often_does_not_come_wait_for_a_shorter_time(three: Three) -> None:
    api, (carrier, *_) = three
    put_in_force(api.engine, {1: 2})
    no_shows(api, holds=100, no_shows=90)
    until = datetime.now(UTC) + timedelta(hours=10)
    asked = {"deposit_by": until.isoformat(), "reserve_until": until.isoformat()}
    given = ask(carrier, 1, **asked).json()
    half = datetime.fromisoformat(given["deposit_by"]) - datetime.fromisoformat(given["created_at"])
    assert timedelta(hours=4, minutes=59) < half < timedelta(hours=5)
    assert given["reserve_until"] == given["deposit_by"]
    (said,) = bodies(api)
    assert said["held_for_s"] == int(half.total_seconds())
    shown = carrier.get(f"/v1/decisions/{given['id']}").json()
    assert shown["held_for_s"] == said["held_for_s"]
    assert "shorter time" in shown["because"]
    soft = ask(carrier, 2, deposit_by=until.isoformat(), hold="soft").json()
    assert datetime.fromisoformat(soft["deposit_by"]) == until, "it holds nothing"
    answers = carrier.post("/v1/manifests", json={"parcels": [request(3, locker_id="fair-1")]})
    line = answers.json()["parcels"][0]["reservation"]
    assert datetime.fromisoformat(line["deposit_by"]) < datetime.now(UTC) + timedelta(hours=12)
    assert replayed(api) == []


@SQLITE
def test_a_claim_that_waits_shorter_is_not_made_to_wait_longer(three: Three) -> None:
    api, (carrier, *_) = three
    put_in_force(api.engine, {1: 2})
    no_shows(api, holds=100, no_shows=90)
    given = ask(carrier, 1).json()
    path = f"/v1/reservations/{given['id']}"
    later = datetime.fromisoformat(given["deposit_by"])

    def change(to: datetime) -> int:
        match = {"If-Match": carrier.get(path).headers["etag"]}
        wish = {"deposit_by": to.isoformat()}
        return carrier.patch(path, json=wish, headers=match).status_code

    assert change(later + timedelta(minutes=1)) == 422
    assert change(later - timedelta(minutes=1)) == 200
    assert change(later) == 200


# What lies there ---------------------------------------------------------------------------------


def used(house: Lives) -> list[tuple[int | None, str | None]]:
    rows = sorted(house.api.rows(Compartment), key=lambda row: row.number)
    return [(row.used_by, row.used_as) for row in rows if row.locker_id == "oslo-1"]


def test_a_deposit_says_whose_claim_it_took_and_a_collection_takes_that_back(house: Lives) -> None:
    assert used(house) == [(None, None)] * 3
    first = house.room(1)
    soft = reserve(house.client, request(2, hold="soft"), "soft").json()
    house.tell(*deposit(first, 1), *deposit(soft, 2))
    assert used(house) == [(1, "S"), (None, None), (None, None)]
    house.tell(*collect(first, 1))
    assert used(house) == [(None, None)] * 3


def test_a_larger_door_that_the_locker_chose_counts_as_what_was_asked_for(api: Api) -> None:
    """Upsized at the edge: neither billed nor counted against the entitlement to that size."""
    house = Lives(api)
    larger = update(Compartment).where(Compartment.number > 1).values(height_mm=160)
    for change in (update(Compartment).values(floor_mm=1300, top_mm=1400), larger):
        api.change(lambda session, change=change: session.execute(change))  # type: ignore[misc]
    put_in_force(api.engine, {1: 1}, fair(guaranteed_permille=1_000, entrant_permille=0))
    made = house.room(1)
    house.tell(events.Upsized(right_id=made["right_id"], from_=1, to=2), *deposit(made, 2))
    (row,) = [one for one in api.rows(Compartment) if one.number == 2]
    assert class_of(geometry(row)) == "M"
    assert used(house)[1] == (1, "S")
    wide = {"w_mm": 400, "h_mm": 140, "d_mm": 280, "g": 900}
    answer = reserve(house.client, request(2, dimensions=wide), "wide").json()
    (said,) = [one for one in bodies(api) if one["id"] == answer["id"]]
    assert said["basis"]["lying"] == [["1", "S", 1]]
    assert (said["part"], said["quota"], said["used"]) == ("guaranteed", 2, 0)
    assert replayed(api) == []


@SQLITE
def test_what_a_deposit_took_costs_no_statement(house: Lives) -> None:
    made = [house.room(number) for number in (1, 2)]
    statements: list[str] = []

    @event.listens_for(house.api.engine, "before_cursor_execute")
    def _count(*arguments: Any) -> None:
        statements.append(arguments[2])

    house.tell(*deposit(made[0], 1), *deposit(made[1], 2))
    event.remove(house.api.engine, "before_cursor_execute", _count)
    assert used(house)[:2] == [(1, "S"), (1, "S")]
    assert not [one for one in statements if one.startswith("SELECT claims")]
    written = [one for one in statements if one.startswith("UPDATE compartments")]
    assert len(written) == 2, "one for each door, with its content"
    assert all("content" in one and "used_by" in one for one in written)


def test_parcels_that_lie_there_count_until_they_are_gone(api: Api) -> None:
    house = Lives(api, doors=6)
    rival = api.carrier("Sydpost")
    api.change(lambda session: session.execute(update(Compartment).values(floor_mm=100)))
    put_in_force(api.engine, {1: 1, 2: 1}, fair(guaranteed_permille=1_000, entrant_permille=0))
    made = [house.room(number) for number in (1, 2, 3)]
    house.tell(*deposit(made[0], 1), *deposit(made[1], 2))
    assert reserve(house.client, request(4), "k4").json()["used"] == 3
    said = bodies(api)[-1]
    assert said["basis"]["lying"] == [["1", "S", 2]]
    assert [reserve(rival, request(n), f"r{n}").status_code for n in (1, 2, 3)] == [201] * 3
    house.tell(*collect(made[0], 1))
    again = reserve(house.client, request(5), "k5")
    assert (again.status_code, bodies(api)[-1]["used"]) == (201, 2)
    assert replayed(api) == []


# The day's standings -----------------------------------------------------------------------------
