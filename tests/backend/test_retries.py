"""Every transaction is tried again where it lost a race, at each of its steps, with one effect.

A way is walked once untouched; then once for each of its steps, which fails with an error of the
database itself. What is answered and what changed are the same each time.
"""

import json
import os
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import hypothesis
import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event, func, select, text, update

from fellesskap_backend import db
from fellesskap_backend.__main__ import main
from fellesskap_backend.app import create_api
from fellesskap_backend.bridge import exchange
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rim import RetryingRoute
from fellesskap_backend.schema import metadata
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks.tables import Delivery, Subscription
from fellesskap_backend.worker import Worker
from fellesskap_protocol.messages import Presence, Signed, encode
from fellesskap_protocol.signing import SigningKey, b64url, seal
from fellesskap_protocol.topics import Kind, topic
from tests.backend.api import Api, request, reserve
from tests.backend.faults import RETRYABLE, Faults
from tests.backend.lives import Lives
from tests.backend.lockers import HandLocker, deposit
from tests.backend.postgres import Postgres
from tests.system.house import wait_for

STEPS_MAX = 80
"""More steps than any way has; a sweep that gets there does not end."""
Act = Callable[[], Any]


class World(Lives):
    """A house with room, and what a bridge and a worker do without their threads."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, doors=80)
        self.number = 100
        self.person = api.operator()
        self.person.get("/v1/api-keys")  # that a key is used is noted once a day: not here
        self.client.get("/v1/health")
        self.client.get("/v1/events")
        self.said: list[str] = []
        self.exchange = exchange.Exchange(
            exchange.House(api.secrets, api.engine, self._say, lambda: datetime.now(UTC))
        )
        self.worker = Worker(api.settings, api.secrets, api.engine)
        self.worker._round()

    def _say(self, where: str, _payload: bytes) -> None:
        self.said.append(where)

    def fresh(self) -> int:
        self.number += 1
        return self.number

    def reserved(self, **fields: Any) -> dict[str, Any]:
        number = self.fresh()
        answer = reserve(self.client, request(number, **fields), f"key-{number}")
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def lying(self) -> dict[str, Any]:
        answer = self.reserved()
        self.tell(*deposit(answer, self.number % 80 + 1))
        return answer

    def acknowledged(self, kind: Kind, message: Signed, by: HandLocker | None = None) -> int:
        """Take a message in; return how often it was acknowledged."""
        locker = by or self.locker
        payload = seal(message, locker.key)
        self.said.clear()
        self.exchange.take(Came(topic(locker.locker_id, kind), payload, retained=False))
        return sum(where.endswith("/ack") for where in self.said)

    def state(self) -> Counter[tuple[str, str]]:
        """Count what there is: rows of each table, and the states that they are in."""
        found: Counter[tuple[str, str]] = Counter()
        with db.reader(self.api.engine) as session:
            for table in metadata.sorted_tables:
                rows = session.scalar(select(func.count()).select_from(table)) or 0
                found["rows", table.name] = rows
            for model in (Parcel, Reservation):
                states = select(model.state, func.count()).group_by(model.state)
                found.update({(model.__name__, state): n for state, n in session.execute(states)})
            found["sum", "revisions"] = session.scalar(select(func.sum(Locker.revision))) or 0
            found["sum", "attempts"] = session.scalar(select(func.sum(Delivery.attempts))) or 0
            online = select(func.count()).where(Locker.online)
            found["sum", "online"] = session.scalar(online) or 0
            unapplied = select(func.count()).where(Entry.unapplied.is_not(None))
            found["sum", "unapplied"] = session.scalar(unapplied) or 0
            numbered = select(func.count()).where(Notice.position.is_not(None))
            found["sum", "positions"] = session.scalar(numbered) or 0
        return found


def _post(client: httpx.Client, path: str, body: Any, number: int) -> Any:
    answer = client.post(path, json=body, headers={"Idempotency-Key": f"post-{number}"})
    return answer.status_code, answer.headers.get("idempotent-replayed")


def _reserve(world: World) -> Act:
    number = world.fresh()
    return lambda: _post(world.client, "/v1/reservations", request(number), number)


def _refused(world: World) -> Act:
    number = world.fresh()
    body = request(number, dimensions={"w_mm": 900, "h_mm": 900, "d_mm": 900, "g": 1})
    return lambda: _post(world.client, "/v1/reservations", body, number)


def _cancel(world: World) -> Act:
    path = f"/v1/reservations/{world.reserved()['id']}"
    return lambda: world.client.delete(path).json()["state"]


def _drop_off_body(number: int) -> dict[str, Any]:
    by = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    asked = {"locker_id": "oslo-1", "reference": f"D-{number}", "size_class": "S"}
    return asked | {"drop_off_by": by}


def _authorise(world: World) -> Act:
    number = world.fresh()
    return lambda: _post(world.client, "/v1/drop-offs", _drop_off_body(number), number)


def _cancel_drop_off(world: World) -> Act:
    made = world.client.post("/v1/drop-offs", json=_drop_off_body(world.fresh())).json()
    return lambda: world.client.delete(f"/v1/drop-offs/{made['id']}").json()["state"]


def _open_door(world: World) -> Act:
    number = world.fresh()
    body = {"compartment": 2, "reason_code": "inspection", "reason": "It did not spring open."}
    return lambda: _post(world.person, "/v1/lockers/oslo-1/door-operations", body, number)


def _make_key(world: World) -> Act:
    # Each of another operator: one owner has a limited number.
    person, number = world.api.operator(), world.fresh()
    person.get("/v1/api-keys")
    return lambda: _post(person, "/v1/api-keys", {"name": "a new one"}, number)


def _change_key(world: World) -> Act:
    prefix = world.person.get("/v1/api-keys").json()["api_keys"][0]["prefix"]
    path, name = f"/v1/api-keys/{prefix}", f"name {world.fresh()}"
    tag = {"If-Match": world.person.get(path).headers["etag"]}
    return lambda: world.person.patch(path, json={"name": name}, headers=tag).json()["name"] == name


def _act_on_parcel(verb: str, body: Any) -> Callable[[World], Act]:
    def prepare(world: World) -> Act:
        parcel, number = world.lying()["parcel_id"], world.fresh()
        return lambda: _post(world.client, f"/v1/parcels/{parcel}/{verb}", body, number)

    return prepare


def _read(world: World) -> Act:
    found = world.reserved()["id"]
    return lambda: world.client.get(f"/v1/reservations/{found}").json()["id"] == found


def _journal(world: World) -> Act:
    first = len(world.locker.stored) + 1
    world.locker.add(*deposit(world.reserved(), world.number % 80 + 1))
    batch = world.locker.batch(first)

    return lambda: world.acknowledged("journal", batch)


def _birth(world: World) -> Act:
    locker = HandLocker(world.locker.installation, f"oslo-{world.fresh()}")
    locker.claim(world.api)

    return lambda: world.acknowledged("birth", locker.birth(), locker)


def _presence(world: World) -> Act:
    world.set(lambda session: session.execute(update(Locker).values(online=False)))
    payload = encode(Presence(session=world.locker.session, online=True))
    came = Came(topic("oslo-1", "presence"), payload, retained=True)
    return lambda: world.exchange.take(came)


def _poll(world: World) -> Act:
    world.reserved()
    return world.exchange.poll


def _round(world: World) -> Act:
    """Number notices, end one reservation and soften another by time."""
    ends = {world.reserved()["id"]: "deposit_by"}
    ends[world.reserved(reserve_until=_in_days(0.5).isoformat())["id"]] = "reserve_until"

    def pass_time(session: Any) -> None:
        for row in session.scalars(select(Reservation)):
            if str(row.id) in ends:
                setattr(row, ends[str(row.id)], _in_days(-1))

    world.worker._round()
    world.set(lambda session: session.execute(update(Claim).values(released=True)))
    world.set(pass_time)
    world.worker._deadlines_at = 0.0
    return world.worker._round


def _delivered(world: World) -> Act:
    """Write down that an endpoint took what it was sent."""
    number = world.fresh()
    delivery_id = UUID(int=number)
    world.set(lambda session: session.add(_delivery(session, delivery_id)))

    world.worker._answers.put((delivery_id, 204))
    return world.worker._note_answers


def _delivery(session: Any, delivery_id: UUID) -> Delivery:
    carrier_id = session.scalars(select(Carrier.id)).first()
    endpoint = session.scalars(select(Subscription.id)).first()
    if endpoint is None:
        carriers.add_webhook(session, carrier_id, "https://c.example/", moment=_now())
        session.flush()
        endpoint = session.scalars(select(Subscription.id)).first()
    return Delivery(
        id=delivery_id,
        subscription_id=endpoint,
        notice_id=delivery_id,
        carrier_id=carrier_id,
        position=1,
        due_at=_in_days(1),
    )


def _in_days(days: float) -> Any:
    return datetime.now(UTC) + timedelta(days=days)


def _now() -> db.Moment:
    return db.Moment(datetime.now(UTC))


WAYS: dict[str, Callable[[World], Act]] = {
    "reserve": _reserve,
    "be refused": _refused,
    "cancel a reservation": _cancel,
    "authorise a drop-off": _authorise,
    "cancel a drop-off": _cancel_drop_off,
    "open a door": _open_door,
    "make a key": _make_key,
    "change a key": _change_key,
    "extend": _act_on_parcel("extend", {"collect_within": "P5D"}),
    "recall": _act_on_parcel("recall", None),
    "dispute": _act_on_parcel("dispute", {"reason": "found empty"}),
    "read": _read,
    "journal": _journal,
    "birth": _birth,
    "presence": _presence,
    "poll of the bridge": _poll,
    "round of the worker": _round,
    "answer of an endpoint": _delivered,
}


QUICK = ("reserve",)


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


def _change(world: World, act: Act) -> tuple[Any, Any]:
    """Return what an act answers, and what it changed."""
    before = world.state()
    answer = act()
    return answer, _changed(before, world.state())


def _steps(engine: Engine) -> range:
    """Return the steps that are tried: every second one on each database, all in the full run."""
    if hypothesis.settings.get_current_profile_name() == "full":
        return range(1, STEPS_MAX)
    return range(1 + (engine.dialect.name == "postgresql"), STEPS_MAX, 2)


def _changed(before: Counter[tuple[str, str]], after: Counter[tuple[str, str]]) -> Any:
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


@pytest.mark.parametrize(
    "way", [way if way in QUICK else pytest.param(way, marks=pytest.mark.slow) for way in WAYS]
)
def test_a_race_lost_at_any_step_changes_neither_answer_nor_effect(world: World, way: str) -> None:
    prepare = WAYS[way]
    prepare(world)()  # what is there only once comes to be
    wanted = _change(world, prepare(world))
    codes = RETRYABLE[world.api.engine.dialect.name]
    with Faults(world.api.engine).watching() as faults:
        for step in _steps(world.api.engine):
            act = prepare(world)
            before = world.state()
            faults.arm(step, codes[step % len(codes)])
            answer = act()
            fired = faults.fired
            faults.disarm()
            assert (answer, _changed(before, world.state())) == wanted, (way, step)
            if not fired:
                break
    assert 2 < step < STEPS_MAX - 2, "nothing was injected, or not everywhere"


def test_planted_fault_that_stays_is_answered_busy_and_nothing_is_done(world: World) -> None:
    act, before = _reserve(world), world.state()
    code = RETRYABLE[world.api.engine.dialect.name][0]
    with Faults(world.api.engine).watching() as faults:
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
    with Faults(world.api.engine).watching() as faults:
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
    app = create_api(api.settings, api.secrets, api.engine, wake=lambda: None)
    routers = [vars(one)["original_router"] for one in app.routes if "original_router" in vars(one)]
    routes = [route for router in routers for route in router.routes]
    operations = sum(len(verbs) for verbs in app.openapi()["paths"].values())
    assert len(routes) == operations > 15
    assert {type(route) for route in routes} == {RetryingRoute}


def test_sessions_are_opened_by_the_rim_and_by_what_tries_again_alone() -> None:
    package = Path(db.__file__).parent
    opened = re.compile(r"db\.(writing|writer|reader)\(|\.begin\(\)|Session\(|\.connect\(\)")
    found = {
        path.name
        for path in package.rglob("*.py")
        if opened.search(path.read_text()) and path.name != "db.py"
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


COMMANDS: dict[str, Callable[[int, Path], list[str]]] = {
    "take a carrier in": lambda n, _: ["carrier", "add", f"Nordpost {n}"],
    "take an operator in": lambda n, _: ["operator", "add", f"Drift {n}"],
    "provision": lambda n, folder: ["locker", "provision", f"oslo-{n}", *_device(n, folder)],
    "revoke a device": lambda n, _: ["device", "revoke", "oslo-1", "device-1"],
    "write off": lambda n, _: ["locker", "write-off", "oslo-1", "--reason", "flooded"],
    "restored": lambda *_: ["restored"],
    "unapplied": lambda *_: ["unapplied", "list"],
    "apply again": lambda *_: ["unapplied", "apply"],
    "migrate": lambda *_: ["migrate"],
}


def _device(number: int, folder: Path) -> list[str]:
    path = folder / f"{number}.json"
    key = SigningKey(number.to_bytes(32, "big")).public
    path.write_text(json.dumps({"device_id": f"device-{number}", "public_key": b64url(key.raw)}))
    return ["--device", str(path), "--site-name", "Oslo S", "--address", "Platform 3"]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_lost_a_race_does_what_it_says_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.setenv("FELLESSKAP_DATABASE_URL", settings.database_url)
    umask = os.umask(0o077)
    name = "postgresql" if "postgresql" in settings.database_url else "sqlite"

    opened: list[Engine] = []
    make = db.engine

    def keep(given: Settings) -> Engine:
        opened.append(make(given))
        return opened[-1]

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["fellesskap-backend", *words, "--state", str(tmp_path)])
        try:
            return main()
        finally:
            opened.pop().dispose()  # as the end of the process does

    monkeypatch.setattr(db, "engine", keep)

    try:
        assert run("locker", "provision", "oslo-1", *_device(1, tmp_path)) == 0
        with Faults(Engine).watching() as faults:
            for step in range(1, STEPS_MAX):
                before = _counted(settings)
                faults.arm(step, RETRYABLE[name][step % len(RETRYABLE[name])])
                assert run(*COMMANDS[command](100 + step, tmp_path)) == 0, step
                fired = faults.fired
                faults.disarm()
                if command in ONE_ROW:
                    assert _counted(settings) == before + ONE_ROW[command], step
                if not fired:
                    break
        assert 2 < step < STEPS_MAX - 1
    finally:
        os.umask(umask)


ONE_ROW = {"take a carrier in": 2, "take an operator in": 1, "provision": 2, "restored": 1}
"""How many rows of carriers, keys, lockers, devices and restorations a command adds."""


def _counted(settings: Settings) -> int:
    engine = create_engine(settings.database_url)
    names = ("carriers", "api_keys", "lockers", "devices", "restorations")
    with engine.connect() as connection:
        counts = [connection.execute(text(f"SELECT count(*) FROM {name}")) for name in names]
        total = sum(int(one.scalar_one()) for one in counts)
    engine.dispose()
    return total
