"""What the bus does for a family beyond asking and pulsing: starts, echoes, relays, hints."""

from dataclasses import replace

import pytest

from fellesskap_edge import bus as b
from fellesskap_edge.banks import CHECK_S, MISSES_MAX, What
from fellesskap_edge.bus import Bus, Phase
from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.locks.driver import PULSE_MS_MAX, SUPPLY_REST_S
from fellesskap_edge.locks.kerong import Kerong
from tests.edge.line_frames import FRAMES, LINKED, OFF, UNLINK, driver
from tests.edge.test_bus import NOW, UNLOCK_1, Line, known, new_bus

ORDERED = pytest.mark.parametrize("family", [one for one in FAMILIES if FRAMES[one].start])
SAME_REPLY = pytest.mark.parametrize(
    "family", [one for one in FAMILIES if FRAMES[one].ack_1 == FRAMES[one].unlock_1]
)


def alone(family: str) -> Line:
    """A line with one bank, nothing heard of it yet."""
    bus = new_bus(family)
    return Line(replace(bus, banks={"a": bus.banks["a"]}), NOW)


def idle(family: str) -> Line:
    """A line with one bank that answers, is ready and shut."""
    bus = known(family)
    return Line(replace(bus, banks={"a": bus.banks["a"]}, phase=Phase.IDLE), NOW)


def hear(line: Line, reply: str, after_s: float = 0.02) -> tuple[b.Effect, ...]:
    """Let a reply come, and the silence after it pass."""
    effects = line.give(b.Received(bytes.fromhex(reply)), after_s)
    line.wait_until(line.bus.until if line.bus.phase is Phase.SILENT else line.now)
    return effects


def asked(line: Line) -> None:
    """Wait until the line asks something."""
    while line.bus.phase in (Phase.IDLE, Phase.SILENT):
        line.wait_until(line.bus.wake_at)


def miss(line: Line) -> None:
    """Let the request in flight go unanswered, and wait for the next."""
    line.give(b.Tick(), line.bus.until - line.now)
    asked(line)


def frames(line: Line) -> list[str]:
    """What was written, in capital hex."""
    return [data.hex(" ").upper() for _, data in line.at]


def begun(family: str) -> Line:
    """A line whose board has done all that the start asks of it and was read."""
    line = alone(family)
    line.give(b.PortUp())
    hear(line, FRAMES[family].shut)
    for _, reply in FRAMES[family].start:
        hear(line, reply)
    hear(line, FRAMES[family].shut)
    return line


@ORDERED
def test_a_board_does_what_the_start_asks_before_its_doors_count(family: str) -> None:
    line = alone(family)
    line.give(b.PortUp())
    assert hear(line, FRAMES[family].one_open) == ()
    for request, reply in FRAMES[family].start:
        assert frames(line)[-1] == request
        assert hear(line, reply) == ()
    assert hear(line, FRAMES[family].shut)[0] == b.Contact("a", answering=True)
    starts = [request for request, _ in FRAMES[family].start]
    assert frames(line) == [FRAMES[family].status, *starts, FRAMES[family].status]


@ORDERED
def test_no_lock_is_pulsed_before_the_start_is_done(family: str) -> None:
    line = alone(family)
    line.give(b.PortUp())
    line.give(UNLOCK_1)
    hear(line, FRAMES[family].shut)
    for _, reply in FRAMES[family].start:
        assert FRAMES[family].unlock_1 not in frames(line)
        hear(line, reply)
    assert frames(line)[-1] == FRAMES[family].unlock_1


@ORDERED
def test_a_pulse_for_a_board_that_never_answers_is_given_back_unsent(family: str) -> None:
    line = alone(family)
    line.give(b.PortUp())
    line.give(UNLOCK_1)
    line.wait_until(NOW + b.UNLOCK_WAIT_S_MAX + 0.01)
    assert line.told(b.Unacknowledged) == [b.Unacknowledged("t1")]
    assert FRAMES[family].unlock_1 not in frames(line)


