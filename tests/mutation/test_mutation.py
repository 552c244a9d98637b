"""The tests of what guards doors and capacity notice when one small thing in it is wrong."""

from collections.abc import Callable

import pytest

from tests.mutation.campaign import SCORE_MIN, whole
from tests.mutation.guarded import GUARDED
from tests.mutation.listing import PAGE, UNEXPLAINED, explained
from tests.mutation.mutants import mutants

SHORT = "signing"
"""Whose mutants take seconds: `make test` sees by them that the campaign notices anything."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(one, marks=pytest.mark.slow if one == SHORT else pytest.mark.full)
        for one in GUARDED
    ],
)
def test_what_is_wrong_is_noticed(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    score = whole(name)
    record_property(f"mutants_{name}", score.figures())
    listed = [key for key in explained(PAGE.read_text()) if key.startswith(f"{name} · ")]
    assert sorted(score.survivors) == sorted(listed)
    assert score.score >= SCORE_MIN, score.figures()


def test_every_listed_survivor_is_a_mutant_of_today_and_explained() -> None:
    listed = explained(PAGE.read_text())
    every = {one.key for name, guarded in GUARDED.items() for one in guarded.mutants(name)}
    assert set(listed) <= every
    assert UNEXPLAINED not in listed.values()


def changes(line: str) -> set[str]:
    source = f"def one(a, b, c):\n    {line}\n"
    return {one.key.rpartition(" · ")[2] for one in mutants(source, "m", "m.py")}


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("return a < b", {"< to <=", "< to >=", "return a < b to return None"}),
        ("c.x = a and not b", {"and to or", "not b to b", "c.x = a and (not b) to pass"}),
        ("c = min(a, 5)", {"min(a, 5) to max(a, 5)", "5 to 6", "5 to 4"}),
        ("raise KeyError(a)", {"raise KeyError(a) to pass"}),
        ("c = b if a else -b", {"a to not a", "-b to b"}),
        ("assert a < b, 'text'", set()),
        ("c: tuple[int] = a + b", {"+ to -"}),
        ("c = [one for one in a if one]", {"one to not one"}),
    ],
)
def test_the_changes_of_a_line(line: str, becomes: set[str]) -> None:
    assert changes(line) == becomes


def test_a_mutant_is_the_module_with_one_change_and_its_lines() -> None:
    source = "def far(a):\n    return (\n        a > 3\n    )\n"
    found = {one.key.rpartition(" · ")[2]: one for one in mutants(source, "m", "m.py")}
    one = found["> to <="]
    assert (one.key, one.line) == ("m · far · a > 3 · > to <=", 3)
    assert one.lines == range(2, 5)
    names: dict[str, Callable[[int], bool]] = {}
    exec(one.code, names)
    assert [names["far"](a) for a in (2, 3, 4)] == [True, True, False]
    exec(found["3 to 4"].code, names)
    assert [names["far"](a) for a in (3, 4, 5)] == [False, False, True]


def test_lines_that_read_alike_have_keys_apart() -> None:
    source = "def f(a):\n    a += 1\n    a += 1\n"
    keys = [one.key for one in mutants(source, "m", "m.py")]
    assert len(keys) == len(set(keys)) == 8
