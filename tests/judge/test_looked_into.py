"""What only a locker can know is believed: where an old card goes on, what was looked into."""

import msgspec
import pytest

from fellesskap_protocol.events import Collected, ServiceChanged
from fellesskap_protocol.messages import Command, Right
from tests.judge import history
from tests.judge.judging import judge
from tests.judge.stories import ALLOWANCE
from tests.judge.story import CARRIER, HERE, SIGNED, Story


def test_an_old_card_goes_on_from_what_it_knows() -> None:
    """The ledger has heard no more: no epoch begins, and a unit that was drawn is forgotten."""
    story = Story()
    story.commission()
    story.wish(ALLOWANCE)
    story.apply()
    story.reserve(1, hold="soft")
    story.deliver()
    copied_s, copy = story.at, (story.seq, story.prev, story.revision)
    story.wait(1.0)
    story.deposit(1, 1, allowance_class="S")
    story.drawn = {"S": 1}
    story.reserve(2)
    story.tell(history.Part, part=f"edge:{HERE}", state="down")
    story.tell(history.Restored, part=f"edge:{HERE}", to=copied_s)
    story.wait(60.0)
    story.tell(history.Part, part=f"edge:{HERE}", state="up")
    story.seq, story.prev, story.revision = copy
    story.owed.clear()
    story.drawn = {}
    story.reserve(3)
    story.deliver()
    story.revision = 0
    story.reserve(4)
    story.reserve(5)
    assert judge(story.end(calm=False)) == []


def test_a_parcel_that_is_gone_is_not_told_any_more_once_an_operator_looked() -> None:
    assert reported_after_a_look(named=False) == []
    told = reported_after_a_look(named=True)
    assert told == ["I1 parcel-1 is told to lie in 1, and does not"]


def test_what_an_operator_left_there_its_right_removes() -> None:
    story = looked_where_it_lies()
    remove = Right(id="remove-1", kind="remove", carrier_id=CARRIER, parcel_id="parcel-1")
    story.wish(remove)
    story.apply()
    story.badge()
    story.remove(1, 1)
    assert wrongs(story) == []


def reported_after_a_look(*, named: bool) -> list[str]:
    """Have an operator look where a parcel lay whose right is revoked; then custody is told."""
    story = looked_where_it_lies()
    story.reports(*(1, 1) if named else ())
    return wrongs(story)


def looked_where_it_lies() -> Story:
    """Have an operator look where a parcel lies whose right is revoked."""
    story = Story()
    story.commission()
    right = story.reserve(1)
    story.deposit(1, 1)
    story.deliver()
    gone = msgspec.structs.replace(right, kind="collect", compartment=1, revoked=True)
    story.wish(gone)
    story.apply()
    command = Command(
        jti="look-1",
        kind="set_service",
        compartment=1,
        actor_class="operator",
        reason_code="operator",
        exp=0,
        challenge="challenge",
        service="in",
        **SIGNED,  # type: ignore[arg-type]
    )
    story.tell(history.Commanded, locker=HERE, command=command)
    story.write(ServiceChanged(compartment=1, from_="in", to="in", cause="operator"))
    return story


def opened_again(*, heard: bool) -> list[str]:
    """Have a parcel collected, its locker's card go back to before that, and its code shown again.

    With `heard` the ledger knows that it was collected.
    """
    story = Story()
    story.commission()
    right = story.reserve(1)
    story.deposit(1, 1)
    story.deliver()
    copied_s = story.at
    story.collect(1, 1)
    if heard:
        story.deliver()
    story.tell(history.Part, part=f"edge:{HERE}", state="down")
    story.tell(history.Restored, part=f"edge:{HERE}", to=copied_s)
    story.wait(60.0)
    story.commission("epoch-2", "went_back")
    story.wish(msgspec.structs.replace(right, kind="collect", compartment=1))
    story.apply()
    story.types(1)
    story.opens(1, "again", kind="code", right_id="right-1")
    again = Collected(parcel_id="parcel-1", right_id="right-1", compartment=1, evidence="weak")
    story.shuts(1, "again", again)
    return [str(one) for one in judge(story.end(calm=False))]


def test_what_a_card_that_went_back_forgot_and_nobody_heard_may_be_done_again() -> None:
    assert opened_again(heard=False) == []
    assert any("right-1 is used up" in one for one in opened_again(heard=True))


def test_what_was_taken_out_after_an_old_card_was_put_back_is_known_to_be_gone() -> None:
    """The store itself wrote that, so it opens nothing more by that code and gives the door away,
    whatever a ledger wishes that never heard it."""
    story = Story()
    story.commission()
    right = story.reserve(1)
    story.deposit(1, 1)
    story.deliver()
    copied_s = story.at
    story.tell(history.Part, part=f"edge:{HERE}", state="down")
    story.tell(history.Restored, part=f"edge:{HERE}", to=copied_s)
    story.wait(60.0)
    story.restart()
    story.collect(1, 1)
    story.commission("epoch-2", "went_back")
    story.reports()
    story.wish(msgspec.structs.replace(right, kind="collect", compartment=1))
    story.apply()
    story.wait(120.0)
    story.tell(history.Contact, locker=HERE, up=False)
    story.types(1)
    story.wait(60.0)
    story.tell(history.Contact, locker=HERE, up=True)
    story.reserve(2)
    story.deposit(2, 1)
    assert judge(story.end(calm=False)) == []


