"""No total tells a carrier that a rival has less than five of anything: every small world is tried.

A carrier knows its own numbers, the totals that it is shown, and the rule by which the others are
hidden. Worlds that look alike to it are put together; in each such group a given rival may have
five or more of each number, for which of the rivals has what is never said.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_backend.neutrality.figures import REASONS, Figures, total_for_carriers
from fellesskap_backend.neutrality.suppression import LEAST, family, fit

GIANT = 1_000
Numbers = tuple[int, ...]
"""Served, then denied by each of some reasons."""
World = tuple[Numbers, ...]
NUMBERS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 60), max_size=6)


class Seen(NamedTuple):
    """What a carrier sees of a world besides itself."""

    requested: int | None
    served: int | None
    denied: tuple[int | None, ...]
    jain: float | None


def figures(numbers: Numbers) -> Figures:
    served, *denied = numbers
    made = Figures(sum(numbers), served)
    made.denied.update(dict(zip(REASONS[1:], denied, strict=False)))
    return made


@cache
def cached(numbers: Numbers) -> Figures:
    return figures(numbers)


def seen(world: World) -> Seen:
    told = total_for_carriers({str(n): cached(one) for n, one in enumerate(world)})
    total = told["total"]
    denied = tuple(total["denied"].values())
    return Seen(total["requested"], total["served"], denied, told["jain"])


def vectors(most: int, width: int) -> Iterator[Numbers]:
    """Yield every choice of numbers with a sum from 1 to `most`."""
    for numbers in product(range(most + 1), repeat=width):
        if 0 < sum(numbers) <= most:
            yield numbers


def rivals(left: Numbers, choices: list[Numbers], since: int = 0) -> Iterator[World]:
    """Yield every set of rivals whose numbers do not exceed these in all."""
    yield ()
    for at in range(since, len(choices)):
        rest = tuple(a - b for a, b in zip(left, choices[at], strict=True))
        if min(rest) >= 0:
            for others in rivals(rest, choices, at):
                yield (choices[at], *others)


def with_giants(world: World) -> Iterator[World]:
    """Yield a set of rivals, and each in which one has very much more of one number."""
    yield world
    if world:
        first, *others = world
        for at in range(len(first)):
            giant = tuple(one + GIANT * (at == place) for place, one in enumerate(first))
            yield (giant, *others)


def must_hold(own: Numbers, worlds: Iterable[World]) -> int:
    """Look for a number that a carrier can bound below five; return how many sights there are."""
    most: dict[Seen, Numbers] = defaultdict(lambda: (0,) * (len(own) + 1))
    for few in filter(None, worlds):
        for others in with_giants(few):
            whole = [(sum(one), *one) for one in others]
            most_here = tuple(map(max, zip(*whole, strict=True)))
            sight = seen((own, *others))
            most[sight] = tuple(map(max, zip(most[sight], most_here, strict=True)))
    for sight, numbers in most.items():
        assert min(numbers) >= LEAST, sight
    return len(most)


COARSE = (0, 1, 5, 6)
OWN = [(0, 0), (8, 6), (1, 20)]


@pytest.mark.parametrize("own", OWN[1:], ids=str)
def test_no_small_world_bounds_a_rival_below_five(own: Numbers) -> None:
    assert must_hold(own, rivals((6, 5), sorted(vectors(6, 2)))) > 1


@pytest.mark.parametrize("own", OWN, ids=str)
def test_nor_does_one_in_which_more_is_told(own: Numbers) -> None:
    choices = sorted(one for one in product(COARSE, repeat=2) if sum(one) > 0)
    assert must_hold(own, rivals((12, 7), choices)) > 5


@pytest.mark.full
@pytest.mark.parametrize("own", OWN, ids=str)
def test_nor_does_a_larger_one(own: Numbers) -> None:
    choices = sorted(one for one in product((*COARSE, 2), repeat=2) if sum(one) > 0)
    assert must_hold(own, rivals((13, 8), choices)) > 10


def test_nor_does_one_with_two_reasons() -> None:
    ones = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    choices = [*ones, *(one for one in product((0, 5), repeat=3) if sum(one) > 0)]
    assert must_hold((6, 6, 6), rivals((11, 6, 6), choices)) > 5


def rests(parts: dict[str, int]) -> list[list[int]]:
    """Return what is left of a total for whoever has no part of it, or one."""
    everyone = [one for one in parts.values() if one]
    return [everyone, *(everyone[:at] + everyone[at + 1 :] for at in range(len(everyone)))]


@given(NUMBERS)
def test_whatever_carrier_is_subtracted_nobody_has_nearly_all_of_the_rest(
    parts: dict[str, int],
) -> None:
    if fit(parts):
        assert sum(one > 0 for one in parts.values()) >= 3
        for rest in rests(parts):
            assert max(rest) <= 0.8 * sum(rest)
            assert max(rest) >= LEAST


@given(NUMBERS, NUMBERS, NUMBERS)
def test_what_is_left_of_a_whole_is_as_well_hidden_as_any_total(
    a: dict[str, int], b: dict[str, int], c: dict[str, int]
) -> None:
    parts = {"a": a, "b": b, "c": c}
    names = a.keys() | b.keys() | c.keys()
    whole = {name: sum(part.get(name, 0) for part in parts.values()) for name in names}
    tells, shown = family(whole, parts)
    assert all(fit(parts[name]) for name in shown)
    if not tells:
        assert fit(whole) is False
        assert len(shown) < 3, "all parts together tell the whole"
        return
    left = {name: sum(parts[part].get(name, 0) for part in parts.keys() - shown) for name in whole}
    assert fit(whole)
    assert len(shown) == 3 or fit(left)


def test_a_total_that_is_harmless_is_shown() -> None:
    assert fit({"a": 40, "b": 35, "c": 20, "d": 5})
    assert not fit({"a": 40, "b": 35})
    assert not fit({"a": 400, "b": 30, "c": 20}), "one has nearly all"
    assert not fit({"a": 50, "b": 40, "c": 9}), "b knows a's number nearly"
    assert not fit({"a": 40, "b": 4, "c": 4, "d": 4}), "a knows that nobody else has five"
    assert fit({"a": 9 * 60, "b": 7 * 60, "c": 6 * 60}, unit=60)
    assert not fit({"a": 9, "b": 7, "c": 6}, unit=60)
