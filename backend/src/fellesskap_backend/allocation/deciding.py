"""PURE: `decide(policy, view, request) -> Decision`: one request, answered as it comes.

The ways in which a request may be given room stand in order; the first that has room gives it.
At cut-offs the same ways decide many requests at once: `allocation.batch`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from fellesskap_backend.allocation.division import OTHER
from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.allocation.view import Use, View, at_least, others
from fellesskap_backend.decisions import policy as first_come
from fellesskap_protocol.capacity import Demand, size_class

Reason = first_come.Reason
Part = Literal["accessible", "guaranteed", "commons", "lent"]


@dataclass(frozen=True)
class Request:
    """What a carrier asks for; `is_duplicate`: it has a live parcel of the same label."""

    carrier: str
    demand: Demand
    hold: Literal["hard", "soft"] = "hard"
    is_duplicate: bool = False

    @cached_property
    def size(self) -> str:
        """The class under which it counts."""
        return size_class(self.demand) or OTHER


@dataclass(frozen=True)
class Decision:
    """The answer: of which part room was given, or the reason why not; and its numbers.

    `quota` and `used` are the carrier's own in the request's class, before the answer. What is
    kept for others is for auditors (`View.kept`): a carrier is never told it.
    """

    part: Part | None = None
    use: Use | None = None
    reason: Reason | None = None
    quota: int = 0
    used: int = 0

    @property
    def confirmed(self) -> bool:
        """Say whether room is given."""
        return self.reason is None

    @property
    def outcome(self) -> str:
        """Return how it is written down: `confirmed`, or the reason."""
        return self.reason or "confirmed"


Given = tuple[Part, Use]
Way = Callable[[View, Request, int], Given | None]
"""A rule: view, request, how much of what is unused is kept (permille) -> what is given."""


def decide(policy: FairShare, view: View, request: Request) -> Decision:
    """Answer a request as things stand; the same for the same inputs (I15).

    What physically cannot be is refused as `first-come v0` refuses it. A soft one holds nothing
    and takes nothing from a quota: it is served from the allowance, if there is room.
    """
    plain = refusal(view, request)
    if plain is not None or request.hold == "soft":
        return answer(view, request, reason=plain)
    kept = policy.hold.kept_permille(view.minute)
    given = first_of((reserved, guaranteed, lent, guaranteed_other), view, request, kept)
    if given is None:
        return answer(view, request, reason=kept_back(view, request))
    return answer(view, request, given)


def first_of(ways: Iterable[Way], view: View, request: Request, kept: int) -> Given | None:
    """Return what the first way gives that gives something.

    A low one is then one of those that are kept so while there are any, however room was found:
    else as many would be kept as before, and one door less be there for all others.
    """
    given = next(filter(None, (way(view, request, kept) for way in ways)), None)
    if given is None or given[1].accessible or view.shares.reserved != "counted":
        return given
    of_kept = (one for one in _reserves(view, request) if view.room_in(one[1].size, request.demand))
    return next(of_kept, given)


def refusal(view: View, request: Request) -> Reason | None:
    """Return why no policy could give room, whoever asks (I2)."""
    plain = first_come.Request(request.demand, request.hold, request.is_duplicate)
    return first_come.decide(first_come.FIRST_COME, view, plain).reason


def kept_back(view: View, request: Request) -> Reason:
    """Return why room that is there is not given: kept for who asks for a low one, or for others.

    The first is as if it were not there: no carrier's share would change it. The second says that
    the share is what was wanting: a criterion that was published beforehand, as on congested lines
    of a railway (Directive 2012/34/EU, art. 47).
    """
    if not view.room_beside(request.demand, 0):
        return "locker_full"
    return "quota_exceeded"


def reserved(view: View, request: Request, kept: int) -> Given | None:
    """Low compartments first for those who ask for one: outside the quotas, at any hour.

    All of it is within reach from a wheelchair (EN 301 549, 8.3); who does not ask is kept out.
    """
    for given in _reserves(view, request):
        if view.room_for_low(given[1].size, request.demand, kept):
            return given
    return None


def guaranteed(view: View, request: Request, kept: int) -> Given | None:
    """Up to its entitlement a carrier is given what fits in its class, or may be had beside others.

    Within a class the entitled stand in line: nobody is refused for an entitlement of which nobody
    asked. "Everybody gets all it asked for, or at least its entitlement" leaves no complaint
    justified (arXiv 1106.2673).
    """
    return _entitled(view, request, kept, request.size)


def guaranteed_other(view: View, request: Request, kept: int) -> Given | None:
    """An entitlement to another class, first a larger one, may be used up by a parcel of this one.

    It counts there. Else it would pay to announce parcels larger than they are, and what is kept
    for a carrier would stand in its own way: nobody is to gain by a lie about what it needs
    (strategy-proofness; Ghodsi et al., Dominant Resource Fairness, NSDI 2011, section 3).
    """
    ways = (_entitled(view, request, kept, size) for size in others(request.size))
    return next(filter(None, ways), None)


def lent(view: View, request: Request, kept: int) -> Given | None:
    """Give beyond the entitlement what nobody holds: of the commons, and of what others leave.

    Nothing that fits stays empty but what is kept: work-conserving, as fair queueing redistributes
    the share of who has nothing to send (Demers, Keshav and Shenker, SIGCOMM 1989). A larger
    compartment is given only if what is kept of it for others is served all the same; who is given
    it owes nothing. What lies there is never taken out for anybody.
    """
    if not view.room_beside(request.demand, kept):
        return None
    commons = view.shares.commons(request.size)
    part: Part = "commons" if view.beyond_quotas(request.size) < commons else "lent"
    return part, Use(request.carrier, request.size)


def answer(
    view: View, request: Request, given: Given | None = None, *, reason: Reason | None = None
) -> Decision:
    """Put an answer together with the carrier's own numbers."""
    part, use = given or (None, None)
    quota = view.quota(request.carrier, request.size)
    return Decision(part, use, reason, quota, view.used(request.carrier, request.size))


def _reserves(view: View, request: Request) -> Iterator[Given]:
    """Yield of which classes a low one is kept that the asker may have."""
    if "low" in request.demand.needs:
        for size in filter(view.accessible_left, at_least(request.size)):
            yield "accessible", Use(request.carrier, size, accessible=True)


def _entitled(view: View, request: Request, kept: int, size: str) -> Given | None:
    carrier = request.carrier
    if view.used(carrier, size) >= view.quota(carrier, size):
        return None
    demand = request.demand
    if view.room_in(size, demand) or view.room_for(carrier, size, demand, kept):
        return "guaranteed", Use(carrier, size)
    return None
