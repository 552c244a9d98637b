"""PostgreSQL killed under load: what was acknowledged stays, and every retry finds its answer.

Each operation is held in a step of its own by a lock that the test has, or by a commit that waits
for a replica which never comes; so it is known where the kill found it. The verdict is from what
the clients and the locker themselves wrote down: what they were acknowledged is looked for before
any of them sends anything again.
"""

import json
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine, select

from fellesskap_backend import db, secrets
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.settings import Settings
from fellesskap_protocol import events
from fellesskap_protocol.messages import Ack
from fellesskap_protocol.signing import b64url, seal, unseal
from fellesskap_protocol.topics import topic
from tests.backend.api import put_up
from tests.backend.lockers import HandLocker
from tests.backend.postgres import Postgres
from tests.system.house import Installation, installation, wait_for
from tests.system.in_flight import KINDS, RESERVE, UNKNOWN, Operation
from tests.system.receiver import Receiver

PLACES = 4 + 2 * len(KINDS)
"""Requests at work at a time: two reservations in each of two steps, and one of each kind before
its commit and one after it; the others wait at the gate."""
WAITING = 4
LOCK = 7
IN_LOCK, IN_WRITE, AT_COMMIT, AFTER_COMMIT = "lock", "write", "commit", "committed"
FREE, AT_GATE, IN_INGEST, IN_NUMBERING = "free", "gate", "ingest", "numbering"
MIX = {
    FREE: KINDS,
    IN_LOCK: [RESERVE] * 2,
    IN_WRITE: [RESERVE] * 2,
    AT_COMMIT: KINDS,
    AFTER_COMMIT: KINDS,
    AT_GATE: [RESERVE] * WAITING,
}
"""Which kinds of request are killed where; what is free was acknowledged before."""
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
CREATE CONSTRAINT TRIGGER hold AFTER INSERT OR UPDATE ON rights DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION hold();
"""
"""Whatever a carrier asks for, its locker is told by a right."""


class Wired:
    """A locker by hand on the broker; it sends of its journal what was not acknowledged."""

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
        self._say("journal", self.hand.batch(self.acked + 1))

    def is_acknowledged(self) -> bool:
        return self.acked == len(self.hand.stored)

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

    def operation(self, step: str, kind: Any = RESERVE) -> Operation:
        """Make an operation of a locker of its own."""
        number = len(self.operations) + 1
        locker_id = f"{step}-{number}"
        put_up(self.engine, locker_id, doors=2)
        self.operations.append(kind(step, self.client, locker_id, number))
        return self.operations[-1]

    def recorded(self) -> list[bytes]:
        """Return the locker's journal as it is in the ledger."""
        rows = select(Entry.body).where(Entry.locker_id == "wired").order_by(Entry.seq)
        with db.reader(self.engine) as session:
            return [bytes(one) for one in session.scalars(rows)]

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
    _journal(scene)
    wait_for("the journal is acknowledged", scene.wired.is_acknowledged)
    # Lockers are put up, and what is to be changed is reserved, before commits wait.
    first, second = scene.operation(FREE), scene.operation(FREE)
    ready = {step: [scene.operation(step, kind) for kind in kinds] for step, kinds in MIX.items()}
    with closing(scene.connect()) as locks, closing(scene.connect()) as holds:
        locks.execute(f"SELECT pg_advisory_lock({LOCK})")
        holds.execute("BEGIN")
        first.send(scene.client)
        wait_for("it is told", partial(_is_told, scene, first.confirmed))
        holds.execute("SELECT 1 FROM feed_counters FOR UPDATE")
        for one in (second, *ready[FREE]):
            one.send(scene.client)  # acknowledged, and not yet numbered
            assert one.answers, one.heard
        for one in (*ready[IN_LOCK], *ready[IN_WRITE]):
            _hold(holds, scene.tenant, one)
        sent = scene.send_apart([*ready[IN_LOCK], *ready[IN_WRITE], *ready[AT_COMMIT]])
        holds.execute("LOCK TABLE ledger IN SHARE MODE")
        _journal(scene)
        held = {step: len(ready[step]) for step in (IN_LOCK, IN_WRITE, AT_COMMIT)}
        held |= {IN_INGEST: 1, IN_NUMBERING: 1}
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
        locker = (one.body or {})["locker_id"]
        holds.execute("SELECT 1 FROM lockers WHERE id = %s FOR UPDATE", (locker,))
    else:
        holds.execute(
            "INSERT INTO answers VALUES (%s, 'POST /v1/reservations', %s, '', 201, '{}', now())",
            (tenant, one.key),
        )


