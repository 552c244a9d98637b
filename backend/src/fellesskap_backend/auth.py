"""The API key of a request: `Authorization: Bearer fsk_…`, checked by the service that needs it."""

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from fellesskap_backend.carriers.service import Credentials, credentials_of
from fellesskap_backend.errors import Unauthorized

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    description="The key that `fellesskap-backend carrier add` or `operator add` printed.",
)


async def credentials(
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Credentials:
    """Return the key that was shown; raise `Unauthorized` without one."""
    if shown is None:
        raise Unauthorized("Send `Authorization: Bearer <API key>`.")
    return credentials_of(shown.credentials)


Key = Annotated[Credentials, Depends(credentials)]
