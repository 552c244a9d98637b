"""Months by the calendar at the lockers, hours that were lent, and figures that add up."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_backend.neutrality.figures import (
    Figures,
    add_hours,
    jain,
    may_know_borrowed,
    may_know_lent,
    told,
    total,
    total_for_carriers,
)
from fellesskap_backend.neutrality.hours import NOBODY, Loan, lent
from fellesskap_backend.neutrality.month import WAIT, after, before, due, month_of, name_at
from fellesskap_backend.neutrality.rendering import mine, pseudonym

BEGINS, ENDS = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC)
NAMES = st.sampled_from("abcde")
INSTANTS = st.integers(0, 150 * 24 * 3_600).map(
    lambda seconds: datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
MONTHS = st.tuples(st.integers(2020, 2098), st.integers(1, 12)).map("{0[0]}-{0[1]:02}".format)


@st.composite
def loans(draw: st.DrawFn) -> list[Loan]:
    found = []
    for _ in range(draw(st.integers(0, 8))):
        begins = draw(INSTANTS)
        lasts = draw(st.none() | st.integers(0, 10**7).map(lambda s: timedelta(seconds=s)))
        unused = draw(st.dictionaries(NAMES, st.integers(0, 9)))
        found.append(Loan(draw(NAMES), begins, None if lasts is None else begins + lasts, unused))
    return found


@given(loans())
def test_what_was_borrowed_is_what_was_lent(some: list[Loan]) -> None:
    found = lent(some, BEGINS, ENDS)
    figures: dict[str, Figures] = {}
    add_hours(figures, found)
    by_nobody = sum(seconds for (lender, _), seconds in found.items() if lender == NOBODY)
    borrowed = sum(one.borrowed for one in figures.values())
    assert borrowed == sum(one.lent for one in figures.values()) + by_nobody
    assert total(figures).borrowed == total(figures).lent == borrowed
    for borrower in "abcde":
        own = [one for one in some if one.borrower == borrower]
        seconds = sum(
            max(0, int((min(one.ends or ENDS, ENDS) - max(one.begins, BEGINS)).total_seconds()))
            for one in own
        )
        assert figures.get(borrower, Figures()).borrowed == seconds
    assert all(lender != borrower for lender, borrower in found)


def test_hours_are_lent_in_proportion_to_what_was_not_used() -> None:
    loan = Loan("a", BEGINS - timedelta(hours=3), BEGINS + timedelta(hours=4), {"b": 3, "c": 1})
    still = Loan("a", ENDS - timedelta(hours=1), None, {"a": 5, "b": 0})
    assert lent([loan, still], BEGINS, ENDS) == {
        ("b", "a"): 3 * 3_600,
        ("c", "a"): 3_600,
        (NOBODY, "a"): 3_600,
    }


def test_a_carrier_is_told_what_it_lent_only_as_a_total_of_several_borrowers() -> None:
    few = Counter({("a", "b"): 90_000})
    many = few + Counter({("a", "c"): 80_000, ("a", "d"): 70_000, ("b", "a"): 5})
    assert not may_know_lent("a", few)
    assert may_know_lent("a", many)
    assert not may_know_lent("b", many)
    shown = mine(Figures(lent=240_000), lent=False, complaints=[])
    assert shown["lent_hours"] is None


def test_a_carrier_is_told_what_it_borrowed_only_as_a_total_of_several_lenders() -> None:
    few = Counter({("b", "a"): 90_000, (NOBODY, "a"): 90_000, ("c", "a"): 80_000})
    many = few + Counter({("d", "a"): 70_000, ("a", "b"): 5})
    assert not may_know_borrowed("a", few), "two, and nobody"
    assert may_know_borrowed("a", many)
    assert not may_know_borrowed("b", many)
    assert mine(Figures(borrowed=9), lent=True, complaints=[])["borrowed_hours"] is None
    may = Figures(borrowed=7_200, may_know_borrowed=True)
    assert mine(may, lent=True, complaints=[])["borrowed_hours"] == 2
    assert Figures.of(may.written()) == may


def test_jain_is_told_of_four_carriers_or_more() -> None:
    figures = {name: Figures(60, 30, Counter(locker_full=30)) for name in "abc"}
    assert total_for_carriers(figures)["jain"] is None
    figures["d"] = Figures(40, 40, Counter())
    found = total_for_carriers(figures)
    assert found["jain"] == jain([0.5, 0.5, 0.5, 1]) == 0.89
    assert found["total"]["denied"]["locker_full"] is None, "else nobody had another reason"
    assert (found["total"]["requested"], found["total"]["served"]) == (220, 130)


def test_where_nearly_all_is_served_nothing_tells_who_was_not() -> None:
    figures = {name: Figures(60, 60) for name in "abcd"}
    figures["a"] = Figures(60, 58, Counter(locker_full=2))
    found = total_for_carriers(figures)
    assert found["total"]["requested"] == 240
    assert found["total"]["served"] is None
    assert set(found["total"]["denied"].values()) == {None}
    assert found["jain"] is None


def test_asking_twice_for_one_parcel_lowers_no_share() -> None:
    assert Figures(10, 8, Counter(duplicate_parcel=2)).share == 1
    assert Figures(2, 0, Counter(duplicate_parcel=2)).share is None


def test_figures_are_read_as_they_were_written() -> None:
    one = Figures(9, 5, Counter(locker_full=4), borrowed=5_400)
    assert Figures.of(one.written()) == one
    assert told(one)["borrowed_hours"] == 1.5


@given(MONTHS)
def test_months_follow_each_other_without_a_gap(name: str) -> None:
    month = month_of(name)
    assert month_of(after(name)).begins == month.ends
    assert (before(after(name)), after(before(name))) == (name, name)
    for at in (month.begins, month.ends - timedelta(seconds=1)):
        assert name_at(at) == name


def test_a_month_is_counted_once_when_it_is_over() -> None:
    over = month_of("2027-03").ends
    assert over == datetime(2027, 3, 31, 22, tzinfo=UTC), "summer time"
    assert due("2027-02", over + WAIT - timedelta(seconds=1)) is None
    assert due("2027-02", over + WAIT) == "2027-03"
    assert due("2027-03", over + WAIT) is None
    assert due(None, over + WAIT) == "2027-03", "an installation begins with the last month"
    assert due("2026-11", over + WAIT) == "2026-12", "one that was down goes on where it stopped"


@pytest.mark.parametrize(
    "other", [(b"k", "2027-03", "b"), (b"k", "2027-04", "a"), (b"l", "2027-03", "a")]
)
def test_pseudonyms_are_of_one_month_and_one_carrier(other: tuple[bytes, str, str]) -> None:
    one = pseudonym(b"k", "2027-03", "a")
    assert one == pseudonym(b"k", "2027-03", "a") != pseudonym(*other)
    assert one.startswith("carrier-")
