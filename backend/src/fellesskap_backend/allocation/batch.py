"""PURE: all requests of a locker before a cut-off, decided at once: who asked first is no matter.

Round by round, each by progressive filling: who would have least beyond its entitlement, of its
weight, is tried next; so more entitlement never costs anything. Lots decide among one's own
requests, and between carriers that have equally little: HMAC of the request's id, or of the
carrier's, under a key of the day, which is published when the day is over.

A claim that found room keeps every other claim's, and what finds none never finds it later (a
matching is a matroid), so the last round serves as many as any order would.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from fellesskap_backend.allocation.deciding import (
    Decision,
    Request,
    Way,
    answer,
    first_of,
    guaranteed,
    guaranteed_other,
    lent,
    refusal,
    reserved,
)
from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.allocation.standing import Standing, fullness, lent_weight
from fellesskap_backend.allocation.view import View

ALL, NOTHING = 1_000, 0
ROUNDS: tuple[tuple[tuple[Way, ...], int, bool], ...] = (
    ((reserved,), ALL, False),
    ((guaranteed,), ALL, False),
    ((guaranteed_other,), ALL, False),
    ((guaranteed, guaranteed_other), NOTHING, False),
    ((lent,), NOTHING, True),
)
"""The ways of each round, how much of others' entitlements is kept meanwhile (permille), and
whether no-shows weigh. Whoever is entitled has asked by the cut-off, so nothing is kept in the end:
an entitlement in whose class nothing is left may use what a larger class has left, then the rest is
lent."""


def decide_batch(
    policy: FairShare, view: View, requests: Mapping[str, Request], day_key: bytes
) -> dict[str, Decision]:
    """Answer every request, by its id; the view is left as it was.

    The answers depend on the set of the requests alone, never on their order.
    """
    view = view.copy()
    lots = {name: lot(day_key, name) for name in requests}
    decided: dict[str, Decision] = {}
    waiting = []
    for name in sorted(requests, key=lambda name: lots[name]):
        plain = refusal(view, requests[name])
        if plain is None and requests[name].hold == "hard":
            waiting.append(name)
        else:
            decided[name] = answer(view, requests[name], reason=plain)
    for ways, kept, weighed in ROUNDS:
        turn = _Turns(policy, view, day_key, weighed=weighed)
        for name in turn.of(requests, waiting):
            request = requests[name]
            given = first_of(ways, view, request, kept)
            if given is not None:
                decided[name] = answer(view, request, given)
                view.give(request.demand, given[1])
        waiting = [name for name in waiting if name not in decided]
    for name in waiting:
        reason = refusal(view, requests[name]) or "locker_full"
        decided[name] = answer(view, requests[name], reason=reason)
    return decided


def lot(day_key: bytes, name: str) -> bytes:
    """Draw a request's lot: nobody can choose it before the key of the day is published.

    HMAC (RFC 2104) under a key that is committed to by its hash: a lottery that its keeper cannot
    steer and everybody can draw again, as RFC 3797 asks of public selections.
    """
    return hmac.digest(day_key, name.encode(), "sha256")


class _Turns:
    """Whose turn it is: who would have least beyond its entitlement, of its weight, with one more.

    With one more, as D'Hondt divides seats: by what each has, as Adams does, whoever appeared under
    two names would be tried twice before the others (Balinski and Young, Fair Representation).
    """

    def __init__(self, policy: FairShare, view: View, day_key: bytes, *, weighed: bool) -> None:
        self._policy, self._view, self._weighed = policy, view, weighed
        self._day_key = day_key

    def of(self, requests: Mapping[str, Request], waiting: Sequence[str]) -> Iterable[str]:
        """Yield each waiting request once; the view may grow between two."""
        queues: dict[str, list[str]] = {}
        for name in reversed(waiting):
            queues.setdefault(requests[name].carrier, []).append(name)
        rank = {carrier: lot(self._day_key, carrier) for carrier in queues}
        while queues:
            carrier = min(queues, key=lambda one: (self._full(one), rank[one]))
            yield queues[carrier].pop()
            if not queues[carrier]:
                del queues[carrier]

    def _full(self, carrier: str) -> Fraction:
        standing = self._view.shares.standings.get(carrier, Standing())
        weight = Fraction(standing.weight)
        if self._weighed:
            weight = lent_weight(self._policy, standing)
        now = self._view.beyond(carrier) + Fraction(1, max(1, len(self._view.every)))
        return fullness(self._policy, standing, now, weight=weight)
