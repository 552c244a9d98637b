"""`make demo SCENE=busy`: a busy visit with a fast hand, and the network cut in the middle.

Three banks of three families (8A, KERONG, the computer's own pins), two carriers, a consolidator,
thirty deposits, pickups, one jam, one door left open, one forced. Backend, broker, daemon and
hardware are processes of their own and are met at their front doors. Ends with a table of what
happened and every invariant checked.
"""

import json
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import track
from rich.table import Table

from fellesskap_edge.journal_reader import read
from tests.judge.canaries import leaks
from tests.system.brokers import Broker
from tests.system.busy_locker import LOCKER_ID, LOW, toml
from tests.system.busy_verdict import CHECKS, Visit
from tests.system.facts import Facts
from tests.system.house import BIN, Installation, Locker, installation, wait_for
from tests.system.overheard import Overheard
from tests.system.receiver import Receiver

OPEN_S = 0.25
"""How long the fast hand lets a door stand open."""
BEFORE_CUT, IN_CUT, BY_CONSOLIDATOR = 14, 10, 6
LEFT_OPEN_S_MAX = 150.0
LOW_EVERY = 5
Json = dict[str, Any]
console = Console(highlight=False)


@dataclass
class Parcel:
    """One parcel of the visit."""

    label: str
    carrier: httpx.Client
    receiver: Receiver
    id: str = ""
    code: str | None = None


@dataclass
class Scene:
    """Everybody and everything on stage."""

    house: Installation
    locker: Locker
    broker: Broker
    carriers: dict[str, tuple[httpx.Client, Receiver, Json]]
    facts: Facts
    overheard: Overheard
    parcels: list[Parcel] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    offline_pickups: int = 0
    unequal: list[str] = field(default_factory=list)

    def say(self, what: str) -> None:
        """Print what happens now."""
        console.print(f"[bold]{time.monotonic() - self.began:6.1f} s[/]  {what}")

    def __post_init__(self) -> None:
        self.began = time.monotonic()


def busy(root: Path) -> bool:
    """Play the visit; return whether every invariant held."""
    broker = Broker("nats", root / "broker").start()
    env = {
        "FELLESSKAP_BROKER_URL": broker.url("backend"),
        "FELLESSKAP_LOCKER_BROKER_URL": broker.url("locker"),
        "FELLESSKAP_OPERATOR_BROKER_URL": broker.url("operator"),
    }
    receivers = [Receiver(), Receiver()]
    try:
        with installation(root / "house", env) as house:
            scene = _set_up(house, broker, receivers)
            try:
                _play(scene)
                return _judge(scene, root)
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
    scene.say("34 doors of three families answer; two carriers reserve for 30 parcels")
    _reserve(scene, BEFORE_CUT + IN_CUT + BY_CONSOLIDATOR)
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
        lambda: all(_state(one) == wanted.get(one.id, "deposited") for one in scene.parcels),
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
        scene.parcels.append(Parcel(f"]C100{label}", carrier, receiver, parcel_id))
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
    wait_for(
        "the badge",
        lambda: (
            scene.locker.kiosk.get("/api/status").json()["scan"].get("outcome")
            == "courier_badge_accepted"
        ),
    )
    _deposits(scene, parcels, "a consolidator deposits for both, with one badge")
    scene.locker.kiosk.post("/api/key", json={"key": "done"})


def _state(parcel: Parcel) -> str:
    answer: str = parcel.carrier.get(f"/v1/parcels/{parcel.id}").json()["state"]
    return answer


def _rows(scene: Scene) -> Iterator[Json]:
    for row in read(scene.locker.folder / "state" / "journal.sqlite").events:
        yield {"seq": row.seq, "type": row.type, **row.said}


def _journalled(scene: Scene, kind: str, within_s: float) -> None:
    def is_there() -> bool:
        return any(row["type"] == kind for row in _rows(scene))

    wait_for(f"{kind} in the journal", is_there, within_s)


