"""Scanners: any bytes at any pace are heard without a crash, and the next label is told.

An input is a family and `steps`: `E0-EF` and up: time passes, the port goes and comes, what arrived
last does so again two seconds later.
"""

from random import Random

from fellesskap_edge import scanner as s
from fellesskap_edge.scanners import FAMILIES, framing, packets
from fellesskap_protocol.barcodes import CLEAN, LABEL_BYTES_MAX
from tests.fuzz.harness import Fuzz
from tests.fuzz.steps import arrives, in_two, played, put

NAMES = tuple(FAMILIES)
PASSES = {0xE0: 0.0, 0xE1: 0.05, 0xE2: 0.11, 0xE3: 0.6, 0xE4: 2.0, 0xE5: 16.0, 0xE6: 61.0}
PULLED, HELD = 0xF0, 0xF1
LABEL = b"]C100370712345678901238"
HEARD_BYTES_MAX = LABEL_BYTES_MAX + framing.REPLY_BYTES_MAX
FRAMES = (
    LABEL + b"\r",
    b"RB123456785GB\r\n",
    b"half a lab",
    b"]Q1" + b"4711-" * 40 + b"\r",
    bytes.fromhex("02 00 00 01 00 33 31"),
    bytes.fromhex("03 00 00 01 00 33 31"),
    bytes.fromhex("02 00 02 01 00 12 34"),
    b"VSUFCR\x06!",
    b"PREBK2995C81\x05!",
    b"TRGMOD3\x06.",
    b"TRGMOD0\x06.",
    b"TRGMOD3\x15",
    b"\x80\xff\x00noise",
)


def _packet(opcode: int, data: bytes, status: int = 0) -> bytes:
    return packets.packet(opcode, data, source=packets.SCANNER, status=status)


PACKETS = (
    _packet(packets.ACK, b""),
    _packet(packets.NAK, b"\x06"),
    _packet(packets.EVENT, b"\x01"),
    _packet(packets.DECODE_DATA, b""),
    _packet(packets.DECODE_DATA, b"\x03" + LABEL),
    _packet(packets.DECODE_DATA, b"\x0f00370712345678901238\r", packets.SENT_AGAIN),
    _packet(packets.DECODE_DATA, b"\x1c" + b"4711-" * 40, packets.MORE_FOLLOWS),
    packets.packet(packets.SCAN_ENABLE),
    b"\x00\x00",
)


PAUSES = (b"", b"\xe2", b"\xe3", b"\xe5")
SEEDS = tuple(
    bytes((number,)) + arrives(frame) + PAUSES[turn % len(PAUSES)] + arrives(frame)
    for number in range(len(NAMES))
    for turn, frame in enumerate((*FRAMES, *PACKETS))
)
HELD_LONG = bytes((HELD,)) * 33
SEEDS += tuple(
    bytes((number,)) + arrives(FRAMES[0] if name != "ssi" else PACKETS[4]) + HELD_LONG + end
    for number, name in enumerate(NAMES)
    for end in (b"", b"\xe5", arrives(FRAMES[1]))
)
"""The last of them: one label for more than a minute, then none, then another."""


def mutate(rng: Random, data: bytes) -> bytes:
    """Put a frame, a packet that is right but for its content, or a pause between two steps."""
    match rng.randrange(5):
        case 0:
            piece = arrives(rng.choice(FRAMES))
        case 1:
            piece = arrives(rng.choice(PACKETS))
        case 2:
            opcode = rng.choice((packets.DECODE_DATA, packets.DECODE_DATA, rng.randrange(256)))
            text = rng.choice((LABEL, rng.randbytes(20), b"x" * 200))
            piece = arrives(_packet(opcode, b"\x03" + text, rng.randrange(4)))
        case 3:
            piece = bytes((rng.choice((*PASSES, PULLED, HELD)),))
        case _:
            piece = in_two(rng, rng.choice((*FRAMES, *PACKETS)), tuple(PASSES))
    return put(rng, piece, data)


def one_input(data: bytes) -> None:
    """Play the steps; then, after silence, the next label is told."""
    name = NAMES[data[0] % len(NAMES)] if data else "line"
    play, last = _Play(name), b""
    for step in played(data):
        if isinstance(step, bytes):
            last = step
            play.give(s.Received(last))
        elif step == PULLED:
            play.give(s.PortDown())
            play.give(s.PortUp())
        elif step == HELD:
            play.wait(PASSES[0xE4])
            play.give(s.Received(last))
        else:
            play.wait(PASSES.get(step, 1.0))
    play.wait(packets.PARTS_S + s.REPEAT_S)
    play.scans.clear()
    text = b"the next label 1"
    sent = text + b"\r" if name != "ssi" else _packet(packets.DECODE_DATA, b"\x03" + text)
    play.give(s.Received(sent))
    assert play.scans == [text]


class _Play:
    def __init__(self, family: str) -> None:
        self.scanner, self.now = s.scanner(family), 0.0
        self.scans: list[bytes] = []
        self.give(s.Tick())
        self.give(s.PortUp())

    def give(self, event: s.Event) -> None:
        self.scanner, effects = s.step(self.scanner, event, self.now)
        assert len(self.scanner.framer.heard) <= HEARD_BYTES_MAX
        assert self.scanner.wake_at >= 0
        for effect in effects:
            if isinstance(effect, s.Scan):
                assert 0 < len(effect.label) <= LABEL_BYTES_MAX
                assert CLEAN.fullmatch(effect.label)
                self.scans.append(effect.label)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.scanner.wake_at <= until:
            assert self.scanner.wake_at >= self.now or self.now == 0
            self.now = max(self.now, self.scanner.wake_at)
            self.give(s.Tick())
        self.now = until
        self.give(s.Tick())


FUZZ = Fuzz(one_input, SEEDS, (s, framing, packets), mutate, bytes_max=450)
