"""The Grow scanner, byte for byte: paced scans, acknowledgements that leak the text "31"."""

from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge import scanner as edge
from fellesskap_firmware_sim.scanners.grow import ACK, GrowScanner

LABEL = b"]C100370712345678901238"
TRIGGER = bytes.fromhex("7E 00 08 01 00 02 01 AB CD")


def said(one: GrowScanner, request: str) -> str:
    one.receive(bytes.fromhex(request), 0.0)
    return one.transmit(1.0).hex(" ").upper()


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        ("7E 00 09 01 00 00 00 DE C8", "02 00 00 01 00 33 31"),
        ("7E 00 08 02 00 2A 39 01 A7 EA", "02 00 00 01 00 33 31"),
        ("7E 00 08 01 00 D0 80 AB CD", "02 00 00 01 00 33 31"),
        ("7E 00 0A 01 00 00 00 30 1A", "03 00 00 01 00 33 31"),
        ("7E 00 08 01 00 02 01 02 DA", "02 00 00 01 00 33 31"),
        ("7E 00 08 01 00 02 01 02 DB", ""),  # checksum
        ("7E 00 08 01 00 02", ""),  # half a frame
        ("7E 00 08 00 00 02 AB CD", "02 00 00 01 00 33 31"),  # no data
        ("00 FF 7E 7E 00 0A 01 00 00 00 30 1A", "03 00 00 01 00 33 31"),
    ],
)
def test_documented_frames(request_hex: str, reply_hex: str) -> None:
    assert said(GrowScanner(), request_hex) == reply_hex


def test_register_is_read_back_as_it_was_written() -> None:
    one = GrowScanner()
    said(one, "7E 00 08 02 00 2A 39 01 A7 EA")
    reply = bytes.fromhex("00 02 39 01")
    expected = b"\x02\x00" + reply + crc_hqx(reply, 0).to_bytes(2, "big")
    assert said(one, "7E 00 07 01 00 2A 02 AB CD") == expected.hex(" ").upper()


def test_label_in_sense_mode_is_sent_at_the_pace_of_the_line() -> None:
    one = GrowScanner(baud=9600)
    one.present(LABEL, 1.0)
    got = b""
    for step in range(1, len(LABEL) + 2):
        now = 1.0 + (step + 0.1) * 10 / 9600
        got += one.transmit(now)
        assert len(got) == step
    assert got == LABEL + b"\r"
    assert one.wake_at == float("inf")


def test_aim_identifier_and_ending_are_settings() -> None:
    one = GrowScanner()
    one.receive(bytes.fromhex("7E 00 08 01 00 D0 00 AB CD"), 0.0)
    one.receive(bytes.fromhex("7E 00 08 01 00 0E 02 AB CD"), 0.0)
    one.transmit(1.0)
    one.present(LABEL, 2.0)
    assert one.transmit(3.0) == LABEL[3:] + b"\r\n"


def test_command_mode_reads_only_within_the_window_of_a_trigger() -> None:
    one = GrowScanner(mode="command")
    one.receive(TRIGGER, 0.0)
    assert one.transmit(1.0) == ACK
    one.present(LABEL, 6.0)
    assert one.transmit(7.0) == b""
    one.receive(TRIGGER, 8.0)
    assert one.transmit(9.0) == ACK + LABEL + b"\r"
    one.receive(TRIGGER, 10.0)
    one.present(b"second", 11.0)
    assert one.transmit(12.0) == ACK + b"second\r"


def test_acknowledgement_before_a_scan_leaks_no_31_into_it() -> None:
    one = GrowScanner(mode="command")
    one.present(LABEL, 0.0)
    one.receive(TRIGGER, 0.0)
    raw = one.transmit(1.0)
    assert b"31]C1" in raw  # what a driver that strips control characters would read
    up, _ = edge.step(edge.scanner("grow"), edge.PortUp(), 0.0)
    _, effects = edge.step(up, edge.Received(raw), 1.0)
    assert [one.label for one in effects if isinstance(one, edge.Scan)] == [LABEL]


@given(st.lists(st.binary(max_size=80), max_size=10))
def test_any_bytes_are_heard_without_a_crash_and_the_next_command_is_answered(
    chunks: list[bytes],
) -> None:
    one = GrowScanner()
    for chunk in chunks:
        one.receive(chunk, 0.0)
    one.receive(bytes(80), 0.0)  # ends whatever seemed to have begun
    one.transmit(1000.0)
    one.receive(bytes.fromhex("7E 00 0A 01 00 00 00 30 1A"), 1000.0)
    assert one.transmit(2000.0).hex(" ").upper() == "03 00 00 01 00 33 31"


def test_what_was_not_saved_is_lost_with_the_power() -> None:
    one = GrowScanner(provisioned=False)
    said(one, "7E 00 08 01 00 D0 80 AB CD")
    assert one.aim
    one.power_on()
    assert not one.aim
    said(one, "7E 00 08 01 00 D0 80 AB CD")
    said(one, "7E 00 09 01 00 00 00 DE C8")
    one.power_on()
    assert one.aim
