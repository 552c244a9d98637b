"""`/v1/lockers/{id}/door-operations`: for operators."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from fellesskap_backend.auth import Key
from fellesskap_backend.door_operations import service
from fellesskap_backend.examples import DOOR_OPERATION, DOOR_REQUEST
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse, Writing

router = APIRouter(
    prefix="/v1/lockers/{locker_id}/door-operations",
    tags=["Door operations"],
    route_class=RetryingRoute,
)
COMPARTMENT_MAX = 9_999
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class DoorRequest(BaseModel):
    """Which door, and why: `reason_code` for reports, `reason` for people. Name nobody in it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [DOOR_REQUEST]}
    )

    compartment: int = Field(ge=1, le=COMPARTMENT_MAX)
    reason_code: str = Field(pattern=r"^[a-z][a-z_]{0,39}$")
    reason: Reason


@router.post(
    "",
    status_code=202,
    summary="Open a door from afar",
    responses={202: {"content": {"application/json": DOOR_OPERATION}}},
)
def issue(
    locker_id: str,
    body: DoorRequest,
    key: Key,
    *,
    session: Writing,
    house: TheHouse,
) -> Response:
    """Ask the locker; what becomes of it is read at `Location`."""
    asked = service.Asked(locker_id, body.compartment, body.reason_code, body.reason)
    operation = service.issue(session, key, asked, moment=house.moment())
    location = f"/v1/lockers/{locker_id}/door-operations/{operation['id']}"
    return JSONResponse(operation, 202, {"Location": location})


@router.get(
    "/{operation_id}",
    summary="Read what became of a door operation",
    responses={200: {"content": {"application/json": DOOR_OPERATION}}},
)
def find(locker_id: str, operation_id: UUID, key: Key, session: Reading) -> dict[str, Any]:
    """Show one door operation."""
    return service.find(session, key, locker_id, operation_id=operation_id)