@ORDERED
def test_after_anything_missed_the_start_is_done_again(family: str) -> None:
    line = begun(family)
    asked(line)
    missed = len(line.at)
    miss(line)
    hear(line, FRAMES[family].shut)
    assert frames(line)[missed:] == [FRAMES[family].status, FRAMES[family].start[0][0]]


def test_a_board_without_orders_is_used_at_once() -> None:
    line = alone("8a")
    line.give(b.PortUp())
    assert hear(line, FRAMES["8a"].shut)[0] == b.Contact("a", answering=True)


def test_a_linkage_that_stays_on_keeps_the_board_out_and_is_told_once() -> None:
    line = alone("waveshare_d")
    line.give(b.PortUp())
    linked = "01 03 10 00 01" + 14 * " 00" + " 25 59"
    for _ in range(MISSES_MAX + 2):
        hear(line, FRAMES["waveshare_d"].shut)
        for _, reply in FRAMES["waveshare_d"].start[:2]:
            hear(line, reply)
        assert frames(line)[-1] == LINKED
        hear(line, linked)
        miss(line)
    assert line.told(b.Unready) == [b.Unready("a", "unlink inputs and relays")]
    assert line.told(b.Contact) == [b.Contact("a", answering=False)]
    assert line.told(b.Sensed) == []
    hear(line, FRAMES["waveshare_d"].shut)
    for _, reply in FRAMES["waveshare_d"].start:
        hear(line, reply)
    assert line.told(b.Unready)[-1] == b.Unready("a", "unlink inputs and relays", over=True)
    hear(line, FRAMES["waveshare_d"].shut)
    assert line.told(b.Contact)[-1] == b.Contact("a", answering=True)


def test_a_kerong_that_confirms_no_time_is_used_with_the_longest_rest() -> None:
    line = alone("kerong")
    line.give(b.PortUp())
    for _ in range(MISSES_MAX):
        assert line.told(b.Unready) == []
        hear(line, FRAMES["kerong"].shut)
        assert frames(line)[-1] == FRAMES["kerong"].start[0][0]
        miss(line)
    assert line.now < NOW + 2
    assert line.told(b.Unready) == [b.Unready("a", "confirm its unlock time")]
    hear(line, FRAMES["kerong"].shut)
    assert line.told(b.Contact) == [b.Contact("a", answering=True)]
    sent_at = line.now
    line.give(UNLOCK_1)
    line.give(b.Unlock("a", 2, "t2"))
    assert frames(line)[-1] == FRAMES["kerong"].unlock_1
    line.wait_until(sent_at + 2)
    second = [at for at, data in line.at if data.hex(" ") == "02 11 31 03 47"]
    assert second[0] - sent_at == pytest.approx(PULSE_MS_MAX / 1000 + SUPPLY_REST_S)


def test_a_kerong_is_told_its_time_again_before_each_pulse() -> None:
    line = begun("kerong")
    ((time, confirmed),) = FRAMES["kerong"].start
    line.give(UNLOCK_1)
    assert frames(line)[-1] == FRAMES["kerong"].unlock_1  # told a moment ago
    line.wait_until(line.now + 1)
    line.give(b.Unlock("a", 2, "t2"))
    assert frames(line)[-1] == time
    hear(line, confirmed)
    assert frames(line)[-1] == "02 11 31 03 47"


def test_an_unlock_that_is_never_answered_is_neither_acknowledged_nor_not() -> None:
    line = idle("kerong")
    line.bus = replace(line.bus, banks={"a": replace(line.bus.banks["a"], told_at=NOW)})
    line.give(UNLOCK_1)
    line.wait_until(NOW + 2)
    assert frames(line) == [FRAMES["kerong"].unlock_1]
    assert line.said == [b.Write(bytes.fromhex(FRAMES["kerong"].unlock_1))]
    assert line.bus.free(line.now)


