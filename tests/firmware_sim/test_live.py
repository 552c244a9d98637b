"""The hardware in real time: real serial ports at the one end, people at the other."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from tests.firmware_sim.bench import LOCKER, Bench, Json, until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    running = Bench(tmp_path)
    yield running
    running.close()


def exchange(port: serial.Serial, request: str, length: int) -> str:
    port.write(bytes.fromhex(request))
    return port.read(length).hex(" ").upper()


def settled(port: serial.Serial, reply: str) -> None:
    """Ask until the contacts have stopped bouncing."""
    answers = [exchange(port, "80 01 00 33 B2", 7)]
    while answers[-1] != reply:
        answers.append(exchange(port, "80 01 00 33 B2", 7))
        assert len(answers) < 20, answers


def test_boards_answer_on_their_line_each_with_its_polarity(bench: Bench) -> None:
    with bench.port("lock-bus") as port:
        assert exchange(port, "80 01 00 33 B2", 7) == "80 01 00 00 03 33 B1"
        assert exchange(port, "80 02 00 33 B1", 7) == "80 02 00 00 00 33 B1"
        port.timeout = 0.3
        assert exchange(port, "80 03 00 33 B0", 7) == ""  # nobody has this address


def test_one_pulse_opens_one_door_and_is_on_record(bench: Bench) -> None:
    facts = bench.watch()
    bench.ask("person", act="put_in", open_s=0.4)
    with bench.port("lock-bus") as port:
        assert exchange(port, "8A 01 02 11 98", 5) == "8A 01 02 11 98"
        assert until(facts, "door_opened")["compartment"] == 2
        assert until(facts, "door_shut")["compartment"] == 2
        settled(port, "80 01 00 00 03 33 B1")
    (pulse,) = bench.ask("pulses")["pulses"]
    assert pulse["compartment"] == 2
    assert pulse["on_ms"] == pytest.approx(300)
    doors = {door["compartment"]: door for door in bench.ask("doors")["doors"]}
    assert doors[2] == {"compartment": 2, "open": False, "full": True}
    assert doors[1] == {"compartment": 1, "open": False, "full": False}


def test_reply_comes_at_the_pace_of_the_line(bench: Bench) -> None:
    with bench.port("lock-bus") as port:
        began = time.monotonic()
        exchange(port, "80 01 00 33 B2", 7)
        # 12 bytes of 10 bits at 9600 baud, and 8 ms between request and reply.
        assert time.monotonic() - began >= 12 * 10 / 9600 + 0.008


def test_scan_arrives_at_the_scanners_port(bench: Bench) -> None:
    with bench.port("scanner") as port:
        bench.ask("scan", text="]C100370712345678901238")
        assert port.read_until(b"\r") == b"]C100370712345678901238\r"
        port.write(bytes.fromhex("7E 00 08 01 00 D0 80 AB CD"))
        assert port.read(7) == bytes.fromhex("02 00 00 01 00 33 31")


def test_the_scanner_can_be_broken_and_forgets_its_settings_with_its_plug(bench: Bench) -> None:
    with bench.port("scanner") as port:
        bench.ask("fault", part="scanner", name="half_codes", value=1)
        bench.ask("scan", text="]C0ORDER-12")
        assert port.read(5) == b"]C0OR"
        port.write(bytes.fromhex("7E 00 08 01 00 D0 00 AB CD"))  # AIM identifiers off, not saved
        port.read(7)
    bench.ask("unplug", line="scanner")
    bench.ask("plug", line="scanner")
    with bench.port("scanner") as port:
        bench.ask("scan", text="]C0ORDER-12")
        assert port.read_until(b"\r") == b"]C0ORDER-12\r"
    assert "error" in bench.ask("fault", part="scanner", name="wings", value=1)


def test_a_port_can_be_unplugged_and_plugged_in_again(bench: Bench) -> None:
    port = bench.port("lock-bus")
    bench.ask("unplug", line="lock-bus")
    with pytest.raises((serial.SerialException, OSError)):
        port.read(1)
    port.close()
    with pytest.raises(serial.SerialException):
        bench.port("lock-bus")
    bench.ask("plug", line="lock-bus")
    with bench.port("lock-bus") as again:
        assert exchange(again, "80 01 00 33 B2", 7) == "80 01 00 00 03 33 B1"


def test_doors_are_forced_and_shut_and_faults_set_by_hand(bench: Bench) -> None:
    with bench.port("lock-bus") as port:
        facts = bench.watch()
        bench.ask("force", compartment=1)
        assert until(facts, "door_opened")["compartment"] == 1
        bench.ask("fault", part=2, name="sensor_stuck", value="open")
        bench.ask("fault", part="a", name="corrupt_replies", value=1)
        assert exchange(port, "80 01 00 33 B2", 7)[-2:] in ("E4", "E5", "E6", "E7")
        settled(port, "80 01 00 00 00 33 B2")
        bench.ask("shut", compartment=1)
        settled(port, "80 01 00 00 01 33 B3")


def test_boards_of_two_families_run_on_a_line_each(tmp_path: Path) -> None:
    text = LOCKER.replace(
        'family = "8a"\nport = "lock-bus"\naddress = 2',
        'family = "kerong"\nport = "lock-bus-2"\naddress = 0',
    )
    running = Bench(tmp_path, text)
    try:
        facts = running.watch()
        with running.port("lock-bus") as one, running.port("lock-bus-2") as other:
            other.baudrate = 19200
            assert exchange(other, "02 00 30 03 35", 9) == "02 00 35 00 00 00 00 03 3A"
            assert until(facts, "reply")["line"] == "lock-bus-2"
            assert exchange(one, "80 01 00 33 B2", 7) == "80 01 00 00 03 33 B1"
            other.write(bytes.fromhex("02 00 31 03 36"))
            assert until(facts, "door_opened")["compartment"] == 3
    finally:
        running.close()


@pytest.mark.parametrize(
    "request_line",
    [
        {"do": "explode"},
        {"do": "person", "act": "dance"},
        {"do": "person", "act": "put_in", "compartment": 99},
        {"do": "fault", "part": "z", "name": "silent", "value": True},
        {"do": "fault", "part": "a", "name": "wings", "value": True},
        {"do": "unplug", "line": "nowhere"},
        {"do": "scan"},
        {"do": "scan", "text": "blåbær"},
        {"do": "scan_bytes", "hex": "zz"},
        {"do": "force", "compartment": None},
    ],
)
def test_bad_request_is_refused_and_the_hardware_runs_on(bench: Bench, request_line: Json) -> None:
    assert "error" in bench.ask(**request_line)
    assert "doors" in bench.ask("doors")


def test_it_stops_when_told(tmp_path: Path) -> None:
    running = Bench(tmp_path)
    assert running.ready["control"] == str(tmp_path / "control.sock")
    assert running.close() == 0
