"""PURE: are the rows of an export those that everybody was told, and when?

Beside roots, two answers are public: `GET /v1/policy` and `GET /v1/audit/lots`. Whoever kept one
holds the installation to it: versions in whole, weights without names, from when reviews count,
the hashes of days' keys.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from fellesskap_backend.audit.rows import Told, written
from fellesskap_backend.db import instant
from fellesskap_backend.decisions.record import canonical

Json = dict[str, Any]
POLICY, LOTS = "policy", "lots"
"""What may be handed in beside roots."""


def differing(told: Told, kept: Iterable[tuple[str, bytes]], *, whole: bool) -> Iterator[str]:
    """Yield what is not as it was told publicly; `kept` are answers, each with what it is.

    `whole`: the export is of all lockers.
    """
    for what, answer in kept:
        try:
            said: Json = msgspec.json.decode(answer)
            if what == POLICY:
                yield from _versions(told, said["versions"])
                yield from _weights(told, said["weights"])
                yield from _reviews(told, said.get("reviews", []), whole=whole)
            else:
                yield from _days(told, said["lots"])
        except (AttributeError, KeyError, TypeError, ValueError):
            yield f"{what}: cannot be read"


def _versions(told: Told, shown: list[Json]) -> Iterator[str]:
    rows = {one.version: one for one in told.of("policies")}
    for one in shown:
        row = rows.get(one["version"])
        if row is None:
            yield f"policy {one['policy']}: gone, and it was public"
        elif (
            canonical(one["rules"]).decode() != row.body
            or one["in_force_from"] != instant(row.in_force_from)
            or one["announced_at"] != instant(row.announced_at)
        ):
            yield f"policy {one['policy']}: not what was public"


def _weights(told: Told, shown: list[Json]) -> Iterator[str]:
    for period in shown:
        begins_on = period["begins_on"]
        rows = [one for one in told.of("weights") if one.begins_on.isoformat() == begins_on]
        public = sorted((one["weight"], one["is_entrant"]) for one in period["weights"])
        announced = {instant(one.announced_at) for one in rows}
        if sorted((one.weight, one.is_entrant) for one in rows) != public or announced != {
            period["announced_at"]
        }:
            yield f"weights from {begins_on}: not what was public"


def _reviews(told: Told, shown: list[Json], *, whole: bool) -> Iterator[str]:
    named = ("quarter", "accepted_at", "in_force_from")
    rows = Counter(tuple(written(one)[name] for name in named) for one in told.of("reviews"))
    for one in shown:
        lockers = rows[tuple(one[name] for name in named)]
        if lockers > one["lockers"] or (whole and lockers < one["lockers"]):
            yield f"reviews for {one['quarter']}: not what was public"


def _days(told: Told, shown: list[Json]) -> Iterator[str]:
    rows = {one.day.isoformat(): one for one in told.of("days")}
    for one in shown:
        row = rows.get(one["date"])
        if row is not None and (row.key_hash, row.policy) != (one["key_hash"], one["policy"]):
            yield f"lots of {one['date']}: not what was public"
