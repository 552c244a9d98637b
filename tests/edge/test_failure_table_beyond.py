"""The failures of `docs/failures.md` beyond the doors: lines, scanner, store, clock (9 to 20)."""

import errno
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from queue import Queue

import msgspec
import pytest
import serial

from fellesskap_edge.config import Bank
from fellesskap_edge.config_check import InvalidConfig, load
from fellesskap_edge.inbox import Inward, PortBarred, PortDown, PortUp
from fellesskap_edge.journal import Journal, JournalUnusable
from fellesskap_edge.lines import GARBLED
from fellesskap_edge.ports import Ports
from fellesskap_edge.scanner import STUCK_S
from fellesskap_firmware_sim.badges import sign
from fellesskap_firmware_sim.boards.waveshare import Waveshare
from fellesskap_protocol.events import (
    Collected,
    Deposited,
    Forced,
    NotOpened,
    Presented,
    Pulsed,
    StoreCreated,
)
from fellesskap_protocol.messages import Badge, Command
from fellesskap_protocol.signing import seal
from tests.durability.visits import label
from tests.edge.failing_locker import Failing
from tests.edge.little_locker import CONFIG
from tests.simulation.backend import CARRIER, INSTALLATION


@pytest.fixture
def locker(tmp_path: Path) -> Iterator[Failing]:
    locker = Failing(tmp_path)
    yield locker
    assert locker.checker.breaks == []
    locker.drive.parts.journal.close()


def test_split_frames_noise_and_flipped_bits_change_nothing_for_anybody(
    locker: Failing,
) -> None:
    """Row 9: frames come in parts, with noise before them and bits flipped."""
    faults = locker.hardware.boards["a"].faults
    faults.split_s, faults.garbage_bytes, faults.flipped_bits = 0.02, 5, 2
    locker.deposit(2)
    assert locker.collects() == ("opens", 1)
    assert [one.parcel_id for one in locker.journalled(Deposited)] == ["parcel-000002"]
    assert len(locker.journalled(Collected)) == 1
    assert locker.journalled(Forced) == []
    assert locker.faults() == []
    assert locker.standing_faults() == ()


def test_replies_that_come_too_late_are_a_silent_bank_and_no_door_is_believed(
    locker: Failing,
) -> None:
    """Row 10: the reply of a request that was given up comes late."""
    faults = locker.hardware.boards["a"].faults
    faults.reply_delay_s = 0.38
    locker.wait(20)
    assert locker.faults() == [("bank a", "silent")]
    assert locker.standing_faults() == ("bank a: silent",)
    assert locker.seen().door == "unknown"
    assert locker.types() == ("out_of_order", 1)
    faults.reply_delay_s = 0.008
    locker.wait(10)
    assert locker.faults()[1:] == [("bank a", "ok")]
    assert locker.standing_faults() == ()
    assert locker.collects() == ("opens", 1)


def test_a_line_that_echoes_serves_and_its_echo_answers_for_no_board(locker: Failing) -> None:
    """Row 11: the adapter echoes what is sent."""
    faults = locker.hardware.boards["a"].faults
    faults.echo = True
    locker.wait(10)
    assert locker.collects() == ("opens", 1)
    assert locker.faults() == []
    faults.silent = True
    locker.scans(label(2))
    locker.wait(30)
    assert locker.faults() == [("bank a", "silent")]
    assert locker.standing_faults() == ("bank a: silent",)
    assert locker.journalled(NotOpened), "the page says that the door did not open"
    assert locker.journalled(Deposited) == []


def test_two_boards_at_one_address_are_silent_and_open_nothing(tmp_path: Path) -> None:
    """Row 12: two boards have the same address."""
    locker = Failing(tmp_path, CONFIG)
    locker.hardware.boards["b"].faults.address = 1
    locker.wait(20)
    told = ("answers of bank a", GARBLED)
    assert set(locker.faults()) == {("bank a", "silent"), ("bank b", "silent"), told}
    assert locker.standing_faults() == (
        "bank a: silent",
        "bank b: silent",
        ": ".join(told),
    ), "nobody answers at the second address"
    assert locker.seen().door == "unknown"
    assert locker.types() == ("out_of_order", 1)
    assert locker.journalled(Pulsed) == []
    locker.hardware.boards["b"].faults.address = None
    locker.wait(15)
    assert locker.standing_faults() == ()
    locker.drive.parts.journal.close()


