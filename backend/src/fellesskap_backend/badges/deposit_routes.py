"""`/v1/deposit-auth`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import ConfigDict

from fellesskap_backend.auth import may
from fellesskap_backend.badges import deposit_auth
from fellesskap_backend.badges.shapes import DepositAuth
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import IfMatch
from fellesskap_backend.examples import DEPOSIT_AUTH, DEPOSIT_AUTH_WISH
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse, Writing
from fellesskap_backend.shapes import Wish

router = APIRouter(prefix="/v1/deposit-auth", tags=["Courier badges"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("badges:read")]
MayWrite = Annotated[Credentials, may("badges:write")]
_SHOWN: Any = {200: {"content": {"application/json": DEPOSIT_AUTH}}}


class DepositAuthWish(Wish):
    """What you want to see from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [DEPOSIT_AUTH_WISH]})

    deposit_auth: Literal["label", "badge"]


@router.get(
    "",
    operation_id="find_deposit_auth",
    summary="Read what lets a courier deposit",
    response_model=DepositAuth,
    responses=_SHOWN,
)
def find(key: MayRead, session: Reading) -> dict[str, Any]:
    """Show whether the label of an expected parcel is enough, and who has not heard."""
    return deposit_auth.find(session, key)


@router.put(
    "",
    operation_id="set_deposit_auth",
    summary="Say what lets a courier deposit",
    response_model=DepositAuth,
    responses=_SHOWN,
)
def change(
    body: DepositAuthWish, key: MayWrite, session: Writing, house: TheHouse, *, match: IfMatch
) -> dict[str, Any]:
    """Want a badge, or no longer: every locker hears it within minutes, or when it is in contact.

    Without a claim a deposit needs a badge anyway.
    """
    moment = house.moment()
    return deposit_auth.change(session, key, body.deposit_auth, match=match, moment=moment)
