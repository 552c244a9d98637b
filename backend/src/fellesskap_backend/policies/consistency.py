"""PURE: do rows by which is decided contradict each other, or the acts that wrote them?

No decision depends on when something was announced or accepted; but a rule counts only if that was
before, and operators' acts say when and what it was. Each thing is named by what it is. Rows that
no act wrote are compared with each other alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.db import instant
from fellesskap_backend.decisions.record import canonical, digest
from fellesskap_backend.operators.tables import OperatorAct
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight

Json = Mapping[str, Any]
POLICY, WEIGHTS, ACCEPTED = "announce_policy", "announce_weights", "accept_quotas"
PROPOSED, STANDINGS = "propose_quotas", "make_standings"
ACTS = (POLICY, WEIGHTS, STANDINGS, PROPOSED, ACCEPTED)
"""Acts that write such rows, the worker's among them."""


def of_policies(rows: Iterable[Policy], acts: Iterable[OperatorAct]) -> Iterator[str]:
    """Yield versions that were not announced before they counted, or not as their act says."""
    said: dict[str, list[Json]] = defaultdict(list)
    for row in rows:
        name = f"fair-share v{row.version}"
        said[name].append(
            {"at": row.announced_at, "policy": name, "in_force_from": instant(row.in_force_from)}
            | {"digest": digest(row.body.encode())}
        )
        if row.announced_at >= row.in_force_from:
            yield f"policy {name}: not announced before it counts"
    for name in _said_otherwise(acts, POLICY, "policy", said):
        yield f"policy {name}: not as it was announced"


def of_weights(
    rows: Iterable[Weight], zone: FairShare | None, acts: Iterable[OperatorAct]
) -> Iterator[str]:
    """Yield periods whose weights were not announced at once, before they count, as acts say."""
    periods: dict[str, list[Weight]] = defaultdict(list)
    for row in rows:
        periods[row.begins_on.isoformat()].append(row)
    said: dict[str, list[Json]] = {}
    for begins_on, of_it in sorted(periods.items()):
        announced_at = max(row.announced_at for row in of_it)
        if any(row.announced_at != announced_at for row in of_it):
            yield f"weights from {begins_on}: announced at different times"
        if _day(announced_at, zone) >= of_it[0].begins_on:
            yield f"weights from {begins_on}: not announced before they count"
        said[begins_on] = [
            {"at": announced_at, "begins_on": begins_on, "carriers": len(of_it)}
            | {"digest": digest_of(of_it)}
        ]
    for begins_on in _said_otherwise(acts, WEIGHTS, "begins_on", said):
        yield f"weights from {begins_on}: not as they were announced"


def digest_of(weights: Iterable[Weight]) -> str:
    """Return what the act of announcing a period's weights is held to."""
    every = sorted([one.carrier_number, one.weight, one.is_entrant] for one in weights)
    return digest(canonical(every))


def of_standings(
    rows: Iterable[StandingRow], zone: FairShare | None, acts: Iterable[OperatorAct]
) -> Iterator[str]:
    """Yield days whose rows were not made at once, on their day, as the worker's act says."""
    days: dict[date, list[StandingRow]] = defaultdict(list)
    for row in rows:
        days[row.day].append(row)
    said: dict[str, list[Json]] = {}
    for day, of_it in sorted(days.items()):
        made = {row.made_at for row in of_it}
        if len(made) > 1 or _day(max(made), zone) != day:
            yield f"standings of {day}: not made at once, on their day"
        said[day.isoformat()] = [
            {"at": max(made), "day": day.isoformat(), "carriers": len(of_it)}
            | {"digest": digest_of_standings(of_it)}
        ]
    for name in _said_otherwise(acts, STANDINGS, "day", said):
        yield f"standings of {name}: not as they were made"


def digest_of_standings(rows: Iterable[StandingRow]) -> str:
    """Return what the act of making a day's standings is held to."""
    every = sorted(
        (
            *(row.carrier_number, row.weight, row.is_entrant, row.memory_permille),
            *(row.holds, row.no_shows, row.excused),
        )
        for row in rows
    )
    return digest(canonical(every))


