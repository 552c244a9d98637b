"""PURE: when the time to collect a parcel runs out: it runs only while its locker could serve.

Proof of that are the intervals of `serving` events. Being offline is no pause: the proof comes
later, and everything is computed anew. What is not proven yet is assumed to be served from the
newest proof of the locker on, so a time that lies before that proof has truly run out.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

GAP_MAX = timedelta(seconds=1)
"""Intervals this close are one: their ends are told by a clock that is corrected in between."""


class Interval(NamedTuple):
    """From when to when compartments could serve."""

    began_at: datetime
    ended_at: datetime


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same time as intervals in order that neither touch nor overlap."""
    found: list[Interval] = []
    for one in sorted(intervals):
        if one.ended_at <= one.began_at:
            continue
        if found and one.began_at - found[-1].ended_at <= GAP_MAX:
            last = found[-1]
            found[-1] = Interval(last.began_at, max(last.ended_at, one.ended_at))
        else:
            found.append(one)
    return found


def runs_out(
    intervals: Iterable[Interval], *, begins: datetime, within: timedelta, newest: datetime | None
) -> datetime:
    """Return when `within` of served time has passed since `begins`.

    `newest` is the end of the newest proof for any compartment of the locker.
    """
    left = within
    for one in merged(intervals):
        start = max(one.began_at, begins)
        if one.ended_at - start >= left:
            return start + left
        left -= max(one.ended_at - start, timedelta(0))
    return max(newest or begins, begins) + left


def proven(told: Interval, *, clock: str, recorded_at: datetime) -> Interval | None:
    """Return what an interval proves, in our time; None if nothing.

    By a clock that may be believed it counts as told, but never beyond its recording; by another
    it counts as having ended when it was recorded, as a deposit by such a clock begins then.
    """
    length = told.ended_at - told.began_at
    ended_at = min(told.ended_at, recorded_at) if clock == "trusted" else recorded_at
    began_at = told.began_at if clock == "trusted" else recorded_at - length
    return Interval(began_at, ended_at) if began_at < ended_at else None
