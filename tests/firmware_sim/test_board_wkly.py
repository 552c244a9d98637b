"""The WKLY board speaks byte for byte as its one source says, and unasked when a door moves."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_firmware_sim.boards.wkly import PULSE_S
from tests.firmware_sim.boards_by_hex import board, exchange, pulsed

SHUT = "57 4B 4C 59 16 00 84 00 0C" + 12 * " 00" + " 97"


@pytest.mark.parametrize(
    ("request_hex", "reply_hex", "pulses"),
    [
        ("57 4B 4C 59 09 00 82 01 83", "57 4B 4C 59 0B 00 82 00 01 00 81", [(1, PULSE_S)]),
        ("57 4B 4C 59 09 00 83 01 82", "57 4B 4C 59 0B 00 83 00 01 00 80", []),
        ("57 4B 4C 59 08 00 84 85", SHUT, []),
        ("57 4B 4C 59 09 00 82 0D 8F", "57 4B 4C 59 0B 00 82 FF 0D 00 72", []),  # no such lock
    ],
)
def test_documented_frames(
    request_hex: str, reply_hex: str, pulses: list[tuple[int, float]]
) -> None:
    one = board("wkly", 0)
    assert exchange(one, request_hex) == reply_hex
    assert pulsed(one) == pulses


@pytest.mark.parametrize(
    "silent",
    [
        "57 4B 4C 59 09 00 82 01 84",
        "57 4B 4C 59 09 0A 82 01 89",  # another board
        "57 4B 4C 59 08 00 90 91",  # no such command
        "57 4B 4C 58 08 00 84 84",
        "57 4B 4C 59 09 00 84 85",  # the length is of another frame
        "57 4B 4C 59 08 00 84",
    ],
)
def test_what_is_not_for_it_is_met_with_silence_and_moves_nothing(silent: str) -> None:
    one = board("wkly", 0)
    assert exchange(one, silent) == ""
    assert pulsed(one) == []


def test_a_second_header_begins_a_new_frame() -> None:
    assert exchange(board("wkly", 0), "57 4B 57 4B 4C 59 08 00 84 85") == SHUT


def test_a_door_that_moves_is_told_of_unasked() -> None:
    one = board("wkly", 0)
    one.advance(1.0)
    one.plant.force(3, 1.0)
    one.advance(1.0)
    assert one.transmit(1.5).hex(" ").upper() == "57 4B 4C 59 0B 00 85 00 03 01 85"


def test_a_held_lock_is_on_until_it_is_let_go() -> None:
    one = board("wkly", 0)
    exchange(one, "57 4B 4C 59 09 00 88 01 89")
    assert one.on == {1}
    exchange(one, "57 4B 4C 59 09 00 89 01 88", 5.0)
    assert one.on == set()


def test_open_all_pulses_one_after_the_other() -> None:
    one = board("wkly", 0)
    exchange(one, "57 4B 4C 59 08 00 86 87")
    assert [channel for channel, _ in pulsed(one)] == list(range(1, 13))
    spans = sorted((p.started, p.ended) for p in one.plant.pulses)
    assert all(ended < begun for (_, ended), (begun, _) in pairwise(spans))


@given(st.binary(max_size=300))
def test_after_any_noise_the_next_good_frame_is_answered(noise: bytes) -> None:
    one = board("wkly", 0)
    one.receive(noise, 0.0)
    one.transmit(100.0)
    assert exchange(one, "57 4B 4C 59 08 00 84 85", 200.0).startswith("57 4B 4C 59 16")
