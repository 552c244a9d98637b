"""Commands that lost a race at any of their steps do what they say, once."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from fellesskap_backend import db
from fellesskap_backend.__main__ import main
from fellesskap_backend.settings import Settings
from fellesskap_protocol.signing import SigningKey, b64url
from tests.backend.faults import RETRYABLE, Faults
from tests.backend.test_retries import NEVER, steps_of

COMMANDS: dict[str, Callable[[int, Path], list[str]]] = {
    "take a carrier in": lambda n, _: ["carrier", "add", f"Nordpost {n}"],
    "take an operator in": lambda n, _: ["operator", "add", f"Drift {n}"],
    "provision": lambda n, folder: ["locker", "provision", f"oslo-{n}", *_device(n, folder)],
    "revoke a device": lambda n, _: ["device", "revoke", "oslo-1", "device-1"],
    "write off": lambda n, _: ["locker", "write-off", "oslo-1", "--reason", "flooded"],
    "restored": lambda *_: ["restored"],
    "unapplied": lambda *_: ["unapplied", "list"],
    "apply again": lambda *_: ["unapplied", "apply"],
    "migrate": lambda *_: ["migrate"],
}


def _device(number: int, folder: Path) -> list[str]:
    path = folder / f"{number}.json"
    key = SigningKey(number.to_bytes(32, "big")).public
    path.write_text(json.dumps({"device_id": f"device-{number}", "public_key": b64url(key.raw)}))
    return ["--device", str(path), "--site-name", "Oslo S", "--address", "Platform 3"]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_lost_a_race_does_what_it_says_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.setenv("FELLESSKAP_DATABASE_URL", settings.database_url)
    umask = os.umask(0o077)
    name = "postgresql" if "postgresql" in settings.database_url else "sqlite"

    opened: list[Engine] = []
    make = db.engine

    def keep(given: Settings) -> Engine:
        opened.append(make(given))
        return opened[-1]

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["fellesskap-backend", *words, "--state", str(tmp_path)])
        try:
            return main()
        finally:
            opened.pop().dispose()  # as the end of the process does

    monkeypatch.setattr(db, "engine", keep)

    try:
        assert run("locker", "provision", "oslo-1", *_device(1, tmp_path)) == 0
        with Faults(Engine).watching() as faults:
            faults.arm(NEVER, "")
            assert run(*COMMANDS[command](100, tmp_path)) == 0
            count = faults.seen
            fired = 0
            for step in steps_of(count, name):
                faults.disarm()
                before = _counted(settings)
                faults.arm(step, RETRYABLE[name][step % len(RETRYABLE[name])])
                assert run(*COMMANDS[command](100 + step, tmp_path)) == 0, step
                fired += faults.fired  # what was done once may take fewer steps now
                faults.disarm()
                if command in ONE_ROW:
                    assert _counted(settings) == before + ONE_ROW[command], step
            assert fired > 0, "nothing was injected"
    finally:
        os.umask(umask)


ONE_ROW = {"take a carrier in": 2, "take an operator in": 1, "provision": 2, "restored": 1}
"""How many rows of carriers, keys, lockers, devices and restorations a command adds."""


def _counted(settings: Settings) -> int:
    engine = create_engine(settings.database_url)
    names = ("carriers", "api_keys", "lockers", "devices", "restorations")
    with engine.connect() as connection:
        counts = [connection.execute(text(f"SELECT count(*) FROM {name}")) for name in names]
        total = sum(int(one.scalar_one()) for one in counts)
    engine.dispose()
    return total
