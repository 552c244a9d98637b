"""`/v1/parcels/{id}/pickup-codes`."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, StringConstraints

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import Posted, Posting, sent
from fellesskap_backend.examples import (
    PICKUP_CODE,
    PICKUP_CODE_REQUEST,
    PICKUP_CODE_SHOWN,
    PICKUP_CODES,
)
from fellesskap_backend.pickup_codes import service
from fellesskap_backend.pickup_codes.service import Of, Office
from fellesskap_backend.pickup_codes.shapes import PickupCode, PickupCodeInList, PickupCodes
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse, Writing
from fellesskap_backend.shapes import TEXT, Wish

router = APIRouter(
    prefix="/v1/parcels/{parcel_id}/pickup-codes",
    tags=["Pickup codes"],
    route_class=RetryingRoute,
)
MayRead = Annotated[Credentials, may("codes:read")]
MayWrite = Annotated[Credentials, may("codes:write")]
Reference = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=TEXT)
]


class SecondCodeRequest(Wish):
    """A second code, so that the recipient need not share the own one. Name nobody in it."""

    model_config = ConfigDict(json_schema_extra={"examples": [PICKUP_CODE_REQUEST]})

    reference: Reference | None = None
    """What you call it."""


_LINKS = {
    "find_pickup_code": {
        "operationId": "find_pickup_code",
        "parameters": {
            "parcel_id": "$response.body#/parcel_id",
            "code_id": "$response.body#/id",
        },
    }
}
_SHOWN: dict[str, Any] = {"content": {"application/json": PICKUP_CODE_SHOWN}}


@router.get(
    "",
    operation_id="list_pickup_codes",
    summary="List the pickup codes of a parcel",
    response_model=PickupCodes,
    responses={200: {"content": {"application/json": PICKUP_CODES}}},
)
def list_of(parcel_id: UUID, key: MayRead, session: Reading) -> dict[str, Any]:
    """Show what opens for this parcel, without the codes."""
    return service.list_of(session, key, parcel_id)


@router.post(
    "",
    operation_id="delegate_pickup_code",
    status_code=201,
    summary="Make a second pickup code",
    responses={201: {"model": PickupCode, "description": "Made", "links": _LINKS, **_SHOWN}},
)
def delegate(parcel_id: UUID, body: SecondCodeRequest, key: MayWrite, post: Posted) -> Response:
    """Make a code for somebody who collects in the recipient's place; at most five."""
    answered = service.delegate(
        _office(key, post), post.attempt, parcel_id, reference=body.reference
    )
    return sent(answered, location="/v1/parcels/{parcel_id}/pickup-codes/{id}")


@router.get(
    "/{code_id}",
    operation_id="find_pickup_code",
    summary="Read a pickup code",
    response_model=PickupCode,
    response_model_exclude_unset=True,
    responses={200: _SHOWN},
)
def find(
    parcel_id: UUID, code_id: UUID, key: MayWrite, session: Reading, *, house: TheHouse
) -> dict[str, Any]:
    """Show one, with the code itself while it is live."""
    return service.find(session, key, Of(parcel_id, code_id), secrets=house.secrets)


@router.post(
    "/{code_id}/rotate",
    operation_id="rotate_pickup_code",
    summary="Give a pickup code new digits",
    responses={
        200: {"model": PickupCode, "description": "It has new ones", "links": _LINKS, **_SHOWN}
    },
)
def rotate(parcel_id: UUID, code_id: UUID, key: MayWrite, post: Posted) -> Response:
    """Make new digits and a new QR code. The old ones open until the locker has heard."""
    return sent(service.rotate(_office(key, post), post.attempt, Of(parcel_id, code_id)))


@router.delete(
    "/{code_id}",
    operation_id="revoke_pickup_code",
    summary="Revoke a pickup code",
    response_model=PickupCodeInList,
    responses={
        200: {
            "description": "It is revoked, now or before",
            "content": {"application/json": PICKUP_CODE},
        },
    },
)
def revoke(
    parcel_id: UUID, code_id: UUID, key: MayWrite, session: Writing, *, house: TheHouse
) -> dict[str, Any]:
    """Take this one out of use; the parcel stays. `rotate` gives it new digits."""
    office = Office(session, key, house.secrets, house.moment())
    return service.revoke(office, Of(parcel_id, code_id))


def _office(key: Credentials, post: Posting) -> Office:
    return Office(post.session, key, post.house.secrets, post.moment)
