"""`make demo SCENE=busy`: a busy visit with a fast hand, and the network cut in the middle.

Three banks of three families (8A, KERONG, the computer's own pins), two carriers, a consolidator,
thirty deposits, pickups, one jam, one door left open, one forced. Backend, broker, daemon and
hardware are processes of their own and are met at their front doors. Ends with a table of what
happened and every invariant checked.
"""

import json
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.progress import track

from tests.system.brokers import Broker
from tests.system.busy_judge import judge
from tests.system.busy_locker import LOCKER_ID, toml
from tests.system.busy_scene import Json, Parcel, Scene, console, rows, state
from tests.system.facts import Facts
from tests.system.house import BIN, Installation, installation, wait_for
from tests.system.overheard import Overheard
from tests.system.receiver import Receiver

OPEN_S = 0.25
"""How long the fast hand lets a door stand open."""
BEFORE_CUT, IN_CUT, BY_CONSOLIDATOR, UNANNOUNCED = 14, 10, 3, 3
LEFT_OPEN_S_MAX = 150.0
LOW_EVERY = 5


def busy(root: Path) -> bool:
    """Play the visit; return whether every invariant held."""
    broker = Broker("nats", root / "broker").start()
    env = {
        "FELLESSKAP_BROKER_URL": broker.url("backend"),
        "FELLESSKAP_LOCKER_BROKER_URL": broker.url("locker"),
        "FELLESSKAP_OPERATOR_BROKER_URL": broker.url("operator"),
        "FELLESSKAP_ALLOWANCES": json.dumps({"S": UNANNOUNCED}),
    }
    receivers = [Receiver(), Receiver()]
    try:
        with installation(root / "house", env) as house:
            scene = _set_up(house, broker, receivers)
            try:
                _play(scene)
                return judge(scene, root)
            finally:
                scene.overheard.close()
    finally:
        for receiver in receivers:
            receiver.close()
        broker.stop()


def _set_up(house: Installation, broker: Broker, receivers: Sequence[Receiver]) -> Scene:
    carriers = {}
    for name, receiver in zip(("Nordpost", "Sydpost"), receivers, strict=True):
        client, keys = house.carrier(name, receiver.url)
        receiver.secret = keys["webhook_secret"]
        carriers[name] = (client, receiver, keys)
    locker = house.locker(LOCKER_ID, toml())
    client = carriers["Nordpost"][0]
    path = f"/v1/lockers/{LOCKER_ID}/availability"
    wait_for("known doors", lambda: "many" in client.get(path).json()["size_classes"].values())
    return Scene(house, locker, broker, carriers, Facts(locker), Overheard(broker))


def _play(scene: Scene) -> None:
    reserved = BEFORE_CUT + IN_CUT + BY_CONSOLIDATOR
    scene.say(f"34 doors of three families answer; two carriers reserve for {reserved} parcels")
    _reserve(scene, reserved)
    first, rest = scene.parcels[0], scene.parcels[1:]
    _deposit(scene, first)
    scene.say("a resident collects the first parcel and walks away: the door stands open")
    _collect(scene, first, shuts=False)
    _deposits(scene, rest[: BEFORE_CUT - 1], "couriers deposit, one jam on the way", jam_at=5)
    scene.say("door 34 is forced open")
    scene.locker.hardware.ask("force", compartment=34)
    _journalled(scene, "forced", 15.0)
    scene.locker.hardware.ask("shut", compartment=34)
    scene.happened["door forced"] += 1
    _codes(scene, scene.parcels[1:6])
    scene.say("the network is cut: the broker is killed")
    scene.broker.kill()
    at = BEFORE_CUT - 1
    _deposits(scene, rest[at : at + IN_CUT], "couriers go on, with the network down")
    for parcel in scene.parcels[1:4]:
        _collect(scene, parcel)
        scene.offline_pickups += 1
    scene.say("three residents collected offline; the network is back")
    scene.broker.start()
    _consolidate(scene, rest[at + IN_CUT :])
    for parcel in scene.parcels[4:6]:
        _collect(scene, parcel)
    scene.say("waiting for the reminder at the door that was left open")
    _journalled(scene, "left_open", LEFT_OPEN_S_MAX)
    scene.happened["door left open"] += 1
    for row in scene.locker.hardware.doors():
        if row["open"]:
            scene.locker.hardware.ask("shut", compartment=row["compartment"])
    wanted = {parcel.id: "collected" for parcel in scene.parcels[:6]}
    wait_for(
        "the ledger to catch up",
        lambda: all(state(one) == wanted.get(one.id, "deposited") for one in scene.parcels),
        60.0,
    )
    scene.say("the backlog has drained")


