"""Lock boards' codecs: any bytes are read without a crash, and what is read is of the board.

A target for each family; an input is what came in since the request. How a whole line takes it,
step by step, is `lines`.
"""

from dataclasses import fields, replace
from functools import partial
from random import Random

from fellesskap_edge.locks import FAMILIES, board_8a, kerong, modbus, waveshare, wkly
from fellesskap_edge.locks.driver import Driver
from tests.edge.line_frames import FRAMES, driver
from tests.fuzz.harness import Fuzz, Part

NAMES = tuple(FAMILIES)


def _heard(name: str) -> tuple[bytes, ...]:
    """Return every golden frame of a family, requests too: adapters echo them."""
    one = FRAMES[name]
    told = [one.shut, one.one_open, one.other_board, one.ack_1, one.ack_2, one.stirred]
    told += [
        one.coils_off,
        one.coil_1_on,
        one.off,
        *(frame for pair in one.start for frame in pair),
    ]
    return tuple(bytes.fromhex(frame) for frame in (*told, one.status, one.unlock_1) if frame)


HEARD = {name: _heard(name) for name in NAMES}
STARTS = {
    "8a": (b"\x80\x01", b"\x80\x02", b"\x8a\x01", b"\x8a\x02"),
    "kerong": (b"\x02\x10\x35", b"\x02\x20\x35"),
    "waveshare": (b"\x01\x01\x01", b"\x02\x01\x01", b"\x01\x05\x02", b"\x02\x05\x02"),
    "waveshare_d": (b"\x01\x02\x01", b"\x02\x02\x01", b"\x01\x05\x02", b"\x02\x05\x02"),
    "wkly": (b"WKLY",),
}
"""How what boards 1 and 2 say of a door or of a pulse begins."""


SIZED = bytes.fromhex("00 01 05 08 0B 0C 16 30 FF")
"""Lengths and counts that stand in frames."""


def resealed(rng: Random, name: str, frame: bytes) -> bytes:
    """Change one byte, or the length, of a frame; its checksum holds again."""
    tail = 2 if name.startswith("waveshare") else 1
    body = bytearray(frame[:-tail])
    place = rng.randrange(len(body))
    body[place] = rng.choice((rng.randrange(256), rng.choice(SIZED)))
    if rng.random() < 0.3:
        body = body[: place + 1]
        if name == "wkly" and len(body) > 4:
            body[4] = len(body) + 1
    if tail == 2:
        return modbus.sealed(bytes(body))
    total = 0
    for byte in body:
        total = total + byte & 0xFF if name == "kerong" else total ^ byte
    return bytes(body) + bytes((total,))


def decode(board: Driver, name: str, heard: bytes) -> None:
    """What is read is of the board's channels."""
    # A WKLY board says itself how many doors it has.
    channels = range(1, 257 if name == "wkly" else FAMILIES[name].channels + 1)
    doors = board.doors(heard)
    assert doors is None or set(doors) <= set(channels)
    assert doors is None or set(doors.values()) <= {"shut", "open", "unknown"}
    assert (board.coils_on(heard) or set()) <= set(channels)
    board.stirs(heard)
    taken = [board.acknowledges(heard, channel) for channel in (1, 2)]
    if not any(start in heard for start in STARTS[name]):
        assert doors is None
        assert not any(taken)


def other(board: Driver) -> Driver:
    """The same board the other way round: polarity, and order of the groups."""
    known = {one.name for one in fields(board)}  # type: ignore[arg-type]
    turned = {"closed_bit": 1 - getattr(board, "closed_bit", 0), "status_order": "low_first"}
    return replace(board, **{key: at for key, at in turned.items() if key in known})  # type: ignore[type-var]


READS = (modbus.crc, modbus.bits, modbus._stretches)
"""All that hears; its table is made when it is imported."""
CODECS: dict[str, tuple[Part, ...]] = {
    "8a": (board_8a,),
    "kerong": (kerong,),
    "waveshare": READS,  # the rest of its codec is the (D)'s too, which has branches more
    "waveshare_d": (waveshare, *READS),
    "wkly": (wkly,),
}


def _one_input(name: str, data: bytes) -> None:
    """Boards 1 and 2, one of them the other way round, hear the same."""
    decode(driver(name), name, data)
    decode(other(driver(name, 2)), name, data)


def _mutate(name: str, rng: Random, data: bytes) -> bytes:
    """Put a frame, whole or cut, or one whose checksum is right over changed content."""
    frame, at = rng.choice(HEARD[name]), rng.randrange(len(data) + 1)
    match rng.randrange(4):
        case 0:
            return data[:at] + frame + data[at:]
        case 1:
            return data[:at] + frame[: rng.randrange(len(frame))] + data[at:]
        case _:
            return data[:at] + resealed(rng, name, frame) + data[at:]


def _seeds(name: str) -> tuple[bytes, ...]:
    """Return each golden frame alone, after its echo, and before another."""
    alone = HEARD[name]
    return (*alone, *(one + one for one in alone), *(one + alone[0] for one in alone))


FUZZES = {
    f"codecs.{name}": Fuzz(
        partial(_one_input, name), _seeds(name), CODECS[name], partial(_mutate, name), bytes_max=128
    )
    for name in NAMES
}
