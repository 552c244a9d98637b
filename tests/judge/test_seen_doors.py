"""What a journal says of a door is held against the door itself, also while a board is late."""

import pytest

from fellesskap_protocol.events import Booted, DoorClosed, DoorOpened, Forced
from tests.judge import history
from tests.judge.judging import judge
from tests.judge.story import HERE, Story

FORCED = Forced(compartment=2, since_last_pulse_ms=None)


def wrongs(story: Story) -> list[str]:
    return [f"{one.invariant}: {one.words}" for one in judge(story.end())]


def board(story: Story, kind: str, state: str) -> None:
    story.tell(history.Fault, layer="board", kind=kind, where=HERE, state=state)


def read_wrongly(kind: str) -> list[str]:
    """Have a journal tell of a forced door where none moved, after a board was not as it should."""
    story = Story()
    story.commission()
    board(story, kind, "begun")
    story.reserve(1)
    story.deposit(1, 1)
    board(story, kind, "over")
    story.write(FORCED)
    story.write(DoorClosed(compartment=2, authorisation_id=None))
    return wrongs(story)


@pytest.mark.parametrize("kind", ["late", "slow"])
def test_a_board_that_answers_late_excuses_no_door_that_moves_in_the_journal_alone(
    kind: str,
) -> None:
    assert read_wrongly(kind) == ["I1: the journal says that 2 was opened, and it was not"]


@pytest.mark.parametrize("kind", ["garbled", "noisy", "reset", "silent", "unplugged"])
def test_what_another_board_says_may_be_read_wrongly(kind: str) -> None:
    assert read_wrongly(kind) == []


def test_a_door_that_was_forced_is_believed() -> None:
    story = Story()
    story.commission()
    story.reserve(1)
    story.deposit(1, 1)
    story.tell(history.Door, locker=HERE, compartment=2, open=True)
    story.wait(5.0)
    story.write(FORCED)
    story.tell(history.Door, locker=HERE, compartment=2, open=False)
    story.wait(5.0)
    story.write(DoorClosed(compartment=2, authorisation_id=None))
    assert wrongs(story) == []


@pytest.mark.parametrize(("died_s", "wrong"), [(0.0, False), (60.0, True)])
def test_what_was_read_as_the_daemon_died_is_measured_by_its_death(
    died_s: float, *, wrong: bool
) -> None:
    """The door was shut again, by hand, before the entry came to light."""
    story = Story()
    story.commission()
    story.reserve(1)
    story.deposit(1, 1)
    story.types(1)
    story.pulses(1, "take-1", kind="code", right_id="right-1")
    story.wait(0.2)
    story.tell(history.Coil, locker=HERE, compartment=1, on=False)
    story.tell(history.Door, locker=HERE, compartment=1, open=True)
    story.wait(0.5)
    story.tell(history.Door, locker=HERE, compartment=1, open=False)
    story.wait(died_s)
    story.tell(history.Part, part=f"edge:{HERE}", state="down")
    story.wait(60.0)
    story.write(DoorOpened(compartment=1, authorisation_id="take-1"))
    story.boot += 1
    story.write(Booted(software="0.1.0"))
    story.tell(history.Part, part=f"edge:{HERE}", state="up")
    words = "I1: the journal says that 1 was opened, and it was not"
    assert (words in wrongs(story)) is wrong
