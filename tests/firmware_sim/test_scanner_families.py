"""Honeywell's, Zebra's and bare-line scanners, byte for byte, and what can be wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.config import ScannerTable
from fellesskap_edge.scanners import FAMILIES
from fellesskap_firmware_sim.scanner import STUCK_EVERY_S, LineScanner
from fellesskap_firmware_sim.scanners import SCANNERS
from fellesskap_firmware_sim.scanners.grow import GrowScanner
from fellesskap_firmware_sim.scanners.honeywell import HoneywellScanner
from fellesskap_firmware_sim.scanners.ssi import ANSWER_S_MAX, SsiScanner

LABEL = b"]C100370712345678901238"
DECODED = "1C F3 00 00 0F " + LABEL.hex(" ").upper()
ACK, NAK = bytes.fromhex("04 D0 04 00 FF 28"), bytes.fromhex("05 D1 04 00 01 FF 25")


def said(one: LineScanner, request: bytes, now: float = 0.0) -> bytes:
    one.receive(request, now)
    return one.transmit(now + 1.0)


def test_there_is_a_simulated_scanner_of_every_family() -> None:
    assert set(SCANNERS) == set(FAMILIES)
    for family in SCANNERS:
        one = SCANNERS[family](ScannerTable("grow", "port").baud)
        one.present(LABEL, 0.0)
        assert LABEL in one.transmit(1.0)


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"\x16M\rVSUFCR!", b"VSUFCR\x06!"),
        (b"\x16M\rtrgmod?.", b"TRGMOD0\x06."),
        (b"\x16M\rTRGMOD3.", b"TRGMOD3\x06."),
        (b"\x16M\rPRECA2;PREBK2995C81!", b"PRECA2\x06;PREBK2995C81\x06!"),
        (b"\x16M\rTRGMOD7!", b"TRGMOD7\x15!"),
        (b"\x16M\rNOSUCH1!", b"NOSUCH1\x05!"),
        (b"\x16M\rVSUFCR", b""),  # half a command
        (b"M\rVSUFCR!", b""),
        (b"\x16T\r", b""),  # nothing to read
        (b"\x00\x16\x16M\rVSUFCR!", b"VSUFCR\x06!"),
    ],
)
def test_honeywell_answers_a_menu_command_by_saying_it_again(request_: bytes, reply: bytes) -> None:
    assert said(HoneywellScanner(provisioned=False), request_) == reply


def test_honeywell_reads_by_hand_when_its_trigger_is_pulled() -> None:
    one = HoneywellScanner(provisioned=False)
    one.present(LABEL, 0.0)
    assert one.transmit(1.0) == b""
    assert said(one, b"\x16T\r", 1.0) == LABEL[3:]
    assert said(one, b"\x16U\r", 2.0) == b""


def test_honeywell_keeps_what_ends_with_a_full_stop_and_forgets_what_ends_with_a_bang() -> None:
    one = HoneywellScanner(provisioned=False)
    said(one, b"\x16M\rTRGMOD3!")
    one.power_on()
    assert one.settings["TRGMOD"] == "0"
    said(one, b"\x16M\rTRGMOD3.")
    one.power_on()
    one.present(LABEL, 5.0)
    assert one.transmit(6.0) == LABEL[3:]


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        ("04 E9 04 00 FF 0F", "04 D0 00 00 FF 2C"),
        ("04 E4 04 00 FF 14", "04 D0 00 00 FF 2C"),
        ("04 E5 04 00 FF 13", "04 D0 00 00 FF 2C"),
        ("00 00 04 E5 04 00 FF 13", "04 D0 00 00 FF 2C"),  # after wake-up bytes
        ("07 C6 04 00 FF 8A 07 FD 9F", "04 D0 00 00 FF 2C"),
        ("07 C6 04 00 FF 01 07 FE 28", "05 D1 00 00 06 FF 24"),  # no such parameter
        ("04 A3 04 00 FF 55", "0B A4 00 00 53 49 4D 2D 53 53 49 FD 4C"),
        ("04 22 04 00 FF D6", "05 D1 00 00 02 FF 28"),  # no such command
        ("04 E9 04 00 FF 10", ""),  # checksum
        ("04 E9 00 00 FF 13", ""),  # not from the host
        ("04 E9 04", ""),  # half a packet
        ("04 D0 04 00 FF 28", ""),  # an acknowledgement needs none
        ("05 D1 04 00 01 FF 25", ""),
    ],
)
def test_ssi_answers_as_documented(request_hex: str, reply_hex: str) -> None:
    reply = said(SsiScanner(), bytes.fromhex(request_hex))
    assert reply.hex(" ").upper() == reply_hex


def test_ssi_sends_a_label_again_until_it_is_acknowledged_but_three_times_at_most() -> None:
    one = SsiScanner()
    one.present(LABEL, 0.0)
    assert one.transmit(1.0).hex(" ").upper() == DECODED + " FA 05"
    again = DECODED.replace("F3 00 00", "F3 00 01")
    for turn in (1, 2):
        now = turn * (ANSWER_S_MAX + 0.1)
        one.transmit(now)  # it begins again
        assert one.transmit(now + 0.5).hex(" ").upper() == again + " FA 04"
    assert one.transmit(60.0) == b""
    assert one.wake_at == float("inf")


def test_ssi_sends_a_refused_label_again_at_once_and_an_acknowledged_one_never() -> None:
    one = SsiScanner()
    one.broken_packets = 1
    one.present(LABEL, 0.0)
    assert one.transmit(0.1).hex(" ").upper() == DECODED + " FA 50"
    assert said(one, NAK, 0.2).hex(" ").upper().startswith("1C F3 00 01")
    assert said(one, ACK, 2.0) == b""
    assert one.transmit(60.0) == b""


def test_ssi_sends_a_long_label_in_packets_one_after_the_other() -> None:
    one = SsiScanner()
    one.present(b"]Q1" + b"x" * 300, 0.0)
    first = one.transmit(1.0)
    assert (first[0], first[1], first[3]) == (255, 0xF3, 0x02)
    last = said(one, ACK, 1.0)
    assert (last[0], last[1], last[3]) == (4 + 1 + 303 - 250, 0xF3, 0x00)
    assert said(one, ACK, 2.0) == b""


def test_ssi_reads_nothing_while_it_is_disabled_or_waits_for_a_session() -> None:
    one = SsiScanner()
    said(one, bytes.fromhex("04 EA 04 00 FF 0E"))
    one.present(LABEL, 1.0)
    assert one.transmit(2.0) == b""
    factory = SsiScanner(provisioned=False)
    factory.present(LABEL, 1.0)
    assert factory.transmit(2.0) == b""
    assert said(factory, bytes.fromhex("04 E4 04 00 FF 14"), 3.0).endswith(LABEL[3:])


@pytest.mark.parametrize("family", sorted(SCANNERS))
def test_a_silent_scanner_says_nothing_and_a_deaf_one_answers_nothing(family: str) -> None:
    one, request = SCANNERS[family](9600), FAMILIES[family].question or b"?"
    one.faults.silent = True
    one.present(LABEL, 0.0)
    assert said(one, request) == b""
    one.power_on()
    one.faults.silent, one.faults.deaf = False, True
    assert said(one, request, 1.0) == b""
    one.present(LABEL, 3.0)
    assert LABEL in one.transmit(4.0)


def test_a_stuck_scanner_reads_on_by_itself() -> None:
    one = LineScanner()
    one.present(LABEL, 0.0)
    one.transmit(0.1)
    assert one.wake_at == float("inf")
    one.faults.stuck = True
    assert one.wake_at <= 0.1 + STUCK_EVERY_S
    heard = b"".join(one.transmit(at / 10) for at in range(100))
    assert heard.count(LABEL) >= 8


def test_half_codes_doubles_and_leaking_acknowledgements_come_as_often_as_they_are_wanted() -> None:
    one = GrowScanner()
    one.faults.half_codes = one.faults.acks_before_labels = 1
    one.present(LABEL, 0.0)
    assert one.transmit(1.0) == bytes.fromhex("02 00 00 01 00 33 31") + LABEL[:11]
    one.faults.doubles = 1
    one.present(LABEL, 2.0)
    assert one.transmit(3.0) == (LABEL + b"\r") * 2
    one.present(LABEL, 4.0)
    assert one.transmit(5.0) == LABEL + b"\r"


def test_a_label_is_out_once_its_last_byte_is_on_the_line() -> None:
    one = LineScanner(baud=9600)
    one.present(LABEL, 0.0)
    last = (len(LABEL) + 1) * 10 / 9600
    assert not one.label_out(last * 0.99)
    assert one.label_out(last)
    assert not one.label_out(last)


@given(st.sampled_from(["honeywell", "ssi"]), st.lists(st.binary(max_size=80), max_size=10))
def test_any_bytes_are_heard_without_a_crash_and_the_next_question_is_answered(
    family: str, chunks: list[bytes]
) -> None:
    one, question = SCANNERS[family](9600), FAMILIES[family].question
    assert question is not None
    for chunk in chunks:
        one.receive(chunk, 0.0)
    one.receive(b"\x00" * 300 + b".", 0.0)  # ends whatever seemed to have begun
    one.transmit(1000.0)
    assert said(one, question, 1000.0) != b""
