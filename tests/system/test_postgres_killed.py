"""PostgreSQL killed under load: what was acknowledged stays, and every retry finds its answer.

Each operation is held in a step of its own by a lock that the test has, or by a commit that waits
for a replica which never comes; so it is known where the kill found it. The verdict is from what
the clients themselves wrote down.
"""

import json
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine

from fellesskap_backend import db, secrets
from fellesskap_backend.settings import Settings
from fellesskap_protocol import events
from fellesskap_protocol.messages import Ack
from fellesskap_protocol.signing import b64url, seal, unseal
from fellesskap_protocol.topics import topic
from tests.backend.api import put_up, request
from tests.backend.lockers import HandLocker
from tests.backend.postgres import Postgres
from tests.system.house import Installation, installation, wait_for
from tests.system.receiver import Receiver

PLACES = 8
"""Requests at work at a time: two in each of four steps; the others wait at the gate."""
WAITING = 4
LOCK = 7
IN_LOCK, IN_WRITE, AT_COMMIT, AFTER_COMMIT = "lock", "write", "commit", "committed"
AT_GATE, IN_INGEST, IN_NUMBERING = "gate", "ingest", "numbering"
_SEEN = {
    IN_LOCK: "wait_event_type = 'Lock' AND query LIKE 'SELECT api_keys%FOR NO KEY UPDATE%'",
    IN_WRITE: "wait_event_type = 'Lock' AND query LIKE 'WITH into_reservations%'",
    AT_COMMIT: "wait_event = 'advisory' AND query = 'COMMIT'",
    AFTER_COMMIT: "wait_event = 'SyncRep' AND query = 'COMMIT'",
    IN_INGEST: "wait_event_type = 'Lock' AND query LIKE 'INSERT INTO _ledger_ %'",  # in quotes
    IN_NUMBERING: "wait_event_type = 'Lock' AND query LIKE '%FROM feed_counters%FOR UPDATE%'",
}
_HOLD_COMMITS = f"""
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.locker_id LIKE 'commit-%' THEN PERFORM pg_advisory_xact_lock({LOCK}); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON reservations DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION hold();
"""


@dataclass
class Operation:
    """One request of a client and what it heard, in its own words."""

    step: str
    locker_id: str
    key: str
    body: dict[str, Any]
    heard: list[tuple[int | str, Any, bool]] = field(default_factory=list)
    """Status (or what went wrong), body, and whether it was said to be an old answer."""

    def send(self, client: httpx.Client) -> None:
        try:
            answer = client.post(
                "/v1/reservations", json=self.body, headers={"Idempotency-Key": self.key}
            )
        except httpx.HTTPError as error:
            self.heard.append((type(error).__name__, None, False))
            return
        replayed = "idempotent-replayed" in answer.headers
        self.heard.append((answer.status_code, answer.json(), replayed))

    @property
    def acknowledged(self) -> Any:
        """The first answer that was one; None if it is not known what became of it."""
        return next((body for status, body, _ in self.heard if status == 201), None)


