"""2,000 walks over the real drive, journal and simulated boards keep the invariants of design 8.

A quarter each on a locker of other boards, from one seed; 20,000 in the full tier, from another
seed with every run. A breach is told with the seed that finds it again. And the walk can fail: with
each of the mistakes planted that it is there for, it finds one.
"""

import re
from collections.abc import Callable
from random import SystemRandom

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import TIER
from tests.edge.drive_walk import DriveWalk
from tests.edge.walk_config import LOCKERS
from tests.edge.walk_mistakes import MISTAKES, MISTAKES_OF_POWER, Patch, the_remote_limit_is_off

WALKS = {"full": 20_000}.get(TIER, 2_000)
STEPS = 25
MUTANT_WALKS = 5_000
"""Each mistake is found within so many, most within fifty."""
SEEDS = 1 << 32


def walk(locker: str, times: int, at: int, *, shrinks: bool = True) -> None:
    """Walk a locker; a breach is noted with the seed that it is found from again."""

    class Walk(DriveWalk):
        pass

    Walk.locker = locker
    phases = [Phase.generate, Phase.shrink] if shrinks else [Phase.generate]
    rules = settings(
        max_examples=times,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=True,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(at)(Walk), settings=rules)
    except BaseException as breach:
        breach.add_note(f"seed: {at}; again: pytest --hypothesis-seed={at}")
        raise


@pytest.fixture
def at(request: pytest.FixtureRequest) -> int:
    """The seed that is asked for; else one and the same, or another with each full run."""
    asked = request.config.getoption("--hypothesis-seed")
    if asked is not None:
        return int(asked)
    return SystemRandom().randrange(SEEDS) if TIER == "full" else 1


@pytest.mark.slow
@pytest.mark.parametrize("locker", LOCKERS)
def test_whatever_happens_to_a_locker_the_invariants_hold(locker: str, at: int) -> None:
    walk(locker, WALKS // len(LOCKERS), at)


def test_a_breach_is_told_with_the_seed_and_the_steps_that_find_it_again(
    monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    the_remote_limit_is_off(monkeypatch)
    told = []
    for _ in range(2):
        with pytest.raises(AssertionError, match="I6") as breach:
            walk("8a and pins", MUTANT_WALKS, 1, shrinks=False)
        notes = "\n".join(breach.value.__notes__)
        assert "again: pytest --hypothesis-seed=1" in notes
        told.append(re.findall(r"state\..*", notes + capsys.readouterr().out))
    assert told[0] == told[1] != []


@pytest.mark.full
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.__qualname__)
def test_the_walk_finds_a_planted_mistake(
    mistake: Callable[[Patch], None], monkeypatch: Patch, at: int
) -> None:
    mistake(monkeypatch)
    with pytest.raises(AssertionError, match=MISTAKES[mistake]):
        walk("8a and pins", MUTANT_WALKS, at, shrinks=False)


@pytest.mark.full
@pytest.mark.parametrize("mistake", MISTAKES_OF_POWER, ids=lambda one: one.__qualname__)
def test_the_walk_finds_a_planted_mistake_of_power(
    mistake: Callable[[Patch], None], monkeypatch: Patch, at: int
) -> None:
    mistake(monkeypatch)
    with pytest.raises(AssertionError, match=MISTAKES_OF_POWER[mistake]):
        walk("relays with inputs and wkly on one line", MUTANT_WALKS, at, shrinks=False)
