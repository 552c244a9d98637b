"""I11: a secret that leaves a life is found, whichever it is and wherever it does; and named."""

import logging
from base64 import b64encode
from collections.abc import Callable

import msgspec
import pytest

from fellesskap_protocol.codes import CODE_DIGITS
from fellesskap_protocol.signing import b64url
from tests.judge import history
from tests.judge.canaries import Secret
from tests.simulation import secrecy
from tests.simulation.conftest import ENDED
from tests.simulation.damage import changes
from tests.simulation.life import Life

pytestmark = ENDED


def _log(life: Life, text: str) -> None:
    del life
    logging.getLogger("fellesskap_backend.rim").info("somebody typed %s", text)


def _fails(text: str) -> None:
    raise ValueError(text)


def _traceback(life: Life, text: str) -> None:
    del life
    try:
        _fails(text)
    except ValueError:
        logging.getLogger("fellesskap_edge.drive").exception("out of order")


def _refusal(life: Life, text: str) -> None:
    life.world.left.errors.append(str({"title": "No such code", "detail": f"{text} is unknown"}))


def _topic(life: Life, text: str) -> None:
    life.world.left.topics.add(f"fellesskap/v1/c9/{text}/state")


def _telemetry(life: Life, text: str) -> None:
    life.world._backend_says("none", "telemetry", msgspec.json.encode({"last_code": text}))


def _result(life: Life, text: str) -> None:
    said = b64url(msgspec.json.encode({"outcome": "done", "why": f"typed {text}"})).encode()
    life.world._backend_says("none", "results", b"e30." + said + b".c2ln")


def _entry(life: Life, text: str) -> None:
    event = msgspec.json.encode({"type": "presented", "kind": "code", "value": text})
    record = history.Journalled(at=0.0, locker="skap-1", epoch="1", event=event)
    life.world.chronicle.records.append(record)


def _batch(life: Life, text: str) -> None:
    event = msgspec.json.encode({"type": "presented", "kind": "code", "value": text}).decode()
    said = b64url(msgspec.json.encode({"events": [event]})).encode()
    life.world._backend_says("none", "journal", b"e30." + said + b".c2ln")


def _url(life: Life, text: str) -> None:
    life.world.left.urls.add(f"https://nordpost.example/hook?code={text}")


def _path(life: Life, text: str) -> None:
    record = history.Asked(at=0.0, op="x", who="operator", act="look", target=text)
    life.world.chronicle.records.append(record)


def _column(life: Life, text: str) -> None:
    sql = "UPDATE parcels SET label_value = ? WHERE id = (SELECT min(id) FROM parcels)"
    assert changes(life, sql, text)


def _body(life: Life, text: str) -> None:
    body = msgspec.json.encode({"pickup_code": text}).decode()
    assert changes(life, "UPDATE answers SET body = ? WHERE rowid = 1", body)


CHANNELS: dict[str, tuple[Callable[[Life, str], None], str]] = {
    "log": (_log, "a log,"),
    "traceback": (_traceback, "a log,"),
    "error text": (_refusal, "a error text,"),
    "topic": (_topic, "a topic,"),
    "telemetry": (_telemetry, "a message of telemetry,"),
    "result": (_result, "a message of results,"),
    "entry": (_entry, "a journal,"),
    "batch": (_batch, "a message of journal,"),
    "URL": (_url, "a URL,"),
    "path": (_path, "a URL,"),
    "column": (_column, "a column parcels.label_value,"),
    "JSON in a column": (_body, "a column answers.body,"),
}
SECRETS = (
    *("code 0 of", "long code 0 of", "qr 0 of", "key 0", "root key", "signing key", "K_master"),
    *("K_codes", "K_broker", "K_locker of skap-1", "device key of skap-1", *secrecy.PERSON),
)


def _secret(life: Life, name: str) -> tuple[str, Secret]:
    every = secrecy.secrets(life)
    found = next(one for one in sorted(every) if one.startswith(name))
    return found, every[found]


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("name", ["code 0 of", "key 0"])
def test_a_secret_that_leaves_is_found_wherever_it_does(
    life: Life, channel: str, name: str
) -> None:
    leak, where = CHANNELS[channel]
    secret, value = _secret(life, name)
    leak(life, str(value))
    told = list(secrecy.leaks(life))
    assert told
    assert [one for one in told if not one.startswith(f"I11 {secret} stands in {where} ")] == []


@pytest.mark.parametrize("name", SECRETS)
def test_whatever_is_secret_is_found_in_a_log(life: Life, name: str) -> None:
    secret, value = _secret(life, name)
    _log(life, value if isinstance(value, str) else value.hex())
    assert any(one.startswith(f"I11 {secret} stands in a log, ") for one in secrecy.leaks(life))


@pytest.mark.parametrize(
    "written", [b64url, lambda key: b64encode(b"k=" + key).decode(), bytes.hex]
)
def test_a_key_is_found_in_whatever_way_its_bytes_are_written(
    life: Life, written: Callable[[bytes], str]
) -> None:
    secret, value = _secret(life, "K_locker of")
    assert isinstance(value, bytes)
    _body(life, written(value))
    assert [one[: one.rindex(",")] for one in secrecy.leaks(life)] == [
        f"I11 {secret} stands in a column answers.body"
    ]


def test_a_code_that_was_changed_since_is_still_one(life: Life) -> None:
    one = next(one for one in life.shipments if one.code)
    before = one.code
    one.told(f"{(int(before[:CODE_DIGITS]) + 1) % 10**CODE_DIGITS:08d}", before[CODE_DIGITS:])
    _log(life, before)
    assert any("long code 0" in leak for leak in secrecy.leaks(life))