@pytest.mark.parametrize("pulse_ms", [100, 300, 1000])
def test_the_supply_rests_half_a_second_after_a_pulse_of_any_length(pulse_ms: int) -> None:
    one = replace(known("kerong").banks["a"], driver=Kerong(1, 1, pulse_ms))
    assert one.gap_s == pytest.approx(pulse_ms / 1000 + 0.5)


# The echo of an adapter --------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_an_echo_is_learnt_from_a_poll_and_the_reply_after_it_counts(family: str) -> None:
    line = alone(family)
    line.give(b.PortUp())
    hear(line, FRAMES[family].status)
    assert line.bus.phase is Phase.POLLING
    hear(line, FRAMES[family].shut)
    assert line.bus.echo
    for request, reply in FRAMES[family].start:
        hear(line, request)
        hear(line, reply)
    assert frames(line)[1:] == [request for request, _ in FRAMES[family].start] + (
        [FRAMES[family].status] if FRAMES[family].start else []
    )


@SAME_REPLY
def test_the_echo_of_an_unlock_acknowledges_nothing(family: str) -> None:
    line = idle(family)
    line.bus = replace(line.bus, echo=True)
    line.give(UNLOCK_1)
    unlock = bytes.fromhex(FRAMES[family].unlock_1)
    assert line.give(b.Received(unlock[:3]), 0.001) == ()
    assert line.give(b.Received(unlock[3:]), 0.001) == ()
    assert line.give(b.Received(unlock), 0.02) == (b.Acknowledged("t1"),)


@SAME_REPLY
def test_an_echo_alone_is_a_board_that_does_not_answer(family: str) -> None:
    line = alone(family)
    line.give(b.PortUp())
    for _ in range(MISSES_MAX):
        line.give(b.Received(bytes.fromhex(FRAMES[family].status)), 0.01)
        line.wait_until(line.now + 5.1)
    assert line.bus.echo
    assert line.told(b.Contact) == [b.Contact("a", answering=False)]


def test_doors_that_stand_as_the_request_reads_are_no_echo() -> None:
    line = alone("8a")
    line.give(b.PortUp())
    for _ in range(3):
        hear(line, "80 01 00 33 B2 33 33")
        asked(line)
    assert not line.bus.echo
    assert line.told(b.Contact) == [b.Contact("a", answering=True)]


def test_an_echo_is_learnt_through_noise_and_forgotten_only_when_a_reply_comes_alone() -> None:
    line = alone("8a")
    line.give(b.PortUp())
    hear(line, "00 7F " + FRAMES["8a"].status)
    hear(line, FRAMES["8a"].shut)
    assert line.bus.echo
    asked(line)
    hear(line, "80 01 7F")
    miss(line)
    assert line.bus.echo
    hear(line, FRAMES["8a"].shut)
    assert not line.bus.echo


def test_another_adapter_is_learnt_anew() -> None:
    line = alone("8a")
    line.bus = replace(line.bus, echo=True)
    line.give(b.PortUp())
    assert not line.bus.echo


# Relays that stay on -----------------------------------------------------------------------------

RELAYS = pytest.mark.parametrize("family", ["waveshare", "waveshare_d"])


def pulsed(family: str) -> Line:
    """A line whose board has acknowledged a pulse a moment ago."""
    line = idle(family)
    line.give(UNLOCK_1)
    hear(line, FRAMES[family].ack_1)
    return line


@RELAYS
def test_after_a_pulse_the_relays_are_read_and_all_is_well(family: str) -> None:
    line = pulsed(family)
    line.wait_until(NOW + 0.3 + CHECK_S + 0.01)
    assert frames(line)[1:] == ["01 01 00 00 00 08 3D CC"]
    assert hear(line, FRAMES[family].coils_off) == ()
    line.wait_until(NOW + 2)
    assert OFF not in frames(line)


