"""SSI packets: broken ones refused, whole ones acknowledged, each label told once."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.scanner import Scan, Write
from fellesskap_edge.scanners import packets as p
from fellesskap_edge.scanners.framing import IDLE_S, Unreadable
from fellesskap_edge.scanners.ssi import SSI
from fellesskap_protocol.barcodes import LABEL_BYTES_MAX
from tests.edge.reading import Desk

LABEL = b"]C100370712345678901238"
ACK = bytes.fromhex("04 D0 04 00 FF 28")
NAK = bytes.fromhex("05 D1 04 00 01 FF 25")
CODE_128, GS1_128 = 0x03, 0x0F


def decoded(text: bytes, *, kind: int = CODE_128, status: int = 0) -> bytes:
    return p.packet(p.DECODE_DATA, bytes((kind,)) + text, source=p.SCANNER, status=status)


def parted(text: bytes, most: int = 240) -> list[bytes]:
    parts = [text[at : at + most] for at in range(0, len(text), most)]
    return [decoded(part, status=p.MORE_FOLLOWS) for part in parts[:-1]] + [decoded(parts[-1])]


@pytest.mark.parametrize(
    ("opcode", "data", "frame"),
    [
        (p.START_SESSION, b"", "04 E4 04 00 FF 14"),
        (0xE5, b"", "04 E5 04 00 FF 13"),
        (p.ACK, b"", "04 D0 04 00 FF 28"),
        (p.NAK, b"\x01", "05 D1 04 00 01 FF 25"),
        (p.SCAN_ENABLE, b"", "04 E9 04 00 FF 0F"),
        (0xA3, b"", "04 A3 04 00 FF 55"),
        (0xE7, b"\x01", "05 E7 04 00 01 FF 0F"),
    ],
)
def test_documented_packets(opcode: int, data: bytes, frame: str) -> None:
    assert p.packet(opcode, data) == bytes.fromhex(frame)


def test_a_decode_packet_is_acknowledged_and_told() -> None:
    desk = Desk("ssi").ready()
    assert desk.hear(decoded(LABEL)) == (Write(ACK), Scan(LABEL, repeated=False))


@given(
    st.lists(st.from_regex(rb"[ -~\x1d]{1,600}", fullmatch=True), max_size=4, unique=True),
    st.lists(st.integers(0, 4000), max_size=6),
)
def test_labels_in_packets_are_as_many_scans_however_they_are_cut(
    labels: list[bytes], cuts: list[int]
) -> None:
    sent = [packet for label in labels for packet in parted(label)]
    line = b"".join(sent)
    places = [0, *sorted(at % (len(line) + 1) for at in cuts), len(line)]
    desk = Desk("ssi").ready()
    for a, b in itertools.pairwise(places):
        desk.hear(line[a:b], 0.001)
    assert desk.scans == labels
    assert desk.written == [ACK] * len(sent)


def test_a_broken_packet_is_refused_after_silence_and_taken_when_it_is_sent_again() -> None:
    desk = Desk("ssi").ready()
    packet = decoded(LABEL)
    assert desk.hear(packet[:-1] + b"\x00") == ()
    assert desk.wait(IDLE_S * 1.1)[0] == Write(NAK)
    desk.said.clear()
    desk.hear(decoded(LABEL, status=p.SENT_AGAIN))
    assert (desk.scans, desk.written[-1]) == ([LABEL], ACK)


def test_half_a_packet_is_refused() -> None:
    desk = Desk("ssi").ready()
    desk.hear(decoded(LABEL)[:-3])
    assert desk.wait(IDLE_S * 1.1)[0] == Write(NAK)


def test_a_packet_that_is_sent_again_because_the_acknowledgement_was_lost_is_told_once() -> None:
    desk = Desk("ssi").ready()
    first, last = parted(LABEL * 20)
    desk.hear(first)
    assert desk.hear(first[:3] + b"\x03" + first[4:-2] + sealed(first), 2.0) == (Write(ACK),)
    desk.hear(last)
    assert desk.hear(decoded(last[5:-2], status=p.SENT_AGAIN), 2.0) == (Write(ACK),)
    assert desk.scans == [LABEL * 20]


def sealed(packet: bytes) -> bytes:
    """The checksum of a packet whose status says: sent again, more follows."""
    return (int.from_bytes(packet[-2:], "big") - 1 & 0xFFFF).to_bytes(2, "big")


def test_a_label_whose_rest_does_not_come_is_no_scan_and_not_the_beginning_of_the_next() -> None:
    desk = Desk("ssi").ready()
    desk.hear(parted(LABEL * 20)[0])
    assert desk.wait(p.PARTS_S * 1.01) == [Unreadable()]
    assert desk.hear(decoded(LABEL)) == (Write(ACK), Scan(LABEL, repeated=False))


def test_a_label_that_is_too_long_is_no_scan_and_neither_is_its_end() -> None:
    desk = Desk("ssi").ready()
    for packet in parted(b"x" * (LABEL_BYTES_MAX + 800)):
        desk.hear(packet)
    assert (desk.scans, desk.unreadable) == ([], 1)


@pytest.mark.parametrize("text", [b"", b"\r", b"a\x00b", b"\xff" * 8])
def test_what_no_label_carries_is_acknowledged_and_no_scan(text: bytes) -> None:
    desk = Desk("ssi").ready()
    assert desk.hear(decoded(text)) == (Write(ACK), Unreadable())


def test_a_symbol_of_gs1_is_known_by_its_type_when_aim_identifiers_are_off() -> None:
    desk = Desk("ssi").ready()
    desk.hear(decoded(LABEL[3:] + b"\r", kind=GS1_128))
    assert desk.scans == [LABEL]


def test_an_event_is_acknowledged_and_what_the_line_echoes_is_nothing() -> None:
    desk = Desk("ssi").ready()
    assert desk.hear(p.packet(p.EVENT, b"\x01", source=p.SCANNER)) == (Write(ACK),)
    assert desk.hear(p.packet(p.SCAN_ENABLE)) == ()
    assert desk.hear(p.packet(p.DECODE_DATA, b"", source=p.SCANNER)) == (Write(ACK),)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8))
def test_after_any_noise_and_silence_the_next_label_counts(noise: list[bytes]) -> None:
    desk = Desk("ssi").ready()
    for chunk in noise:
        desk.hear(chunk, 0.01)
        assert len(desk.scanner.framer.heard) <= 255 + 2
    desk.wait(p.PARTS_S + 1)
    desk.said.clear()
    desk.hear(decoded(LABEL))
    assert desk.scans == [LABEL]


def test_the_set_up_is_as_the_packets_are_documented() -> None:
    sent = [frame.hex(" ") for frame in (*SSI.setup, SSI.question or b"")]
    assert sent == [
        "07 c6 04 00 ff ee 01 fd 41",
        "07 c6 04 00 ff 2d 01 fe 02",
        "07 c6 04 00 ff 80 00 fd b0",
        "07 c6 04 00 ff 8a 07 fd 9f",
        "07 c6 04 00 ff ec 00 fd 44",
        "04 e9 04 00 ff 0f",
        "07 c6 04 00 ff 8a 07 fd 9f",
    ]
