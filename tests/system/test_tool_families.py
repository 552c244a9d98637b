"""A technician commissions one board of each of the other families: a terminal, simulated wires."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fellesskap_edge.config_check import load
from tests.system.house import BIN, Hardware
from tests.system.technician import answers
from tests.system.terminal import Terminal
from tests.system.test_tool import HEAD, compartment, run

BOARDS = {
    "kerong": "address = 2\nclosed_bit = 0\n",
    "wkly": "address = 4\nclosed_bit = 0\n",
    "waveshare": "address = 3\n",
}
"""Of which address nobody knows, with contacts the other way where there are any."""
WIRES = {1: 3, 2: 1, 3: 2}


@pytest.fixture(params=BOARDS)
def cabinet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Hardware]]:
    """The hardware of a locker with one board, and a draft that says its family alone."""
    family = request.param
    bank = f'[[bank]]\nfamily = "{family}"\nport = "lock-bus"\nsupply = "psu-1"\n'
    truth = "".join(compartment(number, ("x", wire)) for number, wire in WIRES.items())
    (tmp_path / "locker.toml").write_text(f'{HEAD}{bank}name = "x"\n{BOARDS[family]}{truth}')
    doors = "".join(compartment(number) for number in WIRES)
    (tmp_path / "draft.toml").write_text(HEAD + bank + doors)
    hardware = Hardware(tmp_path, tmp_path / "hardware.log")
    yield family, hardware
    hardware.program.stop()


@pytest.mark.slow
def test_commissioning_finds_board_polarity_and_wires(cabinet: tuple[str, Hardware]) -> None:
    family, hardware = cabinet
    command = [str(BIN / "fellesskap-edge"), "commission", "--config", "draft.toml"]
    terminal = Terminal([*command, "--out", "found.toml"], hardware.folder)
    assert terminal.talk(answers(hardware)) == 0, terminal.said
    found = load(hardware.folder / "found.toml")
    (board,) = found.banks
    assert board.family == family
    assert f"address = {board.address}\n" in BOARDS[family]
    assert board.closed_bit == (0 if "closed_bit" in BOARDS[family] else 1)
    told = {one.number: one.channel for one in found.compartments}
    assert told == WIRES
    assert run("check", "--config", "found.toml", folder=hardware.folder).returncode == 0
    assert [pulse["compartment"] for pulse in hardware.pulses()] == [2, 3, 1], "each lock once"
