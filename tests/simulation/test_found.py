"""The seeds of the bugs that were found are lived again, and nothing breaks in their worlds.

A seed of another commit is another history: what holds a bug for good is the test that the page
names beside it. These worlds are long and odd enough to have found one each.
"""

import re
from pathlib import Path

import pytest

from tests.simulation import running

PAGE = Path(__file__).parents[2] / "docs" / "bugs-found-by-simulation.md"
_SEED = re.compile(r"\bseed (\d+)(?:, (\d+) days?)?", re.IGNORECASE)
_OF_A_WALK = re.compile(r"walk over the drive,\s+seed \d+")
FOUND = sorted(
    {
        (int(seed), int(days or 1))
        for seed, days in _SEED.findall(_OF_A_WALK.sub("", PAGE.read_text(encoding="utf-8")))
    }
)


def test_the_page_names_seeds_and_tests_that_are_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert (8, 7) in FOUND
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", text))
    assert named
    assert [one for one in sorted(named) if not (PAGE.parents[1] / one).exists()] == []


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize(("seed", "days"), FOUND)
def test_a_world_that_found_a_bug_breaks_nothing(seed: int, days: int) -> None:
    assert running.live(seed, days).breaks == []