def _recorded(scene: Scene) -> list[Json]:
    with closing(sqlite3.connect(scene.house.state / "fellesskap.sqlite3")) as database:
        rows = database.execute("SELECT seq, body FROM ledger ORDER BY seq").fetchall()
    found = []
    for seq, body in rows:
        said = json.loads(body)
        for stamp in ("seq", "prev", "at", "clock", "boot_id", "mono_ms"):
            said.pop(stamp, None)
        found.append({"seq": seq, **said})
    return found


def _leaks(scene: Scene, root: Path) -> list[str]:
    """Look for every code and key in every log and message, in whatever form."""
    secrets = {f"code of {parcel.id}": parcel.code for parcel in scene.parcels if parcel.code}
    secrets |= {f"key of {name}": keys["api_key"] for name, (_, _, keys) in scene.carriers.items()}
    logs = [(path.name, path.read_bytes()) for path in sorted(root.rglob("*.log"))]
    found = leaks(secrets, [*logs, *scene.overheard.texts])
    return [f"{one.secret} in {one.where} ({one.form})" for one in found]


def _judge(scene: Scene, root: Path) -> bool:
    events = [json.loads(json.dumps(row, default=str)) for row in _rows(scene)]
    wait_for("the whole journal is recorded", lambda: len(_recorded(scene)) >= len(events))
    names = sorted(scene.carriers)
    strangers = []
    for parcel in scene.parcels:
        for name in names:
            client = scene.carriers[name][0]
            if client is not parcel.carrier:
                answer = client.get(f"/v1/parcels/{parcel.id}").status_code
                strangers += [] if answer == 404 else [f"{name} sees {parcel.id}: {answer}"]
    replayed = scene.house.cli("decisions", "replay")
    visit = Visit(
        events=[_plain(one) for one in events],
        pulses=scene.locker.hardware.pulses(),
        doors=scene.locker.hardware.doors(),
        recorded=[_plain(one) for one in _recorded(scene)][: len(events)],
        parcels={parcel.id: _state(parcel) for parcel in scene.parcels},
        low=LOW,
        wants_low=frozenset(one.id for one in scene.parcels[::LOW_EVERY]),
        offline_pickups=scene.offline_pickups,
        leaks=_leaks(scene, root),
        overheard=len(scene.overheard.texts),
        decisions=replayed["decisions"],
        altered=replayed["altered"],
        strangers=strangers,
        unequal=scene.unequal,
    )
    return show(scene, visit)


def _plain(row: Json) -> Json:
    """Return what a row says that both records write alike: nothing that is null, no times."""
    dropped = ("from", "to", "since")
    kept = {key: value for key, value in row.items() if value is not None and key not in dropped}
    if row["type"] == "serving":
        kept |= {"from": str(row["from"])[:19], "to": str(row["to"])[:19]}
    return {key: value for key, value in kept.items() if value not in ({}, [], False)}


def show(scene: Scene, visit: Visit) -> bool:
    """Print what happened and how each invariant stands."""
    table = Table("what happened", "times", title="A busy visit")
    for what, times in scene.happened.items():
        table.add_row(what, str(times))
    kinds = Counter(event["type"] for event in visit.events)
    for kind in ("pulsed", "door_opened", "left_open", "forced", "not_opened", "reported"):
        table.add_row(f"journal: {kind}", str(kinds[kind]))
    table.add_row("pulses by the boards", str(len(visit.pulses)))
    console.print(table)
    verdict = Table("invariant", "held", "what was wrong")
    clean = True
    for name, check in CHECKS.items():
        wrong = check(visit)
        clean = clean and not wrong
        verdict.add_row(name, "[red]no[/]" if wrong else "[green]yes[/]", "; ".join(wrong[:2]))
    console.print(verdict)
    seconds = time.monotonic() - scene.began
    words = "every invariant held" if clean else "an invariant broke"
    console.print(f"[bold]{len(visit.events)} events, {seconds:.0f} s: {words}.[/]")
    return clean
