"""The technician's tool as a technician uses it: real commands, a terminal, simulated hardware."""

import itertools
import json
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from fellesskap_edge.__main__ import main
from fellesskap_edge.config_check import load
from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.tool.check import QUALITY_OF_PINS
from tests.system.brokers import Broker
from tests.system.house import BIN, Hardware, Locker, locker_toml
from tests.system.technician import answers
from tests.system.terminal import Terminal
from tests.system.thin_backend import ThinBackend

Here = Callable[..., tuple[int, str, str]]
EXAMPLES = sorted((Path(__file__).parents[2] / "deploy/edge").glob("locker*.toml"))
HEAD = """[locker]
id = "fornebu-1"
[kiosk]
port = 0
[scanner]
family = "grow"
port = "scanner"
"""
BOARDS = """[[bank]]
name = "x"
family = "8a"
port = "lock-bus"
address = 3
supply = "psu-1"
closed_bit = 0
[[bank]]
name = "y"
family = "8a"
port = "lock-bus"
address = 7
supply = "psu-1"
status_order = "low_first"
"""
WIRES = {1: ("x", 3), 2: ("x", 1), 3: ("y", 2), 4: ("y", 1)}
"""As the cabinet maker left it: inverted contacts, bytes the other way, wires in no order."""


def run(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "fellesskap-edge", *words], capture_output=True, text=True, cwd=folder, check=False
    )


def compartment(number: int, wire: tuple[str, int] | None = None) -> str:
    wired = f'bank = "{wire[0]}"\nchannel = {wire[1]}\n' if wire else ""
    return (
        f"[[compartment]]\nnumber = {number}\n{wired}width_mm = 440\nheight_mm = 110\n"
        f"depth_mm = 600\nfloor_mm = {100 + 120 * number}\ntop_mm = {210 + 120 * number}\n"
        "max_g = 20000\n"
    )


@pytest.fixture
def cabinet(tmp_path: Path) -> Iterator[Hardware]:
    """The hardware of a locker whose wiring nobody wrote down, and a draft without it."""
    truth = "".join(compartment(number, wire) for number, wire in WIRES.items())
    (tmp_path / "locker.toml").write_text(HEAD + BOARDS + truth)
    bank = '[[bank]]\nfamily = "8a"\nport = "lock-bus"\nsupply = "psu-1"\n'
    doors = "".join(compartment(number) for number in WIRES)
    (tmp_path / "draft.toml").write_text(HEAD + bank + doors)
    hardware = Hardware(tmp_path, tmp_path / "hardware.log")
    yield hardware
    hardware.program.stop()


def test_commissioning_finds_boards_polarity_byte_order_and_wires(cabinet: Hardware) -> None:
    folder = cabinet.folder

    def offered(found: re.Match[str]) -> str:
        """Try every wire up to the last that leads somewhere."""
        opened_before.append(len(cabinet.pulses()))
        return "" if found[1] == "a-7" or int(found[2]) <= 3 else "b"

    opened_before: list[int] = []
    command = [str(BIN / "fellesskap-edge"), "commission", "--config", "draft.toml"]
    terminal = Terminal([*command, "--out", "found.toml"], folder)
    terminal.hear_until("Asking 32 addresses on ")
    terminal.type("\n\n")  # nothing was asked yet: no answer
    asked = r"^Board (\S+), wire (\d+): Enter opens"
    status = terminal.talk({**answers(cabinet), asked: offered})
    assert status == 0, terminal.said
    assert "8a at address 3" in terminal.said
    assert "No contact moved" in terminal.said
    pulses = cabinet.pulses()
    assert [pulse["compartment"] for pulse in pulses] == [2, 1, 4, 3]
    assert opened_before[0] == 0, "nothing opened before the first key"
    starts = [pulse["mono_s"] for pulse in pulses]
    assert min(b - a for a, b in itertools.pairwise(starts)) >= 0.8, "one coil at a time"
    found = load(folder / "found.toml")
    assert [(one.name, one.address, one.closed_bit, one.status_order) for one in found.banks] == [
        ("a-3", 3, 0, "high_first"),
        ("a-7", 7, 1, "low_first"),
    ]
    told = {one.number: (one.bank, one.channel) for one in found.compartments}
    assert told == {1: ("a-3", 3), 2: ("a-3", 1), 3: ("a-7", 2), 4: ("a-7", 1)}
    assert run("check", "--config", "found.toml", folder=folder).returncode == 0


def test_commissioning_says_that_two_boards_may_have_one_address(cabinet: Hardware) -> None:
    cabinet.ask("fault", part="y", name="address", value=3)
    command = [str(BIN / "fellesskap-edge"), "commission", "--config", "draft.toml"]
    terminal = Terminal([*command, "--out", "found.toml"], cabinet.folder)
    assert terminal.talk({r"^r: ask again": "q"}) == 1
    assert "UNCLEAR: 8a 3 on " in terminal.said
    assert "UNCLEAR: 8a 7 on " not in terminal.said
    assert "No board answers." in terminal.said


def test_a_technician_who_goes_leaves_nothing_behind(cabinet: Hardware) -> None:
    command = [str(BIN / "fellesskap-edge"), "commission", "--config", "draft.toml"]
    terminal = Terminal([*command, "--out", "found.toml"], cabinet.folder)
    terminal.hear_until("Asking 32 addresses on ")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.talk({}) == 1
    assert "nothing is written" in terminal.said
    assert not cabinet.pulses()
    assert not (cabinet.folder / "found.toml").exists()


