"""Every transaction is tried again where it lost a race, at each of its steps, with one effect.

A way is walked once untouched; then once for each of its steps, which fails with an error of the
database itself. What is answered and what changed are the same each time.
"""

import re
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from sqlalchemy import event, text

from fellesskap_backend import db
from fellesskap_backend.app import create_api
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.rim import RetryingRoute
from fellesskap_backend.settings import Settings
from tests.backend.api import Api, request, reserve
from tests.backend.faults import RETRYABLE, Faults
from tests.backend.more_ways import MORE
from tests.backend.postgres import Postgres
from tests.backend.printed import operations, printed
from tests.backend.ways import WAYS, World
from tests.system.house import wait_for

NEVER = 1_000_000
STRIDE = 4
"""Every so manieth step of a way is tried, but in the full run."""


QUICK = ("reserve",)
EVERY = {**WAYS, **MORE}


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


def steps_of(count: int, database: str) -> list[int]:
    """Return the steps that are tried: all in the full run, else some, others on each database.

    The last one, a commit, is always among them.
    """
    if hypothesis.settings.get_current_profile_name() == "full":
        return list(range(1, count + 1))
    first = 1 + 2 * (database == "postgresql")
    return sorted({*range(first, count, STRIDE), count})


def _changed(before: Counter[tuple[str, str]], after: Counter[tuple[str, str]]) -> Any:
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


@pytest.mark.parametrize(
    "way", [way if way in QUICK else pytest.param(way, marks=pytest.mark.slow) for way in EVERY]
)
def test_a_race_lost_at_any_step_changes_neither_answer_nor_effect(world: World, way: str) -> None:
    prepare, database = EVERY[way], world.api.engine.dialect.name
    prepare(world)()  # what is there only once comes to be
    codes = RETRYABLE[database]
    with Faults(world.api.engine, world.api.callers).watching() as faults:
        act, before = prepare(world), world.state()
        faults.arm(NEVER, "")
        answer = act()
        count = faults.seen
        wanted = answer, _changed(before, world.state())
        if way in MORE:
            status = answer[0] if isinstance(answer, tuple) else answer
            assert status // 100 == 2, "nothing was done at all"
        fired = 0
        for step in steps_of(count, database):
            act, before = prepare(world), world.state()
            faults.arm(step, codes[step % len(codes)])
            answer = act()
            fired += faults.fired
            faults.disarm()
            assert (answer, _changed(before, world.state())) == wanted, (way, step)
        assert fired > 0, "nothing was injected"


@pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
def test_every_operation_with_an_effect_is_a_way(api: Api) -> None:
    document = printed(api, "all")
    named = {one["operationId"] for _, verb, one in operations(document) if verb != "get"}
    assert named - EVERY.keys() == {"quote"}, "it only asks"


def test_planted_fault_that_stays_is_answered_busy_and_nothing_is_done(world: World) -> None:
    act, before = WAYS["reserve"](world), world.state()
    code = RETRYABLE[world.api.engine.dialect.name][0]
    with Faults(world.api.engine, world.api.callers).watching() as faults:
        faults.arm(1, code, stays=True)
        number = world.fresh()
        answer = reserve(world.client, request(number), f"k{number}")
        faults.disarm()
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert answer.headers["retry-after"] == "1"
        assert faults.fired == db.ATTEMPTS_MAX
    assert world.state() == before
    assert act() == (201, None)


def test_a_use_that_cannot_be_written_down_costs_the_request_nothing(world: World) -> None:
    """What was committed is not done again because of what came after it."""
    code = RETRYABLE[world.api.engine.dialect.name][0]
    key = world.api.key("Sydpost")
    client, number = world.api.client(key), world.fresh()
    with Faults(world.api.engine, world.api.callers).watching() as faults:
        faults.arm(1_000, code)
        assert reserve(client, request(number), f"k{number}").status_code == 201
        steps = faults.seen
        # The key's first use of the day: all after the request's own steps is the note.
        other = world.api.client(world.api.key("Vestpost"))
        faults.arm(steps - 1, code, stays=True)
        number = world.fresh()
        answer = reserve(other, request(number), f"k{number}")
        faults.disarm()
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (201, False)