def _journal(scene: Scene) -> None:
    """Let the locker journal something, and send it."""
    hand = scene.wired.hand
    first = () if hand.stored else (events.StoreCreated(reason="commissioned"),)
    hand.add(*first, events.Booted(software="0.1.0"))
    scene.wired.journal()


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
        _look_for_what_was_acknowledged(scene)
        _ask_again(scene)
    _judge(scene)
    record_property("postgresql_killed.where", dict(where))
    record_property("postgresql_killed.rounds", rounds)


def _look_for_what_was_acknowledged(scene: Scene) -> None:
    """Find it while nobody has sent anything again; and nothing of what was not durable."""
    wait_for("the API answers", lambda: scene.client.get("/v1/reservations").status_code == 200)
    acked, recorded = scene.wired.acked, scene.recorded()
    assert acked > 0
    assert recorded[:acked] == scene.wired.hand.stored[:acked], "what was acknowledged is lost"
    for one in scene.operations:
        found = len(one.traces(scene.client))
        assert found == (one.times if _was_durable(one) else 0), (one.step, one.verb, one.path)


def _was_durable(one: Operation) -> bool:
    return bool(one.answers) or one.step == AFTER_COMMIT


def _ask_again(scene: Scene) -> None:
    """Let every client ask again, by its key, until it has its answer."""
    scene.wired.journal()
    for one in scene.operations:
        wait_for(f"an answer to {one.step}", partial(_answered, one, scene.client))
        one.send(scene.client)


def _answered(one: Operation, client: httpx.Client) -> bool:
    one.send(client)
    return one.is_answered


def _judge(scene: Scene) -> None:
    for one in scene.operations:
        one.judge(scene.client, was_durable=one.step in (FREE, AFTER_COMMIT))
        assert all(heard.status in UNKNOWN for heard in one.heard[: one.step != FREE]), one.heard
    confirmed = [one for operation in scene.operations for one in operation.confirmed]
    with scene.connect() as admin:
        rows = admin.execute("SELECT id::text, locker_id FROM reservations").fetchall()
    assert dict(rows) == {one["id"]: one["locker_id"] for one in confirmed}
    wait_for("the journal is acknowledged", scene.wired.is_acknowledged)
    assert scene.recorded() == scene.wired.hand.stored
    _judge_what_is_told(scene)


def _judge_what_is_told(scene: Scene) -> None:
    """Each effect stands in the feed once, and went out by webhook."""
    expected = Counter[str]()
    for one in scene.operations:
        expected[one.told] += one.times
        expected["reservation.confirmed"] += len(one.prepared)
    feed = _feed(scene.client)
    assert Counter(one["type"] for one in feed) == expected
    positions = {one["position"] for one in feed}
    wait_for(
        "every webhook",
        lambda: {one["position"] for one in scene.receiver.deliveries} == positions,
        timeout_s=60,
    )


def _feed(client: httpx.Client) -> list[Any]:
    found: list[Any] = []
    after = -1
    while after != (after := found[-1]["position"] if found else 0):
        found += client.get("/v1/events", params={"after": after}).json()["events"]
    return found


def _is_told(scene: Scene, confirmed: list[Any]) -> bool:
    told = {one["data"]["parcel_id"] for one in scene.receiver.of_type("reservation.confirmed")}
    return told >= {one["parcel_id"] for one in confirmed}
