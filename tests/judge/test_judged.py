"""It is counted what each rule judged, without excuse; and an excuse ends with what it was for."""

from collections import Counter

import pytest

from tests.judge import history
from tests.judge.judging import JUDGES, Judge, judge
from tests.judge.stories import TRUE, a_courier_removes, a_parcel
from tests.judge.story import HERE, Story


def judged(records: list[history.AnyRecord]) -> Counter[tuple[str, str]]:
    one = Judge()
    for record in records:
        one.take(record)
    return one.judged


@pytest.mark.parametrize("invariant", JUDGES)
def test_each_invariant_judges_something_of_what_went_by_the_book(invariant: str) -> None:
    counts = sum((judged(story()) for story in TRUE.values()), Counter[tuple[str, str]]())
    assert invariant in {name for name, _ in counts}


def test_what_is_excused_or_asks_for_nothing_is_not_counted() -> None:
    counts = judged(a_parcel())
    invariants = {name for name, _ in counts}
    assert {"I1", "I3", "I4", "I5", "I7", "I14"} <= invariants
    assert not {"I6", "I12", "I13"} & invariants  # nothing from afar, never alone, nobody asks
    assert counts["I16", "told_overdue"] == 0
    assert judged(a_courier_removes())["I16", "told_overdue"] == 1


def test_a_record_that_breaks_a_rule_was_judged_by_it() -> None:
    records = [one for one in a_parcel() if not isinstance(one, history.Coil) or one.on]
    assert judge(records) != []
    assert judged(records)["I14", "still_on"] == 1


def _clock(story: Story, offset_s: float) -> None:
    story.tell(history.Clock, part=f"edge:{HERE}", offset_s=offset_s, trusted=True)


def told_too_early(*, odd: str) -> list[str]:
    """Tell a parcel to be overdue that lay for an hour of the two that it may, while the locker's
    clock was believed and wrong at some time."""
    story = Story()
    story.commission()
    if odd in ("before", "as it came"):
        _clock(story, 3_000.0)
        story.wait(30.0)
    if odd == "before":
        _clock(story, 0.0)
    story.reserve(1, collect_within_s=7_200.0)
    story.deliver()
    story.deposit(1, 1)
    _clock(story, 3_000.0 if odd == "while it lay" else 0.0)
    story.wait(30.0)
    _clock(story, 0.0)
    story.serves(3_600)
    story.deliver()
    story.told(1, "parcel.overdue", 1)
    return [one.words for one in judge(story.end(calm=False)) if one.invariant == "I16"]


@pytest.mark.parametrize("odd", ["as it came", "while it lay"])
def test_while_a_clock_is_odd_nobody_says_how_long_a_parcel_lay(odd: str) -> None:
    assert told_too_early(odd=odd) == []


@pytest.mark.parametrize("odd", ["never", "before"])
def test_what_comes_once_a_clock_is_right_again_is_judged(odd: str) -> None:
    [told] = told_too_early(odd=odd)
    assert told.startswith("parcel-1 is overdue after ")


def test_what_comes_after_a_new_store_was_begun_is_judged() -> None:
    found = []
    for comes in ("before", "after"):
        story = Story()
        story.commission()
        if comes == "before":
            story.reserve(1, collect_within_s=7_200.0)
            story.deposit(1, 1)
            story.deliver()
        story.tell(history.Restored, part=f"edge:{HERE}", to=story.at)
        story.commission("epoch-2", "went_back")
        story.reports(*(1, 1) if comes == "before" else ())
        if comes == "after":
            story.reserve(1, collect_within_s=7_200.0)
            story.deposit(1, 1)
        story.serves(3_600)
        story.deliver()
        story.told(1, "parcel.overdue", 1)
        wrong = [one.words for one in judge(story.end(calm=False)) if one.invariant == "I16"]
        found.append(len(wrong))
    assert found == [0, 1]
