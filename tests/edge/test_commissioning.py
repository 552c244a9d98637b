"""Commissioning, without a terminal: what is asked, what opens and when, what is concluded."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.tool.commissioning import begin, step
from fellesskap_edge.tool.wiring import conclude
from fellesskap_edge.tool.words import (
    EVENTS,
    Ask,
    Board,
    Commissioning,
    Door,
    Effect,
    Ended,
    Event,
    Finish,
    Found,
    Moved,
    Open,
    Phase,
    Say,
    Stop,
    Tick,
    Typed,
    Unanswered,
)
from tests.golden import assert_golden

HERE = Path(__file__).parent
BOARD = Board("a", "8a", "address 1 on lock-bus", 3, senses=True)
BLIND = Board("r", "waveshare", "address 2 on lock-bus", 2, senses=False)
SHUT = Moved("a", {1: 0, 2: 0, 3: 0})


class Talk:
    """A commissioning in hand, its clock and all that it said."""

    def __init__(self, known: tuple[int, ...] = (7, 8), sizes: tuple[str, ...] = ("S",)) -> None:
        self.now = 0.0
        self.state, effects = begin(frozenset(known), sizes)
        self.said: list[Effect] = list(effects)

    def give(self, *events: Event) -> tuple[Effect, ...]:
        effects: tuple[Effect, ...] = ()
        for event in events:
            self.state, effects = step(self.state, event, self.now)
            self.said += effects
        return effects

    def wait(self) -> tuple[Effect, ...]:
        """Let the next deadline come."""
        self.now = max(self.now, self.state.wake_at)
        return self.give(Tick())

    def offered(self, *boards: Board) -> "Talk":
        """Up to the question for the first lock."""
        self.give(SHUT, Found(boards or (BOARD,)), Typed(""))
        self.wait()
        assert self.state.phase is Phase.OFFERED
        return self

    def opened(self, channel: int, contact: int | None) -> "Talk":
        """Up to the number of the door at a wire."""
        while self.state.channel < channel:
            self.give(Typed("s"))
            self.wait()
        assert self.give(Typed("\n")) == (Open("a", channel),)
        if contact is not None:
            self.give(Moved("a", {contact: 1}))
        self.wait()
        assert self.state.phase is Phase.NUMBER
        return self

    def shut(self, contact: int | None) -> "Talk":
        """Up to what follows a door."""
        self.give(Typed(""))
        if contact is not None:
            self.give(Moved("a", {contact: 0}))
        self.wait()
        return self


def at(phase: Phase) -> Talk:
    """A talk in each of the phases."""
    talk = Talk()
    if phase is Phase.SCANNING:
        return talk
    if phase is Phase.FOUND:
        talk.give(SHUT, Found((BOARD,)))
        return talk
    talk.offered()
    if phase is Phase.OPENING:
        talk.give(Typed(""))
    elif phase is Phase.OVER:
        talk.give(Typed("q"))
    elif phase is not Phase.OFFERED:
        talk.opened(1, 1)
    if phase in (Phase.SIZE, Phase.FLOOR):
        talk.give(Typed("9"))
        if phase is Phase.FLOOR:
            talk.give(Typed("s"))
    elif phase in (Phase.SHUT, Phase.SHUTTING, Phase.COMPLETE):
        talk.give(Typed("7"))
        if phase is Phase.SHUTTING:
            talk.give(Typed(""))
        if phase is Phase.COMPLETE:
            talk.shut(1).opened(2, 2).give(Typed("8"))
            talk.shut(2)
    assert talk.state.phase is phase
    return talk


SAMPLES: tuple[tuple[str, Event], ...] = (
    ("found nothing", Found((), silent=("8a 1 on lock-bus",))),
    ("found two at one address", Found((), unclear=("8a 1 on lock-bus",))),
    ("found", Found((BOARD,), strange=("8a 9 on lock-bus",))),
    ("moved", Moved("a", {2: 1})),
    ("unanswered", Unanswered()),
    *((f"typed {text!r}", Typed(text)) for text in ("", "q", "s", "b", "f", "t", "n", "r", "a")),
    *((f"typed {text!r}", Typed(text)) for text in ("7", "9", "0", "-1", "400", "９")),
    ("ended", Ended()),
    ("tick", Tick()),
)


def test_every_phase_with_every_event() -> None:
    assert {type(event) for _, event in SAMPLES} == set(EVENTS)
    rows = []
    for phase in Phase:
        for name, event in SAMPLES:
            talk = at(phase)
            talk.now = max(talk.now, min(talk.state.wake_at, 1e6))
            effects = talk.give(event)
            told = "; ".join(told_of(effect) for effect in effects)
            rows.append(f"{phase}, {name} -> {talk.state.phase}: {told or '-'}")
    assert_golden(HERE / "golden" / "commissioning.txt", "\n".join(rows) + "\n")


def told_of(effect: Effect) -> str:
    text = f" {effect.text}" if isinstance(effect, Say | Ask) else ""
    lock = f" {effect.board} {effect.channel}" if isinstance(effect, Open) else ""
    return type(effect).__name__.lower() + text + lock


BITS = st.dictionaries(st.integers(1, 3), st.sampled_from((0, 1, None)), max_size=3)
TYPED = st.sampled_from(("", "q", "s", "b", "f", "t", "n", "r", "a", "S", "7", "8", "9", "400"))
SOME = st.one_of(
    st.just(Typed("")),
    st.just(Typed("7")),
    TYPED.map(Typed),
    st.builds(Moved, st.sampled_from(("a", "r")), BITS),
    st.just(Unanswered()),
    st.just(Found((BOARD, BLIND))),
    st.just(Tick()),
    st.floats(0.05, 4.0).map(lambda seconds: ("wait", seconds)),
)
BUSY = (Phase.OFFERED, Phase.SHUTTING, Phase.FOUND, Phase.NUMBER, Phase.OPENING, Phase.COMPLETE)


@given(st.sampled_from(BUSY), st.lists(SOME, min_size=5))
def test_nothing_opens_but_what_was_asked_for_and_answered(
    phase: Phase, events: list[Event | tuple[str, float]]
) -> None:
    talk = at(phase)
    question = next((one.text for one in reversed(talk.said) if isinstance(one, Ask)), "")
    over = 0
    for event in events:
        if isinstance(event, tuple):
            talk.now += event[1]
            continue
        typed_nothing = isinstance(event, Typed) and not event.text.strip()
        effects = talk.give(event)
        for effect in effects:
            if isinstance(effect, Open):
                assert typed_nothing, "no lock moves but by the Enter key"
                assert f"Board {effect.board}, wire {effect.channel}: Enter opens" in question
                assert len(effects) == 1, "one coil at a time"
                question = ""
            if isinstance(effect, Ask):
                question = effect.text
            over += isinstance(effect, Finish | Stop)
    assert over == (talk.state.phase is Phase.OVER)
    numbers = [door.number for door in talk.state.doors]
    assert len(numbers) == len(set(numbers)), "a door is on one wire"
    locks = [door.lock for door in talk.state.doors]
    assert len(locks) == len(set(locks)), "a wire opens one door"


def test_a_key_pressed_twice_does_not_open_the_next_door() -> None:
    talk = Talk().offered().opened(1, 1)
    talk.give(Typed("7"))
    talk.give(Moved("a", {1: 0}), Typed(""))
    talk.now += 0.3
    assert talk.give(Typed("")) == ()
    talk.wait()
    assert talk.state.phase is Phase.OFFERED
    assert [one for one in talk.said if isinstance(one, Open)] == [Open("a", 1)]


def test_a_contact_that_bounces_is_one_contact() -> None:
    talk = Talk().offered()
    talk.give(Typed(""), Moved("a", {1: 1}), Moved("a", {1: 0}), Moved("a", {1: 1}))
    talk.wait()
    assert talk.state.door == Door(0, ("a", 1), ("a", 1), 1, shut_bit=0)


def test_two_doors_at_once_are_no_answer_and_the_wire_is_tried_again() -> None:
    talk = Talk().offered()
    talk.give(Typed(""), Moved("a", {1: 1, 3: 1}))
    talk.wait()
    assert talk.state.phase is Phase.SHUT
    talk.give(Typed(""), Moved("a", {1: 0, 3: 0}))
    talk.wait()
    assert (talk.state.phase, talk.state.channel) == (Phase.OFFERED, 1)


def test_a_door_that_is_not_shut_is_asked_for_again_and_a_stuck_contact_is_told() -> None:
    talk = Talk().offered().opened(1, 1)
    talk.give(Typed("7"), Typed(""))
    talk.wait()
    assert talk.state.phase is Phase.SHUT
    talk.give(Typed("a"))
    talk.wait()
    assert talk.state.doors == (Door(7, ("a", 1), None),)
    assert "did not move and go back" in conclude((BOARD,), talk.state.doors, ()).problems[0]


def test_a_door_of_no_draft_is_asked_for_its_size_and_height() -> None:
    talk = Talk(known=()).offered().opened(1, 1)
    talk.give(Typed("12"), Typed("s"), Typed("840"))
    talk.shut(1)
    assert talk.state.doors == (Door(12, ("a", 1), ("a", 1), 1, "S", 840, shut_bit=0),)


def test_past_the_last_wire_of_the_last_board_it_is_over() -> None:
    talk = Talk().offered(BOARD, BLIND)
    for _ in range(5):
        assert talk.state.phase is Phase.OFFERED
        talk.give(Typed("s"))
        talk.wait()
    assert talk.said[-1] == Finish()


def door(number: int, channel: int, contact: int | None, open_bit: int = 1) -> Door:
    place = None if contact is None else ("a", contact)
    return Door(number, ("a", channel), place, open_bit)


@pytest.mark.parametrize(
    ("doors", "keys", "usable", "told"),
    [
        ((door(1, 2, 2), door(2, 1, 1)), (0, "high_first"), [1, 2], ""),
        ((door(1, 2, 2, 0),), (1, "high_first"), [1], ""),
        ((door(1, 2, 18), door(2, 9, 9), door(3, 17, 1)), (0, "low_first"), [1, 2, 3], ""),
        ((door(1, 1, 1), door(2, 2, 2), door(3, 3, 3, 0)), (0, "high_first"), [1, 2], "other way"),
        ((door(1, 1, 1), door(2, 2, 3)), (0, "high_first"), [1], "its contact is on wire 3"),
        ((door(1, 1, 1), door(2, 2, None)), (0, "high_first"), [1], "look at switch and wire"),
        ((), (None, "high_first"), [], ""),
    ],
)
def test_polarity_byte_order_and_wires_are_concluded(
    doors: tuple[Door, ...], keys: tuple[int | None, str], usable: list[int], told: str
) -> None:
    wiring = conclude((BOARD,), doors, ())
    assert (wiring.banks["a"].get("closed_bit"), wiring.banks["a"]["status_order"]) == keys
    assert [one.number for one in wiring.doors] == usable
    assert bool(wiring.problems) == bool(told)
    assert told in "".join(wiring.problems)


def test_a_board_without_contacts_tells_wires_only_and_a_missing_door_is_named() -> None:
    wiring = conclude((BLIND,), (Door(1, ("r", 2), None),), (1, 5))
    assert wiring.banks == {"r": {}}
    assert [one.number for one in wiring.doors] == [1]
    assert wiring.problems == ("door 5 of the draft was not found on any wire",)


def test_state_is_a_value() -> None:
    first, _ = begin(frozenset({7}), ())
    assert first == Commissioning(frozenset({7}))
    step(first, Found((BOARD,)), 0.0)
    assert first == Commissioning(frozenset({7}))
