"""The KERONG board speaks byte for byte as the documents say, and is silent by the strict rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_firmware_sim.boards.kerong import FACTORY_PULSE_S, Kerong
from tests.firmware_sim.boards_by_hex import board, exchange, pulsed

SHUT_0 = "02 00 35 FF FF 00 00 03 38"


def kerong(address: int = 0) -> Kerong:
    one = board("kerong", address)
    assert isinstance(one, Kerong)
    return one


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        ("02 00 30 03 35", SHUT_0),
        ("02 F0 32 03 27", "02 00 36 FF FF 00 00 03 39"),
        ("02 00 37 00 37 03 73", "02 00 38 00 37 03 74"),
        ("02 00 37 03 3C", "02 00 38 00 37 03 74"),  # 550 ms from the factory
        ("02 00 31 03 36", ""),
        ("02 00 33 03 38", ""),
    ],
)
def test_documented_frames(request_hex: str, reply_hex: str) -> None:
    assert exchange(kerong(), request_hex) == reply_hex


@pytest.mark.parametrize(
    "silent",
    [
        "02 10 30 03 3E",  # a published table with wrong sums
        "02 0F 31 03 49",
        "02 00 30 03 36",
        "02 10 30 03 45",  # another board
        "02 10 31 03 46",
        "02 01 30 03 36",  # the status is the board's, not a lock's
        "02 00 41 03 46",  # no such code
        "03 00 30 03 36",
        "02 00 30 02 34",
        "02 00 30 03",
    ],
)
def test_what_is_not_for_it_is_met_with_silence_and_moves_nothing(silent: str) -> None:
    one = kerong()
    assert exchange(one, silent) == ""
    assert pulsed(one) == []
    assert one.wake_at == float("inf")


def test_the_lock_is_the_low_nibble_and_the_pulse_as_long_as_it_was_told() -> None:
    one = kerong(1)
    exchange(one, "02 1F 31 03 55")
    exchange(one, "02 10 37 00 1E 03 6A", 2.0)
    exchange(one, "02 11 31 03 47", 3.0)
    assert pulsed(one) == [(16, FACTORY_PULSE_S), (2, 0.3)]


def test_a_reset_drops_the_relay_and_forgets_the_time() -> None:
    one = kerong()
    exchange(one, "02 00 37 00 64 03 A0")
    exchange(one, "02 00 31 03 36", 1.0, wait_s=0.2)
    one.faults.reset_s = 0.5
    one.advance(1.3)
    assert exchange(one, "02 00 30 03 35", 1.5) == ""
    assert exchange(one, "02 00 30 03 35", 2.0).startswith("02 00 35")
    exchange(one, "02 01 31 03 37", 3.0)
    (first, second) = pulsed(one)
    assert first[1] < 0.31
    assert second == (2, FACTORY_PULSE_S)


def test_the_second_pair_of_bytes_tells_of_items() -> None:
    one = kerong()
    one.plant.locks[9].full = True
    assert exchange(one, "02 00 30 03 35") == "02 00 35 FF FF 00 01 03 39"
    one.plant.locks[1].faults.occupancy_stuck = "full"
    assert exchange(one, "02 00 30 03 35", 1.0) == "02 00 35 FF FF 01 01 03 3A"
    one.item_bit = 0
    assert exchange(one, "02 00 30 03 35", 2.0) == "02 00 35 FF FF FE FE 03 34"


def test_a_board_that_says_nothing_to_the_time_obeys_all_the_same() -> None:
    one = kerong()
    one.answers_time = False
    assert exchange(one, "02 00 37 00 1E 03 5A") == ""
    exchange(one, "02 00 31 03 36", 1.0)
    assert pulsed(one) == [(1, 0.3)]


@given(st.binary(max_size=300))
def test_after_any_noise_the_next_good_frame_is_answered(noise: bytes) -> None:
    one = kerong()
    one.receive(noise, 0.0)
    one.transmit(100.0)
    assert exchange(one, "02 00 30 03 35", 200.0)[:8] == "02 00 35"
