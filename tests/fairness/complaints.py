"""Who may complain: a refusal that would not have been, had nobody else been lent anything first.

The same notion as `tests/backend/complaint_judge.py`, over many days: what lay there in the morning
explains a refusal, for no parcel is taken out for another's; and so does what was lent after the
published hour until which entitlements are kept. Every way of deciding is judged by the
entitlements of `fair-share`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from fellesskap_backend.allocation.division import Quotas, class_of
from fellesskap_backend.allocation.view import Use
from fellesskap_protocol.capacity import Compartment, Demand, Matching, size_class
from tests.fairness.ways import Seen

Lent = Literal["", "early", "late"]
"""Whether something was given beyond its carrier's entitlement today: before the hour, or after."""
Lying = tuple[Compartment, Use, Lent]
Claim = tuple[Demand, Use, Lent]


def is_justified(
    demand: Demand,
    carrier: str,
    seen: Seen,
    entitled: tuple[Quotas, Counter[tuple[str, str]]],
    there: tuple[Sequence[Lying], Sequence[Claim]],
) -> bool:
    """Say whether a refusal is complained of with reason; `entitled`: quotas, and what is used."""
    quotas, used = entitled
    key = (carrier, size_class(demand) or "")
    if used[key] >= quotas.get(key, 0):
        return False
    without_early, without_late = (
        _would_be_served(demand, carrier, seen.usable, there, lent) for lent in ("early", "late")
    )
    return without_early and not without_late


def _would_be_served(
    demand: Demand,
    carrier: str,
    usable: Iterable[Compartment],
    there: tuple[Sequence[Lying], Sequence[Claim]],
    unless: str,
) -> bool:
    """Say whether a door of its class were left, had others not been lent what they were."""
    lying, claims = there
    doors = [*usable, *(door for door, use, lent in lying if _away(use, lent, carrier, unless))]
    matching = Matching(map(_labelled, doors))
    for claimed, use, lent in claims:
        if not _away(use, lent, carrier, unless):
            matching.add(claimed)
    own = (*demand.needs, size_class(demand) or "")
    return matching.add(msgspec.structs.replace(demand, needs=own))


def _away(use: Use, lent: str, carrier: str, unless: str) -> bool:
    return lent == unless and use.carrier != carrier


def _labelled(door: Compartment) -> Compartment:
    return msgspec.structs.replace(door, features=(*door.features, class_of(door)))
