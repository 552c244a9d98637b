"""Are policies, weights, standings and reviews still those that decisions were made by?

Each chain has them written out; the rows are what is published and what the next decision reads.
They come from the database, or from the pages that auditors read (`audit.ruled`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.allocation.policy import FairShare, stored
from fellesskap_backend.decisions.policy import FIRST_COME
from fellesskap_backend.decisions.record import canonical
from fellesskap_backend.decisions.rules import Carrier, Rules
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight

Shown = dict[int, tuple[int, bool]]
"""Weight, and whether it is new, by the carrier's number."""


@dataclass(frozen=True)
class Rows:
    """What was announced, and how carriers stood; in any order."""

    policies: Sequence[Policy]
    weights: Sequence[Weight]
    standings: Callable[[date], Sequence[StandingRow]]
    reviews: Callable[[str], Sequence[QuotaReview]]

    @classmethod
    def of(cls, session: Session) -> "Rows":
        """Return the rows as they are now."""

        def of_day(day: date) -> Sequence[StandingRow]:
            return session.scalars(select(StandingRow).where(StandingRow.day == day)).all()

        def of_locker(locker_id: str) -> Sequence[QuotaReview]:
            here = select(QuotaReview).where(QuotaReview.locker_id == locker_id)
            return session.scalars(here).all()

        policies = session.scalars(select(Policy)).all()
        return cls(policies, session.scalars(select(Weight)).all(), of_day, of_locker)


class Published:
    """Rows, to be compared with what chains say."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.altered: list[str] = []
        """Versions whose columns contradict their body, and those that are gone."""
        self.versions: dict[str, FairShare] = {}
        """By their names."""
        self._policies: dict[int, str] = {}
        self._dates: list[tuple[datetime, str]] = []
        for row in sorted(rows.policies, key=lambda row: row.version):
            self._take(row)
        self._weights: dict[date, Shown] = {}
        for one in rows.weights:
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
            policy = stored(row.body)
        except ValidationError:
            self.altered.append(f"{name}: altered")
            return
        if (policy.version, policy.in_force_from) != (row.version, row.in_force_from):
            self.altered.append(f"{name}: altered")
        if canonical(policy.model_dump(mode="json")).decode() != row.body:
            self.altered.append(f"{name}: altered")
        self._dates.append((row.in_force_from, str(policy)))
        self.versions[str(policy)] = policy

    def _standings(self, day: str) -> tuple[Carrier, ...]:
        if day not in self._days:
            rows = self._rows.standings(date.fromisoformat(day))
            self._days[day] = tuple(
                Carrier(
                    *(row.carrier_number, row.weight, row.is_entrant, row.memory_permille),
                    *(row.holds, row.no_shows, row.excused),
                )
                for row in sorted(rows, key=lambda row: row.carrier_number)
            )
        return self._days[day]

    def _period(self, day: date) -> date | None:
        return max((one for one in self._weights if one <= day), default=None)

    def _review(self, locker_id: str, day: date, begins_on: date | None) -> str | None:
        began = {
            one.in_force_from: one.body
            for one in self._rows.reviews(locker_id)
            if one.in_force_from is not None and one.in_force_from <= day
        }
        newest = max(began, default=None)
        if newest is None or newest < (begins_on or date.min):
            return None
        return began[newest]