def _reserve(scene: Scene, count: int) -> None:
    names = sorted(scene.carriers)
    for turn in range(count):
        carrier, receiver, _ = scene.carriers[names[turn % 2]]
        label = _sscc(turn)
        asked = {
            "locker_id": LOCKER_ID,
            "label": {"kind": "sscc", "value": label},
            "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
            "needs": ["low"] if turn % LOW_EVERY == 0 else [],
            "deposit_by": "2099-01-01T00:00:00Z",
            "collect_within": "P3D",
        }
        asked["deposit_by"] = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        headers = {"Idempotency-Key": f"busy-{turn}"}
        answer = carrier.post("/v1/reservations", headers=headers, json=asked)
        answer.raise_for_status()
        again = carrier.post("/v1/reservations", headers=headers, json=asked)
        if again.json()["id"] != answer.json()["id"]:
            scene.unequal.append(f"busy-{turn}")
        parcel_id = answer.json()["parcel_id"]
        parcel = Parcel(f"]C100{label}", carrier, receiver, parcel_id, decided=True)
        parcel.low = bool(asked["needs"])
        scene.parcels.append(parcel)
    last = f"/v1/reservations/{answer.json()['id']}"
    wait_for("the locker has the rights", lambda: carrier.get(last).json()["delivered_to_locker"])


def _sscc(turn: int) -> str:
    digits = f"37071234567{turn:06d}"
    weighted = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(digits))
    return f"{digits}{(10 - weighted % 10) % 10}"


def _deposits(
    scene: Scene, parcels: Sequence[Parcel], what: str, jam_at: int | None = None
) -> None:
    scene.say(what)
    for turn, parcel in enumerate(track(parcels, f"         {what}", console=console)):
        if turn == jam_at:
            _jam(scene, parcel)
        else:
            _deposit(scene, parcel)


def _deposit(scene: Scene, parcel: Parcel) -> None:
    """Scan, put in, shut: as fast as the doors go."""
    begun = time.monotonic()
    scene.locker.hardware.scan(parcel.label + "\r")
    number = scene.facts.wait("pulse_started", begun)["compartment"]
    scene.locker.hardware.person("put_in", number, open_s=OPEN_S)
    scene.facts.wait("door_shut", begun, compartment=number)
    _at_rest(scene)
    scene.happened["deposited"] += 1


def _jam(scene: Scene, parcel: Parcel) -> None:
    """The next door jams: the courier says so by one key, and another opens without a rescan."""
    doors = scene.locker.hardware.doors()
    number = min(row["compartment"] for row in doors if not (row["full"] or row["open"]))
    scene.locker.hardware.ask("fault", name="jammed", value=True, part=number)
    begun = time.monotonic()
    scene.locker.hardware.scan(parcel.label + "\r")
    scene.facts.wait("pulse_ended", begun, compartment=number)
    scene.say(f"door {number} jams; the courier presses “Broken”")
    told = scene.locker.kiosk.post("/api/key", json={"key": "broken"}).json()
    assert told["outcome"] == "opens", told
    scene.locker.hardware.person("put_in", told["compartment"], open_s=OPEN_S)
    scene.facts.wait("door_shut", begun, compartment=told["compartment"])
    _at_rest(scene)
    scene.happened["jammed door, another opened"] += 1
    scene.happened["deposited"] += 1


