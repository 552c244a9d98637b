"""PURE: is there room for one more claim? The same rule as at the edge (`capacity`)."""

from collections.abc import Iterable, Sequence

from fellesskap_backend.errors import (
    LockerFull,
    LockerUnavailable,
    NoAccessibleCompartment,
    NoFittingCompartment,
    Refused,
)
from fellesskap_protocol.capacity import Compartment, Demand, Matching, fits


def refusal(
    demand: Demand,
    *,
    every: Sequence[Compartment],
    usable: Iterable[Compartment],
    claims: Iterable[Demand],
) -> Refused | None:
    """Return why a claim cannot be confirmed, or None if it can.

    It can if one claim more is served than without it. `every` are all compartments of the
    locker, `usable` those that may be given away, `claims` what is already promised.
    """
    if not every:
        return LockerUnavailable("The locker confirms nothing now.")
    matching = Matching(usable)
    for claim in claims:
        matching.add(claim)
    if matching.add(demand):
        return None
    anywhere = Demand(
        demand.w_mm,
        demand.h_mm,
        demand.d_mm,
        demand.g,
        tuple(need for need in demand.needs if need != "low"),
    )
    if not any(fits(anywhere, one) for one in every):
        return NoFittingCompartment("None of its compartments is large enough for this parcel.")
    if "low" in demand.needs and (
        not any(fits(demand, one) for one in every) or matching.add(anywhere)
    ):
        return NoAccessibleCompartment("There is no room in a compartment within reach.")
    return LockerFull("Every compartment that fits is occupied or promised.")
