"""The judge that knows no locker agrees with the outsider who watches the real drive.

Walks that the outsider accepts are accepted from their history alone; of mistakes that are planted
in the product, it finds the same invariant broken.
"""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.edge import walk_mistakes
from tests.edge.drive_walk import DriveWalk
from tests.edge.walk_config import LOCKERS
from tests.edge.walk_mistakes import Patch
from tests.edge.walk_tape import TAPE, taped
from tests.judge import history
from tests.judge.judging import Breach, judge

WALKS, MISTAKEN_WALKS, STEPS = 6, 250, 25
FOUND_BY_BOTH: dict[Callable[[Patch], None], str] = {
    walk_mistakes.the_allowance_is_not_counted: "I5",
    walk_mistakes.the_remote_limit_is_off: "I6",
    walk_mistakes.a_low_request_gets_any_door: "I13",
}


def judged(locker: str, walks: int) -> list[list[Breach]]:
    """Walk a locker until the outsider objects; return what the judge holds against each walk."""
    found: list[list[Breach]] = []

    class Walk(DriveWalk):
        def teardown(self) -> None:
            try:
                super().teardown()
            finally:
                TAPE.tell(history.End)
                found.append(judge(TAPE.records))

    Walk.locker = locker
    rules = settings(
        max_examples=walks,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with taped():
        run_state_machine_as_test(seed(1)(Walk), settings=rules)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("locker", LOCKERS)
def test_what_an_outsider_accepts_the_judge_accepts(locker: str) -> None:
    found = judged(locker, WALKS)
    assert len(found) >= WALKS
    assert [one[0] for one in found if one] == []


@pytest.mark.slow
@pytest.mark.parametrize("mistake", FOUND_BY_BOTH, ids=lambda mistake: mistake.__name__)
def test_a_mistake_is_found_by_both(mistake: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mistake(monkeypatch)
    with pytest.raises(AssertionError):
        judged(next(iter(LOCKERS)), MISTAKEN_WALKS)
    assert judge(TAPE.records)[0].invariant == FOUND_BY_BOTH[mistake]
