"""The API key of a request: `Authorization: Bearer fsk_…`, checked by the service that needs it.

A route says what it is for by the scope that it wants: `key: Annotated[Credentials, may("…")]`.
"""

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from fellesskap_backend.carriers.scopes import SCOPES
from fellesskap_backend.carriers.service import Credentials, credentials_of
from fellesskap_backend.errors import Unauthorized
from fellesskap_backend.rim import TheHouse

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    description="The key that `fellesskap-backend carrier add` or `operator add` printed, or a "
    "successor of it (`POST /v1/api-keys`). Each operation names the scope that it wants; a key "
    "without a list of scopes has all of its role. Scopes: "
    + "; ".join(f"`{name}`: {scope.told}" for name, scope in SCOPES.items())
    + ".",
)


async def credentials(
    request: Request,
    inside: TheHouse,
    wanted: SecurityScopes,
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Credentials:
    """Return the key that was shown; raise `Unauthorized` without one."""
    if shown is None:
        raise Unauthorized("Send `Authorization: Bearer <API key>`.")
    scope = wanted.scopes[0] if wanted.scopes else None
    found = credentials_of(shown.credentials, scope, inside.moment().now)
    request.state.key_prefix = found.prefix
    return found


def may(scope: str) -> Any:
    """Want a key that has a scope."""
    assert scope in SCOPES, scope
    return Security(credentials, scopes=[scope])


Key = Annotated[Credentials, Depends(credentials)]
"""A key that may do everything: for what has no scope of its own."""
