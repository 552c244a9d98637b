"""PURE: the rows by which was decided, as pages of the audit have them, and back again.

`policies.comparing` and `policies.consistency` look at rows; whether they come from a database or
from a file is no matter.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Date

from fellesskap_backend.audit.shapes import AuditedRules
from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import Base, UtcDateTime, instant, table_of
from fellesskap_backend.policies.comparing import Rows
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight

Json = dict[str, Any]
T = TypeVar("T", bound=Base)
MODELS: dict[str, type[Base]] = {
    "policies": Policy,
    "weights": Weight,
    "standings": StandingRow,
    "reviews": QuotaReview,
    "days": AnnouncedDay,
    "cut_offs": CutOff,
}

OF = {"standings": "day", "reviews": "locker_id", "cut_offs": "locker_id"}
"""Of what kinds are looked up."""


def written(row: Base) -> Json:
    """Write a row as it is shown: instants and days as texts."""
    return {one.name: _text(getattr(row, one.name)) for one in table_of(type(row)).columns}


def read(model: type[T], said: Json) -> T:
    """Return the row that `written` wrote; raise `ValueError` for what is none."""
    columns = table_of(model).columns
    kinds = {one.name: one.type for one in columns}
    return model(**{name: _value(kinds[name], one) for name, one in said.items()})


class Told:
    """All rows of a file, as far as it is read; a row is the same on every page."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[Any, ...], tuple[Json, Any]]] = {
            name: {} for name in MODELS
        }
        self._of: dict[tuple[str, Any], list[Any]] = defaultdict(list)

    def take(self, rules: AuditedRules) -> Iterator[str]:
        """Take in a page's; yield what is told otherwise than before, or cannot be read."""
        for name, model in MODELS.items():
            keys = [one.name for one in table_of(model).primary_key]
            for one in getattr(rules, name):
                said = one.model_dump()
                key = tuple(said[part] for part in keys)
                if key in self._rows[name]:
                    if self._rows[name][key][0] != said:
                        yield f"{name} {' '.join(map(str, key))}: told otherwise than before"
                    continue
                try:
                    row = read(model, said)
                except ValueError:
                    yield f"{name} {' '.join(map(str, key))}: altered"
                    continue
                self._rows[name][key] = said, row
                if name in OF:
                    self._of[name, getattr(row, OF[name])].append(row)

    def of(self, name: str, what: Any = None) -> list[Any]:
        """Return all rows of a kind, or those of a day or locker."""
        if what is not None:
            return self._of[name, what]
        return [row for _, row in self._rows[name].values()]

    @property
    def rows(self) -> Rows:
        """Return what was announced, and how carriers stood."""
        return Rows(
            self.of("policies"),
            self.of("weights"),
            partial(self.of, "standings"),
            partial(self.of, "reviews"),
        )


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    return value.isoformat() if isinstance(value, date) else value


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(kind, Date) else value
