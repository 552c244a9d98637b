"""How long guessing closes the easy way, counted from a locker's journal alone.

By the document: five wrong ones are free, then 30 s, 1, 2, 5 and 15 minutes are waited, and twenty
within a day close it until the first of them is a day old. Where a clock was set back, or a store
is another, it is counted from nothing.
"""

from datetime import datetime, timedelta

from fellesskap_protocol.events import Presented
from tests.judge.state import Place

WAITS_S = (30, 60, 120, 300, 900)
FREE, A_DAY_MAX = 5, 20
DAY = timedelta(days=1)


def counter_of(event: Presented) -> str | None:
    """Return what a wrong presentation is counted under; None if it is none."""
    wrong = event.outcome == "refused" and event.reason in ("unknown", "forged")
    if not wrong or event.kind not in ("code", "long_code", "label", "badge"):
        return None
    return "keypad" if event.kind in ("code", "long_code") else "labels"


def counted(place: Place, event: Presented) -> None:
    """Take in one presentation."""
    for times in place.guesses.values():
        if times and event.at < times[-1]:
            times.clear()
    counter = counter_of(event)
    if counter is not None:
        times = place.guesses.setdefault(counter, [])
        times.append(event.at)
        del times[:-A_DAY_MAX]


def closed_until(times: list[datetime], now: datetime) -> datetime:
    """Return until when the easy way is closed; `now`, if it is not."""
    recent = [at for at in times if now - at < DAY]
    if len(recent) >= A_DAY_MAX:
        return recent[-A_DAY_MAX] + DAY
    over = min(len(recent) - FREE, len(WAITS_S))
    return recent[-1] + timedelta(seconds=WAITS_S[over - 1]) if over > 0 else now
