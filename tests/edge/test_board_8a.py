"""The driver says exactly the documented bytes, and believes only what answers them."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.locks.board_8a import Board8A
from fellesskap_firmware_sim.boards.board_8a import Board8A as SimulatedBoard
from fellesskap_firmware_sim.plant import Plant

CHANNELS = range(1, 25)


def test_frames_of_the_documents() -> None:
    assert Board8A(1).unlock(1).hex(" ") == "8a 01 01 11 9b"
    assert Board8A(1).unlock(24).hex(" ") == "8a 01 18 11 82"
    assert Board8A(32).status().hex(" ") == "80 20 00 33 93"


@pytest.mark.parametrize("channel", [-1, 0, 25, 255])
def test_it_never_says_open_all_nor_a_channel_that_is_none(channel: int) -> None:
    with pytest.raises(ValueError, match="not 1 to 24"):
        Board8A(1).unlock(channel)


def test_captured_reply_of_a_real_eight_way_board() -> None:
    doors = Board8A(1, closed_bit=0).doors(bytes.fromhex("80 01 00 00 00 33 B2"))
    assert doors == dict.fromkeys(CHANNELS, "shut")


@given(
    st.integers(1, 32),
    st.sampled_from([0, 1]),
    st.sampled_from(["high_first", "low_first"]),
    st.sets(st.sampled_from(CHANNELS)),
)
def test_it_reads_every_build_of_board(
    address: int,
    closed_bit: Literal[0, 1],
    order: Literal["high_first", "low_first"],
    opened: set[int],
) -> None:
    plant = Plant(CHANNELS)
    board = SimulatedBoard(plant, {n: n for n in CHANNELS}, address=address, closed_bit=closed_bit)
    board.status_order = order
    for number in opened:
        plant.force(number, 0.0)
    driver = Board8A(address, closed_bit, order)
    board.receive(driver.status(), 1.0)
    assert driver.doors(board.transmit(2.0)) == {
        channel: "open" if channel in opened else "shut" for channel in CHANNELS
    }


@given(st.integers(1, 32), st.sampled_from(CHANNELS), st.sampled_from([0, 1]), st.booleans())
def test_an_unlock_is_acknowledged_by_its_own_reply_alone(
    address: int, channel: int, closed_bit: Literal[0, 1], after_pulse: bool
) -> None:
    plant = Plant(CHANNELS)
    board = SimulatedBoard(plant, {n: n for n in CHANNELS}, address=address, closed_bit=closed_bit)
    board.reply_after_pulse = after_pulse
    driver = Board8A(address, closed_bit)
    board.receive(driver.unlock(channel), 0.0)
    reply = board.transmit(1.0)
    assert driver.acknowledges(reply, channel)
    assert driver.acknowledges(b"\xff\x00" + reply, channel)
    assert not driver.acknowledges(reply[:-1], channel)
    assert not any(driver.acknowledges(reply, other) for other in CHANNELS if other != channel)
    assert not Board8A(address % 32 + 1).acknowledges(reply, channel)
    assert driver.doors(reply) is None


@given(st.integers(0, 6), st.integers(1, 255))
def test_one_altered_byte_is_no_reply(at: int, by: int) -> None:
    reply = bytearray.fromhex("80 01 FF FF FE 33 4C")
    reply[at] ^= by
    assert Board8A(1).doors(bytes(reply)) is None


@given(st.binary(max_size=256))
def test_any_bytes_are_read_without_a_crash(heard: bytes) -> None:
    doors = Board8A(1).doors(heard)
    assert doors is None or set(doors) == set(CHANNELS)
    Board8A(1).acknowledges(heard, 1)
