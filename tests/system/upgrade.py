"""An installation as an earlier version left it, and the same one taken on by this version.

    python -m tests.system.upgrade 0.1.0

lives a short scene with the version that is installed and keeps what it left behind, once for each
version that is given out, in `golden/`: databases, keys, configuration, and what people know. No
file there is ever made anew: what was given out stays as it was.
"""

import argparse
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from tests.system.house import (
    BIN,
    Installation,
    Locker,
    locker_toml,
    run_json,
    wait_for,
)
from tests.system.reserving import reserved_when_known

Json = dict[str, Any]
GOLDEN = Path(__file__).parent / "golden"
LOCKER_ID = "fornebu-1"
STATE = f"{LOCKER_ID}/state"
KEPT = (
    *("told.json", "backend/secrets.json", "backend/fellesskap.sqlite3*"),
    *(f"{LOCKER_ID}/locker.toml", f"{STATE}/device.key", f"{STATE}/commissioned"),
    f"{STATE}/journal.sqlite*",
)
"""Not the broker: it keeps nothing, and has another port each time."""


def reserve(carrier: httpx.Client, number: int) -> Json:
    """Reserve for one small parcel; return when the locker knows of it."""
    return reserved_when_known(
        carrier,
        {
            "locker_id": LOCKER_ID,
            "label": {"kind": "reference", "value": f"ORDER-{number}"},
            "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
            "deposit_by": (datetime.now(UTC) + timedelta(hours=2)).isoformat(),
            "collect_within": "PT2H",
            "code_at": "reservation",
        },
    )


def put_in(carrier: httpx.Client, locker: Locker, number: int) -> Json:
    """Reserve, put it in, and wait until the carrier is told; return the reservation."""
    made = reserve(carrier, number)
    drop(locker, number)
    wait_for("deposited", lambda: state_of(carrier, made) == "deposited")
    return made


def drop(locker: Locker, number: int) -> None:
    """Scan a label, put the parcel in, shut the door."""
    before = sum(door["full"] for door in locker.hardware.doors())
    locker.hardware.person("put_in", open_s=2.5)
    locker.hardware.scan(f"ORDER-{number}")

    def shut() -> bool:
        doors = locker.hardware.doors()
        inside = sum(door["full"] for door in doors) == before + 1
        return inside and not any(door["open"] for door in doors)

    wait_for("the parcel inside, the door shut", shut)


def state_of(carrier: httpx.Client, made: Json) -> str:
    """Return the state of the parcel that was reserved for."""
    return str(carrier.get(f"/v1/parcels/{made['parcel_id']}").json()["state"])


def code_of(carrier: httpx.Client, made: Json) -> str:
    """Return the eight digits of a parcel."""
    path = f"/v1/parcels/{made['parcel_id']}/pickup-codes"
    (own,) = carrier.get(path).json()["pickup_codes"]
    return str(carrier.get(f"{path}/{own['id']}").json()["code"])


@contextmanager
def left_behind(root: Path) -> Iterator[None]:
    """Leave behind one parcel that all know of, and one of which the locker alone does.

    Both sides were killed just before; afterwards all is ended in order, the broker too.
    """
    house = Installation(root)
    house.start()
    try:
        carrier, added = house.carrier("Nordpost")
        locker = house.locker(LOCKER_ID, locker_toml(LOCKER_ID, doors=8))
        known = put_in(carrier, locker, 1)
        untold = reserve(carrier, 2)
        told = {
            "api_key": added["api_key"],
            "known": {**known, "code": code_of(carrier, known)},
            "untold": {**untold, "code": code_of(carrier, untold)},
        }
        assert house.backend is not None
        house.backend.kill()
        drop(locker, 2)
        newest = [str(BIN / "fellesskap-edge"), "journal", "--config", str(locker.config)]
        newest += ["--json", "--last", "1"]
        wait_for("it is written down", lambda: run_json(newest, {})["type"] == "deposited")
        assert locker.edge is not None
        locker.edge.kill()
        (root / "told.json").write_text(json.dumps(told))
        yield
        house.start()
    finally:
        house.stop()


def keep(root: Path, version: str) -> Path:
    """Pack what a version left behind; raise `FileExistsError` if it was kept before."""
    with tarfile.open(GOLDEN / f"{version}.tar.xz", "x:xz") as packed:
        for path in sorted(path for one in KEPT for path in root.glob(one)):
            packed.add(path, path.relative_to(root), filter=_of_nobody)
        return Path(str(packed.name))


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


@contextmanager
def taken_on(version: str, root: Path) -> Iterator[tuple[Installation, Locker, Json]]:
    """Run what a version left behind by this one; give house, locker and what people know."""
    left = root / "left"
    with tarfile.open(GOLDEN / f"{version}.tar.xz") as packed:
        packed.extractall(left)
    house = Installation(root / "house")
    (left / "backend").rename(house.state)
    house.start()
    try:
        locker = Locker(house.root / LOCKER_ID, (left / LOCKER_ID / "locker.toml").read_text())
        house.lockers.append(locker)
        (left / STATE).rename(locker.folder / "state")
        device = locker.folder / "device.json"
        device.write_text(json.dumps(locker.identity()))
        where = ("--site-name", "Fornebu S", "--address", "Widerøeveien 5, 1360 Fornebu")
        locker.provision(
            house.cli("locker", "provision", LOCKER_ID, "--device", str(device), *where)
        )
        locker.start()
        yield house, locker, json.loads((left / "told.json").read_text())
    finally:
        house.stop()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("version")
    with TemporaryDirectory() as folder, left_behind(Path(folder)):
        print(keep(Path(folder), words.parse_args().version))
