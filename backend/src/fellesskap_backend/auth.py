"""The API key of a request: `Authorization: Bearer fsk_…`, checked by the service that needs it.

A route says what it is for by the scope that it wants: `key: Annotated[Credentials, may("…")]`.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes

from fellesskap_backend.carriers.scopes import SCOPES
from fellesskap_backend.carriers.service import Credentials, credentials_of
from fellesskap_backend.errors import Forbidden, Unauthorized
from fellesskap_backend.rim import house_of

_TOLD = (
    "The key that `fellesskap-backend carrier add` or `operator add` printed, or a "
    "successor of it (`POST /v1/api-keys`). Each operation names the scope that it wants; a key "
    "without a list of scopes has all of its role. Scopes: "
    + "; ".join(f"`{name}`: {scope.told}" for name, scope in SCOPES.items())
    + "."
)
ON_BEHALF_OF = "On-Behalf-Of"
OnBehalfOf = Annotated[
    UUID | None,
    Header(
        alias=ON_BEHALF_OF,
        description="The id of a carrier that lets you act for it (a delegation that you "
        "received). What is made so is that carrier's, and says that you made it; you see and end "
        "only what you made.",
    ),
]
Act = Literal["reserve"]
"""What can be asked for on behalf of another; the other acts of a delegation are by badge."""


class ApiKey(HTTPBearer):
    """The scheme of the OpenAPI document, and the key that a request shows by it, in one.

    The framework takes some 50 us to solve each of the dependencies of a route.
    """

    def __init__(self) -> None:
        super().__init__(scheme_name="ApiKey", description=_TOLD)

    async def __call__(  # type: ignore[override]
        self, request: Request, wanted: SecurityScopes
    ) -> Credentials:
        """Return the key of a request for its own carrier; refuse to take it for another's.

        Raises `Unauthorized` without one.
        """
        own = shown(request, wanted)
        if ON_BEHALF_OF in request.headers:
            raise Forbidden("This is done for oneself alone: leave `On-Behalf-Of` out.")
        return own


class ApiKeyForOthers(ApiKey):
    """The same, where it may be shown for another carrier."""

    def __init__(self, acts: Act) -> None:
        super().__init__()
        self._acts = acts

    async def __call__(  # type: ignore[override]
        self, request: Request, wanted: SecurityScopes, on_behalf_of: OnBehalfOf = None
    ) -> Credentials:
        """Return the key of a request, and for whom it is; raise `Unauthorized` without one."""
        return replace(shown(request, wanted), on_behalf_of=on_behalf_of, acts=self._acts)


def shown(request: Request, wanted: SecurityScopes) -> Credentials:
    """Return the key that was shown; raise `Unauthorized` without one."""
    found = _read(request, wanted.scopes[0] if wanted.scopes else None)
    request.state.key_prefix = found.prefix
    return found


def _read(request: Request, scope: str | None) -> Credentials:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("Send `Authorization: Bearer <API key>`.")
    return credentials_of(key.strip(), scope, house_of(request).moment().now)


_FOR_ONESELF = ApiKey()
_FOR_OTHERS = {"reserve": ApiKeyForOthers("reserve")}


def may(scope: str, *, acts: Act | None = None) -> Any:
    """Want a key that has a scope; with `acts` also of who may do that for another carrier."""
    assert scope in SCOPES, scope
    return Security(_FOR_ONESELF if acts is None else _FOR_OTHERS[acts], scopes=[scope])


OWN_SCOPE = "reservations:read"
"""What a key must be let do to be shown what is its own beside what is public."""


async def whoever(request: Request) -> Credentials | None:
    """Return the key that somebody shows where none is needed; what is none is as good as none."""
    try:
        return _read(request, OWN_SCOPE)
    except Unauthorized:
        return None


Anybody = Annotated[Credentials | None, Depends(whoever)]
"""For what is public, and says more to a carrier."""
Key = Annotated[Credentials, Depends(_FOR_ONESELF)]
"""A key that may do everything: for what has no scope of its own."""
