"""`/v1/api-keys`: the caller's own keys."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import (
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
)

from fellesskap_backend.auth import may
from fellesskap_backend.carriers import keys
from fellesskap_backend.carriers.scopes import SCOPES
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.carriers.shapes import ApiKey, ApiKeyMade, ApiKeys
from fellesskap_backend.conventions import TAGGED, IfMatch, Posted, sent
from fellesskap_backend.examples import API_KEY, API_KEY_MADE, API_KEY_REQUEST, API_KEYS
from fellesskap_backend.idempotency import Attempt
from fellesskap_backend.reservations.duration import seconds_of
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse, Writing
from fellesskap_backend.shapes import TEXT, When, Wish

router = APIRouter(prefix="/v1/api-keys", tags=["API keys"], route_class=RetryingRoute)
MayKeys = Annotated[Credentials, may("keys:write")]
OVERLAP_S_MAX = 30 * 86_400
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=TEXT)
]
ScopeName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(SCOPES)})]
Prefix = Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="What names the key.")]
_LINKS = {
    "find_api_key": {
        "operationId": "find_api_key",
        "parameters": {"prefix": "$response.body#/prefix"},
    }
}


class ApiKeyRequest(Wish):
    """A key that is wanted: beside yours, or as its successor."""

    model_config = ConfigDict(json_schema_extra={"examples": [API_KEY_REQUEST]})

    name: Name
    scopes: list[ScopeName] | None = Field(default=None, min_length=1, max_length=len(SCOPES))
    """What it may do: at most what yours may; left out, the same as yours."""
    expires_at: When | None = None
    overlap: str | None = Field(default=None, max_length=40)
    """The new key is the successor of the one you call with, which ends after this time (an
    ISO 8601 duration, up to 30 days). Left out, yours stays as it is."""

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, scopes: list[str] | None) -> list[str] | None:
        if not set(scopes or ()) <= SCOPES.keys():
            raise ValueError(f"each is one of {', '.join(SCOPES)}")
        return scopes

    @field_validator("overlap")
    @classmethod
    def _check_overlap(cls, text: str | None) -> str | None:
        if text is not None and seconds_of(text) > OVERLAP_S_MAX:
            raise ValueError("at most thirty days (P30D)")
        return text

    def asked(self, attempt: Attempt) -> keys.Asked:
        """Return the request as the service takes it."""
        overlap = None if self.overlap is None else timedelta(seconds=seconds_of(self.overlap))
        return keys.Asked(attempt, self.name, self.scopes, self.expires_at, overlap)


class ApiKeyChange(Wish):
    """What becomes of a key; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Warehouse"}]})

    name: Name = ""
    expires_at: When | None = None


@router.post(
    "",
    operation_id="make_api_key",
    status_code=201,
    summary="Make an API key, or the successor of yours",
    responses={
        201: {
            "model": ApiKeyMade,
            "description": "Made; the key itself stands in this answer alone",
            "content": {"application/json": API_KEY_MADE},
            "links": _LINKS,
        }
    },
)
def make(body: ApiKeyRequest, key: MayKeys, post: Posted) -> Response:
    """Make a key of your own role that may do what yours may, or less."""
    answered = keys.make(
        post.session,
        key,
        body.asked(post.attempt),
        k_codes=post.house.secrets.k_codes,
        moment=post.moment,
    )
    return sent(answered, location="/v1/api-keys/{prefix}")


@router.get(
    "",
    operation_id="list_api_keys",
    summary="List your API keys",
    response_model=ApiKeys,
    responses={200: {"content": {"application/json": API_KEYS}}},
)
def list_own(key: MayKeys, session: Reading) -> dict[str, Any]:
    """Show your keys, the newest first, without the keys themselves."""
    return keys.list_own(session, key)


@router.get(
    "/{prefix}",
    operation_id="find_api_key",
    summary="Read about an API key",
    response_model=ApiKey,
    responses={200: {"content": {"application/json": API_KEY}}},
)
def find(prefix: Prefix, key: MayKeys, session: Reading) -> dict[str, Any]:
    """Show one of your keys, without the key itself."""
    return keys.find(session, key, prefix)


@router.patch(
    "/{prefix}",
    operation_id="change_api_key",
    summary="Give an API key another name or end",
    response_model=ApiKey,
    responses={200: {"content": {"application/json": API_KEY}, **TAGGED}},
)
def change(
    prefix: Prefix, body: ApiKeyChange, key: MayKeys, match: IfMatch, *, session: Writing
) -> dict[str, Any]:
    """Change what is named; If-Match says what you believe to change."""
    to = keys.Change(frozenset(body.model_fields_set), body.name, body.expires_at)
    return keys.change(session, key, prefix, to=to, match=match)


@router.delete(
    "/{prefix}", operation_id="revoke_api_key", status_code=204, summary="Revoke an API key"
)
def revoke(prefix: Prefix, key: MayKeys, session: Writing, house: TheHouse) -> None:
    """Let it in no more, at once; twice is as good as once. A key may revoke itself."""
    keys.revoke(session, key, prefix, now=house.moment().now)
