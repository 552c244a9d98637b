"""`/v1/lockers/{id}/availability`: public, and therefore rough."""

from typing import Any

from fastapi import APIRouter

from fellesskap_backend.conventions import LockerId
from fellesskap_backend.examples import AVAILABILITY
from fellesskap_backend.lockers import service
from fellesskap_backend.lockers.shapes import Availability
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse

router = APIRouter(prefix="/v1/lockers", tags=["Lockers"], route_class=RetryingRoute)


@router.get(
    "/{locker_id}/availability",
    operation_id="see_availability",
    response_model=Availability,
    summary="See roughly how much room a locker has",
    responses={200: {"content": {"application/json": AVAILABILITY}}},
)
def availability(locker_id: LockerId, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Say `none`, `few` or `many` per size class; no key is needed."""
    return dict(service.availability(session, locker_id, house.moment().now))
