"""The 8A board speaks byte for byte as the documents say, and is silent by the strict rules."""

from functools import reduce
from itertools import pairwise
from operator import xor
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_firmware_sim.boards.board_8a import PULSE_S, Board8A
from fellesskap_firmware_sim.plant import Plant

BYTE_S = 10 / 9600
ALL_SHUT_STATUS = "80 01 FF FF FF 33 4D"


def board(
    *, closed_bit: Literal[0, 1] = 1, address: int = 1, baud: int = 9600, channels: int = 24
) -> Board8A:
    numbers = range(1, channels + 1)
    return Board8A(
        Plant(numbers), {n: n for n in numbers}, address=address, closed_bit=closed_bit, baud=baud
    )


def exchange(one: Board8A, request: str, now: float = 0.0, wait_s: float = 0.25) -> str:
    one.receive(bytes.fromhex(request), now)
    return one.transmit(now + wait_s).hex(" ").upper()


def pulsed(one: Board8A) -> list[int]:
    one.advance(1000.0)
    return [pulse.compartment for pulse in one.plant.pulses]


@pytest.mark.parametrize(
    ("request_hex", "reply_hex", "pulses"),
    [
        ("8A 01 01 11 9B", "8A 01 01 11 9B", [1]),
        ("8A 01 01 11 03 98", "8A 01 01 11 9B", [1]),
        ("8A 01 18 11 82", "8A 01 18 11 82", [24]),
        ("80 01 01 33 B3", "80 01 01 11 91", []),
        ("80 01 00 33 B2", ALL_SHUT_STATUS, []),
        ("9A 01 01 11 8B", "8A 01 01 11 9B", []),  # held; no reply of its own is documented
    ],
)
def test_documented_frames(request_hex: str, reply_hex: str, pulses: list[int]) -> None:
    one = board()
    assert exchange(one, request_hex) == reply_hex
    assert pulsed(one) == pulses


@pytest.mark.parametrize(
    "silent",
    [
        "8A 01 01 11 9A",  # checksum
        "80 01 00 33 B3",
        "8A 02 01 11 98",  # another board
        "80 02 00 33 B1",
        "8A 01 01 12 98",  # no such command
        "8A 01 01 11 0A 91",  # ten seconds: not in the documents
        "8A 01 19 11 83",  # channel 25
        "82 01 00 22 A1",
        "90 01 02 02 02 93",
        "8A 01 01 11",  # half a frame
    ],
)
def test_what_is_not_for_it_is_met_with_silence_and_moves_nothing(silent: str) -> None:
    one = board()
    assert exchange(one, silent) == ""
    assert pulsed(one) == []
    assert one.wake_at == float("inf")


def test_open_all_pulses_one_after_the_other_and_answers_when_done() -> None:
    one = board()
    assert exchange(one, "8A 01 00 11 9A", wait_s=9.0) == ""
    assert exchange(one, "", 9.0, wait_s=1.0) == "8A 01 00 00 8B"
    pulses = sorted(one.plant.pulses, key=lambda pulse: pulse.started)
    assert [pulse.compartment for pulse in pulses] == list(range(1, 25))
    for earlier, later in pairwise(pulses):
        assert earlier.ended < later.started


@given(st.integers(1, 24), st.sampled_from([None, *range(1, 10)]))
def test_pulse_is_timed_by_the_board(channel: int, seconds: int | None) -> None:
    one = board()
    body = bytes((0x8A, 1, channel, 0x11)) + (b"" if seconds is None else bytes((seconds,)))
    frame = body + bytes((reduce(xor, body),))
    one.receive(frame, 5.0)
    one.advance(100.0)
    (pulse,) = one.plant.pulses
    assert pulse.compartment == channel
    assert pulse.started == pytest.approx(5.0 + len(frame) * BYTE_S)
    assert pulse.ended - pulse.started == pytest.approx(PULSE_S if seconds is None else seconds)


@pytest.mark.parametrize("closed_bit", [0, 1])
@pytest.mark.parametrize("order", ["high_first", "low_first"])
@given(opened=st.sets(st.integers(1, 24)))
def test_status_of_every_polarity_and_order(
    order: Literal["high_first", "low_first"], closed_bit: Literal[0, 1], opened: set[int]
) -> None:
    one = board(closed_bit=closed_bit)
    one.status_order = order
    for number in opened:
        one.plant.force(number, 0.0)
    reply = bytes.fromhex(exchange(one, "80 01 00 33 B2", 10.0))
    bits = sum((closed_bit if n not in opened else 1 - closed_bit) << (n - 1) for n in range(1, 25))
    groups = bits.to_bytes(3, "big" if order == "high_first" else "little")
    body = b"\x80\x01" + groups + b"\x33"
    assert reply == body + bytes((reduce(xor, body),))


