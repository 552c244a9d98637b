"""No total tells a carrier that a rival has less than five of anything: every small world is tried.

A carrier knows its own numbers, the totals that it is shown, and the rule by which the others are
hidden. Worlds that look alike to it are put together; in each such group a given rival may have
five or more of each number, for which of the rivals has what is never said.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import combinations_with_replacement, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fellesskap_backend.neutrality.complaints import REFUSED
from fellesskap_backend.neutrality.figures import (
    HOUR_S,
    NESTED,
    REASONS,
    Figures,
    total_for_carriers,
)
from fellesskap_backend.neutrality.suppression import LEAST, family, fit

GIANT = 1_000
Numbers = tuple[int, ...]
"""Served, then denied by each of some reasons (`figures`); or finer ones (`ATOMS`)."""
Making = Callable[[Numbers], Figures]
World = tuple[Numbers, ...]
NUMBERS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 60), max_size=6)


@cache
def figures(numbers: Numbers) -> Figures:
    served, *denied = numbers
    made = Figures(sum(numbers), served)
    made.denied.update(dict(zip(REASONS[1:], denied, strict=False)))
    return made


ATOMS = ("served", "asked_twice", *product(REFUSED, ("above", *NESTED)))
"""Of which all numbers are sums: each refusal counts as one that is above the own part, or as the
innermost that it is of what is nested."""


@cache
def finer(numbers: Numbers) -> Figures:
    """Make figures of as many atoms as are given, the last ones."""
    had = dict(zip(ATOMS[-len(numbers) :], numbers, strict=True))
    made = Figures(sum(numbers), had.get("served", 0))
    made.denied["duplicate_parcel"] = had.get("asked_twice", 0)
    for atom, number in had.items():
        if isinstance(atom, tuple):
            reason, innermost = atom
            made.denied[reason] += number
            for name in NESTED[: NESTED.index(innermost) + 1] if innermost in NESTED else ():
                setattr(made, name, getattr(made, name) + number)
    return made


def seen(world: World, make: Making) -> str:
    """Return all that a carrier sees of a world besides itself."""
    return str(total_for_carriers({str(n): make(one) for n, one in enumerate(world)}))


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


def must_hold(own: Numbers, worlds: Iterable[World], make: Making = figures) -> int:
    """Look for a number that a carrier can bound below five; return how many sights there are."""
    most: dict[str, Numbers] = defaultdict(lambda: (0,) * (len(own) + 1))
    for few in filter(None, worlds):
        for others in with_giants(few):
            whole = [(sum(one), *one) for one in others]
            most_here = tuple(map(max, zip(*whole, strict=True)))
            sight = seen((own, *others), make)
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


NESTED_OWN = [(0, 0, 0, 0), (6, 6, 6, 6), (0, 9, 0, 20)]


@pytest.mark.parametrize("own", NESTED_OWN, ids=str)
def test_nor_does_one_in_which_numbers_are_nested(own: Numbers) -> None:
    """Three rivals at most, each with none or five of all that is refused for one reason."""
    choices = [one for one in product((0, 5), repeat=4) if sum(one) > 0]
    worlds = (
        world for count in (1, 2, 3) for world in combinations_with_replacement(choices, count)
    )
    assert must_hold(own, worlds, finer) > 5


SHOWN = ("requested", "served", "duplicate_parcel", *REFUSED, *NESTED)


def composed(name: str) -> list[bool]:
    """Say of each atom whether a number counts it; the last one: of what other reasons refused."""
    counted = [getattr(finer(one), name, 0) or finer(one).denied[name] for one in ONES]
    return [*map(bool, counted), name == "requested"]


ONES = [tuple(int(at == place) for place in range(len(ATOMS))) for at in range(len(ATOMS))]
COUNTS = {name: composed(name) for name in SHOWN}


def computed() -> Iterator[tuple[dict[str, int], list[int]]]:
    """Yield what can be computed by adding and subtracting: of which numbers, and which atoms."""
    for signs in product((-1, 0, 1), repeat=len(SHOWN)):
        some = {name: sign for name, sign in zip(SHOWN, signs, strict=True) if sign}
        atoms = [
            sum(sign * COUNTS[name][at] for name, sign in some.items())
            for at in range(len(ATOMS) + 1)
        ]
        if max(atoms) == 1 and min(atoms) == 0:
            yield some, atoms


COMPUTED = list(computed())
FEW = st.sampled_from((0, 0, 1, 4, 5, 9, 30))


@given(st.lists(st.tuples(*[FEW] * len(ATOMS)), max_size=6))
@settings(max_examples=300)
def test_whatever_can_be_computed_from_what_is_shown_is_as_harmless(world: list[Numbers]) -> None:
    told = total_for_carriers({str(n): finer(one) for n, one in enumerate(world)})["total"]
    told |= told["denied"]
    visible = {name for name in SHOWN if told[name] is not None}
    for some, atoms in COMPUTED:
        if visible.issuperset(some):
            parts = [sum(a * b for a, b in zip(atoms, one, strict=False)) for one in world]
            assert fit({str(n): part for n, part in enumerate(parts)}), some


def test_what_one_number_leaves_out_of_another_is_as_well_hidden() -> None:
    """Of 60 complaints 58 are unexplained: who sees both knows of two."""
    figures = {name: Figures(90, 30, Counter(locker_full=60), 0, 0) for name in "abcd"}
    for one in figures.values():
        one.below_quota, one.complaints, one.unexplained = 40, 20, 19
    told = total_for_carriers(figures)["total"]
    assert [told[name] for name in NESTED] == [160, 80, None]
    figures["a"].below_quota = figures["b"].below_quota = 21
    figures["c"].below_quota = figures["d"].below_quota = 20
    told = total_for_carriers(figures)["total"]
    assert [told[name] for name in NESTED] == [82, None, None]
    before = total_for_carriers(figures, one_by_one=True)["total"]
    assert [before[name] for name in NESTED] == [82, 80, 76], "as months of before were told"


@given(st.sampled_from(("upsized", "no_shows")), NUMBERS)
def test_numbers_that_are_of_no_other_are_shown_by_themselves(
    name: str, parts: dict[str, int]
) -> None:
    all_of_them = {carrier: Figures() for carrier in parts}
    for carrier, number in parts.items():
        setattr(all_of_them[carrier], name, number)
    shown = total_for_carriers(all_of_them)["total"][name]
    assert shown == (sum(parts.values()) if fit(parts) else None)


@given(NUMBERS, NUMBERS)
def test_hours_are_shown_with_both_sides_or_neither(
    borrowed: dict[str, int], lent: dict[str, int]
) -> None:
    names = borrowed.keys() | lent.keys()
    all_of_them = {
        name: Figures(borrowed=HOUR_S * borrowed.get(name, 0), lent=HOUR_S * lent.get(name, 0))
        for name in names
    }
    shown = total_for_carriers(all_of_them)["total"]
    both = sum(borrowed.values()) if fit(borrowed) and fit(lent) else None
    assert (shown["borrowed_hours"], shown["lent_hours"]) == (both, both)


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
