"""PURE: is a request given room? `decide(policy, view, request)`, the same for the same inputs.

The rule of capacity is that of the edge (`capacity`): a claim is confirmed if one claim more is
served with it than without.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from fellesskap_backend.errors import (
    DuplicateParcel,
    LockerFull,
    LockerUnavailable,
    NoAccessibleCompartment,
    NoFittingCompartment,
    NoRoom,
    QuotaExceeded,
)
from fellesskap_protocol.capacity import Compartment, Demand, Matching, fits

Reason = Literal[
    "duplicate_parcel",
    "locker_unavailable",
    "no_fitting_compartment",
    "no_accessible_compartment",
    "locker_full",
    "quota_exceeded",
]
REFUSALS: dict[Reason, NoRoom] = {
    "duplicate_parcel": DuplicateParcel("Its label is that of a parcel on its way or in a locker."),
    "locker_unavailable": LockerUnavailable("The locker confirms nothing now."),
    "no_fitting_compartment": NoFittingCompartment(
        "None of its compartments is large enough for this parcel."
    ),
    "no_accessible_compartment": NoAccessibleCompartment(
        "There is no room in a compartment within reach."
    ),
    "locker_full": LockerFull("Every compartment that fits is occupied or promised."),
    "quota_exceeded": QuotaExceeded(
        "Your part of this locker is used, and what is left is kept for others for now."
    ),
}
"""What a carrier is told of each reason; `reason` is the problem's code."""


@dataclass(frozen=True)
class Policy:
    """By which rules is decided; a version once used never changes its answers."""

    name: str
    version: int

    def __str__(self) -> str:
        """Return how it is written into a decision: `first-come v0`."""
        return f"{self.name} v{self.version}"


FIRST_COME = Policy("first-come", 0)
"""Who comes first is given whatever fits: nothing is kept back, nobody is weighed."""


@dataclass(frozen=True)
class Request:
    """What is asked for. `is_duplicate`: the carrier has a live parcel of the same label."""

    demand: Demand
    hold: Literal["hard", "soft"] = "hard"
    is_duplicate: bool = False


@dataclass(frozen=True)
class Decision:
    """The answer; `reason` says why not."""

    reason: Reason | None = None

    @property
    def confirmed(self) -> bool:
        """Say whether room is given."""
        return self.reason is None

    @property
    def outcome(self) -> str:
        """Return how it is written down: `confirmed`, or the reason."""
        return self.reason or "confirmed"


class View:
    """A locker as a decision sees it: what it has, what may be given away, what is promised.

    Deciding changes nothing; whoever confirms a claim says so (`promise`), and the view is then
    what the next decision sees.
    """

    def __init__(
        self,
        every: Iterable[Compartment],
        usable: Iterable[Compartment],
        promised: Iterable[Demand] = (),
    ) -> None:
        self.every = tuple(every)
        self._taken = Matching(usable)
        self._in_vain: set[Demand] = set()
        for demand in promised:
            self._taken.add(demand)

    def has_room(self, demand: Demand) -> bool:
        """Say whether one claim more would be served; what found no room never finds it later."""
        if demand in self._in_vain:
            return False
        if self._taken.copy().add(demand):
            return True
        self._in_vain.add(demand)
        return False

    def promise(self, demand: Demand) -> None:
        """Count a claim that was confirmed."""
        self._taken.add(demand)


def decide(policy: Policy, view: View, request: Request) -> Decision:
    """Answer a request as things stand; raise `ValueError` for a policy that is not known."""
    if policy != FIRST_COME:
        raise ValueError(f"no policy {policy}")
    if request.is_duplicate:
        return Decision("duplicate_parcel")
    if not view.every:
        return Decision("locker_unavailable")
    demand = request.demand
    ever = any(fits(demand, one) for one in view.every)
    # A soft one holds nothing: only what could never be is refused.
    if ever if request.hold == "soft" else view.has_room(demand):
        return Decision()
    anywhere = Demand(
        demand.w_mm,
        demand.h_mm,
        demand.d_mm,
        demand.g,
        tuple(need for need in demand.needs if need != "low"),
    )
    if not ever and not any(fits(anywhere, one) for one in view.every):
        return Decision("no_fitting_compartment")
    if anywhere != demand and (not ever or view.has_room(anywhere)):
        return Decision("no_accessible_compartment")
    return Decision("locker_full")


def never(view: View, request: Request) -> Reason | None:
    """Return why it could not be given room even in an empty locker; None: it might."""
    return decide(FIRST_COME, view, replace(request, hold="soft")).reason
