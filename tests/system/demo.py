"""`make demo`: one parcel from a carrier's reservation to the resident's collection.

Backend, broker, edge daemon and simulated locker run as separate processes; carrier, courier and
resident meet them only at their front doors. Every step is printed with the measured time between
cause and effect. Ends with a verdict: the parcel's history against the board's record of pulses.
"""

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.system.busy import busy
from tests.system.facts import Facts
from tests.system.house import Installation, Locker, installation, wait_for
from tests.system.operator_view import OperatorView
from tests.system.receiver import Receiver
from tests.system.verdict import disagreements

LABEL = "370712345678901238"
LOCKER_ID = "fornebu-1"
Json = dict[str, Any]
console = Console(highlight=False)


def say(who: str, what: str, after_ms: float | None = None) -> None:
    """Print one step: who, what, and how long the effect took."""
    colour = {"carrier": "cyan", "courier": "yellow", "resident": "magenta", "operator": "blue"}
    line = Text(f"{who:>9}  ", style=colour.get(who, "green"))
    line.append(what, style="default")
    if after_ms is not None:
        line.append(f"  +{after_ms:.1f} ms", style="bold green")
    console.print(line)


def reserve(carrier: httpx.Client) -> Json:
    """Ask for room for one small parcel and wait until the locker knows of it."""
    begun = time.monotonic()
    answer = carrier.post(
        "/v1/reservations",
        headers={"Idempotency-Key": "demo-1"},
        json={
            "locker_id": LOCKER_ID,
            "label": {"kind": "sscc", "value": LABEL},
            "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
            "needs": ["low"],
            "deposit_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
            "collect_within": "P3D",
        },
    )
    answer.raise_for_status()
    reservation: Json = answer.json()
    say(
        "carrier",
        f"POST /v1/reservations -> {answer.status_code} {reservation['state']}",
        (time.monotonic() - begun) * 1000,
    )
    path = f"/v1/reservations/{reservation['id']}"
    wait_for("the locker has the right", lambda: carrier.get(path).json()["delivered_to_locker"])
    say(
        "locker",
        "has the claim, signed, over MQTT, and said so in its journal",
        (time.monotonic() - begun) * 1000,
    )
    return reservation


def deposit(locker: Locker, facts: Facts) -> Json:
    """Scan the label, put the parcel in, shut the door."""
    locker.hardware.person("put_in")
    begun = time.monotonic()
    locker.hardware.scan(f"]C100{LABEL}\r")
    scanned = facts.wait("scanned", begun)
    say("courier", f"holds the label before the scanner: ]C100{LABEL}")
    return doors("courier", facts, scanned["mono_s"], "puts the parcel in")


def doors(who: str, facts: Facts, since: float, act: str) -> Json:
    """Tell of the door that opens and shuts; return the fact of its shutting."""
    pulse = facts.wait("pulse_started", since)
    number = pulse["compartment"]
    say("locker", f"the board pulses lock {number}", (pulse["mono_s"] - since) * 1000)
    opened = facts.wait("door_opened", since, compartment=number)
    say("locker", f"door {number} springs open", (opened["mono_s"] - since) * 1000)
    shut = facts.wait("door_shut", opened["mono_s"], compartment=number)
    say(who, f"{act} and shuts door {number}")
    return shut


def notice(receiver: Receiver, kind: str, parcel_id: str, since: float) -> Json:
    """Wait for a signed webhook and return what it carries."""
    wait_for(f"webhook {kind}", lambda: receiver.of_type(kind, parcel_id))
    say("carrier", f"webhook {kind}, signature verified", (time.monotonic() - since) * 1000)
    data: Json = receiver.of_type(kind, parcel_id)[0]["data"]
    return data


def collect(locker: Locker, facts: Facts, told: Json) -> Json:
    """Type the eight digits, take the parcel out, shut the door."""
    code = told["pickup_code"]
    locker.hardware.person("take_out")
    say("resident", f"types {code[:4]} {code[4:]} at the kiosk")
    begun = time.monotonic()
    answer = locker.enter(code)
    say("locker", f"the kiosk answers: {answer['outcome']}, door {answer['compartment']}")
    return doors("resident", facts, begun, "takes the parcel")


def show_operator(view: OperatorView, since: float, until: float) -> None:
    """Print how the locker looked on MQTT meanwhile."""
    before: Json = {}
    for at, _, kind, body in view.seen:
        if kind != "state" or at > until:
            continue
        now = {row["number"]: row for row in body["compartments"]}
        # That the doors were read at the start is no news.
        known = {number for number, row in before.items() if row["door"] != "unknown"}
        changed = [row for number, row in now.items() if number in known and row != before[number]]
        for row in changed:
            if at >= since:
                say(
                    "operator",
                    f"MQTT state: compartment {row['number']} door {row['door']}, "
                    f"content {row['content']}, service {row['service']}",
                )
        before = now