def test_a_file_that_is_there_is_not_written_over(cabinet: Hardware) -> None:
    told = run(
        *("commission", "--config", "draft.toml", "--out", "locker.toml"), folder=cabinet.folder
    )
    assert told.returncode == 2
    assert "is there already" in told.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_passes_its_check(example: Path, tmp_path: Path) -> None:
    told = run("check", "--config", str(example), folder=tmp_path)
    assert told.returncode == 0, told.stderr
    raw = tomllib.loads(example.read_text())
    for bank in raw["bank"]:
        family = FAMILIES.get(bank["family"])
        quality = family.quality if family else QUALITY_OF_PINS
        assert re.search(
            rf"^{bank['name']} +{bank['family']} +{quality}", told.stdout, re.MULTILINE
        )
    for one in raw["compartment"]:
        assert re.search(
            rf"^{one['number']} +{one['bank']} +{one['channel']} ", told.stdout, re.MULTILINE
        )


def test_the_daemon_and_check_tell_the_same_mistakes(tmp_path: Path) -> None:
    text = locker_toml("Oslo 1", 2).replace("channel = 2", "channel = 25")
    (tmp_path / "locker.toml").write_text(text)
    said = [run(word, "--config", "locker.toml", folder=tmp_path) for word in ("check", "run")]
    lines = text.splitlines()
    for told in said:
        assert told.returncode == 2
        first, second, last = told.stderr.splitlines()
        assert first.startswith("locker.toml:2: [locker]: locker id 'Oslo 1'")
        place = lines.index("channel = 25") + 1
        assert second == f"locker.toml:{place}: [[compartment]] 2: channel 25 is not 1 to 24"
        assert last == "fellesskap-edge: 2 mistakes"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Run a command in this process: status, standard output, standard error."""

    def ran(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fellesskap-edge", *words])
        status = main()
        said = capsys.readouterr()
        return status, said.out, said.err

    return ran


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ("8a unlock --board 1 --channel 1", 0, "8A 01 01 11 9B"),
        ("8a status --board 1", 0, "80 01 00 33 B2"),
        ("kerong unlock --board 1 --channel 16", 0, "02 1F 31 03 55"),
        ("waveshare all_off --board 1", 0, "01 05 00 FF 00 00 FD FA"),
        ("8a explode --board 1", 2, "no operation 'explode'"),
        ("8a unlock --board 33 --channel 1", 2, "board 33 is not 1 to 32"),
        ("9a unlock --board 1 --channel 1", 2, "no family '9a'"),
        ("8a unlock --board 1 --channel 25", 2, "channel 25 is not 1 to 24"),
    ],
)
def test_frame(here: Here, words: str, status: int, told: str) -> None:
    code, out, err = here("frame", *words.split())
    assert code == status
    assert told in (err if status else out)
    assert (err == "") == (status == 0)


@pytest.mark.parametrize(
    ("label", "status", "found"),
    [
        (b"]C100370712345678901238\r", 0, [("sscc", "370712345678901238")]),
        (b"RB123456785GB", 0, [("s10", "RB123456785GB"), ("opaque", "RB123456785GB")]),
        (b"]Q1MECARD:N:Nordmann,Kari;TEL:+4799999999;;", 1, []),
        (b"\x80", 1, []),
    ],
)
def test_label(here: Here, label: bytes, status: int, found: list[tuple[str, str]]) -> None:
    code, out, _ = here("label", *label.hex(" ").split())
    assert code == status
    assert [(one["kind"], one["value"]) for one in json.loads(out)] == found
    assert here("label", "not", "hex")[0] == 2


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Locker]:
    broker = Broker("nats", tmp_path / "broker").start()
    locker = Locker(tmp_path / "fornebu-1", locker_toml("fornebu-1"))
    backend = ThinBackend(broker.login("backend"), "fornebu-1")
    locker.provision(backend.provision(locker.identity(), broker.login("locker")))
    locker.start()
    yield locker
    locker.stop()
    backend.close()
    broker.stop()


def test_journal_beside_the_daemon_and_of_a_copy_that_is_broken(running: Locker) -> None:
    config = str(running.config)
    told = run("journal", "--config", config)
    assert told.returncode == 0, told.stderr
    assert re.search(
        r"^epoch [0-9a-f]{32}, events 1 to \d+, chain whole$", told.stdout, re.MULTILINE
    )
    assert re.search(
        r"^1 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  store_created ", told.stdout, re.MULTILINE
    )
    rows = [
        json.loads(line)
        for line in run("journal", "--config", config, "--json").stdout.splitlines()
    ]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["type"] for row in rows[:2]] == ["store_created", "hardware_described"]
    last = run("journal", "--config", config, "--json", "--last", "1").stdout
    assert len(last.splitlines()) == 1
    assert running.edge is not None
    assert running.edge.stop() == 0
    copy = running.folder / "copy.sqlite"
    shutil.copyfile(running.folder / "state" / "journal.sqlite", copy)
    db = apsw.Connection(str(copy))
    db.execute(
        "UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'commissioned', 'damaged')"
        " AS BLOB) WHERE seq = 1"
    )
    db.close()
    broken = run("journal", "--store", str(copy))
    assert broken.returncode == 1
    assert "chain BROKEN" in broken.stdout
    assert f"{copy}: the chain is broken: event 2" in broken.stderr
    assert run("journal", "--store", str(running.folder / "nothing")).returncode == 2