def _at_rest(scene: Scene) -> None:
    """Wait until the page says that no deposit is in hand."""
    url = "/api/status"
    wait_for(
        "the deposit is done",
        lambda: scene.locker.kiosk.get(url).json()["standing"]["act"] != "deposit",
    )


def _codes(scene: Scene, parcels: Sequence[Parcel]) -> None:
    """Read the recipients' codes out of the carriers' webhooks."""
    for parcel in parcels:
        told = wait_for("parcel.deposited", partial(_deposited, parcel))
        parcel.code = told[0]["data"]["pickup_code"]


def _deposited(parcel: Parcel) -> list[Json]:
    return parcel.receiver.of_type("parcel.deposited", parcel.id)


def _collect(scene: Scene, parcel: Parcel, *, shuts: bool = True) -> None:
    if parcel.code is None:
        _codes(scene, [parcel])
    begun = time.monotonic()
    told = scene.locker.enter(str(parcel.code))
    assert told["outcome"] == "opens", told
    number = told["compartment"]
    scene.locker.hardware.ask(
        "person", act="take_out", compartment=number, open_s=OPEN_S, shuts=shuts
    )
    scene.facts.wait("door_shut" if shuts else "taken_out", begun, compartment=number)
    scene.happened["collected"] += 1


def _consolidate(scene: Scene, parcels: Sequence[Parcel]) -> None:
    """A consolidator shows one badge for both carriers and deposits for both."""
    command = [str(BIN / "fellesskap-firmware-sim"), "badge", "--locker", LOCKER_ID]
    command += ["--secrets", str(scene.house.state / "secrets.json")]
    for _, _, keys in scene.carriers.values():
        command += ["--carrier", keys["carrier_id"]]
    badge = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    scene.locker.hardware.scan(badge + "\r")
    page = scene.locker.kiosk
    wait_for("the badge", lambda: page.get("/api/status").json()["standing"]["courier"])
    _deposits(scene, parcels, "a consolidator deposits for both, with one badge")
    scene.say(f"{UNANNOUNCED} that nobody announced: the consolidator says for whom, and how large")
    names = sorted(scene.carriers)
    for turn in range(UNANNOUNCED):
        _unannounced(scene, names[turn % len(names)], _sscc(len(scene.parcels)))
    scene.locker.kiosk.post("/api/key", json={"key": "done"})


def _unannounced(scene: Scene, name: str, label: str) -> None:
    """Put in a parcel that nobody reserved for; its carrier learns of it, and its id."""
    carrier, receiver, keys = scene.carriers[name]
    begun = time.monotonic()
    scene.locker.hardware.scan(f"]C100{label}\r")
    page = scene.locker.kiosk
    wait_for("“For whom?”", lambda: page.get("/api/status").json()["standing"]["asks"] == "carrier")
    told = _key(scene, "carrier", keys["carrier_id"])
    assert told["outcome"] == "choose_size", told
    told = _key(scene, "size", told["options"][0])
    assert told["outcome"] == "opens", told
    scene.locker.hardware.person("put_in", told["compartment"], open_s=OPEN_S)
    scene.facts.wait("door_shut", begun, compartment=told["compartment"])
    _at_rest(scene)
    scene.happened["deposited"] += 1
    scene.happened["deposited unannounced, by badge"] += 1
    found = wait_for("the carrier to be told", lambda: _deposited_as(receiver, label))
    parcel_id = found[0]["data"]["parcel_id"]
    scene.parcels.append(Parcel(f"]C100{label}", carrier, receiver, parcel_id))


def _deposited_as(receiver: Receiver, label: str) -> list[Json]:
    told = receiver.of_type("parcel.deposited")
    return [one for one in told if (one["data"]["label"] or {}).get("value") == label]


def _key(scene: Scene, key: str, value: str) -> Json:
    answer: Json = scene.locker.kiosk.post("/api/key", json={"key": key, "value": value}).json()
    return answer


def _journalled(scene: Scene, kind: str, within_s: float) -> None:
    def is_there() -> bool:
        return any(row["type"] == kind for row in rows(scene))

    wait_for(f"{kind} in the journal", is_there, within_s)