def test_every_route_of_the_api_is_one_that_tries_again(api: Api) -> None:
    app = create_api(api.settings, api.secrets, api.engine, wake=lambda **_: None)
    routers = [vars(one)["original_router"] for one in app.routes if "original_router" in vars(one)]
    routes = [route for router in routers for route in router.routes]
    operations = sum(len(verbs) for verbs in app.openapi()["paths"].values())
    assert len(routes) == operations > 15
    assert {type(route) for route in routes} == {RetryingRoute}


def test_sessions_are_opened_by_the_rim_and_by_what_tries_again_alone() -> None:
    package = Path(db.__file__).parent
    opened = re.compile(r"db\.(writing|writer|reader)\(|\.begin\(\)|\bSession\(|\.connect\(\)")
    found = {
        path.name
        for path in package.rglob("*.py")
        if opened.search(path.read_text()) and path.name not in ("db.py", "env.py")
    }
    assert found == {"rim.py"}


@pytest.mark.slow
def test_a_real_deadlock_between_two_connections_is_tried_again(
    postgres: Postgres, tmp_path: Path
) -> None:
    api = Api(Settings(state=tmp_path, database_url=postgres.create("deadlock", "migrated")))
    api.locker("oslo-1", doors=3)
    carrier = api.carrier()
    try:
        assert reserve(carrier, request(2), "warm").status_code == 201
        with ThreadPoolExecutor(1) as people, api.engine.connect() as mine:
            mine.execute(text("SET LOCAL deadlock_timeout = '60s'"))  # the other is the victim
            mine.execute(text(_SAME_KEY))
            sent = people.submit(reserve, carrier, request(), "k")
            wait_for("the request waits for us", lambda: _asked(api, _WAITING))
            mine.execute(text("SELECT 1 FROM lockers WHERE id = 'oslo-1' FOR UPDATE"))
            mine.rollback()
            assert sent.result().status_code == 201
        assert api.count(Reservation) == 2
        wait_for("the deadlock is counted", lambda: _asked(api, _DEADLOCKS))
    finally:
        api.stop()


_SAME_KEY = (
    "INSERT INTO answers SELECT tenant, operation, 'k', '', 201, '{}', created_at FROM answers"
)
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def _asked(api: Api, question: str) -> int:
    with api.engine.connect() as connection:
        return int(connection.execute(text(question)).scalar_one())


def test_a_writer_of_sqlite_that_is_turned_away_comes_again(tmp_path: Path) -> None:
    api = Api(Settings(state=tmp_path))
    api.locker("oslo-1", doors=3)
    carrier = api.carrier()
    path = api.settings.database_url.removeprefix("sqlite:///")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    failed: list[str] = []

    def hurry(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 1")

    def turned_away(context: Any) -> None:
        failed.append(context.original_exception.sqlite_errorname)
        other.rollback()

    try:
        assert reserve(carrier, request(2), "warm").status_code == 201
        event.listen(api.engine, "connect", hurry)
        api.engine.dispose()
        event.listen(api.engine, "handle_error", turned_away)
        other.execute("BEGIN IMMEDIATE")
        assert reserve(carrier, request(), "k").status_code == 201
        assert failed == ["SQLITE_BUSY"]
        assert api.count(Reservation) == 2
    finally:
        other.close()
        api.stop()


@pytest.mark.slow
def test_a_database_that_went_away_is_told_so_and_the_key_is_good_again(
    postgres: Postgres, tmp_path: Path
) -> None:
    api = Api(Settings(state=tmp_path, database_url=postgres.create("away", "migrated")))
    api.locker("oslo-1", doors=3)
    carrier = api.carrier()
    try:
        assert reserve(carrier, request(2), "warm").status_code == 201
        with psycopg.connect(f"host={postgres.socket} user=postgres", autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'away'"
            )
        answer = reserve(carrier, request(), "k")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
        assert answer.headers["retry-after"] == "1"
        assert reserve(carrier, request(), "k").status_code == 201
    finally:
        api.stop()
