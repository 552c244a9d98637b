"""A scanner is set up whenever it comes, noticed when it falls silent, and quiet when it is stuck.

`golden/scanner.txt` shows every state with every event. Review it line by line when it changes.
"""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from fellesskap_edge import scanner as s
from fellesskap_edge.config import ScannerTable
from fellesskap_edge.scanners import FAMILIES
from fellesskap_edge.scanners.framing import HALF_S, Lines, Unreadable
from fellesskap_edge.scanners.grow import GROW, REPLIES
from fellesskap_edge.scanners.honeywell import HONEYWELL
from tests.edge.reading import ANSWERS, Desk
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden" / "scanner.txt"
ASKABLE = ["grow", "honeywell", "ssi"]
NOW = 100.0
LABEL, OTHER = b"]C100370712345678901238", b"RB123456785GB"
ROW = s.Row(LABEL, first_at=NOW - 1, last_at=NOW - 1)
OLD = s.Row(LABEL, first_at=NOW - 80, last_at=NOW - 1)
READY = replace(s.scanner("grow"), phase=s.Phase.READY, due=NOW + 9, answering=True)
BEGUN = replace(
    s.scanner("grow"),
    phase=s.Phase.SETTING_UP,
    unsaid=(*GROW.setup, GROW.question or b""),
    due=NOW + 0.4,
)
STATES: dict[str, s.Scanner] = {
    "down": s.scanner("grow"),
    "down, a line": s.scanner("line"),
    "setting up": BEGUN,
    "setting up, last frame": replace(BEGUN, unsaid=BEGUN.unsaid[-1:], answering=True),
    "setting up, one missed": replace(BEGUN, unsaid=BEGUN.unsaid[-1:], missed=True, answering=True),
    "setting up, two missed": replace(BEGUN, misses=2),
    "ready": replace(READY, row=ROW),
    "ready, silent": replace(READY, answering=False, misses=3),
    "ready, half a label": replace(
        READY, framer=Lines(REPLIES, heard=b"]C100", ended=True, wake_at=NOW + 0.05)
    ),
    "ready, the same for long": replace(READY, row=OLD),
    "ready, stuck": replace(READY, row=replace(OLD, stuck=True)),
    "ready, a line": replace(s.scanner("line"), phase=s.Phase.READY),
    "asked": replace(READY, phase=s.Phase.ASKED, due=NOW + 0.4),
    "asked, two missed": replace(READY, phase=s.Phase.ASKED, due=NOW + 0.4, misses=2),
    "asked, silent": replace(READY, phase=s.Phase.ASKED, due=NOW + 0.4, misses=5, answering=False),
}
EVENTS: dict[str, tuple[s.Event, float]] = {
    "PortUp": (s.PortUp(), NOW),
    "PortDown": (s.PortDown(), NOW),
    "Received(reply)": (s.Received(ANSWERS["grow"]), NOW),
    "Received(reply, label)": (s.Received(ANSWERS["grow"] + OTHER + b"\r"), NOW),
    "Received(label)": (s.Received(LABEL + b"\r"), NOW),
    "Received(rest of a label)": (s.Received(b"370712345678901238\r"), NOW),
    "Received(half a label)": (s.Received(LABEL[:9]), NOW),
    "Received(noise)": (s.Received(b"\xff\x00\x8a"), NOW),
    "Tick(early)": (s.Tick(), NOW),
    "Tick(a second later)": (s.Tick(), NOW + 1),
    "Tick(due)": (s.Tick(), NOW + 10),
}


def told(effect: s.Effect) -> str:
    match effect:
        case s.Write(data):
            return f"Write({data.hex(' ')})"
        case s.Scan(label, repeated):
            return f"Scan({label.decode()}{', repeated' if repeated else ''})"
    return type(effect).__name__


def cell(before: s.Scanner, event: s.Event, at: float) -> str:
    after, effects = s.step(before, event, at)
    if after == before and not effects:
        return "-"
    wakes = f" @{after.wake_at - at:+.3f}" if after.wake_at < float("inf") else ""
    living = {True: "", False: ", silent", None: ", unasked"}[after.answering]
    misses = f", {after.misses} missed" if after.misses else ""
    return f"{after.phase}{living}{misses}{wakes}  {' '.join(map(told, effects))}".rstrip()


def test_every_state_with_every_event_is_as_reviewed() -> None:
    assert {state.phase for state in STATES.values()} == set(s.Phase)
    assert {type(event) for event, _ in EVENTS.values()} == set(s.EVENTS)
    lines = ["state + event -> state @seconds to its deadline, effects; `-`: nothing changes", ""]
    for name, before in STATES.items():
        for event_name, (event, at) in EVENTS.items():
            lines.append(f"{name:24} + {event_name:25} -> {cell(before, event, at)}")
        lines.append("")
    assert_golden(GOLDEN, "\n".join(lines))


def test_the_families_of_the_config_are_those_that_there_are() -> None:
    families = get_args(msgspec.structs.fields(ScannerTable)[0].type)
    assert list(families) == list(FAMILIES)
    for name in families:
        assert ScannerTable(name, "port").baud == FAMILIES[name].baud
        assert ScannerTable(name, "port", baud=19_200).baud == 19_200


def test_the_frames_of_grow_are_as_documented() -> None:
    assert [frame.hex(" ").upper() for frame in (*GROW.setup, GROW.question or b"")] == [
        "7E 00 08 01 00 D0 80 AB CD",
        "7E 00 08 01 00 0E 00 57 96",
        "7E 00 0A 01 00 00 00 30 1A",
    ]


def test_the_commands_of_honeywell_are_as_documented() -> None:
    assert [*HONEYWELL.setup, HONEYWELL.question] == [
        b"\x16M\rVSUFCR!",
        b"\x16M\rPRECA2!",
        b"\x16M\rPREBK2995C81!",
        b"\x16M\rTRGMOD3!",
        b"\x16M\rTRGMOD?.",
    ]