@RELAYS
def test_a_relay_that_stays_on_is_told_and_all_are_switched_off(family: str) -> None:
    line = pulsed(family)
    line.wait_until(NOW + 0.3 + CHECK_S + 0.01)
    assert hear(line, FRAMES[family].coil_1_on) == (b.Stuck("a", 1),)
    assert frames(line)[-1] == OFF
    hear(line, OFF)
    line.wait_until(line.now + CHECK_S + 0.01)
    assert frames(line)[-1] == "01 01 00 00 00 08 3D CC"
    assert hear(line, FRAMES[family].coil_1_on) == ()  # welded: told once
    bank = replace(line.bus.banks["a"], poll_at=float("inf"))
    line.bus = replace(line.bus, banks={"a": bank})
    line.wait_until(line.now + b.POLL_S - 0.01)
    assert frames(line)[-1] != OFF, "the line is for the other boards, too"
    line.wait_until(line.now + 0.02)
    assert hear(line, FRAMES[family].coil_1_on) == ()
    assert frames(line)[-1] == OFF
    hear(line, OFF)
    line.wait_until(line.now + CHECK_S + 0.01)
    assert hear(line, FRAMES[family].coils_off) == (b.Stuck("a", 1, over=True),)
    line.wait_until(line.now + 1)
    assert frames(line).count(OFF) == 2


@RELAYS
def test_a_relay_whose_pulse_is_running_is_not_stuck(family: str) -> None:
    line = pulsed(family)
    bank = line.bus.banks["a"]
    line.bus = replace(line.bus, banks={"a": replace(bank, check_at=NOW)})
    line.give(b.Tick(), 0.1)
    assert isinstance(line.bus.asked, b.Ask)
    assert line.bus.asked.what is What.COILS
    assert line.give(b.Received(bytes.fromhex(FRAMES[family].coil_1_on)), 0.02) == ()
    assert not line.bus.banks["a"].off_wanted
    assert line.bus.banks["a"].check_at == pytest.approx(NOW + 0.3 + CHECK_S)


def test_a_board_without_inputs_answers_and_its_doors_stay_unknown() -> None:
    line = begun("waveshare")
    assert line.told(b.Contact) == [b.Contact("a", answering=True)]
    assert line.told(b.Sensed) == []


# What is said unasked ----------------------------------------------------------------------------


@pytest.mark.parametrize("family", [one for one in FAMILIES if FRAMES[one].stirred])
@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_door_that_is_told_of_unasked_is_looked_at_at_once(family: str, cut: int) -> None:
    line = idle(family)
    stirred = bytes.fromhex(FRAMES[family].stirred)
    line.give(b.Received(stirred[:cut]))
    line.give(b.Received(stirred[cut:]), 0.001)
    line.wait_until(NOW + 0.02)
    assert frames(line) == [FRAMES[family].status]
    assert hear(line, FRAMES[family].one_open) == (b.Sensed("a", {1: "open"}),)


def test_a_door_that_a_reply_tells_no_more_of_is_unknown() -> None:
    line = idle("wkly")
    line.wait_until(NOW + 3.01)
    hear(line, "57 4B 4C 59 0C 01 84 00 02 00 00 82")
    (lost,) = line.told(b.Sensed)
    assert isinstance(lost, b.Sensed)
    assert set(lost.doors.values()) == {"unknown"}
    assert set(lost.doors) == set(range(3, 13))


def test_boards_of_two_families_share_a_line() -> None:
    banks = {"a": b.BankLine(driver("8a"), "p"), "b": b.BankLine(driver("waveshare_d", 2), "q")}
    line = Line(Bus(banks), NOW)
    line.give(b.PortUp())
    hear(line, FRAMES["8a"].shut)
    assert frames(line)[-1].startswith("02 02 00 00 00 08")
    hear(line, "02 02 01 FF E1 8C")
    assert frames(line)[-1].startswith("02 10 10 00")
    assert UNLINK.split()[2:-2] == frames(line)[-1].split()[2:-2]
