"""What a board is told for another try, or when it forgot; and answers that nobody can read."""

from dataclasses import replace

import pytest

from fellesskap_edge import bus as b
from fellesskap_edge.banks import MISSES_MAX
from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.locks.driver import SUPPLY_REST_S
from tests.edge.line_frames import FRAMES, LINKED, retry_driver
from tests.edge.test_bus import NOW, UNLOCK_1
from tests.edge.test_bus_families import asked, frames, hear, idle


@pytest.mark.parametrize("family", [one for one in FAMILIES if FRAMES[one].retry_2])
def test_another_try_is_a_longer_pulse_and_the_next_first_one_is_not(family: str) -> None:
    line = idle(family)
    line.give(b.Unlock("a", 2, "t2", again=True))
    confirmed = {"02 10 37 00 32 03 7E": "02 10 38 00 32 03 7F"}
    for said in FRAMES[family].retry_2:
        assert frames(line)[-1] == said
        if said in confirmed:
            hear(line, confirmed[said])
    sent_at = line.at[-1][0]
    assert line.bus.supply_free_at == {"p": sent_at + 0.5 + SUPPLY_REST_S}
    if FRAMES[family].ack_2:
        hear(line, FRAMES[family].retry_2[-1])
        assert line.said[-1] == b.Acknowledged("t2")
    line = idle(family)
    bank = replace(line.bus.banks["a"], driver=retry_driver(family), told_at=NOW)
    line.bus = replace(line.bus, banks={"a": bank})
    line.give(UNLOCK_1)
    if family == "kerong":
        ((time, confirmed_time),) = FRAMES[family].start
        assert frames(line)[-1] == time
        hear(line, confirmed_time)
    assert frames(line)[-1] == FRAMES[family].unlock_1


def test_a_board_that_does_not_confirm_its_unlock_time_is_told_no_longer_one() -> None:
    line = idle("kerong")
    bank = replace(line.bus.banks["a"], unready="confirm its unlock time", told_at=NOW)
    line.bus = replace(line.bus, banks={"a": bank})
    line.give(b.Unlock("a", 2, "t2", again=True))
    assert frames(line) == ["02 11 31 03 47"]


def test_a_board_that_lost_its_settings_unseen_is_noticed_and_told_them_again() -> None:
    line = idle("waveshare_d")
    line.wait_until(line.bus.banks["a"].poll_at)
    hear(line, FRAMES["waveshare_d"].shut)
    assert frames(line)[-1] == LINKED, "asked after every idle poll"
    linked = "01 03 10" + 8 * " 00 01" + " 93 B4"
    hear(line, linked)
    line.wait_until(line.bus.until)
    asked(line)
    hear(line, FRAMES["waveshare_d"].shut)
    for request, reply in FRAMES["waveshare_d"].start:
        assert frames(line)[-1] == request
        hear(line, reply)
    assert line.told(b.Contact) == line.told(b.Unready) == [], "nobody had to be told"


def test_answers_that_are_never_whole_are_said_once_until_one_is() -> None:
    line = idle("8a")
    broken = FRAMES["8a"].shut[:-2] + "FF"
    for _ in range(MISSES_MAX + 2):
        line.wait_until(line.bus.banks["a"].poll_at)
        line.give(b.Received(bytes.fromhex(broken)), 0.02)
        line.wait_until(line.bus.until)
    assert line.told(b.Contact) == [b.Contact("a", answering=False)]
    assert line.told(b.Garbled) == [b.Garbled("a")]
    line.wait_until(line.bus.banks["a"].poll_at)
    hear(line, FRAMES["8a"].shut)
    assert line.told(b.Garbled) == [b.Garbled("a"), b.Garbled("a", over=True)]


def test_neither_silence_nor_the_echo_of_a_question_is_a_broken_answer() -> None:
    line = idle("8a")
    for turn in range(MISSES_MAX + 2):
        line.wait_until(line.bus.banks["a"].poll_at)
        if turn % 2:
            line.give(b.Received(bytes.fromhex(FRAMES["8a"].status)), 0.02)
        line.wait_until(line.bus.until)
    assert line.told(b.Contact) == [b.Contact("a", answering=False)]
    assert line.told(b.Garbled) == []
