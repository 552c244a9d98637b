"""Boards that share two wires: echoes, collisions, addresses, and every fault of a board."""

import pytest

from fellesskap_edge.locks import FAMILIES, frame
from fellesskap_firmware_sim.boards import BOARDS
from fellesskap_firmware_sim.boards.line import SerialLine
from tests.firmware_sim.boards_by_hex import board

EACH = pytest.mark.parametrize("family", BOARDS)


def two(family: str) -> tuple[SerialLine, bytes, bytes]:
    """Boards 1 and 2 of a family on a line, and what asks each for its status."""
    line = SerialLine([board(family, 1), board(family, 2)])
    for one in line.boards:
        one.says_changes = False
    return line, frame(family, "status", 1), frame(family, "status", 2)


def exchange(line: SerialLine, request: bytes, now: float) -> bytes:
    """Ask, and take byte by byte what comes."""
    line.write(request, now)
    until, said = now + 0.5, b""
    while now < until:
        now = min(until, max(now + 0.0001, line.wake_at))
        said += line.read(now)
    return said


@EACH
def test_each_board_answers_for_itself_and_hears_the_other_without_harm(family: str) -> None:
    line, first, second = two(family)
    one, other = exchange(line, first, 1.0), exchange(line, second, 2.0)
    assert one
    assert other
    assert one != other
    assert exchange(line, first, 3.0) == one


@EACH
def test_an_adapter_that_echoes_brings_the_request_back_before_the_reply(family: str) -> None:
    line, first, _ = two(family)
    reply = exchange(line, first, 1.0)
    line.boards[1].faults.echo = True
    assert exchange(line, first, 2.0) == first + reply


@EACH
def test_two_boards_at_one_address_break_each_others_replies(family: str) -> None:
    line, first, second = two(family)
    reply = exchange(line, first, 1.0)
    line.boards[1].faults.address = 1
    assert reply not in exchange(line, first, 2.0)
    assert exchange(line, second, 3.0) == b""
    line.boards[1].faults.address = None
    assert exchange(line, first, 4.0) == reply


@EACH
def test_what_the_host_says_while_a_board_speaks_is_broken_for_all(family: str) -> None:
    line, first, second = two(family)
    line.write(first, 1.0)
    speaks_at = line.wake_at
    while not line.read(speaks_at):
        speaks_at = line.wake_at
    said = exchange(line, second, speaks_at)
    assert exchange(line, second, 3.0) not in said


@EACH
def test_a_board_at_another_speed_hears_and_says_garbage(family: str) -> None:
    line, first, _ = two(family)
    line.boards[0].faults.baud = 57600
    assert exchange(line, first, 1.0) == b""
    line.boards[0].faults.baud = FAMILIES[family].baud
    assert exchange(line, first, 2.0)


@EACH
def test_a_fault_spoils_the_reply_as_it_says(family: str) -> None:
    line, first, _ = two(family)
    good = exchange(line, first, 1.0)
    faults = line.boards[0].faults
    faults.flipped_bits = 1
    flipped = exchange(line, first, 2.0)
    assert sum((a ^ b).bit_count() for a, b in zip(good, flipped, strict=True)) == 1
    faults.garbage_bytes = 5
    assert exchange(line, first, 3.0)[5:] == good
    faults.garbage_bytes = 0
    faults.split_s = 0.015
    line.write(first, 4.0)
    pieces = [piece for step in range(400) if (piece := line.read(4.0 + step * 0.001))]
    assert b"".join(pieces) == good
    assert max(map(len, pieces)) <= 4
    faults.split_s = 0.0
    faults.corrupt_replies = 1
    assert exchange(line, first, 5.0)[:-1] == good[:-1]
    assert exchange(line, first, 6.0) == good