def judge(carrier: httpx.Client, locker: Locker, parcel_id: str) -> bool:
    """Print the parcel's history beside the board's record and say whether they agree."""
    parcel: Json = carrier.get(f"/v1/parcels/{parcel_id}").json()
    pulses = locker.hardware.pulses()
    table = Table("at", "what", "door", title="The parcel's history, by the API")
    for entry in parcel["history"]:
        table.add_row(entry["at"], entry["what"], str(entry.get("compartment") or ""))
    console.print(table)
    record = Table("at", "door", "coil on", title="The board's own record of pulses")
    for pulse in pulses:
        record.add_row(pulse["at"], str(pulse["compartment"]), f"{pulse['on_ms']:.0f} ms")
    console.print(record)
    found = disagreements(parcel["history"], pulses)
    for difference in found:
        console.print(f"[bold red]differs:[/] {difference}")
    if parcel["state"] != "collected":
        found.append(f"the parcel is {parcel['state']}")
        console.print(f"[bold red]{found[-1]}[/]")
    if not found:
        console.print(
            f"[bold green]Verdict: collected; {len(pulses)} pulses by the board, "
            f"{len(pulses)} in the parcel's history, the same doors at the same times.[/]"
        )
    return not found


def stay_up(house: Installation, locker: Locker, keys: Json, parcel_id: str) -> None:
    """Print what to play with and wait for Ctrl-C."""
    assert house.backend is not None
    assert locker.edge is not None
    broker, hardware = house.backend.ready["broker"], str(locker.folder)
    view = house.backend.ready["operator"]
    simulator = ".venv/bin/fellesskap-firmware-sim"
    deposit_by = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
    console.rule("It stays up. Ctrl-C ends it.")
    print(f"""
API and its documents   {house.url}/docs
The kiosk               {locker.edge.ready["kiosk"]}

# For the program of docs/carriers.md
export FELLESSKAP_API={house.url} FELLESSKAP_KEY={keys["api_key"]}

# Reserve (any SSCC; another key is another attempt)
curl -s {house.url}/v1/reservations -H 'Authorization: Bearer {keys["api_key"]}' \\
  -H 'Idempotency-Key: mine-1' -H 'Content-Type: application/json' \\
  -d '{{"locker_id":"{LOCKER_ID}","label":{{"kind":"sscc","value":"370712345678901245"}},
       "size_class":"S","deposit_by":"{deposit_by}","collect_within":"P3D","code_at":"reservation"}}'

# Deposit: a person who waits by the door, then the label before the scanner
{simulator} person {hardware} put_in
{simulator} scan {hardware} ']C100370712345678901245'

# What a carrier sees
curl -s '{house.url}/v1/events?after=0' -H 'Authorization: Bearer {keys["api_key"]}'
curl -s {house.url}/v1/parcels/{parcel_id} -H 'Authorization: Bearer {keys["api_key"]}'
curl -s {house.url}/v1/lockers/{LOCKER_ID}/availability

# What an operator sees, live
mosquitto_sub -h {broker["host"]} -p {broker["port"]} -u {view["username"]} -P {view["password"]} \\
  -t 'fellesskap/v1/+/+/state' -t 'fellesskap/v1/+/+/presence' -v

# Collect: take_out, then type the code of the parcel.deposited event's webhook at the kiosk
{simulator} person {hardware} take_out
""")
    with contextlib.suppress(KeyboardInterrupt):
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


def play(house: Installation, receiver: Receiver, *, keep: bool) -> bool:
    """Play the whole story; return whether the verdict is clean."""
    assert house.backend is not None
    say("backend", f"ready at {house.url}", house.backend.ready_s * 1000)
    carrier, keys = house.carrier("Nordpost", receiver.url)
    receiver.secret = keys["webhook_secret"]
    locker = house.locker(LOCKER_ID)
    assert locker.edge is not None
    say("locker", "24 doors read, all shut", locker.edge.ready_s * 1000)
    operator = house.backend.ready["operator"]
    view = OperatorView({**house.backend.ready["broker"], **operator})
    wait_for("the locker on MQTT", lambda: view.online(LOCKER_ID) and view.doors(LOCKER_ID))
    facts = Facts(locker)
    begun = time.monotonic()

    def served() -> bool:
        answer = carrier.get(f"/v1/lockers/{LOCKER_ID}/availability").json()
        return any(bucket != "none" for bucket in answer["size_classes"].values())

    wait_for("the locker's hardware is known to the backend", served)
    reservation = reserve(carrier)
    parcel_id = reservation["parcel_id"]
    shut = deposit(locker, facts)
    told = notice(receiver, "parcel.deposited", parcel_id, shut["mono_s"])
    say(
        "carrier",
        f"tells the recipient: {told['locker']['address']}, code, by {told['collect_by']}",
    )
    shut = collect(locker, facts, told)
    notice(receiver, "parcel.collected", parcel_id, shut["mono_s"])
    wait_for("the last state", lambda: _is_empty(view, locker, told["compartment"]))
    show_operator(view, begun, time.monotonic())
    clean = judge(carrier, locker, parcel_id)
    view.close()
    if keep:
        stay_up(house, locker, keys, parcel_id)
    return clean


def _is_empty(view: OperatorView, locker: Locker, compartment: int) -> bool:
    row = view.doors(locker.folder.name)[compartment]
    return bool(row["content"] == "empty" and row["door"] == "shut")


def main() -> int:
    """Run the demo; 0 if the verdict is clean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="stay up afterwards, to play with")
    parser.add_argument("--scene", choices=["parcel", "busy"], default="parcel")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all it started is ended too
    keep: bool = asked.keep
    if asked.scene == "busy":
        with tempfile.TemporaryDirectory(prefix="fellesskap-") as root:
            return 0 if busy(Path(root)) else 1
    receiver = Receiver()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="fellesskap-") as root,
            installation(Path(root)) as house,
        ):
            return 0 if play(house, receiver, keep=keep) else 1
    finally:
        receiver.close()


if __name__ == "__main__":
    sys.exit(main())
