"""The whole house as processes, at its front doors, on nats-server (embedded) and on Mosquitto."""

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.brokers import Broker
from tests.system.demo import play
from tests.system.house import Installation, installation, wait_for
from tests.system.receiver import Receiver
from tests.system.reserving import reserved_when_known
from tests.system.verdict import disagreements

Json = dict[str, Any]
LOCKER_ID = "fornebu-1"
LABEL = "370712345678901238"


@pytest.fixture(params=["nats", "mosquitto"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """A running backend with its embedded broker, or with Debian's Mosquitto."""
    with contextlib.ExitStack() as stack:
        env = {}
        if request.param == "mosquitto":
            broker = Broker("mosquitto", tmp_path / "broker").start()
            stack.callback(broker.stop)
            env = {
                "FELLESSKAP_BROKER_URL": broker.url("backend"),
                "FELLESSKAP_LOCKER_BROKER_URL": broker.url("locker"),
                "FELLESSKAP_OPERATOR_BROKER_URL": broker.url("operator"),
            }
        running = stack.enter_context(installation(tmp_path / "house", env))
        if request.param == "mosquitto":
            running.broker = broker
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A carrier's webhook endpoint."""
    listening = Receiver()
    yield listening
    listening.close()


def reserved(carrier: httpx.Client) -> Json:
    """Reserve for one small parcel and wait until the locker has the right."""
    return reserved_when_known(
        carrier,
        {
            "locker_id": LOCKER_ID,
            "label": {"kind": "sscc", "value": LABEL},
            "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
            "deposit_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
            "collect_within": "P3D",
        },
    )


def state_of(carrier: httpx.Client, parcel_id: str) -> str:
    return str(carrier.get(f"/v1/parcels/{parcel_id}").json()["state"])


def test_the_demo_ends_with_a_clean_verdict(house: Installation, receiver: Receiver) -> None:
    assert play(house, receiver, keep=False)
    secrets = canaries(house, receiver)
    assert len(secrets) >= 6
    assert leaks(house, secrets) == []


def canaries(house: Installation, receiver: Receiver) -> list[str]:
    """Every code, key and password that this installation knows."""
    found = [receiver.secret]
    for delivery in receiver.of_type("parcel.deposited"):
        found += [delivery["data"]["pickup_code"], delivery["data"]["addition"] + "\n"]
    for locker in house.lockers:
        provision = json.loads((locker.folder / "state" / "provision.json").read_text())
        found += [provision["k_locker"], provision["broker"]["password"]]
    assert house.backend is not None
    found.append(house.backend.ready["operator"]["password"])
    return [one for one in found if one]


def leaks(house: Installation, secrets: list[str]) -> list[str]:
    """Return each secret that stands in a log."""
    logs = [path for path in house.root.rglob("*.log") if path.is_file()]
    assert logs
    return [
        f"{path.name}: {secret[:4]}…"
        for path in logs
        for secret in secrets
        if secret in path.read_text(errors="replace")
    ]


def test_altering_one_pulse_makes_the_verdict_fail(house: Installation, receiver: Receiver) -> None:
    carrier, keys = house.carrier("Nordpost", receiver.url)
    receiver.secret = keys["webhook_secret"]
    locker = house.locker(LOCKER_ID)
    parcel_id = reserved(carrier)["parcel_id"]
    locker.hardware.person("put_in")
    locker.hardware.scan(f"]C100{LABEL}")
    wait_for("deposited", lambda: state_of(carrier, parcel_id) == "deposited")
    history = carrier.get(f"/v1/parcels/{parcel_id}").json()["history"]
    pulses = locker.hardware.pulses()
    assert disagreements(history, pulses) == []
    assert disagreements(history, [{**pulses[0], "compartment": 23}])
    assert disagreements(history, [*pulses, pulses[0]])
    assert disagreements(history, [])


def kill_broker(house: Installation) -> None:
    """SIGKILL the broker; the embedded one is started again by `serve`."""
    if house.broker is not None:
        house.broker.kill()
        house.broker.start()
        return
    assert house.backend is not None
    children = Path(f"/proc/{house.backend.pid}/task/{house.backend.pid}/children").read_text()
    brokers = [
        int(pid)
        for path in Path(f"/proc/{house.backend.pid}/task").glob("*/children")
        for pid in path.read_text().split()
        if "nats-server" in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    assert len(brokers) == 1, children
    os.kill(brokers[0], signal.SIGKILL)


def test_broker_killed_in_the_middle_of_a_deposit(house: Installation, receiver: Receiver) -> None:
    carrier, keys = house.carrier("Nordpost", receiver.url)
    receiver.secret = keys["webhook_secret"]
    locker = house.locker(LOCKER_ID)
    parcel_id = reserved(carrier)["parcel_id"]
    locker.hardware.person("put_in", open_s=3)
    locker.hardware.scan(f"]C100{LABEL}")
    wait_for("the door open", lambda: any(door["open"] for door in locker.hardware.doors()))
    kill_broker(house)
    wait_for("deposited", lambda: state_of(carrier, parcel_id) == "deposited", 90)
    history = carrier.get(f"/v1/parcels/{parcel_id}").json()["history"]
    whats = [entry["what"] for entry in history]
    assert whats.count("deposited") == whats.count("door_opened") == whats.count("pulsed") == 1
    assert len(locker.hardware.pulses()) == 1
    wait_for("told once", lambda: receiver.of_type("parcel.deposited", parcel_id))
    assert len(receiver.of_type("parcel.deposited", parcel_id)) == 1


def test_backend_killed_and_started_again(house: Installation, receiver: Receiver) -> None:
    """What was acknowledged survives; what happened meanwhile is told afterwards."""
    carrier, keys = house.carrier("Nordpost", receiver.url)
    receiver.secret = keys["webhook_secret"]
    locker = house.locker(LOCKER_ID)
    parcel_id = reserved(carrier)["parcel_id"]
    assert house.backend is not None
    house.backend.kill()
    locker.hardware.person("put_in")
    locker.hardware.scan(f"]C100{LABEL}")
    wait_for("the parcel inside", lambda: any(door["full"] for door in locker.hardware.doors()))
    house.start()
    wait_for("deposited", lambda: state_of(carrier, parcel_id) == "deposited", 90)
    told = wait_for("told", lambda: receiver.of_type("parcel.deposited", parcel_id))
    assert re.fullmatch("[0-9]{8}", told[0]["data"]["pickup_code"])


def test_an_operator_opens_a_door_with_a_stated_reason(house: Installation) -> None:
    operator, locker = house.operator(), house.locker(LOCKER_ID)
    carrier, _ = house.carrier("Nordpost")
    reserved(carrier)
    path = f"/v1/lockers/{LOCKER_ID}/door-operations"
    silent = operator.post(path, json={"compartment": 5, "reason_code": "inspection"})
    assert silent.status_code == 422
    assert silent.headers["content-type"] == "application/problem+json"
    locker.hardware.person("nothing", 5, open_s=0.5)
    wish = {"compartment": 5, "reason_code": "inspection", "reason": "Weekly look at door 5"}
    answer = operator.post(path, json=wish)
    assert answer.status_code == 202, answer.text
    where = answer.headers["location"]
    wait_for("closed", lambda: operator.get(where).json()["state"] == "closed")
    assert [pulse["compartment"] for pulse in locker.hardware.pulses()] == [5]
    second = operator.post(path, json=wish)
    wait_for(
        "the edge's own limit",
        lambda: operator.get(second.headers["location"]).json()["state"] == "rejected",
    )
    assert len(locker.hardware.pulses()) == 1
    assert carrier.post(path, json=wish).status_code == 403


def test_documents_and_health_need_no_key(house: Installation) -> None:
    assert httpx.get(f"{house.url}/v1/health").status_code == 200
    page = httpx.get(f"{house.url}/docs").text
    assert "/v1/reservations" in page
    assert "//cdn" not in page