def test_a_board_that_browns_out_is_told_its_settings_again_and_serves(tmp_path: Path) -> None:
    """Row 13: a board resets: relays drop, its unlock time is the factory's again."""
    banks = (
        Bank(name="a", family="kerong", port="bus-a", address=0, supply="psu-a", pulse_ms=500),
        Bank(name="b", family="8a", port="bus-b", address=1, supply="psu-b"),
    )
    locker = Failing(tmp_path, msgspec.structs.replace(CONFIG, banks=banks))
    locker.hardware.boards["a"].faults.reset_s = 20.0
    locker.wait(18)
    assert locker.faults() == [("bank a", "silent")]
    assert locker.standing_faults() == ("bank a: silent",)
    assert locker.types() == ("out_of_order", 1)
    locker.wait(10)
    assert locker.faults()[1:] == [("bank a", "ok")]
    locker.hardware.boards["a"].faults.reset_s = 0.3  # once more, between two polls
    locker.hardware.advance(locker.now_s)
    locker.wait(0.4)
    assert locker.collects() == ("opens", 1)
    pulse = locker.hardware.plant.pulses[-1]
    assert pulse.ended - pulse.started == pytest.approx(0.5, abs=0.02)
    assert len(locker.journalled(Collected)) == 1
    locker.drive.parts.journal.close()


@pytest.mark.parametrize("reset_s", [20.0, 0.3])
def test_a_board_that_forgot_that_its_inputs_are_only_read_is_told_again(
    tmp_path: Path, reset_s: float
) -> None:
    """Row 13, too: else a door's contact would fire its lock."""
    banks = (
        Bank(name="a", family="waveshare_d", port="bus-a", address=1, supply="psu-a"),
        Bank(name="b", family="8a", port="bus-b", address=1, supply="psu-b"),
    )
    locker = Failing(tmp_path, msgspec.structs.replace(CONFIG, banks=banks))
    board = locker.hardware.boards["a"]
    assert isinstance(board, Waveshare)
    board.faults.forgets_all = True
    board.faults.reset_s = reset_s
    locker.hardware.advance(locker.now_s)
    assert any(board.modes)
    locker.wait(reset_s + 8)
    assert not any(board.modes)
    silent = reset_s > 5
    assert locker.faults() == [("bank a", "silent"), ("bank a", "ok")] * silent
    assert locker.collects() == ("opens", 1)
    assert len(locker.journalled(Pulsed)) == 1
    locker.drive.parts.journal.close()


