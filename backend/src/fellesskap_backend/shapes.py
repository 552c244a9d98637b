"""The words of which answers are described; each noun's `shapes` has its own answers.

A service gives texts, already written as they are sent. So these types only describe: what is
shown is what the service returned, field by field, and a field more or less is a bug that every
test of the route sees.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

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
