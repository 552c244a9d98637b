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


class Throttle(msgspec.Struct, frozen=True):
    """The failures of the last 24 hours, by the wall clock's floor, which never goes back."""

    failures: tuple[datetime, ...] = ()


def failed(throttle: Throttle, now: datetime) -> Throttle:
    """Count one failure."""
    recent = tuple(at for at in throttle.failures if now - at < DAY)
    return Throttle((*recent[-FAILURES_PER_DAY_MAX:], now))


def holds_until(throttle: Throttle, now: datetime) -> datetime | None:
    """Return until when only the long form is taken; None if the short one is."""
    recent = [at for at in throttle.failures if now - at < DAY]
    if len(recent) >= FAILURES_PER_DAY_MAX:
        return recent[-FAILURES_PER_DAY_MAX] + DAY
    over = len(recent) - FREE_FAILURES
    if over <= 0:
        return None
    until = recent[-1] + timedelta(seconds=WAITS_S[min(over, len(WAITS_S)) - 1])
    return until if now < until else None


def locked_out(now: datetime) -> Throttle:
    """Return the counters to go on with when they cannot be read: the safe side."""
    return Throttle((now,) * FAILURES_PER_DAY_MAX)