def test_a_port_that_may_not_be_opened_is_a_fault_of_its_own_until_it_may(
    locker: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 14, too: no rights to the port; trying again and again does not mend that."""
    tried: Queue[float] = Queue()

    def refused(*_: object, **__: object) -> serial.Serial:
        tried.put(time.monotonic())
        raise serial.SerialException(errno.EACCES, "could not open port: Permission denied")

    posted: Queue[Inward] = Queue()
    port = min(locker.hardware.ports)
    ports = Ports({port: 9600}, posted.put)
    monkeypatch.setattr("fellesskap_edge.ports.serial.Serial", refused)
    ports.start()
    barred = posted.get(timeout=5)
    assert barred == PortBarred(port, "may not be opened: Permission denied")
    ports.stop()
    assert tried.qsize() == 1
    locker.unplug_boards()
    locker.give(barred)
    locker.wait(2)
    told = (f"port {port}", "may not be opened: Permission denied")
    assert locker.faults() == [("bank a", "silent"), told]
    assert locker.standing_faults() == ("bank a: silent", ": ".join(told))
    assert locker.types() == ("out_of_order", 1)
    locker.give(PortUp(port))
    locker.wait(5)
    assert locker.standing_faults() == ()


def test_a_port_that_does_not_take_its_baud_is_told_and_its_thread_goes_on() -> None:
    """Row 14, too: a wrong figure in `locker.toml` costs one line, not the whole locker."""
    near, far = os.openpty()
    posted: Queue[Inward] = Queue()
    ports = Ports({os.ttyname(far): -5}, posted.put)
    ports.start()
    assert posted.get(timeout=5) == PortBarred(os.ttyname(far), "takes no -5 baud")
    assert ports.beats[0].runs
    ports.stop()
    os.close(near)
    os.close(far)


def test_an_adapter_that_is_unplugged_is_a_silent_bank_until_it_is_back(locker: Failing) -> None:
    """Row 14: the USB adapter is unplugged, or stale."""
    locker.unplug_boards()
    assert locker.faults() == [("bank a", "silent")]
    assert locker.standing_faults() == ("bank a: silent",)
    assert locker.seen().door == "unknown"
    assert locker.types() == ("out_of_order", 1)
    assert locker.scans(label(2))[0] == "no_room"
    locker.give(PortUp(min(locker.hardware.ports)))
    locker.wait(5)
    assert locker.faults()[1:] == [("bank a", "ok")]
    assert locker.collects() == ("opens", 1)


def test_a_port_in_other_hands_is_not_used_and_a_second_daemon_does_not_start(
    locker: Failing, tmp_path: Path
) -> None:
    """Row 15: two services on one port."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    posted: Queue[Inward] = Queue()
    ports = Ports({name: 9600}, posted.put)
    with serial.Serial(name, 9600, exclusive=True):
        ports.start()
        with pytest.raises(serial.SerialException, match="exclusively lock"):
            serial.Serial(name, 9600, exclusive=True)
        assert posted.empty(), "as long as another has it, it is not there"
    assert posted.get(timeout=5) == PortUp(name)
    ports.stop()
    assert posted.get(timeout=5) == PortDown(name)
    os.close(master)
    os.close(slave)
    with pytest.raises(JournalUnusable):
        Journal(locker._path)
    locker.unplug_boards()  # what a port in other hands is for the drive
    assert locker.standing_faults() == ("bank a: silent",)
    assert locker.types() == ("out_of_order", 1)


def test_a_scanner_that_sticks_doubles_or_breaks_off_opens_nothing_twice(
    locker: Failing,
) -> None:
    """Row 16: the scanner sticks, stutters, or says half a code."""
    faults = locker.hardware.scanner.faults
    faults.half_codes = 1
    locker.scan("]C0" + label(2))
    locker.wait(5)
    assert locker.journalled(Presented) == []
    faults.doubles = 1
    assert locker.scans("]C0" + label(2))[0] == "opens"
    assert len(locker.journalled(Presented)) == 1
    locker.wait(40)
    locker.shut_what_stands_open()
    faults.stuck = True
    locker.scan("]C0FOREIGN-1")
    locker.wait(STUCK_S * 3)
    assert locker.faults() == [("scanner", "stuck")]
    assert locker.standing_faults() == ("scanner: stuck",)
    assert locker.told() == ("unknown", None)
    assert len([one for one in locker.journalled(Presented) if one.reason == "unknown"]) == 1
    faults.stuck = False
    locker.wait(60)
    assert locker.faults()[1:] == [("scanner", "ok")]
    assert locker.standing_faults() == ()


def test_a_command_that_comes_again_is_answered_and_not_obeyed_again(locker: Failing) -> None:
    """Row 17: a command comes twice, also over a restart."""
    locker.command("open_door", "twice", 5)
    locker.wait(20)
    locker.shut_what_stands_open()
    locker.wait(20)
    locker.restart()
    locker.wait(20)
    locker.command("open_door", "twice", 5)
    locker.wait(20)
    replies = [one for one in locker.results if one.jti == "twice"]
    assert replies[0].outcome == "done"
    assert (replies[-1].outcome, replies[-1].first_outcome) == ("duplicate", "done")
    assert [one.compartment for one in locker.journalled(Pulsed)] == [5]
    assert [one.jti for one in locker.journalled(Presented)] == ["twice"]


def test_a_store_cut_short_begins_anew_and_gives_away_no_door(locker: Failing) -> None:
    """Row 18: the card is corrupted: the store, or the map of the doors."""
    locker.wait(30)
    locker.drive.parts.journal.close()
    path = locker._path
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    locker.offline = True
    locker._boot()
    locker.wait(5)
    assert [one.reason for one in locker.journalled(StoreCreated)] == ["damaged"]
    assert {one.content for one in locker.drive.controller.places.values()} == {"unknown"}
    assert locker.types() == ("long_code_needed", None)
    assert locker.scans("]C0" + label(2)) == ("badge_needed", None)
    assert locker.journalled(Pulsed) == []
    toml = path.parent / "locker.toml"
    toml.write_bytes(toml.read_bytes()[:-200])
    with pytest.raises(InvalidConfig):
        load(toml)
    locker.offline = False
    locker._connect()
    locker.wait(60)
    assert locker.standing_faults() == ()
    assert locker.collects() == ("opens", 1), "the rights are back, and with them what lies where"


def test_without_a_clock_codes_open_badges_do_not_and_it_shows(locker: Failing) -> None:
    """Row 19: no clock chip; the clock stands at the epoch and nobody can be asked."""
    before = locker.instant.wall
    locker.partition(1e9)
    locker.offline = locker.no_clock = True
    locker.restart()
    locker.wait(5)
    badge = Badge(
        iat=int(before.timestamp()),
        iss=INSTALLATION,
        aud=INSTALLATION,
        jti="badge-1",
        carriers=(CARRIER,),
        lockers=(locker.config.locker.id,),
        may=("remove",),
        exp=int((before + timedelta(hours=1)).timestamp()),
    )
    assert locker.scans("]Q1" + sign(badge, locker.backend.key)) == ("badge_refused", None)
    assert [one.reason for one in locker.journalled(Presented)] == ["clock_untrusted"]
    assert locker.collects() == ("opens", 1)
    [collected] = locker.journalled(Collected)
    assert collected.clock == "untrusted"
    assert collected.at > before - timedelta(minutes=2), "not before what was once known"
    locker.offline = False
    locker._connect()
    locker.wait(5)
    assert locker.states[-1].clock == "untrusted"


def test_doors_that_are_asked_for_at_once_open_one_after_the_other(locker: Failing) -> None:
    """Row 20: several opens at once; a second one of an operator waits longer still."""
    locker.deposit(2)
    locker.wait(20)
    del locker.hardware.plant.pulses[:]
    assert [locker.types(1)[0], locker.types(2)[0]] == ["opens", "opens"]
    locker.wait(5)
    first, second = locker.hardware.plant.pulses
    assert {first.compartment, second.compartment} == {1, 2}
    assert second.started - first.ended >= 0.5
    locker.command("open_door", "j1", 5)
    for jti, number in (("j2", 6), ("j3", 7)):
        _ask(locker, jti, number)
    locker.wait(10)
    outcomes = {one.jti: (one.outcome, one.reason) for one in locker.results}
    assert outcomes["j1"] == ("done", None)
    assert ("refused", "limit") in (outcomes["j2"], outcomes["j3"])
    assert {one.reason for one in locker.journalled(Presented)} >= {"limit"}


def _ask(locker: Failing, jti: str, number: int) -> None:
    """Let an operator ask, with a challenge that is still good."""
    iat = int(locker.instant.wall.timestamp())
    body = Command(
        iat=iat,
        iss=INSTALLATION,
        aud=locker.config.locker.id,
        jti=jti,
        kind="open_door",
        compartment=number,
        actor_class="operator",
        reason_code="help",
        exp=iat + 30,
        challenge=locker.backend.challenge,
    )
    locker.to_edge("commands", seal(body, locker.backend.key))
