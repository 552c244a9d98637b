"""Commissioning locks on pins, and boards whose power a pin gives: a terminal, simulated wires."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fellesskap_edge.config_check import load
from tests.system.house import BIN, Hardware
from tests.system.technician import answers
from tests.system.terminal import Terminal
from tests.system.test_tool import HEAD, compartment, run

RELAYS = """[[bank]]
name = "r"
family = "waveshare_d"
port = "relays"
address = 1
supply = "psu-r"
power_pin = 23
"""
TRUTH = """[[bank]]
name = "p"
family = "gpio"
supply = "psu-p"
lock_pins = [17, 27]
door_pins = [5, 6]
active_high = false
closed_level = 1
"""
DRAFTED = """[[bank]]
name = "p"
family = "gpio"
supply = "psu-p"
lock_pins = [27, 17]
door_pins = [5, 6]
"""
WIRES = {1: ("p", 1), 2: ("p", 2), 3: ("r", 2)}


@pytest.fixture
def cabinet(tmp_path: Path) -> Iterator[Hardware]:
    """Two doors on pins that switch on when low, one on a board of relays."""
    truth = "".join(compartment(number, wire) for number, wire in WIRES.items())
    (tmp_path / "locker.toml").write_text(HEAD + TRUTH + RELAYS + truth)
    doors = "".join(compartment(number) for number in WIRES)
    (tmp_path / "draft.toml").write_text(HEAD + DRAFTED + RELAYS + doors)
    hardware = Hardware(tmp_path, tmp_path / "hardware.log")
    yield hardware
    hardware.program.stop()


def talk(cabinet: Hardware) -> tuple[int, str]:
    """Let a technician open every door; return the status and what was said."""
    command = [str(BIN / "fellesskap-firmware-sim"), "commission", "--dir", "."]
    terminal = Terminal([*command, "--config", "draft.toml", "--out", "found.toml"], cabinet.folder)
    return terminal.talk(answers(cabinet)), terminal.said


@pytest.mark.slow
def test_pins_and_a_board_that_a_pin_feeds_are_commissioned(cabinet: Hardware) -> None:
    """Its relay welds at the only pulse, and loses its power: also a technician burns no coil."""
    cabinet.ask("fault", part="r", name="welded", value=2)
    status, said = talk(cabinet)
    assert status == 0, said
    assert "POWER CUT: relay 2 of board r stays on." in said
    found = load(cabinet.folder / "found.toml")
    board, pins = found.banks
    assert (board.family, board.power_pin) == ("waveshare_d", 23)
    assert (pins.lock_pins, pins.door_pins) == ((27, 17), (6, 5))
    assert (pins.active_high, pins.closed_level) == (False, 1)
    told = {one.number: (one.bank, one.channel) for one in found.compartments}
    assert told == {1: ("p", 2), 2: ("p", 1), 3: ("r", 2)}
    pulses = cabinet.pulses()
    on_ms = {one["compartment"]: one["on_ms"] for one in pulses}
    assert (sorted(on_ms), len(pulses)) == ([1, 2, 3], 3), "each lock once"
    assert max(on_ms[1], on_ms[2]) < 400
    assert on_ms[3] < 1500
    assert run("check", "--config", "found.toml", folder=cabinet.folder).returncode == 0
