"""Is a complaint justified? Judged by a matching of its own, from what was given to whom.

A carrier complains with reason if it was refused while it had less than its entitlement, and the
parcel would have gone into a compartment of its class if nobody else had been lent anything beyond
*its* entitlement. What lay there before explains a refusal: no parcel is taken out for another's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from fellesskap_backend.allocation.deciding import Decision, Request, decide
from fellesskap_backend.allocation.division import class_of, divide
from fellesskap_backend.allocation.view import View
from fellesskap_protocol.capacity import Compartment, Demand, fits
from tests.backend.fair import KEPT, Scene


class Asked(NamedTuple):
    request: Request
    decision: Decision


def in_turn(one: Scene, minute: int = KEPT) -> list[Asked]:
    """Decide what is asked for one after the other, at a minute of the day."""
    view = one.view(minute)
    log = []
    for request in one.requests.values():
        decision = decide(one.policy, view, request)
        if decision.use is not None:
            view.give(request.demand, decision.use)
        log.append(Asked(request, decision))
    return log


def parts(one: Scene) -> list[str | None]:
    """Of which part each is given room, all of them answered at once in turn."""
    return [decision.part for _, decision in in_turn(one)]


def complaints(scene: Scene, log: Iterable[Asked]) -> list[int]:
    """Return the places in the log of refusals that are complained of with reason."""
    log = list(log)
    return [
        place
        for place, (request, decision) in enumerate(log)
        if decision.reason in ("locker_full", "quota_exceeded")
        and _is_justified(scene, log[:place], request)
    ]


def batch_complaints(scene: Scene, decisions: Mapping[str, Decision]) -> list[int]:
    """The same of a batch, in which nobody came before another: refusals are looked at last."""
    names = sorted(decisions, key=lambda name: not decisions[name].confirmed)
    return complaints(scene, [Asked(scene.requests[name], decisions[name]) for name in names])


def _is_justified(scene: Scene, before: list[Asked], request: Request) -> bool:
    there = [use for _, use in scene.lying] + [use for _, use in scene.claims]
    used = Counter((use.carrier, use.size) for use in there)
    reserves = {size: one.accessible for size, one in divide(scene.policy, scene.every).items()}
    rows = [fitting(demand, scene.usable) for demand, _ in scene.claims]
    for asked, decision in before:
        use = decision.use
        if use is None:
            continue
        if use.accessible:
            reserves[use.size] -= 1
        else:
            used[use.carrier, use.size] += 1
            key = (use.carrier, use.size)
            lent = used[key] > scene.quotas.get(key, 0)
            if lent and use.carrier != request.carrier:
                continue
        rows.append(fitting(asked.demand, scene.usable))
    key = (request.carrier, request.size)
    if used[key] >= scene.quotas.get(key, 0):
        return False
    for size, units in reserves.items():
        low = [one for one in scene.usable if one.low]
        rows += [of_class(size, low)] * (units if "low" not in request.demand.needs else 0)
    own = of_class(request.size, scene.usable) & fitting(request.demand, scene.usable)
    return served(rows) == len(rows) < served([*rows, own])


def kept_rows(scene: Scene, view: View, permille: int) -> list[set[int]]:
    """What is promised, and all that is kept: of each, which doors would do."""
    rows = [fitting(demand, scene.usable) for demand, _ in scene.claims]
    low = [door for door in scene.usable if door.low]
    for size in view.shares.division:
        rows += [of_class(size, scene.usable)] * view.kept(size, permille)
        rows += [of_class(size, low)] * view.accessible_left(size)
    return rows


def of_class(size: str, compartments: Iterable[Compartment]) -> set[int]:
    return {one.number for one in compartments if class_of(one) == size}


def fitting(demand: Demand, usable: Iterable[Compartment]) -> set[int]:
    return {one.number for one in usable if fits(demand, one)}


def served(rows: Sequence[set[int]]) -> int:
    """The greatest number of rows that can each have a compartment of its own (Kuhn)."""
    holder: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for number in sorted(rows[row] - seen):
            seen.add(number)
            if number not in holder or place(holder[number], seen):
                holder[number] = row
                return True
        return False

    return sum(place(row, set()) for row in range(len(rows)))