@pytest.mark.parametrize("family", ASKABLE)
def test_a_scanner_is_set_up_frame_by_frame_and_then_answers(family: str) -> None:
    desk = Desk(family)
    frames = [*FAMILIES[family].setup, FAMILIES[family].question]
    assert desk.written == frames[:1]
    assert desk.scanner.answering is None
    for said in range(1, len(frames) + 1):
        desk.hear(ANSWERS[family], 0.05)
        assert desk.written == frames[: said + 1]
    assert desk.told(s.Answers) == 1
    assert desk.scanner.answering is True
    assert desk.scanner.phase is s.Phase.READY


def test_when_a_frame_is_not_answered_all_are_said_once_more_in_order() -> None:
    desk = Desk("grow")
    desk.wait(s.ANSWER_S_MAX * 1.01)  # it was still booting, or does not know this one
    desk.hear(ANSWERS["grow"])
    desk.hear(ANSWERS["grow"])
    assert desk.written[3:] == list(GROW.setup[:1])
    desk.wait(s.ANSWER_S_MAX * 1.01)
    desk.hear(ANSWERS["grow"])
    assert desk.written[3:] == list(GROW.setup)
    assert desk.scanner.phase is s.Phase.READY
    assert desk.told(s.Silent) == 0


def test_settings_are_left_alone_when_the_config_says_so() -> None:
    desk = Desk("grow", setup=False)
    assert desk.written == [GROW.question]
    desk.hear(ANSWERS["grow"])
    assert desk.scanner.answering is True
    assert desk.scanner.phase is s.Phase.READY


@pytest.mark.parametrize("family", ASKABLE)
def test_a_scanner_that_falls_silent_is_noticed_and_set_up_again_when_it_comes_back(
    family: str,
) -> None:
    desk = Desk(family).ready()
    desk.wait(s.ASK_S + s.MISSES_MAX * (s.ANSWER_S_MAX + s.ASK_AGAIN_S))
    assert (desk.told(s.Silent), desk.scanner.answering) == (1, False)
    desk.wait(100.0)
    assert desk.told(s.Silent) == 1
    assert desk.written[-1] == FAMILIES[family].question
    desk.said.clear()
    desk.hear(ANSWERS[family])
    assert (desk.told(s.Answers), desk.scanner.answering) == (1, True)
    assert desk.written == list(FAMILIES[family].setup[:1])
    desk.ready()


@pytest.mark.parametrize("family", ASKABLE)
def test_a_scanner_that_was_never_heard_is_silent_within_seconds(family: str) -> None:
    desk = Desk(family)
    desk.wait(s.MISSES_MAX * s.ANSWER_S_MAX + 0.1)
    assert desk.told(s.Silent) == 1
    assert desk.scanner.answering is False


def test_a_scanner_that_answers_is_asked_now_and_then() -> None:
    desk = Desk("grow").ready()
    for _ in range(4):
        desk.wait(s.ASK_S + 0.01)
        desk.hear(bytes.fromhex("03 00 00 01 00 33 31"))
    assert desk.written == [GROW.question] * 4
    assert desk.told(s.Silent) == desk.told(s.Answers) == 0


def test_a_line_is_never_asked_and_never_silent() -> None:
    desk = Desk("line")
    desk.wait(1000.0)
    assert desk.said == [s.Answers()]
    assert desk.scanner.answering is None
    desk.give(s.PortDown())
    assert desk.scanner.answering is False


def test_labels_count_while_it_is_set_up_and_while_it_does_not_answer() -> None:
    desk = Desk("grow")
    desk.hear(LABEL + b"\r")
    desk.wait(50.0)
    desk.hear(OTHER + b"\r")
    assert desk.scans == [LABEL, OTHER]
    assert desk.scanner.answering is False


def test_a_scanner_that_is_plugged_in_again_is_set_up_again() -> None:
    desk = Desk("grow").ready()
    desk.hear(LABEL[:9])
    desk.give(s.PortDown())
    assert desk.hear(OTHER + b"\r") == ()
    desk.wait(5.0)
    assert desk.give(s.PortUp()) == (s.Write(GROW.setup[0]),)
    desk.hear(LABEL + b"\r")
    assert desk.scans == [LABEL]


def test_a_scanner_stuck_on_a_label_is_told_once_and_its_repeats_no_more() -> None:
    desk = Desk("grow").ready()
    for _ in range(200):
        desk.hear(ANSWERS["grow"] + LABEL + b"\r", 1.0)
    assert desk.told(s.Stuck) == 1
    assert len(desk.scans) == s.STUCK_S
    desk.said.clear()
    assert s.Answers() in desk.hear(OTHER + b"\r", 0.1)
    assert desk.scans == [OTHER]


def test_a_parcel_left_lying_before_the_scanner_and_taken_away_is_well_again() -> None:
    desk = Desk("line")
    for _ in range(70):
        desk.hear(LABEL + b"\r", 1.0)
    desk.said.clear()
    desk.wait(s.REPEAT_S * 1.01)
    assert desk.said == [s.Answers()]
    assert desk.hear(LABEL + b"\r") == (s.Scan(LABEL, repeated=False),)


def test_a_scanner_stuck_on_half_a_code_is_told_once_too() -> None:
    desk = Desk("line")
    desk.hear(LABEL + b"\r")
    for _ in range(200):
        desk.hear(LABEL[:9], 1.0)
    desk.wait(HALF_S * 1.1)
    assert desk.told(s.Stuck) == 1
    assert desk.unreadable <= s.STUCK_S + 1
    assert isinstance(desk.said[2], Unreadable)
