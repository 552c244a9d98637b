"""Every driver against the simulated board of its family, and what holds for all of them."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.locks import FAMILIES, frame
from fellesskap_edge.locks.driver import PULSE_MS_MAX, Driver, Plain, silence_s
from fellesskap_edge.locks.kerong import Kerong
from fellesskap_edge.locks.waveshare import Waveshare, WaveshareD
from fellesskap_edge.locks.wkly import Wkly
from fellesskap_firmware_sim.boards import BOARDS
from fellesskap_firmware_sim.boards.board import Board
from fellesskap_firmware_sim.plant import Plant
from tests.edge.line_frames import FRAMES, driver

Bit = Literal[0, 1]
EACH = pytest.mark.parametrize("family", FAMILIES)
ANSWERING = pytest.mark.parametrize("family", [one for one in FAMILIES if FRAMES[one].ack_1])
WITH_DOORS = pytest.mark.parametrize("family", [one for one in FAMILIES if one != "waveshare"])


def pair(family: str, address: int, closed_bit: Bit) -> tuple[Driver, Board]:
    """A driver and the simulated board that it is for, all channels wired."""
    known = FAMILIES[family]
    bank = Built(known, address, known.channels)
    object.__setattr__(bank, "bit", closed_bit)
    channels = range(1, known.channels + 1)
    plant = Plant(channels, {n: str(n) for n in channels})
    board = BOARDS[family](plant, {n: n for n in channels}, address=address, closed_bit=closed_bit)
    return known.make(bank), board


class Built(Plain):
    """A build of a board with its own polarity."""

    bit: Bit = 1

    @property
    def closed_bit(self) -> Bit:
        return self.bit


def exchange(board: Board, request: bytes, now: float) -> bytes:
    board.receive(request, now)
    board.advance(now + 0.05)
    return board.transmit(now + 0.9)


def test_each_family_has_its_simulated_board() -> None:
    assert set(FAMILIES) == set(BOARDS) == set(FRAMES)
    for name, family in FAMILIES.items():
        assert name == family.name
        assert (family.channels, family.baud, family.closed_bit) == (
            BOARDS[name].FACTORY_SIZE,
            BOARDS[name].FACTORY_BAUD,
            BOARDS[name].FACTORY_CLOSED_BIT,
        )


@WITH_DOORS
@given(data=st.data())
def test_every_build_of_board_is_read(family: str, data: st.DataObject) -> None:
    known = FAMILIES[family]
    address = data.draw(st.sampled_from(known.addresses))
    one, board = pair(family, address, data.draw(st.sampled_from([0, 1])))
    opened = data.draw(st.sets(st.integers(1, known.channels)))
    board.says_changes = False
    for number in opened:
        board.plant.force(number, 0.0)
    assert one.doors(exchange(board, one.status(), 1.0)) == {
        channel: "open" if channel in opened else "shut" for channel in range(1, known.channels + 1)
    }


@EACH
@given(data=st.data())
def test_an_unlock_pulses_its_lock_alone_and_is_acknowledged_by_its_own_reply(
    family: str, data: st.DataObject
) -> None:
    known = FAMILIES[family]
    address, other = data.draw(
        st.lists(st.sampled_from(known.addresses), min_size=2, max_size=2, unique=True)
    )
    channel = data.draw(st.integers(1, known.channels))
    one, board = pair(family, address, data.draw(st.sampled_from([0, 1])))
    board.reply_after_pulse = data.draw(st.booleans())
    board.says_changes = False
    for turn, order in enumerate(one.start()):
        assert exchange(board, order.request, turn).endswith(order.reply)
    reply = exchange(board, one.unlock(channel), 10.0)
    board.advance(20.0)
    (pulse,) = board.plant.pulses
    assert pulse.compartment == channel
    assert pulse.ended - pulse.started <= one.pulse_s + 0.001
    assert bool(reply) == one.acknowledged
    assert one.acknowledges(reply, channel) == one.acknowledged
    assert one.acknowledges(b"\xff\x00" + reply, channel) == one.acknowledged
    assert not one.acknowledges(reply[:-1], channel)
    assert not any(
        one.acknowledges(reply, wrong) for wrong in range(1, known.channels + 1) if wrong != channel
    )
    assert not pair(family, other, 1)[0].acknowledges(reply, channel)
    assert one.doors(reply) is None


@EACH
def test_nothing_that_a_driver_can_say_pulses_two_locks_or_leaves_a_relay_on(family: str) -> None:
    one, board = pair(family, FAMILIES[family].addresses[1], 1)
    off = one.off()
    frames = [one.status(), one.coils(), *(order.request for order in one.start())]
    frames += [] if off is None else [off.request]
    for turn, request in enumerate(frames):
        exchange(board, request, turn)
    assert board.plant.pulses == []
    for channel in range(1, FAMILIES[family].channels + 1):
        before = len(board.plant.pulses)
        exchange(board, one.unlock(channel), 10.0 * channel)
        board.advance(10.0 * channel + 5)
        assert [pulse.compartment for pulse in board.plant.pulses[before:]] == [channel]
        assert board.on == set()


@EACH
@pytest.mark.parametrize("channel", [-1, 0, 49, 255, 256])
def test_a_channel_that_is_none_is_never_said(family: str, channel: int) -> None:
    with pytest.raises(ValueError, match="is not 1 to"):
        driver(family).unlock(channel)


@pytest.mark.parametrize("pulse_ms", [-1, 0, PULSE_MS_MAX + 1, 60_000])
def test_no_pulse_above_the_cap_is_said(pulse_ms: int) -> None:
    for one in (Waveshare(1, 8, pulse_ms), WaveshareD(1, 8, pulse_ms)):
        with pytest.raises(ValueError, match="is not 1 to 1000"):
            one.unlock(1)
    with pytest.raises(ValueError, match="is not 1 to 1000"):
        Kerong(1, 1, pulse_ms).start()


@EACH
@given(at=st.integers(0, 30), by=st.integers(1, 255))
def test_one_altered_byte_is_no_reply(family: str, at: int, by: int) -> None:
    reply = bytearray.fromhex(FRAMES[family].one_open)
    reply[at % len(reply)] ^= by
    assert driver(family).doors(bytes(reply)) is None


@ANSWERING
@given(at=st.integers(0, 30), by=st.integers(1, 255))
def test_one_altered_byte_is_no_acknowledgement(family: str, at: int, by: int) -> None:
    reply = bytearray.fromhex(FRAMES[family].ack_1)
    reply[at % len(reply)] ^= by
    # Of an 8A reply the fourth byte is the contact, and its checksum goes with it.
    assert not driver(family).acknowledges(bytes(reply), 1)


@st.composite
def heard_bytes(draw: st.DrawFn, family: str) -> bytes:
    """Pieces of frames of a family, whole, cut, altered, and noise between."""
    frames = FRAMES[family]
    known = [one for one in vars(frames).values() if isinstance(one, str) and one]
    known += [reply for _, reply in frames.start]
    parts = []
    for _ in range(draw(st.integers(0, 5))):
        part = bytearray.fromhex(draw(st.sampled_from(known)))
        if draw(st.booleans()):
            part[draw(st.integers(0, len(part) - 1))] = draw(st.integers(0, 255))
        parts.append(bytes(part[draw(st.integers(0, 4)) :]))
        parts.append(draw(st.binary(max_size=4)))
    return b"".join(parts)


@EACH
@given(data=st.data())
def test_any_bytes_are_read_without_a_crash_and_say_only_what_is_documented(
    family: str, data: st.DataObject
) -> None:
    heard = data.draw(heard_bytes(family))
    one = driver(family)
    doors = one.doors(heard)
    assert doors is None or set(doors) <= set(range(1, 256))
    on = one.coils_on(heard)
    assert on is None or on <= set(range(1, 9))
    for told in (one.acknowledges(heard, 1), one.stirs(heard)):
        assert told in (True, False)


@EACH
def test_what_a_board_says_unasked_is_a_reason_to_look_and_nothing_else(family: str) -> None:
    one, stirred = driver(family), FRAMES[family].stirred
    assert one.stirs(bytes.fromhex(stirred)) == bool(stirred)
    assert one.doors(bytes.fromhex(stirred)) is None
    assert not one.stirs(bytes.fromhex(FRAMES[family].one_open))


def test_a_wkly_board_tells_of_as_many_doors_as_it_has() -> None:
    doors = Wkly(0).doors(bytes.fromhex("57 4B 4C 59 0C 00 84 00 02 00 01 82"))
    assert doors == {1: "shut", 2: "open"}


@pytest.mark.parametrize(
    ("family", "operation", "board", "channel", "bytes_hex"),
    [
        ("8a", "unlock", 1, 1, "8A 01 01 11 9B"),
        ("8a", "status", 1, 1, "80 01 00 33 B2"),
        ("kerong", "unlock", 0, 1, "02 00 31 03 36"),
        ("kerong", "unlock", 0, 2, "02 01 31 03 37"),
        ("kerong", "unlock", 1, 16, "02 1F 31 03 55"),
        ("kerong", "status", 0, 1, "02 00 30 03 35"),
        ("kerong", "status", 1, 1, "02 10 30 03 45"),
        ("waveshare", "status", 1, 1, "01 01 00 00 00 08 3D CC"),
        ("waveshare", "all_off", 1, 1, "01 05 00 FF 00 00 FD FA"),
        ("waveshare_d", "status", 1, 1, "01 02 00 00 00 08 79 CC"),
        ("waveshare_d", "all_off", 1, 1, "01 05 00 FF 00 00 FD FA"),
        ("wkly", "unlock", 0, 1, "57 4B 4C 59 09 00 82 01 83"),
        ("wkly", "unlock", 10, 1, "57 4B 4C 59 09 0A 82 01 89"),
        ("wkly", "status", 0, 1, "57 4B 4C 59 08 00 84 85"),
    ],
)
def test_frames_of_the_documents(
    family: str, operation: str, board: int, channel: int, bytes_hex: str
) -> None:
    assert frame(family, operation, board, channel).hex(" ").upper() == bytes_hex


@pytest.mark.parametrize(
    ("pulse_ms", "channel", "bytes_hex"),
    [
        (700, 1, "01 05 02 00 00 07 8D B0"),
        (800, 2, "01 05 02 01 00 08 9C 74"),
        (500, 1, "01 05 02 00 00 05 0C 71"),
    ],
)
def test_flash_on_frames_of_the_documents(pulse_ms: int, channel: int, bytes_hex: str) -> None:
    assert Waveshare(1, 8, pulse_ms).unlock(channel).hex(" ").upper() == bytes_hex


def test_start_frames_of_the_documents() -> None:
    (time,) = Kerong(0, 1, 550).start()
    assert (time.request.hex(" "), time.reply.hex(" ")) == (
        "02 00 37 00 37 03 73",
        "02 00 38 00 37 03 74",
    )
    unlink, off, read = WaveshareD(1).start()
    assert unlink.request.hex(" ") == "01 10 10 00 00 08 10" + 16 * " 00" + " 0b 5c"
    assert unlink.reply.hex(" ") == "01 10 10 00 00 08 c5 0f"
    assert off.request.hex(" ") == off.reply.hex(" ") == "01 05 00 ff 00 00 fd fa"
    assert read.request.hex(" ") == "01 03 10 00 00 08 40 cc"


def test_replies_of_the_documents() -> None:
    on = Waveshare(1).coils_on
    assert on(bytes.fromhex("01 01 01 00 51 88")) == frozenset()
    assert on(bytes.fromhex("01 01 01 01 90 48")) == frozenset({1})
    doors = WaveshareD(1).doors(bytes.fromhex("01 02 01 FE 20 08"))
    assert doors is not None
    assert doors[1] == "open"
    assert set(doors.values()) == {"open", "shut"}
    assert WaveshareD(1).doors(bytes.fromhex("01 82 02 C1 61")) is None
    shut = Kerong(0).doors(bytes.fromhex("02 00 35 FF FF 00 00 03 38"))
    assert shut == dict.fromkeys(range(1, 17), "shut")
    assert Wkly(0).acknowledges(bytes.fromhex("57 4B 4C 59 0B 00 82 00 01 00 81"), 1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("9b", "unlock", 1, 1), "no family '9b': there are 8a, kerong"),
        (("8a", "unlock", 0, 1), "board 0 is not 1 to 32"),
        (("8a", "unlock", 1, 25), "channel 25 is not 1 to 24"),
        (("8a", "all_off", 1, 1), "8a has unlock, status$"),
        (("waveshare", "hold", 1, 1), "waveshare has unlock, status, all_off$"),
    ],
)
def test_a_frame_that_is_none_is_refused_with_what_there_is(
    arguments: tuple[str, str, int, int], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        frame(*arguments)


@pytest.mark.parametrize(
    ("baud", "at_least_s"), [(4800, 0.00729), (9600, 0.00364), (19200, 0.00182), (115200, 0.00175)]
)
def test_the_silence_between_frames_is_the_standards_and_a_millisecond(
    baud: int, at_least_s: float
) -> None:
    assert at_least_s + 0.001 <= silence_s(baud) <= at_least_s + 0.0011
