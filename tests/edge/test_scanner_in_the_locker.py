"""What the daemon's own drive makes of its scanner: labels, faults, and answers to people."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fellesskap_edge.config import ScannerTable
from fellesskap_edge.config_check import load
from fellesskap_edge.inbox import PortDown, PortUp
from fellesskap_edge.scanner import ASK_S, STUCK_S
from fellesskap_protocol.events import Fault, Presented
from fellesskap_protocol.signing import unb64url
from tests.simulation.one_locker import World
from tests.system.house import locker_toml

SCAN, UNKNOWN = "]C0ORDER-12", "]C0ORDER-13"


def world_of(family: str, folder: Path) -> World:
    """A locker in virtual time, without faults of the pipe, up for a minute."""
    path = folder / "locker.toml"
    path.write_text(locker_toml("bench-1", 2))
    config = load(path)
    table = ScannerTable(family, config.scanner.port)  # type: ignore[arg-type]  # as in the file
    world = World(1, msgspec.structs.replace(config, scanner=table), folder)
    world.faulty = False
    world.backend.claim(1, "ORDER-12", "123456789012")
    world.run(60.0)
    return world


@pytest.fixture(params=["grow", "honeywell", "ssi", "line"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    living = world_of(request.param, tmp_path)
    yield living
    living.drive.parts.journal.close()


def faults(world: World) -> list[str]:
    """What was journalled of the scanner."""
    events = world.backend.events
    return [one.what for one in events if isinstance(one, Fault) and one.part == "scanner"]


def test_a_healthy_scanner_is_ok_once_and_its_label_opens_a_door(world: World) -> None:
    world.scan(SCAN)
    world.run(world.now_s + 5)
    assert faults(world) == ["ok"]
    shown = world.shown()
    assert shown is not None
    assert shown.outcome == "opens"


def test_a_scanner_that_falls_silent_and_comes_back_is_told_twice(tmp_path: Path) -> None:
    for family in ("grow", "honeywell", "ssi"):
        folder = tmp_path / family
        folder.mkdir()
        world = world_of(family, folder)
        world.hardware.scanner.faults.silent = True
        world.run(world.now_s + 2 * ASK_S)
        assert world.drive.reader.scanner.answering is False
        world.hardware.scanner.faults.silent = False
        world.run(world.now_s + 2 * ASK_S)
        assert world.drive.reader.scanner.answering is True
        assert faults(world) == ["ok", "silent", "ok"]
        world.drive.parts.journal.close()


def test_a_scanner_whose_plug_is_pulled_is_gone_and_set_up_again_when_it_is_back(
    world: World,
) -> None:
    port = world.config.scanner.port
    world.give(PortDown(port))
    world.hardware.scanner.power_on()
    world.run(world.now_s + 5)
    assert world.drive.reader.scanner.answering is False
    world.give(PortUp(port))
    world.run(world.now_s + 30)
    assert faults(world) == ["ok", "gone", "ok"]
    assert world.hardware.scanner.aim


def test_a_stuck_scanner_is_told_and_counts_against_nobody_for_ever(world: World) -> None:
    world.hardware.scanner.faults.stuck = True
    world.scan(UNKNOWN)
    world.run(world.now_s + STUCK_S * 3)
    world.hardware.scanner.faults.stuck = False
    world.run(world.now_s + 60)
    assert faults(world) == ["ok", "stuck", "ok"]
    presented = [one for one in world.backend.events if isinstance(one, Presented)]
    assert len(presented) == 1


def test_a_postcode_or_a_name_is_answered_and_counts_against_nobody(world: World) -> None:
    for text in ("]C14210578", "]Q1MECARD:N:Nordmann,Kari;TEL:+4791234567;;", "]L0Kari Nordmann"):
        world.scan(text)
        world.run(world.now_s + 5)
        shown = world.shown()
        assert shown is not None
        assert shown.outcome == "unknown"
    assert not [one for one in world.backend.events if isinstance(one, Presented)]


def test_no_name_of_a_label_reaches_the_disk_or_the_wire(world: World, tmp_path: Path) -> None:
    for text in ("]L0RB123456785GB|Kari Nordmann|91234567", "]Q3004300Kari\x1d4308+4791234567"):
        world.scan(text)
        world.run(world.now_s + 60)
    assert [one for one in world.backend.events if isinstance(one, Presented)]
    world.drive.parts.journal.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("journal*"))
    said = b"".join(map(words_of, world.said))
    for where in (stored, said):
        assert b"presented" in where
        for word in (b"Kari", b"Nordmann", b"91234567", b"RB123456785GB"):
            assert word not in where


def words_of(payload: bytes) -> bytes:
    """Read what a message says: the middle of three parts, if it is signed."""
    parts = payload.split(b".")
    return unb64url(parts[1].decode()) if len(parts) == 3 else payload