def test_channel_17_stands_in_the_first_status_byte_of_the_default_order() -> None:
    one = board()
    one.plant.force(17, 0.0)
    assert exchange(one, "80 01 00 33 B2", 10.0).startswith("80 01 FE FF FF 33")


@pytest.mark.parametrize(
    ("closed_bit", "after_pulse", "reply"),
    [
        (1, False, "8A 01 01 11 9B"),
        (1, True, "8A 01 01 00 8A"),
        (0, False, "8A 01 01 00 8A"),
        (0, True, "8A 01 01 11 9B"),
    ],
)
def test_unlock_reply_bears_the_contact_at_once_or_after_the_pulse(
    closed_bit: Literal[0, 1], after_pulse: bool, reply: str
) -> None:
    one = board(closed_bit=closed_bit)
    one.reply_after_pulse = after_pulse
    assert exchange(one, "8A 01 01 11 9B", wait_s=0.3) == ("" if after_pulse else reply)
    one.transmit(0.4)
    one.plant.shut(1, 0.5)
    exchange(one, "8A 01 01 11 9B", 1.0, wait_s=0.0)
    assert one.transmit(1.4).hex(" ").upper() == reply


@pytest.mark.parametrize("baud", [9600, 19200])
def test_bytes_take_their_time_on_the_line(baud: int) -> None:
    one = board(baud=baud)
    byte_s = 10 / baud
    one.receive(bytes.fromhex("80 01 00 33 B2"), 0.0)
    first = 5 * byte_s + one.faults.reply_delay_s + byte_s
    assert one.wake_at == pytest.approx(first)
    for count in range(7):
        assert one.transmit(first + (count - 0.1) * byte_s) == b""
        assert len(one.transmit(first + (count + 0.1) * byte_s)) == 1
    assert one.transmit(10.0) == b""


def test_what_arrives_while_it_speaks_is_lost() -> None:
    one = board()
    one.receive(bytes.fromhex("80 01 00 33 B2"), 0.0)
    speaking = 5 * BYTE_S + one.faults.reply_delay_s + 0.5 * BYTE_S
    one.receive(bytes.fromhex("80 01 00 33 B2"), speaking)
    assert one.transmit(1.0).hex(" ").upper() == ALL_SHUT_STATUS


def test_it_hears_again_once_it_has_spoken_even_if_nobody_read_it() -> None:
    one = board()
    one.receive(bytes.fromhex("80 01 00 33 B2"), 0.0)
    one.receive(bytes.fromhex("80 01 00 33 B2"), 0.5)
    assert one.transmit(1.0).hex(" ").upper() == f"{ALL_SHUT_STATUS} {ALL_SHUT_STATUS}"


def test_silence_inside_a_frame_ends_it() -> None:
    one = board()
    one.receive(bytes.fromhex("80 01 00"), 0.0)
    assert exchange(one, "33 B2", 0.1) == ""
    assert exchange(one, "80 01 00 33 B2", 1.0) == ALL_SHUT_STATUS


@given(st.binary(max_size=300))
def test_after_any_noise_the_next_good_frame_is_answered(noise: bytes) -> None:
    one = board(channels=8)
    one.receive(noise, 0.0)
    one.transmit(100.0)
    reply = exchange(one, "80 01 00 33 B2", 200.0)
    assert reply[:5] == "80 01"
    assert len(bytes.fromhex(reply)) == 7


@given(st.integers(1, 32), st.integers(1, 32), st.integers(0, 24))
def test_only_the_addressed_board_answers(own: int, asked: int, channel: int) -> None:
    one = board(address=own)
    body = bytes((0x80, asked, channel, 0x33))
    reply = exchange(one, (body + bytes((reduce(xor, body),))).hex())
    assert bool(reply) == (own == asked)


def test_each_so_many_replies_one_is_late() -> None:
    one = board()
    one.faults.late_every, one.faults.late_s = 3, 0.5
    for turn in range(7):
        came = exchange(one, "80 01 00 33 B2", 2.0 * turn)
        assert came == ("" if turn in (2, 5) else ALL_SHUT_STATUS)
        assert exchange(one, "", 2.0 * turn + 1) == ("" if came else ALL_SHUT_STATUS)


def test_faults_of_the_line() -> None:
    one = board()
    one.faults.corrupt_replies = 1
    assert exchange(one, "80 01 00 33 B2") == ALL_SHUT_STATUS[:-2] + "18"
    assert exchange(one, "80 01 00 33 B2", 1.0) == ALL_SHUT_STATUS
    one.faults.reply_delay_s = 0.5
    assert exchange(one, "80 01 00 33 B2", 2.0) == ""
    assert exchange(one, "", 3.0) == ALL_SHUT_STATUS
    one.faults.reply_delay_s = 0.008
    one.faults.silent = True
    assert exchange(one, "8A 01 01 11 9B", 5.0) == ""
    assert pulsed(one) == []
