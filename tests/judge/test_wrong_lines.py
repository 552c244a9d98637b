"""One wrong line is found, and held against the invariant that it breaks."""

import pytest

from tests.judge import wrong_coils, wrong_custody, wrong_doors, wrong_promises
from tests.judge.judging import JUDGES, judge
from tests.judge.wrong_doors import Wrong

WRONG = wrong_doors.WRONG | wrong_coils.WRONG | wrong_custody.WRONG | wrong_promises.WRONG
CASES_MIN = 3
CASES = [
    pytest.param(name, wrong, id=f"{name}-{wrong.__name__}")
    for name, wrongs in WRONG.items()
    for wrong in wrongs
]


@pytest.mark.parametrize(("invariant", "wrong"), CASES)
def test_a_wrong_line_is_held_against_its_invariant(invariant: str, wrong: Wrong) -> None:
    found = judge(wrong())
    assert found, "nothing was found"
    assert found[0].invariant == invariant, found[0]


@pytest.mark.parametrize("invariant", JUDGES)
def test_each_judge_finds_at_least_three_that_nobody_finds_for_it(invariant: str) -> None:
    others = {name: rules for name, rules in JUDGES.items() if name != invariant}
    missed = [
        wrong
        for wrong in WRONG[invariant]
        if not any(one.invariant == invariant for one in judge(wrong(), others))
    ]
    assert len(missed) == len(WRONG[invariant]) >= CASES_MIN
