"""Each planted bug is found by the simulated world; its seed finds nothing without it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.simulation import running
from tests.simulation.planted import PLANTED, DoesNotFit, Planted, patched

LOCKER_DAYS_MAX = 2000.0
"""Within so many a bug is found, from whatever seed one begins."""
ELSEWHERE, DAYS = 1000, 2.0
"""Where the search for them anew begins, and how long each of its worlds lives."""
EVERY = pytest.mark.parametrize("bug", PLANTED.values(), ids=PLANTED)
WORLDS = {(bug.seed, bug.days) for bug in PLANTED.values()}
"""A world of fewer days is another one."""


def _look_for(bug: Planted, seed: int, days: float, locker_days: float) -> dict[str, Any]:
    asked = [sys.executable, "-m", "tests.simulation.planting", bug.name]
    asked += ["--first-seed", f"{seed}", "--days", f"{days}", "--locker-days", f"{locker_days}"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(asked, capture_output=True, text=True, check=False, env=env)
    assert told.returncode == 0, told.stderr[-2000:]
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


@EVERY
def test_a_planted_bug_fits_where_it_is_planted(bug: Planted) -> None:
    assert patched(bug)


def test_a_bug_that_fits_no_more_is_an_error() -> None:
    bug = replace(PLANTED["no_fsync"], edits=(("what stands nowhere", ""),))
    with pytest.raises(DoesNotFit):
        patched(bug)


@pytest.mark.slow
@EVERY
def test_a_planted_bug_is_found_by_its_seed(bug: Planted) -> None:
    found = _look_for(bug, bug.seed, bug.days, 0.001)
    assert found["words"].split()[0] == bug.invariant


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "days"), sorted(WORLDS))
def test_without_a_bug_its_seed_breaks_nothing(seed: int, days: float) -> None:
    assert running.live(seed, days).breaks == []


@pytest.mark.slow
@pytest.mark.full
@EVERY
def test_a_planted_bug_is_found_from_any_seed(
    bug: Planted, record_property: Callable[[str, object], None]
) -> None:
    found = _look_for(bug, ELSEWHERE, DAYS, LOCKER_DAYS_MAX)
    record_property("locker_days", found["locker_days"])
