"""Are policies, weights, standings and reviews still those that decisions were made by?

Each chain has them written out; the rows are what is published and what the next decision reads.
"""

from collections.abc import Iterator
from datetime import date, datetime

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.allocation.policy import from_json
from fellesskap_backend.decisions.policy import FIRST_COME
from fellesskap_backend.decisions.record import canonical
from fellesskap_backend.decisions.rules import Carrier, Rules
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight

Shown = dict[int, tuple[int, bool]]
"""Weight, and whether it is new, by the carrier's number."""


class Published:
    """The rows as they are now."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.altered: list[str] = []
        """Versions whose columns contradict their body, and those that are gone."""
        self._policies: dict[int, str] = {}
        self._dates: list[tuple[datetime, str]] = []
        for row in session.scalars(select(Policy).order_by(Policy.version)):
            self._take(row)
        self._weights: dict[date, Shown] = {}
        for one in session.scalars(select(Weight).order_by(Weight.begins_on)):
            of_period = self._weights.setdefault(one.begins_on, {})
            of_period[one.carrier_number] = (one.weight, one.is_entrant)
        self._days: dict[str, tuple[Carrier, ...]] = {}

    def in_force(self, at: datetime) -> str:
        """Return by which policy was to be decided at an instant."""
        began = [name for since, name in self._dates if since <= at]
        return began[-1] if began else str(FIRST_COME)

    def differs(self, locker_id: str, rules: Rules) -> Iterator[str]:
        """Yield what is not as a locker's decisions say that it was."""
        policy = rules.fair
        if self._policies.get(policy.version) != rules.policy:
            yield f"policy {policy}: not what was decided by"
        if rules.day is None:
            return
        if self._standings(rules.day) != rules.carriers:
            yield f"standings of {rules.day}: not what was decided by"
        begins_on = self._period(date.fromisoformat(rules.day))
        shown = {} if begins_on is None else self._weights[begins_on]
        if shown != {
            one.number: (one.weight, one.is_entrant) for one in rules.carriers if one.weight
        }:
            yield f"weights from {begins_on}: not those of the standings of {rules.day}"
        if self._review(locker_id, date.fromisoformat(rules.day), begins_on) != rules.review:
            yield f"quotas of {locker_id} on {rules.day}: not those of its review"

    def _take(self, row: Policy) -> None:
        expected = len(self._policies) + 1
        name = f"policy fair-share v{row.version}"
        self.altered += [f"policy fair-share v{one}: gone" for one in range(expected, row.version)]
        self._policies |= dict.fromkeys(range(expected, row.version), "")
        self._policies[row.version] = row.body
        try:
            policy = from_json(row.body)
        except ValidationError:
            self.altered.append(f"{name}: altered")
            return
        if (policy.version, policy.in_force_from) != (row.version, row.in_force_from):
            self.altered.append(f"{name}: altered")
        if canonical(policy.model_dump(mode="json")).decode() != row.body:
            self.altered.append(f"{name}: altered")
        self._dates.append((row.in_force_from, str(policy)))

    def _standings(self, day: str) -> tuple[Carrier, ...]:
        if day not in self._days:
            rows = self._session.scalars(
                select(StandingRow)
                .where(StandingRow.day == date.fromisoformat(day))
                .order_by(StandingRow.carrier_number)
            )
            self._days[day] = tuple(
                Carrier(
                    *(row.carrier_number, row.weight, row.is_entrant, row.memory_permille),
                    *(row.holds, row.no_shows, row.excused),
                )
                for row in rows
            )
        return self._days[day]

    def _period(self, day: date) -> date | None:
        return max((one for one in self._weights if one <= day), default=None)

    def _review(self, locker_id: str, day: date, begins_on: date | None) -> str | None:
        newest = self._session.scalars(
            select(QuotaReview)
            .where(QuotaReview.locker_id == locker_id, QuotaReview.in_force_from <= day)
            .order_by(QuotaReview.in_force_from.desc())
            .limit(1)
        ).one_or_none()
        if newest is None or newest.in_force_from is None:
            return None
        return newest.body if newest.in_force_from >= (begins_on or date.min) else None