class Wired:
    """A locker by hand on the broker; it sends its journal again until that is acknowledged."""

    def __init__(self, house: Installation) -> None:
        kept = secrets.load(house.state)
        self.hand = HandLocker(kept.installation, "wired")
        device = house.root / "wired.json"
        key = b64url(self.hand.key.public.raw)
        device.write_text(json.dumps({"device_id": self.hand.device_id, "public_key": key}))
        where = ("--site-name", "Oslo S", "--address", "Platform 3")
        told = house.cli("locker", "provision", "wired", "--device", str(device), *where)
        self._keys = {kept.signing.public.kid: kept.signing.public}
        self.acked = -1
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self.client.username_pw_set(told["broker"]["username"], told["broker"]["password"])
        self.client.on_message = self._came
        up = threading.Event()
        self.client.on_connect = lambda client, *_: client.subscribe(topic("wired", "ack"))
        self.client.on_subscribe = lambda *_: up.set()
        self.client.connect(told["broker"]["host"], told["broker"]["port"])
        self.client.loop_start()
        assert up.wait(10)
        self._say("birth", self.hand.birth())
        wait_for("the birth is acknowledged", lambda: self.acked == 0)

    def _came(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self.acked = unseal(Ack, bytes(message.payload), self._keys, aud="wired").acked_seq

    def _say(self, kind: Any, message: Any) -> None:
        self.client.publish(topic("wired", kind), seal(message, self.hand.key))

    def journal(self) -> None:
        self._say("journal", self.hand.batch())

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Scene:
    """The installation on a PostgreSQL of its own, its clients, and who holds them where."""

    def __init__(self, house: Installation, postgres: Postgres, url: str) -> None:
        self.house, self.postgres = house, postgres
        self.receiver = Receiver()
        self.client, added = house.carrier("Nordpost", self.receiver.url)
        self.receiver.secret, self.tenant = added["webhook_secret"], added["carrier_id"]
        self.engine: Engine = db.engine(Settings(state=house.state, database_url=url))
        self.wired = Wired(house)
        self.operations: list[Operation] = []
        self.people = ThreadPoolExecutor(PLACES + WAITING + 4)
        with self.connect() as admin:
            admin.execute(_HOLD_COMMITS)

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            f"host={self.postgres.socket} user=postgres dbname=killed", autocommit=True
        )

    def operation(self, step: str) -> Operation:
        """Make an operation of a locker of its own."""
        number = len(self.operations) + 1
        one = Operation(step, f"{step}-{number}", f"key-{number}", {})
        one.body = request(number, locker_id=one.locker_id)
        put_up(self.engine, one.locker_id, doors=2)
        self.operations.append(one)
        return one

    def send(self, operations: list[Operation]) -> list["Future[None]"]:
        """Send operations, each from a thread of its own."""
        return [self.people.submit(one.send, self.client) for one in operations]

    def send_apart(self, operations: list[Operation]) -> list["Future[None]"]:
        """Send each when the one before is in its step: else they would share a transaction."""
        sent = []
        for one in operations:
            before = self.seen()[one.step]
            sent += self.send([one])
            wait_for(f"one more in {one.step}", partial(self._is_in, one.step, before + 1))
        return sent

    def _is_in(self, step: str, count: int) -> bool:
        return self.seen()[step] >= count

    def seen(self) -> Counter[str]:
        """Say where the database sees what is under way."""
        with self.connect() as admin:
            counts = [
                (step, admin.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {where}"))
                for step, where in _SEEN.items()
            ]
            return Counter({step: int((row.fetchone() or (0,))[0]) for step, row in counts})

    def close(self) -> None:
        self.people.shutdown()
        self.wired.close()
        self.receiver.close()
        self.engine.dispose()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="fsk-kill-") as folder:
        postgres = Postgres(Path(folder))
        try:
            url = postgres.create("killed")
            env = {"FELLESSKAP_DATABASE_URL": url, "FELLESSKAP_POOL_SIZE": str(PLACES)}
            env["FELLESSKAP_GATE_WAIT_S"] = "60"
            with installation(tmp_path / "house", env) as house:
                made = Scene(house, postgres, url)
                yield made
                made.close()
        finally:
            postgres.stop()


def _kill_in_every_step(scene: Scene) -> Counter[str]:
    """Bring operations into their steps, kill, start again; return how many were where."""
    with closing(scene.connect()) as locks, closing(scene.connect()) as holds:
        locks.execute(f"SELECT pg_advisory_lock({LOCK})")
        holds.execute("BEGIN")
        first = scene.operation("free")
        first.send(scene.client)
        parcel = first.acknowledged["parcel_id"]
        wait_for("it is told", lambda: scene.receiver.of_type("reservation.confirmed", parcel))
        holds.execute("SELECT 1 FROM feed_counters FOR UPDATE")
        scene.operation("free").send(scene.client)  # acknowledged, and not yet numbered
        # Lockers are put up before commits wait.
        sizes = {IN_LOCK: 2, IN_WRITE: 2, AT_COMMIT: 2, AFTER_COMMIT: 2, AT_GATE: WAITING}
        ready = {step: [scene.operation(step) for _ in range(n)] for step, n in sizes.items()}
        for one in (*ready[IN_LOCK], *ready[IN_WRITE]):
            _hold(holds, scene.tenant, one)
        sent = scene.send_apart([*ready[IN_LOCK], *ready[IN_WRITE], *ready[AT_COMMIT]])
        scene.wired.hand.add(*_news(scene))
        holds.execute("LOCK TABLE ledger IN SHARE MODE")
        scene.wired.journal()
        held = {IN_LOCK: 2, IN_WRITE: 2, AT_COMMIT: 2, IN_INGEST: 1, IN_NUMBERING: 1}
        wait_for("each is in its step", lambda: scene.seen() >= Counter(held))
        _let_commits_wait(scene)
        sent += scene.send_apart(ready[AFTER_COMMIT])
        sent += scene.send(ready[AT_GATE])
        wait_for("all are sent", lambda: all(each.running() for each in sent))
        where = scene.seen()
        where[AT_GATE] = sum(not each.done() for each in sent) - PLACES
        scene.postgres.kill()
        for answered in sent:
            answered.result()
    (scene.postgres.data / "postgresql.auto.conf").write_text("")
    scene.postgres.start()
    scene.engine.dispose()
    return where


