"""`/v1/parcels`."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from fellesskap_backend.auth import Key
from fellesskap_backend.examples import PARCEL
from fellesskap_backend.parcels import service
from fellesskap_backend.rim import Reading, RetryingRoute

router = APIRouter(prefix="/v1/parcels", tags=["Parcels"], route_class=RetryingRoute)


@router.get(
    "/{parcel_id}",
    summary="Read a parcel and its history",
    responses={200: {"content": {"application/json": PARCEL}}},
)
def find(parcel_id: UUID, key: Key, session: Reading) -> dict[str, Any]:
    """Show one of the carrier's own parcels; its history is in the order of the ledger."""
    return service.find(session, key, parcel_id)
