"""The relay boards speak Modbus byte for byte, obey what is dangerous too, and link inputs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_firmware_sim.boards.waveshare import Waveshare, WaveshareD
from tests.firmware_sim.boards_by_hex import board, exchange, pulsed

BOTH = pytest.mark.parametrize("family", ["waveshare", "waveshare_d"])
UNLINK = "01 10 10 00 00 08 10" + 16 * " 00" + " 0B 5C"


def unlinked(family: str) -> Waveshare:
    one = board(family)
    assert isinstance(one, Waveshare)
    one.modes = [0] * len(one.modes)
    return one


@BOTH
@pytest.mark.parametrize(
    ("request_hex", "reply_hex", "on"),
    [
        ("01 05 00 00 FF 00 8C 3A", "01 05 00 00 FF 00 8C 3A", {1}),
        ("01 05 00 00 00 00 CD CA", "01 05 00 00 00 00 CD CA", set()),
        ("01 05 00 00 55 00 F2 9A", "01 05 00 00 55 00 F2 9A", {1}),
        ("01 05 00 FF 00 00 FD FA", "01 05 00 FF 00 00 FD FA", set()),
        ("01 05 00 FF FF 00 BC 0A", "01 05 00 FF FF 00 BC 0A", set(range(1, 9))),
        ("01 05 02 00 00 07 8D B0", "01 05 02 00 00 07 8D B0", {1}),
        ("01 05 02 01 00 08 9C 74", "01 05 02 01 00 08 9C 74", {2}),
        ("01 0F 00 00 00 08 01 FF BE D5", "01 0F 00 00 00 08 54 0D", set(range(1, 9))),
        ("01 01 00 00 00 08 3D CC", "01 01 01 00 51 88", set()),
        ("00 03 40 00 00 01 90 1B", "00 03 02 00 01 44 44", set()),
    ],
)
def test_documented_frames(family: str, request_hex: str, reply_hex: str, on: set[int]) -> None:
    one = unlinked(family)
    assert exchange(one, request_hex) == reply_hex
    assert one.on == on


def test_flash_off_ends_with_the_relay_on() -> None:
    one = board("waveshare")
    assert exchange(one, "01 05 04 00 00 07 8D 38") == "01 05 04 00 00 07 8D 38"
    one.advance(1.0)
    assert one.on == {1}


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        ("01 02 00 00 00 08 79 CC", "01 82 01 81 60"),  # no inputs here
        ("01 05 02 08 00 03 0D B1", "01 85 02 C3 51"),  # relay 9
        ("01 05 02 00 00 00 CC 72", "01 85 03 02 91"),  # for no time
        ("01 01 00 00 00 09 FC 0C", "01 81 02 C1 91"),
    ],
)
def test_what_it_cannot_do_is_answered_with_an_exception(request_hex: str, reply_hex: str) -> None:
    one = board("waveshare")
    assert exchange(one, request_hex) == reply_hex
    assert pulsed(one) == []


@pytest.mark.parametrize(
    "silent",
    [
        "01 01 00 00 00 08 3D CD",
        "02 01 00 00 00 08 3D FF",
        "01 01 00 00 00 08 CC 3D",  # the high byte first
        "01 01 00",
        "01 01 00 00 00 08 3D CC 01 01 00 00 00 08 3D CC",  # no silence between: one wrong frame
    ],
)
def test_what_is_not_a_frame_for_it_is_met_with_silence(silent: str) -> None:
    assert exchange(board("waveshare"), silent) == ""


def test_two_frames_need_three_and_a_half_characters_between() -> None:
    one = board("waveshare")
    request = bytes.fromhex("01 01 00 00 00 08 3D CC")
    one.receive(request, 0.0)
    one.receive(request, len(request) * one.byte_s + 3.0 * one.byte_s)
    assert one.transmit(0.5) == b""
    one.receive(request, 1.0)
    assert len(one.transmit(1.5)) == 6


def test_a_new_flash_on_the_same_relay_begins_its_time_anew() -> None:
    one = board("waveshare")
    exchange(one, "01 05 02 00 00 07 8D B0")
    exchange(one, "01 05 02 00 00 07 8D B0", 0.5)
    exchange(one, "01 05 02 00 00 07 8D B0", 3.0)
    exchange(one, "01 05 00 00 00 00 CD CA", 3.3)
    assert [round(seconds, 1) for _, seconds in pulsed(one)] == [1.2, 0.3]
    assert one.wake_at == float("inf")


def test_a_welded_relay_stays_on_through_every_order() -> None:
    one = board("waveshare")
    one.faults.welded = 1
    exchange(one, "01 05 02 00 00 03 8C 73")
    assert exchange(one, "01 01 00 00 00 08 3D CC", 2.0) == "01 01 01 01 90 48"
    exchange(one, "01 05 00 FF 00 00 FD FA", 3.0)
    assert one.on == {1}
    one.faults.welded = 0
    exchange(one, "01 05 00 FF 00 00 FD FA", 4.0)
    assert one.on == set()


def test_inputs_are_the_contacts() -> None:
    one = board("waveshare_d")
    assert exchange(one, "01 02 00 00 00 08 79 CC") == "01 02 01 FF E1 C8"
    exchange(one, UNLINK, 1.0)
    one.plant.force(1, 2.0)
    assert exchange(one, "01 02 00 00 00 08 79 CC", 3.0) == "01 02 01 FE 20 08"


def test_from_the_factory_a_door_that_is_shut_fires_its_own_lock() -> None:
    one = board("waveshare_d")
    one.advance(0.0)
    one.plant.force(3, 1.0)
    one.advance(1.1)
    one.plant.shut(3, 2.0)
    one.advance(2.1)
    assert one.on == {3}
    one.advance(3.0)
    assert one.plant.locks[3].is_open  # it has sprung open again


def test_once_unlinked_a_door_fires_nothing_and_a_reset_links_nothing() -> None:
    one = board("waveshare_d")
    assert exchange(one, UNLINK) == "01 10 10 00 00 08 C5 0F"
    assert exchange(one, "01 03 10 00 00 08 40 CC", 0.5)[:8] == "01 03 10"
    one.faults.reset_s = 0.3
    one.advance(0.9)
    one.plant.force(3, 2.0)
    one.advance(2.1)
    one.plant.shut(3, 3.0)
    assert pulsed(one) == []
    assert one.on == set()


def test_a_toggling_input_turns_its_relay_over() -> None:
    one = board("waveshare_d")
    assert isinstance(one, WaveshareD)
    one.modes = [2] * 8
    one.plant.locks[1].faults.jammed = True  # it does not spring open by itself
    for at, on in ((0.0, {1}), (10.0, set())):
        one.advance(at)
        one.plant.force(1, at + 1)
        one.advance(at + 2)
        one.plant.shut(1, at + 3)
        one.advance(at + 3)
        assert one.on == on


def test_its_address_is_a_register() -> None:
    one = board("waveshare")
    assert exchange(one, "00 06 40 00 00 02 1C 1A") == "00 06 40 00 00 02 1C 1A"
    assert exchange(one, "01 01 00 00 00 08 3D CC", 1.0) == ""
    assert exchange(one, "02 01 00 00 00 08 3D FF", 2.0) == "02 01 01 00 51 CC"


@pytest.mark.parametrize("mode", [3, 0xFFFF])
def test_a_mode_that_is_none_is_refused(mode: int) -> None:
    one = board("waveshare_d")
    assert isinstance(one, Waveshare)
    body = bytes.fromhex("01 10 10 00 00 01 02") + mode.to_bytes(2, "big")
    assert exchange(one, one.sealed(body).hex()) == one.sealed(b"\x01\x90\x03").hex(" ").upper()


@BOTH
@given(noise=st.binary(max_size=300))
def test_after_any_noise_the_next_good_frame_is_answered(family: str, noise: bytes) -> None:
    one = board(family)
    one.receive(noise, 0.0)
    one.transmit(100.0)
    assert exchange(one, "01 01 00 00 00 08 3D CC", 200.0).startswith("01 01 01")