def _hold(holds: "psycopg.Connection[Any]", tenant: str, one: Operation) -> None:
    """Keep an operation from its first statement, or its last."""
    if one.step == IN_LOCK:
        holds.execute("SELECT 1 FROM lockers WHERE id = %s FOR UPDATE", (one.locker_id,))
    else:
        holds.execute(
            "INSERT INTO answers VALUES (%s, 'POST /v1/reservations', %s, '', 201, '{}', now())",
            (tenant, one.key),
        )


def _news(scene: Scene) -> tuple[Any, ...]:
    first = () if scene.wired.hand.stored else (events.StoreCreated(reason="commissioned"),)
    return (*first, events.Booted(software="0.1.0"))


def _let_commits_wait(scene: Scene) -> None:
    """Let every commit from now on be durable and yet not answered, until one is seen to be."""
    with scene.connect() as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        admin.execute("SELECT pg_reload_conf()")

    def probe() -> None:
        with scene.connect() as admin:
            while True:
                admin.execute("CREATE TEMPORARY TABLE IF NOT EXISTS t (i int)")
                admin.execute("UPDATE carriers SET name = name")

    def until_killed() -> None:
        with pytest.raises(psycopg.Error):
            probe()

    scene.people.submit(until_killed)
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

    def one_waits() -> bool:
        with scene.connect() as admin:
            return bool((admin.execute(waits).fetchone() or (0,))[0])

    wait_for("a commit waits", one_waits)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_postgresql_is_killed(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    rounds = 10 if hypothesis.settings.get_current_profile_name() == "full" else 1
    for _ in range(rounds):
        where = _kill_in_every_step(scene)
        in_flight = where[AT_GATE] + sum(where[step] for step in _SEEN)
        assert in_flight >= 10, where
        assert len([step for step, count in where.items() if count]) >= 5, where
        _ask_again(scene)
    _judge(scene)
    record_property("postgresql_killed.where", dict(where))
    record_property("postgresql_killed.rounds", rounds)


def _ask_again(scene: Scene) -> None:
    """Let every client ask again, by its key, until it has its answer."""
    scene.wired.journal()
    for one in scene.operations:
        wait_for(f"an answer to {one.step}", partial(_answered, one, scene.client))
        one.send(scene.client)


def _answered(one: Operation, client: httpx.Client) -> bool:
    one.send(client)
    return one.heard[-1][0] == 201


def _judge(scene: Scene) -> None:
    for one in scene.operations:
        answers = [body for status, body, _ in one.heard if status == 201]
        assert answers
        assert all(body == answers[0] for body in answers), one.step
        unknown = [status for status, *_ in one.heard if status != 201]
        assert all(status in (503, *_BROKEN) for status in unknown), one.heard
        first = next(old for status, _, old in one.heard if status == 201)
        if one.step == AFTER_COMMIT:
            assert first, "it was durable: the retry finds the answer that nobody heard"
        elif one.step != "free":
            assert not first, f"{one.step}: nothing of it was durable"
    ids = {one.acknowledged["id"] for one in scene.operations}
    assert len(ids) == len(scene.operations)
    with scene.connect() as admin:
        rows = admin.execute("SELECT id::text, locker_id FROM reservations").fetchall()
    assert dict(rows) == {one.acknowledged["id"]: one.locker_id for one in scene.operations}
    told = wait_for("every webhook", lambda: _told(scene, len(ids)), timeout_s=60)
    assert set(told) == {one.acknowledged["parcel_id"] for one in scene.operations}
    confirmed = [one for one in _feed(scene.client) if one["type"] == "reservation.confirmed"]
    assert len(confirmed) == len(ids)
    head = len(scene.wired.hand.stored)
    wait_for("the journal is acknowledged", lambda: scene.wired.acked == head)


_BROKEN = ("RemoteProtocolError", "ReadError", "ReadTimeout")
"""A connection that died is no answer either, though here none should."""


def _feed(client: httpx.Client) -> list[Any]:
    found: list[Any] = []
    after = -1
    while after != (after := found[-1]["position"] if found else 0):
        found += client.get("/v1/events", params={"after": after}).json()["events"]
    return found


def _told(scene: Scene, count: int) -> list[str] | None:
    told = [one["data"]["parcel_id"] for one in scene.receiver.of_type("reservation.confirmed")]
    return told if len(set(told)) >= count else None
