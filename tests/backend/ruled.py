"""Installations in which `fair-share` is in force: its rows, as if they had been announced in time.

Nobody may announce anything for a day that was.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.allocation.policy import FairShare, Hold
from fellesskap_backend.decisions.record import canonical
from fellesskap_backend.policies import standings
from fellesskap_backend.policies.tables import Policy, Weight

DAY = timedelta(days=1)


def hold(*, kept: bool) -> Hold:
    """Keep all that is unused for the next nine hours, or nothing."""
    local = FairShare(in_force_from=datetime.now(UTC)).local(datetime.now(UTC))
    hours = (-1, 10, 11) if kept else (1, 2, 3)
    clocks = [f"{local + timedelta(hours=one):%H:%M}" for one in hours]
    return Hold(kept_from=clocks[0], kept_until=clocks[1], lent_at=clocks[2])


def fair(*, kept: bool = True, since: datetime | None = None, **changed: Any) -> FairShare:
    """Return a policy that was announced yesterday."""
    since = since or datetime.now(UTC) - timedelta(hours=1)
    return FairShare(in_force_from=since, hold=hold(kept=kept), **changed)


def put_in_force(
    engine: Engine, weights: Mapping[int, int], policy: FairShare | None = None
) -> FairShare:
    """Put a policy in force, with weights by the carriers' numbers, and make today's standings."""
    policy = policy or fair()
    now = datetime.now(UTC)

    def work(session: Session) -> None:
        session.add(row_of(policy))
        begins_on = policy.local(now).date() - DAY
        for number, weight in weights.items():
            session.add(
                Weight(
                    begins_on=begins_on,
                    carrier_number=number,
                    weight=weight,
                    is_entrant=False,
                    announced_at=now - 2 * DAY,
                )
            )
        session.flush()
        standings.make(session, db.Moment(now))

    db.run(engine, work)
    return policy


def row_of(policy: FairShare) -> Policy:
    """Return the row of a version."""
    return Policy(
        version=policy.version,
        body=canonical(policy.model_dump(mode="json")).decode(),
        announced_at=policy.in_force_from - DAY,
        in_force_from=policy.in_force_from,
    )