def recalled(*, lost: bool = True, named: int | None = 1) -> tuple[Story, Right]:
    """Have a parcel put into 1 and recalled, and its locker's card lost; return what to take it
    out by. A card that is not lost had the parcel collected, and knows that nothing lies there."""
    story = Story()
    story.commission()
    right = story.reserve(1)
    story.deposit(1, 1)
    story.deliver()
    if lost:
        story.tell(history.Restored, part=f"edge:{HERE}", to=None)
        story.commission("epoch-2", "lost")
        story.reports()
    else:
        story.collect(1, 1)
    story.deliver()
    remove = Right(
        id="remove-1", kind="remove", carrier_id=CARRIER, parcel_id="parcel-1", compartment=named
    )
    gone = msgspec.structs.replace(right, kind="collect", compartment=1, revoked=True)
    story.wish(gone, remove)
    story.apply()
    story.badge()
    return story, remove


def wrongs(story: Story) -> list[str]:
    return [f"{one.invariant} {one.words}" for one in judge(story.end(calm=False))]


NO_RIGHT = "I5 remove-1 is no right to remove what lies in"
NOT_THERE = "I1 parcel-1 was taken from"


def test_after_a_lost_card_a_right_to_remove_says_itself_where_its_parcel_lies() -> None:
    story, _ = recalled()
    story.remove(1, 1)
    story.deliver()
    assert wrongs(story) == []


def test_a_right_to_remove_opens_no_door_but_the_one_it_names() -> None:
    for named, number in ((2, 1), (None, 1), (1, 2)):
        story, _ = recalled(named=named)
        story.remove(1, number)
        found = wrongs(story)
        assert found[0] == f"{NO_RIGHT} {number}", (named, number)
        assert found[1] == f"{NOT_THERE} {number}, where nothing lay", (named, number)


def test_a_card_that_is_not_lost_knows_better_than_a_right_what_lies_where() -> None:
    story, _ = recalled(lost=False)
    story.remove(1, 1)
    assert wrongs(story)[:2] == [f"{NO_RIGHT} 1", f"{NOT_THERE} 1, where nothing lay"]


def test_where_something_was_put_in_since_a_card_was_lost_no_right_names_what_lies_there() -> None:
    story, _ = recalled()
    story.reserve(2)
    story.deposit(2, 1)
    story.remove(1, 1)
    assert wrongs(story)[:2] == [f"{NO_RIGHT} 1", f"{NOT_THERE} 1: parcel-2 lay there"]


def test_what_a_right_named_is_taken_out_once() -> None:
    story, remove = recalled()
    story.remove(1, 1)
    story.wish(msgspec.structs.replace(remove, id="remove-2"))
    story.apply()
    story.opens(1, "again", kind="badge", right_id="remove-2", badge_jti="badge-1")
    assert "I5 remove-2 is no right to remove what lies in 1" in wrongs(story)


def told_as_deposited(*, reported: bool) -> list[str]:
    """Have a parcel put in by a store that then begins anew before anybody heard that, and its
    carrier told that it lies there; with `reported` the new store says so."""
    story = Story()
    story.commission()
    story.reserve(1)
    story.deposit(1, 1)
    story.tell(history.Restored, part=f"edge:{HERE}", to=story.at)
    story.commission("epoch-2", "went_back")
    if reported:
        story.reports(1, 1)
    story.deliver()
    story.told(1, "parcel.deposited", 1)
    return [str(one) for one in judge(story.end(calm=False)) if one.invariant == "I8"]


def test_what_a_new_store_reports_may_be_told_though_its_deposit_was_never_heard() -> None:
    assert told_as_deposited(reported=True) == []
    assert any("no such entry" in one for one in told_as_deposited(reported=False))


def test_a_store_that_goes_on_with_another_past_than_the_ledger_has_must_begin_anew() -> None:
    story = Story()
    story.commission()
    story.reserve(1)
    copied_s, copy = story.at, (story.seq, story.prev)
    story.deposit(1, 1)
    story.deliver()
    story.tell(history.Part, part=f"edge:{HERE}", state="down")
    story.tell(history.Restored, part=f"edge:{HERE}", to=copied_s)
    story.seq, story.prev = copy
    story.restart()
    story.owed.clear()
    told = [one.words for one in judge(story.end()) if one.invariant == "liveness"]
    assert any("it goes on with another past than epoch-1 has" in words for words in told)


@pytest.mark.parametrize("outcome", ["ok", "unknown", "fail"])
def test_a_reservation_whose_deadline_was_put_off_is_in_no_limbo(outcome: str) -> None:
    story = Story()
    story.commission()
    story.reserve(1, deposit_by_s=1_000.0)
    story.deliver()
    later = {"deposit_by_s": 90_000.0}
    ask = story.ask(f"carrier:{CARRIER}", "patch", None, target="parcel-1", body=later)
    story.tell(history.Answered, op=ask.op, outcome=outcome, status=409 if outcome == "fail" else 0)
    story.wait(2_000.0)
    found = [one.invariant for one in judge(story.end())]
    assert found == (["liveness"] if outcome == "fail" else [])


@pytest.mark.parametrize("told", ["parcel.resolved", "parcel.extended"])
def test_who_was_told_what_an_operator_found_knows_that_a_parcel_is_gone(told: str) -> None:
    """The operator may find it out before the locker can say it."""
    story = Story()
    story.commission()
    story.reserve(1)
    story.deposit(1, 1)
    story.types(1)
    story.collect(1, 1)
    story.deliver()
    story.calm()
    story.told(1, "parcel.deposited", 1)
    story.told(1, told, 2)
    found = [one.invariant for one in judge(story.end(calm=False))]
    assert found == ([] if told == "parcel.resolved" else ["liveness"])
