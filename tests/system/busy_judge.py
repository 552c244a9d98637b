"""Gathers the record of a busy visit, and shows what happened and how each invariant stands."""

import json
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from rich.table import Table

from fellesskap_edge.journal_reader import STAMP_FIELDS
from tests.judge.canaries import leaks
from tests.system.busy_locker import LOW, SUPPLIES
from tests.system.busy_scene import Json, Scene, console, rows, state
from tests.system.busy_verdict import CHECKS, Visit
from tests.system.house import wait_for


def _ledger(scene: Scene) -> list[Json]:
    """Return what the backend recorded, stamps and all."""
    with closing(sqlite3.connect(scene.house.state / "fellesskap.sqlite3")) as database:
        return [
            json.loads(body) | {"seq": seq}
            for seq, body in database.execute("SELECT seq, body FROM ledger ORDER BY seq")
        ]


def _leaks(scene: Scene, root: Path) -> list[str]:
    """Look for every code and key in every log and message, in whatever form."""
    secrets = {f"code of {parcel.id}": parcel.code for parcel in scene.parcels if parcel.code}
    secrets |= {f"key of {name}": keys["api_key"] for name, (_, _, keys) in scene.carriers.items()}
    logs = [(path.name, path.read_bytes()) for path in sorted(root.rglob("*.log"))]
    found = leaks(secrets, [*logs, *scene.overheard.texts])
    return [f"{one.secret} in {one.where} ({one.form})" for one in found]


def judge(scene: Scene, root: Path) -> bool:
    """Return whether every invariant held; show it."""
    events = [json.loads(json.dumps(row, default=str)) for row in rows(scene)]
    wait_for("the whole journal is recorded", lambda: len(_ledger(scene)) >= len(events))
    recorded = _ledger(scene)[: len(events)]
    replayed = scene.house.cli("decisions", "replay")
    visit = Visit(
        events=[_plain(one) for one in events],
        pulses=scene.locker.hardware.pulses(),
        doors=scene.locker.hardware.doors(),
        recorded=[_plain(one) for one in recorded],
        stamped=recorded,
        supplies=SUPPLIES,
        parcels={parcel.id: state(parcel) for parcel in scene.parcels},
        low=LOW,
        wants_low=frozenset(one.id for one in scene.parcels if one.low),
        offline_pickups=scene.offline_pickups,
        leaks=_leaks(scene, root),
        overheard=len(scene.overheard.texts),
        reservations=sum(one.decided for one in scene.parcels),
        decisions=replayed["decisions"],
        altered=replayed["altered"],
        strangers=_strangers(scene),
        unequal=scene.unequal,
    )
    return show(scene, visit)


def _strangers(scene: Scene) -> list[str]:
    """Let each carrier ask for each parcel of the other."""
    found = []
    for parcel in scene.parcels:
        for name, (client, _, _) in sorted(scene.carriers.items()):
            if client is not parcel.carrier:
                answer = client.get(f"/v1/parcels/{parcel.id}").status_code
                found += [] if answer == 404 else [f"{name} sees {parcel.id}: {answer}"]
    return found


def _plain(row: Json) -> Json:
    """Return what a row says that both records write alike: nothing that is null, no times."""
    dropped = (*STAMP_FIELDS - {"seq", "type"}, "from", "to", "since")
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
