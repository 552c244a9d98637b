"""The whole system of a seed keeps the invariants, and a seed is a history."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.judge import history
from tests.judge.rules import Rules
from tests.judge.state import World as Judged
from tests.simulation import features, running, shrinking
from tests.simulation.planted import WEIGHT_OF_OTHERS
from tests.simulation.rivals import Business
from tests.simulation.verdict import Verdict

STANDARD = (0, 3, 1)
"""The first seed, how many, and days of each: some locker-days, half a minute of processor."""
SPECIAL = (
    (4, features.wants_badges),
    (5, features.is_crowded),
    (6, features.switches_power),
    (9, features.restores_twice),
    (20, features.mixes_up_keys),
)
FULL = (0, 3, 3)
"""Some 33 locker-days: four minutes of processor."""
RIVALS = (WEIGHT_OF_OTHERS.seed, WEIGHT_OF_OTHERS.days)
OTHER = Business("Q", hook="elsewhere", grams=1700, spare_mm=7, collect_within="P4D")
"""Another rival: none of that is anybody's concern."""
LOUD = replace(OTHER, prefix="QUIET", pries=20)
WEIGHED = """
from tests.simulation.planted import WEIGHT_OF_OTHERS, plant
plant(WEIGHT_OF_OTHERS)
from tests.simulation.running import compare
from tests.simulation.test_world import OTHER, RIVALS, Business
print(compare(*RIVALS, Business("R"), OTHER))
"""
ONE = "from tests.simulation.running import live; print(live(13, 0.2).digest)"


@pytest.mark.slow
@pytest.mark.parametrize("worlds", [STANDARD, pytest.param(FULL, marks=pytest.mark.full)], ids=str)
def test_no_invariant_breaks_in_some_worlds(
    worlds: tuple[int, int, int], record_property: Callable[[str, object], None]
) -> None:
    whole = Verdict()
    first_seed, seeds, days = worlds
    for one in running.each(first_seed, seeds, days, jobs=2):
        whole.add(one)
    record_property("locker_days", whole.locker_days)
    assert whole.breaks == []
    assert list(whole.complaints()) == []
    assert whole.not_even() == {}


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "is_so"), SPECIAL)
def test_no_invariant_breaks_in_worlds_that_are_special(
    seed: int, is_so: Callable[[int], bool]
) -> None:
    assert is_so(seed)
    assert running.live(seed, 1).breaks == []


@pytest.mark.slow
def test_one_seed_is_one_history_in_two_processes_with_other_hash_seeds() -> None:
    told = {_digest(hash_seed) for hash_seed in ("1", "2")}
    assert len(told) == 1


def _digest(hash_seed: str) -> str:
    asked = [sys.executable, "-c", ONE]
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(asked, capture_output=True, text=True, check=True, env=env)
    return told.stdout.strip()


@pytest.mark.slow
def test_what_a_rival_writes_on_its_labels_is_nowhere_in_what_others_are_told() -> None:
    """I10: two worlds that differ in a rival's data alone look the same to everybody else."""
    assert running.compare(*RIVALS, Business("R"), OTHER) == []


@pytest.mark.slow
def test_how_often_a_rival_asks_is_nowhere_either() -> None:
    """Where nothing breaks it may ask more than in the other world, and nothing else is moved."""
    assert running.compare(*RIVALS, Business("R"), LOUD, fair=True) == []


@pytest.mark.slow
def test_what_others_weigh_is_found_where_an_answer_tells_it() -> None:
    asked = [sys.executable, "-c", WEIGHED]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(asked, capture_output=True, text=True, check=True, env=env).stdout
    assert re.search(r"I10 (Nordpost|Fjordbud) was told \{.*, and \{", told)


def _no_lock_breaks(_world: Judged, record: history.Fault) -> str | None:
    return "a lock broke" if record.layer == "plant" else None


@pytest.mark.slow
def test_a_failure_is_shortened_to_the_acts_that_matter() -> None:
    judges: dict[str, Rules] = {"toy": {history.Fault: _no_lock_breaks}}
    short = shrinking.shrink(13, 0.3, "toy", judges=judges)
    assert short is not None
    assert short.words == "toy a lock broke"
    assert short.names == ("fault lock",)
    assert isinstance(short.records[-1], history.Fault)


def _fails_when_a_lock_breaks(_: Judged, record: history.Fault) -> str | None:
    return None if record.layer != "plant" else str(1 // 0)


@pytest.mark.slow
def test_a_life_that_a_bug_ends_is_shortened_too() -> None:
    judges: dict[str, Rules] = {"toy": {history.Fault: _fails_when_a_lock_breaks}}
    short = shrinking.shrink(13, 0.3, "bug", judges=judges)
    assert short is not None
    assert short.words.startswith("bug ZeroDivisionError: ")
    assert short.names == ("fault lock",)
