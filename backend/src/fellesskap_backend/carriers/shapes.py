"""What is shown of API keys."""

from typing import Annotated, Literal

from pydantic import WithJsonSchema

from fellesskap_backend.shapes import Instant, Shown

Day = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]


class ApiKey(Shown):
    """An API key, without the key itself."""

    prefix: str
    """The part between the first two `_`: by it a key is named."""
    role: Literal["carrier", "operator", "auditor"]
    name: str
    scopes: list[str] | None
    """What it may do; null: all that its role may."""
    replaces: str | None
    """The prefix of the key whose successor it is."""
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_on: Day | None
    """The day (UTC) on which it last came in."""


class ApiKeyMade(ApiKey):
    """An API key that was just made."""

    api_key: str
    """The key itself; keep it, for it is shown here alone."""


class ApiKeys(Shown):
    """Your own keys, the newest first; at most 100."""

    api_keys: list[ApiKey]
