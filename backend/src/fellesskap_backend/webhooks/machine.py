"""PURE: the lives of a subscription and of a delivery, as tables; and when to try again.

What stands in no cell is refused. `outbox` and `service` perform the effects.
"""

from datetime import timedelta
from typing import Literal, NamedTuple

Effect = Literal[
    "next",  # what waited for it has its turn
    "later",  # it is tried again after a pause
    "queue",  # it takes its place among what is to be sent of its parcel, at once if it is first
    "disable",  # its endpoint wants no more
    "tell",  # the carrier hears of it in the feed
]


class Step(NamedTuple):
    """The next state, and what else is to be done, in order."""

    to: str
    effects: tuple[Effect, ...] = ()


Table = dict[str, dict[str, Step]]

# A subscription: what its carrier wishes, and the 410 by which an endpoint says "no more". --------

SUBSCRIPTION_EVENTS = ("activate", "pause", "gone", "delete")
SUBSCRIPTION: Table = {
    "active": {
        "activate": Step("active"),
        "pause": Step("paused"),
        "gone": Step("gone", ("tell",)),
        "delete": Step("deleted"),
    },
    "paused": {
        "activate": Step("active"),
        "pause": Step("paused"),
        "gone": Step("gone", ("tell",)),  # what was under way when it was paused
        "delete": Step("deleted"),
    },
    "gone": {
        "activate": Step("active"),
        "pause": Step("paused"),
        "gone": Step("gone"),
        "delete": Step("deleted"),
    },
    "deleted": {
        "gone": Step("deleted"),
        "delete": Step("deleted"),
    },
}

# A delivery. `due`: may be sent, now or after a pause; `waiting`: an earlier one of its parcel is
# not through. An answer may come to one that is due no more: it was under way when it was set back.

DELIVERY_EVENTS = ("accepted", "failed", "exhausted", "gone", "redeliver")
DELIVERY: Table = {
    "due": {
        "accepted": Step("delivered", ("next",)),
        "failed": Step("due", ("later",)),
        "exhausted": Step("dead", ("next",)),
        "gone": Step("due", ("later", "disable")),
        "redeliver": Step("waiting", ("queue",)),
    },
    "waiting": {
        "accepted": Step("delivered", ("next",)),
        "failed": Step("waiting"),
        "exhausted": Step("waiting"),
        "gone": Step("waiting", ("disable",)),
        "redeliver": Step("waiting", ("queue",)),
    },
    "delivered": {
        "accepted": Step("delivered"),
        "failed": Step("delivered"),
        "exhausted": Step("delivered"),
        "gone": Step("delivered", ("disable",)),
        "redeliver": Step("waiting", ("queue",)),
    },
    "dead": {
        "accepted": Step("delivered"),
        "failed": Step("dead"),
        "exhausted": Step("dead"),
        "gone": Step("dead", ("disable",)),
        "redeliver": Step("waiting", ("queue",)),
    },
}
ENDED = ("delivered", "dead")

_HOUR = 3_600
PAUSES_S = (
    *(5, 30, 120, 300, 1_800),
    *(2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR),
)
"""Between attempts, three days in all. The schedule that Standard Webhooks gives as an example,
with 30 s and 2 min put in: a recipient may stand before the door and wait for the code."""
JITTER = 0.25
"""How much longer a pause may be at most, so that what failed together does not come back so."""
GONE = 410


def event_of(status: int | None, attempts: int) -> str:
    """Say what an attempt came to; `status` None: no answer. `attempts` counts this one.

    >>> event_of(204, 1), event_of(302, 1), event_of(None, 12), event_of(410, 3)
    ('accepted', 'failed', 'exhausted', 'gone')
    """
    if status is not None and 200 <= status < 300:
        return "accepted"
    if status == GONE:
        return "gone"
    return "exhausted" if attempts > len(PAUSES_S) else "failed"


def pause(attempts: int, chance: float) -> timedelta:
    """Return how long to wait after so many attempts; `chance` lies from 0 to 1.

    >>> pause(1, 0.0), pause(1, 1.0)
    (datetime.timedelta(seconds=5), datetime.timedelta(seconds=6, microseconds=250000))
    """
    planned = PAUSES_S[min(attempts, len(PAUSES_S)) - 1]
    return timedelta(seconds=planned * (1 + JITTER * chance))
