"""How a kiosk slows guessing: per kiosk, durable, not reset by success. Pure.

Five free failures, then waits of 30 s, 1, 2, 5 and 15 min; 20 failures in 24 h lock out. While it
waits, and in a lock-out, the keypad asks for all twelve digits, so nobody is locked out by a
vandal. With 40 live codes that is 0.29 % per locker-year at the cap (docs/protocol.md 5).
"""

from datetime import datetime, timedelta

import msgspec

FREE_FAILURES = 5
WAITS_S = (30, 60, 120, 300, 900)
FAILURES_PER_DAY_MAX = 20
DAY = timedelta(hours=24)


class Throttle(msgspec.Struct, frozen=True, omit_defaults=True):
    """The failures of the last 24 hours by the wall clock's floor; `told`: a lock-out stands."""

    failures: tuple[datetime, ...] = ()
    told: bool = False


def failed(throttle: Throttle, now: datetime) -> Throttle:
    """Count one failure."""
    recent = _recent(throttle, now)
    return msgspec.structs.replace(throttle, failures=(*recent[-FAILURES_PER_DAY_MAX:], now))


def dated(throttle: Throttle, now: datetime) -> Throttle:
    """Count as of now what a clock that has been set back since dated ahead."""
    if max(throttle.failures, default=now) > now:
        sooner = tuple(min(at, now) for at in throttle.failures)
        return msgspec.structs.replace(throttle, failures=sooner)
    return throttle


def holds_until(throttle: Throttle, now: datetime) -> datetime | None:
    """Return until when only the long form is taken; None if the short one is."""
    recent = _recent(throttle, now)
    if len(recent) >= FAILURES_PER_DAY_MAX:
        return recent[-FAILURES_PER_DAY_MAX] + DAY
    over = len(recent) - FREE_FAILURES
    if over <= 0:
        return None
    until = recent[-1] + timedelta(seconds=WAITS_S[min(over, len(WAITS_S)) - 1])
    return until if now < until else None


def is_locked_out(throttle: Throttle, now: datetime) -> bool:
    """Say whether so many failed within 24 hours that it waits for the day to end."""
    return len(_recent(throttle, now)) >= FAILURES_PER_DAY_MAX


def _recent(throttle: Throttle, now: datetime) -> tuple[datetime, ...]:
    return tuple(at for at in throttle.failures if now - at < DAY)


def locked_out(now: datetime) -> Throttle:
    """Return the counters to go on with when they cannot be read: the safe side."""
    return Throttle((now,) * FAILURES_PER_DAY_MAX)