def of_reviews(
    rows: Sequence[QuotaReview], zone: FairShare | None, acts: Sequence[OperatorAct]
) -> Iterator[str]:
    """Yield reviews that were not proposed, then accepted before they count, as acts say."""
    for row in rows:
        yield from _of_review(row, zone, acts)
    there = {f"review of {row.locker_id} for {row.quarter}" for row in rows}
    proposed = {
        f"review of {act.locker_id} for {act.details.get('quarter')}"
        for act in acts
        if act.act == PROPOSED and "digest" in act.details
    }
    yield from (f"{name}: gone" for name in sorted(proposed - there))
    for act in acts:
        if act.act == ACCEPTED and not _accepted(act, rows):
            yield f"reviews for {act.details.get('quarter')}: not as they were accepted"


def _of_review(
    row: QuotaReview, zone: FairShare | None, acts: Iterable[OperatorAct]
) -> Iterator[str]:
    name = f"review of {row.locker_id} for {row.quarter}"
    quarter = {"quarter": row.quarter.isoformat()}
    of_it = [act for act in acts if act.details.get("quarter") == quarter["quarter"]]
    of_it = [act for act in of_it if act.locker_id in (None, row.locker_id)]
    proposed = [act for act in of_it if act.act == PROPOSED]
    accepted = [act for act in of_it if act.act == ACCEPTED]
    said = {"at": row.proposed_at, "digest": digest(row.body.encode())}
    # One that no act proposed is believed, and so is who accepted it.
    if proposed and not any(_says(act, [said]) for act in proposed):
        yield f"{name}: not as it was proposed"
    if row.accepted_at is None or row.in_force_from is None:
        if row.accepted_at or row.in_force_from:
            yield f"{name}: accepted by half"
        return
    if row.accepted_at < row.proposed_at or _day(row.accepted_at, zone) >= row.in_force_from:
        yield f"{name}: not accepted before it counts"
    counts = {"at": row.accepted_at, "in_force_from": row.in_force_from.isoformat()}
    if proposed and not any(_says(act, [counts]) for act in accepted):
        yield f"{name}: not as it was accepted"


def _accepted(act: OperatorAct, rows: Iterable[QuotaReview]) -> bool:
    """Say whether the reviews of an acceptance's instant are those that it accepted."""
    of_it = [
        row for row in rows if row.accepted_at == act.at and act.locker_id in (None, row.locker_id)
    ]
    held_to = digest_of_reviews(of_it)
    said: list[Json] = [
        {"at": row.accepted_at, "quarter": row.quarter.isoformat(), "digest": held_to}
        | {"in_force_from": row.in_force_from and row.in_force_from.isoformat()}
        for row in of_it
    ]
    return len(of_it) == act.details.get("lockers") and all(_says(act, [one]) for one in said)


def digest_of_reviews(rows: Iterable[QuotaReview]) -> str:
    """Return what the act of accepting reviews is held to: their quotas, by locker."""
    return digest(canonical(sorted([row.locker_id, row.body] for row in rows)))


def _said_otherwise(
    acts: Iterable[OperatorAct], kind: str, named: str, said: Mapping[str, Iterable[Json]]
) -> Iterator[str]:
    """Yield what acts of a kind name (by this detail) whose rows say something else."""
    for act in acts:
        name = str(act.details.get(named))
        if act.act == kind and not _says(act, said.get(name, ())):
            yield name


def _says(act: OperatorAct, rows: Iterable[Json]) -> bool:
    """Say whether an act says the same as one of these; acts of before have no digest."""
    told = {"at": act.at, **act.details}
    return any(
        all(
            told.get(name, value if name == "digest" else None) == value
            for name, value in one.items()
        )
        for one in rows
    )


def _day(at: datetime, zone: FairShare | None) -> date:
    return at.date() if zone is None else zone.local(at).date()
