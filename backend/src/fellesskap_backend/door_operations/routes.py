"""`/v1/lockers/{id}/door-operations`: for operators."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, StringConstraints

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import LockerId, Posted, sent
from fellesskap_backend.door_operations import service
from fellesskap_backend.door_operations.shapes import DoorOperation
from fellesskap_backend.examples import DOOR_OPERATION, DOOR_REQUEST
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse
from fellesskap_backend.shapes import TEXT, Wish

router = APIRouter(
    prefix="/v1/lockers/{locker_id}/door-operations",
    tags=["Door operations"],
    route_class=RetryingRoute,
)
MayOperate = Annotated[Credentials, may("lockers:operate")]
COMPARTMENT_MAX = 9_999
LOCATION = "/v1/lockers/{locker_id}/door-operations/{id}"
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500, pattern=TEXT)
]
_LINKS = {
    "find_door_operation": {
        "operationId": "find_door_operation",
        "parameters": {
            "locker_id": "$response.body#/locker_id",
            "operation_id": "$response.body#/id",
        },
    }
}


class DoorRequest(Wish):
    """Which door, and why: `reason_code` for reports, `reason` for people. Name nobody in it."""

    model_config = ConfigDict(json_schema_extra={"examples": [DOOR_REQUEST]})

    compartment: int = Field(ge=1, le=COMPARTMENT_MAX)
    reason_code: str = Field(pattern=r"^[a-z][a-z_]{0,39}$")
    reason: Reason


@router.post(
    "",
    operation_id="open_door",
    status_code=202,
    summary="Open a door from afar",
    responses={
        202: {
            "model": DoorOperation,
            "description": "Asked for; read at `Location` what becomes of it",
            "content": {"application/json": DOOR_OPERATION},
            "links": _LINKS,
        }
    },
)
def issue(locker_id: LockerId, body: DoorRequest, key: MayOperate, post: Posted) -> Response:
    """Ask the locker; what becomes of it is read at `Location`."""
    asked = service.Asked(post.attempt, locker_id, body.compartment, body.reason_code, body.reason)
    return sent(service.issue(post.session, key, asked, moment=post.moment), location=LOCATION)


@router.get(
    "/{operation_id}",
    operation_id="find_door_operation",
    summary="Read what became of a door operation",
    response_model=DoorOperation,
    responses={200: {"content": {"application/json": DOOR_OPERATION}}},
)
def find(
    locker_id: LockerId, operation_id: UUID, key: MayOperate, session: Reading, *, house: TheHouse
) -> dict[str, Any]:
    """Show one door operation."""
    now = house.moment().now
    return service.find(session, key, locker_id, operation_id=operation_id, now=now)
