"""The bridge over a real broker: acknowledged after the commit, rights and commands delivered."""

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fellesskap_backend.bridge.exchange import Exchange
from fellesskap_backend.bridge.said import parts
from fellesskap_backend.broker import EmbeddedBroker
from fellesskap_backend.door_operations.tables import DoorOperation
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.mqtt import Bridge
from fellesskap_backend.settings import Login
from fellesskap_protocol import events, messages
from fellesskap_protocol.messages import Ack, Command, Keys, Presence, Right, Rights, Signed
from fellesskap_protocol.signing import SigningKey, seal, unseal
from fellesskap_protocol.topics import DOWNLINK, Kind, parse, topic
from tests.backend.api import Api, request, reserve
from tests.backend.lockers import HandLocker
from tests.system.house import wait_for

pytestmark = pytest.mark.slow

S = TypeVar("S", bound=Signed)
CLASS_OF: dict[Kind, type[Signed]] = {
    "ack": Ack,
    "rights": Rights,
    "commands": Command,
    "keys": Keys,
}


class WiredLocker(HandLocker):
    """A locker by hand on a real connection; `came` is what it was told, verified."""

    def __init__(self, api: Api, login: Login) -> None:
        super().__init__(api.secrets.installation)
        self.keys = {key.kid: key for key in (api.secrets.signing.public, api.secrets.root.public)}
        self.came: list[tuple[float, Signed]] = []
        self.answer: Callable[[Command], None] | None = None
        self._up = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self.client.username_pw_set(login["username"], login["password"])
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._up.set()
        self.client.on_message = self._on_message
        self.client.connect(login["host"], login["port"])
        self.client.loop_start()
        assert self._up.wait(10)

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(topic(self.locker_id, kind), 0) for kind in DOWNLINK])

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        kind = CLASS_OF[parse(message.topic).kind]
        read = unseal(kind, bytes(message.payload), self.keys, aud=self.locker_id)
        self.came.append((time.monotonic(), read))
        if isinstance(read, Command) and self.answer is not None:
            self.answer(read)

    def of(self, kind: type[S]) -> list[S]:
        return [read for _, read in self.came if isinstance(read, kind)]

    def say(self, kind: Kind, message: Signed, key: SigningKey | None = None) -> None:
        self.publish(kind, seal(message, key or self.key))

    def publish(self, kind: Kind, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(topic(self.locker_id, kind), payload, qos=0, retain=retain)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker(api: Api) -> Iterator[EmbeddedBroker]:
    made = EmbeddedBroker(api.settings.state)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def bridge(api: Api, broker: EmbeddedBroker) -> Iterator[Bridge]:
    made = Bridge(api.settings, api.secrets, api.engine, broker.login("backend"))
    made.start()
    wait_for("the bridge is connected", lambda: made.up)
    yield made
    made.stop()


@pytest.fixture
def locker(api: Api, broker: EmbeddedBroker) -> Iterator[WiredLocker]:
    made = WiredLocker(api, broker.login("oslo-1"))
    made.claim(api)
    yield made
    made.close()


def test_birth_and_journal_are_acknowledged_once_recorded(
    api: Api, bridge: Bridge, locker: WiredLocker
) -> None:
    assert bridge.up
    locker.say("birth", locker.birth())
    wait_for("the ack", lambda: locker.of(Ack))
    ack = locker.of(Ack)[0]
    assert (ack.challenge, ack.acked_seq, ack.verdict) == ("challenge-1", 0, "ok")
    assert (ack.iss, ack.aud) == (api.secrets.installation, "oslo-1")
    locker.commission(3)
    locker.say("journal", locker.batch())
    wait_for("the second", lambda: len(locker.of(Ack)) == 2)
    assert locker.of(Ack)[1].acked_seq == 2
    assert api.count(Entry) == 2
    locker.say("journal", locker.batch())
    wait_for("a repeat's", lambda: len(locker.of(Ack)) == 3)
    assert api.count(Entry) == 2


def test_what_is_forged_altered_or_retained_changes_nothing(
    api: Api, bridge: Bridge, locker: WiredLocker
) -> None:
    locker.commission(3)
    locker.say("birth", locker.birth(), key=SigningKey(os.urandom(32)))
    locker.publish("birth", seal(locker.birth(), locker.key)[:-4] + b"AAAA")
    locker.publish("birth", seal(locker.batch(), locker.key))
    locker.publish("birth", seal(locker.birth(aud="another installation"), locker.key))
    locker.publish("birth", seal(locker.birth(iss="oslo-2"), locker.key))
    locker.publish("journal", b"\x00" * 1000)
    locker.publish("presence", b"[]")
    wait_for("all are let go", lambda: sum(bridge.refused.values()) == 7)
    assert locker.came == []
    assert api.count(Entry) == 0
    locker.say("birth", locker.birth())
    wait_for("it goes on", lambda: locker.of(Ack))


def test_rights_are_sent_until_the_locker_reports_them(
    api: Api, bridge: Bridge, locker: WiredLocker
) -> None:
    locker.commission(3)
    locker.say("birth", locker.birth())
    wait_for("an empty beginning", lambda: locker.of(Rights))
    assert locker.of(Rights)[0].from_ == 0
    locker.position = (1, 0)
    locker.say("journal", locker.batch())
    wait_for("acks", lambda: len(locker.of(Ack)) == 2)
    reservation = reserve(api.carrier(), request(), "k").json()
    begun = time.monotonic()
    bridge.wake()
    wait_for("the claim", lambda: locker.of(Rights)[-1].put)
    sent = locker.of(Rights)[-1]
    assert (sent.epoch, sent.generation, sent.from_, sent.to) == ("epoch-1", 1, 0, 1)
    assert [right.id for right in sent.put] == [reservation["right_id"]]
    count = len(locker.of(Rights))
    wait_for("it is sent again", lambda: len(locker.of(Rights)) == count + 1)
    assert time.monotonic() - begun > 1.9
    locker.position = (1, 1)
    locker.add(events.RightsApplied(generation=1, revision=1, used={}))
    locker.say("journal", locker.batch(3))
    wait_for("it is recorded", lambda: api.rows(Locker)[0].applied_revision == 1)
    assert api.rows(Locker)[0].reported_revision == 1


def test_what_has_time_goes_out_with_the_next_poll(
    api: Api, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No poll is made for it, and whoever sends webhooks hears of it with that poll."""
    monkeypatch.setattr("fellesskap_backend.mqtt.POLL_S", 1.0)
    polls: list[float] = []
    served = threading.Event()
    made = Bridge(
        *(api.settings, api.secrets, api.engine, broker.login("backend")), served=served.set
    )
    poll = Exchange.poll

    def counted(exchange: Exchange) -> None:
        polls.append(time.monotonic())
        poll(exchange)

    monkeypatch.setattr(Exchange, "poll", counted)
    made.start()
    try:
        wait_for("the first poll", lambda: bool(polls))
        assert not served.is_set(), "nothing was committed"
        polls.clear()
        for _ in range(100):
            made.wake(at_once=False)
        assert served.wait(20)
        assert len(polls) == 1
        served.clear()
        made.wake()
        assert served.wait(20)
    finally:
        made.stop()


def test_a_repeated_birth_is_answered_with_the_keys_too(
    bridge: Bridge, locker: WiredLocker
) -> None:
    assert bridge.up
    locker.say("birth", locker.birth())
    locker.say("birth", locker.birth())
    wait_for("keys", lambda: locker.of(Keys))
    assert len(locker.of(Ack)) == 2


def _open(operator: Any, bridge: Bridge) -> str:
    asked = {"compartment": 1, "reason_code": "inspection", "reason": "A smell."}
    answer = operator.post("/v1/lockers/oslo-1/door-operations", json=asked)
    assert answer.status_code == 202, answer.text
    bridge.wake()
    jti: str = answer.json()["id"]
    return jti


def _commanded(locker: WiredLocker, jti: str) -> bool:
    return any(command.jti == jti for command in locker.of(Command))


def _is(state: str, api: Api, jti: str) -> bool:
    return _state(api, jti) == state


def _state(api: Api, jti: str) -> str:
    return next(row.state for row in api.rows(DoorOperation) if str(row.id) == jti)


def test_a_command_goes_out_at_once_and_its_result_is_kept(
    api: Api, bridge: Bridge, locker: WiredLocker
) -> None:
    locker.answer = lambda command: locker.say("results", locker.result(command.jti, "done"))
    locker.say("birth", locker.birth())
    wait_for("the ack", lambda: locker.of(Ack))
    operator = api.operator()
    took = []
    for _ in range(20):
        begun = time.monotonic()
        jti = _open(operator, bridge)
        wait_for("the command", partial(_commanded, locker, jti))
        took.append(next(at for at, read in locker.came if getattr(read, "jti", "") == jti) - begun)
        wait_for("its outcome", partial(_is, "pulsed", api, jti))
    assert statistics.median(took) < 0.1, took
    command = locker.of(Command)[0]
    assert (command.kind, command.compartment) == ("open_door", 1)
    assert command.challenge == "challenge-1"
    assert locker.of(Command)[-1].challenge == "challenge-2"
    assert all(row.sent_at is not None for row in api.rows(DoorOperation))


def test_without_a_challenge_one_is_asked_for_first(
    api: Api, bridge: Bridge, locker: WiredLocker
) -> None:
    locker.answer = lambda command: locker.say("results", locker.result(command.jti, "done"))
    jti = _open(api.operator(), bridge)
    wait_for("its outcome", lambda: _state(api, jti) == "pulsed")
    kinds = [(command.kind, command.challenge) for command in locker.of(Command)]
    assert kinds == [("show_challenge", ""), ("open_door", "challenge-2")]


def test_a_stale_challenge_is_answered_by_the_same_jti_signed_once_more(
    api: Api, bridge: Bridge, locker: WiredLocker
) -> None:
    def stale(command: Command) -> None:
        fresh = f"challenge-{len(locker.of(Command)) + 10}"
        locker.say("results", locker.result(command.jti, "stale_challenge", challenge=fresh))

    locker.answer = stale
    locker.say("birth", locker.birth())
    wait_for("the ack", lambda: locker.of(Ack))
    jti = _open(api.operator(), bridge)
    wait_for("both", lambda: len(locker.of(Command)) == 2)
    wait_for("noted", lambda: api.rows(DoorOperation)[0].signed_again)
    challenges = [(command.jti, command.challenge) for command in locker.of(Command)]
    assert challenges == [(jti, "challenge-1"), (jti, "challenge-11")]
    # A birth that follows is answered after whatever a third answer had caused.
    locker.session = 2
    locker.say("birth", locker.birth())
    wait_for("the next ack", lambda: len(locker.of(Ack)) == 2)
    assert len(locker.of(Command)) == 2
    assert _state(api, jti) == "issued"


def test_presence_is_kept_and_the_late_will_of_an_old_connection_is_not(
    api: Api, bridge: Bridge, locker: WiredLocker
) -> None:
    locker.session = 5
    locker.say("birth", locker.birth())
    wait_for("the ack", lambda: locker.of(Ack))

    def say(session: int, *, online: bool) -> None:
        hint = Presence(session=session, online=online)
        locker.publish("presence", messages.encode(hint), retain=True)

    say(5, online=True)
    wait_for("online", lambda: api.rows(Locker)[0].online)
    say(4, online=False)
    locker.say("birth", locker.birth())
    wait_for("an ack after it", lambda: len(locker.of(Ack)) == 2)
    assert api.rows(Locker)[0].online
    say(5, online=False)
    wait_for("offline", lambda: not api.rows(Locker)[0].online)
    assert bridge.up


def test_after_the_broker_was_killed_the_journal_arrives_once(
    api: Api, broker: EmbeddedBroker, bridge: Bridge, locker: WiredLocker
) -> None:
    locker.say("birth", locker.birth())
    wait_for("the ack", lambda: locker.of(Ack))
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    wait_for("the bridge notices", lambda: not bridge.up)
    locker.commission(3)

    def acked() -> bool:
        locker.say("journal", locker.batch())
        return any(ack.acked_seq == 2 for ack in locker.of(Ack))

    wait_for("the journal is acknowledged", acked)
    assert api.count(Entry) == 2


def test_a_change_is_split_so_that_each_part_fits_a_message() -> None:
    put = [
        Right(id=f"{number:036d}", kind="claim", label_macs=("m" * 43,), code_mac="c" * 43)
        for number in range(600)
    ]
    remove = [f"{number:036d}" for number in range(3000)]
    split = parts(put, remove)
    assert len(split) > 2
    assert [right for part, _ in split for right in part] == put
    assert [one for _, part in split for one in part] == remove
    key = SigningKey(bytes(32))
    for number, (some, gone) in enumerate(split, start=1):
        seal(
            Rights(
                iat=2_000_000_000,
                iss="fellesskap-0123456789abcdef",
                aud="l" * 32,
                epoch="e" * 36,
                generation=1,
                from_=0,
                to=10**9,
                part=number,
                parts=len(split),
                put=some,
                remove=gone,
            ),
            key,
        )
    assert parts([], []) == [((), ())]
