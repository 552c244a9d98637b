"""The words of which answers are described; each noun's `shapes` has its own answers.

A service gives texts, already written as they are sent. So these types only describe: what is
shown is what the service returned, field by field, and a field more or less is a bug that every
test of the route sees.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""RFC 3339, in UTC."""
Duration = Annotated[str, WithJsonSchema({"type": "string", "format": "duration"})]
"""ISO 8601: `P3D`, `PT36H`."""
LOCKER_ID = r"^[a-z0-9][a-z0-9-]{0,31}$"
TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""What people write: no control characters. A database may refuse U+0000."""
LABEL_MAX = 100


class Shown(BaseModel):
    """The base of every answer: just these fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Wish(BaseModel):
    """The base of every body that is sent: just these fields, each of its own type."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


def _in_utc(text: Any) -> datetime:
    if isinstance(text, datetime) and text.tzinfo is not None:  # from our own code
        return text.astimezone(UTC)
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        raise ValueError("an instant as in RFC 3339, with its offset: 2027-03-01T08:00:00Z")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such instant") from None


_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE | re.ASCII
)
When = Annotated[
    datetime,
    BeforeValidator(_in_utc, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant that is sent: RFC 3339, kept in UTC."""


def _a_day(text: Any) -> date:
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        raise ValueError("a day as in RFC 3339: 2027-03-01")
    return date.fromisoformat(text)


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
OnDay = Annotated[
    date,
    BeforeValidator(_a_day, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "format": "date"}),
]
"""A day that is sent; left alone, Pydantic takes seconds since 1970 for one."""


class Alternative(Shown):
    """A locker that had room when it was looked at; nothing is held there."""

    locker_id: str
    address: str
    distance_m: int | None
    """From the locker that was asked for; null if it is not known where they stand."""


class FieldError(Shown):
    """One thing that is wrong with a request."""

    where: str
    """The place, with dots: `body.label.value`."""
    what: str


class Problem(BaseModel):
    """Problem details (RFC 9457). Some problems carry more members; ignore what you do not know."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    type: Annotated[str, WithJsonSchema({"type": "string", "format": "uri-reference"})]
    """`/problems/<code>`: a page of the API that says what it means and what to do."""
    title: str
    status: int = Field(ge=400, le=599)
    code: str
    """The same as the last part of `type`: for programs."""
    detail: str | None = None
    errors: list[FieldError] | None = None
    """What is wrong where, if the request is not valid."""
    reason: str | None = None
    """Why room was refused: the same as `code`."""
    alternatives: list[Alternative] | None = None
    """Up to three lockers nearby with room for it, if room was refused."""
    decision_id: str | None = None
    """The decision that refused it, for whoever asks why."""
    state: str | None = None
    """Where it is, if what was asked does not fit its state."""
    size_class: str | None = None
    quota: int | None = None
    """How many of that class you are guaranteed at the locker, if room is kept for others."""
    used: int | None = None
    instance: Annotated[str | None, WithJsonSchema({"type": "string", "format": "uri"})] = None
    """The name of one failure of ours, by which the operator finds it in the log."""
