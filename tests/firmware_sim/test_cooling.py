"""Cold boxes: air, compressor and probe; and a locker whose compressor fails, in virtual time."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.config_check import load
from fellesskap_firmware_sim.cooling import Box, crc8, scratchpad, text, w1_slave
from fellesskap_firmware_sim.plant import Fact
from fellesskap_protocol.events import Fault, ServiceChanged, Temperature
from tests.firmware_sim.bench import LOCKER, Bench
from tests.simulation.one_locker import World
from tests.system.house import locker_toml, wait_for

HOUR_S = 3600.0
PROBE = '\n[[probe]]\ndevice = "28-00000a"\ncompartments = [1]\nmax_c = 6\nmin_c = 0\n'


@pytest.mark.parametrize(
    ("celsius", "low_high"),
    [
        (125.0, "D0 07"),
        (25.0625, "91 01"),
        (10.125, "A2 00"),
        (0.5, "08 00"),
        (0.0, "00 00"),
        (-0.5, "F8 FF"),
        (-10.125, "5E FF"),
        (-25.0625, "6F FE"),
        (-55.0, "90 FC"),
    ],
)
def test_bytes_are_those_of_the_datasheet(celsius: float, low_high: str) -> None:
    assert scratchpad(celsius)[:2] == bytes.fromhex(low_high)


def test_probe_speaks_as_the_kernel_writes_it() -> None:
    line = "72 01 4b 46 7f ff 0e 10 57"
    assert w1_slave(scratchpad(23.125)) == f"{line} : crc=57 YES\n{line} t=23125\n"


def test_checksum_is_that_of_the_application_note() -> None:
    assert crc8(bytes.fromhex("02 1C B8 01 00 00 00")) == 0xA2


def test_power_on_value_has_its_own_bytes() -> None:
    box = Box((1,), 3.5)
    box.faults.probe = "power-on value"
    assert text(box) == (
        "50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n"
    )


def test_bad_checksum_repeats_the_last_good_value() -> None:
    box = Box((1,), 3.5)
    box.faults.probe = "bad checksum"
    said = text(box) or ""
    assert " NO\n" in said
    assert said.endswith("t=3500\n")


def test_compressor_holds_the_air_for_a_day() -> None:
    box = Box((1,), 3.5)
    for minute in range(24 * 60):
        box.advance(minute * 60.0, [])
        assert 2.0 < box.c < 5.0


def test_open_door_warms_the_air_in_minutes_and_shut_it_is_cold_again() -> None:
    box, facts = Box((1,), 3.5), [Fact("door_opened", 2, 5.0), Fact("door_opened", 1, 10.0)]
    box.advance(0.0, facts)
    box.advance(100.0, facts)
    assert box.c > 7.0
    facts.append(Fact("door_shut", 1, 110.0))
    box.advance(HOUR_S, facts)
    assert box.c < 5.0


def test_without_compressor_the_air_warms_in_hours() -> None:
    box = Box((1,), 3.5)
    box.faults.compressor_failed = True
    box.advance(0.0, [])
    box.advance(HOUR_S / 4, [])
    assert box.c < 6.0
    box.advance(3 * HOUR_S, [])
    assert 10.0 < box.c < 20.0


@given(st.lists(st.floats(0.1, 600.0), max_size=20), st.floats(1.0, 60.0))
def test_air_does_not_depend_on_how_often_one_looks(pauses: list[float], look_s: float) -> None:
    rarely, often, facts, now = Box((1,), 3.5), Box((1,), 3.5), [], 0.0
    for box in (rarely, often):
        box.advance(0.0, [])
    for turn, pause_s in enumerate(pauses):
        now += pause_s
        facts.append(Fact("door_shut" if turn % 2 else "door_opened", 1, now))
        looked = now - pause_s
        while looked < now:
            often.advance(looked, facts)
            looked += look_s
    for box in (rarely, often):
        box.advance(now + 600.0, facts)
    assert rarely == often


@pytest.mark.slow
def test_a_failed_compressor_is_warned_of_alarmed_and_leaves_its_record(tmp_path: Path) -> None:
    toml = tmp_path / "locker.toml"
    cold = locker_toml("cold-1", doors=2).replace("features = []", 'features = ["chilled"]', 1)
    toml.write_text(cold + PROBE)
    world = World(1, load(toml), tmp_path)
    world.faulty = False
    world.run(1 * HOUR_S)
    world.hardware.cooling.boxes["28-00000a"].faults.compressor_failed = True
    world.run(2.5 * HOUR_S)
    world.hardware.cooling.boxes["28-00000a"].faults.compressor_failed = False
    world.run(5 * HOUR_S)
    events = world.checker.events
    faults = [one for one in events if isinstance(one, Fault) and "temperature" in one.part]
    assert [one.what.split(" since")[0] for one in faults][:3] == [
        "ok",
        "near its limit",
        "above 6.0 C",
    ]
    assert faults[-1].what == "ok"
    changes = [one.to for one in events if isinstance(one, ServiceChanged)]
    assert changes == ["suspect", "in"]
    figures = [one for one in events if isinstance(one, Temperature)]
    assert len(figures) == 5 * 4 - 1
    assert all(one.to == then.from_ for one, then in pairwise(figures))
    assert max(one.max_c for one in figures) > 8.0
    warned, alarmed = faults[1].at, faults[2].since
    assert warned < alarmed
    world.drive.parts.journal.close()


def test_live_probe_is_a_file_that_follows_its_knobs(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LOCKER + PROBE)
    file = tmp_path / "w1" / "28-00000a" / "w1_slave"
    wait_for("a temperature", lambda: file.exists() and "t=3500" in file.read_text())
    bench.ask("fault", part="28-00000a", name="says_c", value=9.5)
    wait_for("another", lambda: "t=9500" in file.read_text())
    bench.ask("fault", part="28-00000a", name="probe", value="gone")
    wait_for("no probe", lambda: not file.exists())
    assert bench.close() == 0
