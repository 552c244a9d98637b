"""`/v1/parcels`."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import AtLocker, Paged, WithLabel
from fellesskap_backend.examples import PARCEL, PARCELS
from fellesskap_backend.parcels import service
from fellesskap_backend.parcels.shapes import Parcel, Parcels, ParcelState
from fellesskap_backend.rim import Reading, RetryingRoute

router = APIRouter(prefix="/v1/parcels", tags=["Parcels"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("parcels:read")]


async def wanted(
    state: Annotated[ParcelState | None, Query(description="Only in this state.")] = None,
    locker_id: AtLocker = None,
    label: WithLabel = None,
) -> service.Wanted:
    """Read which ones are asked for."""
    return service.Wanted(state, locker_id, label)


Filtered = Annotated[service.Wanted, Depends(wanted)]


@router.get(
    "",
    operation_id="list_parcels",
    summary="List your parcels",
    response_model=Parcels,
    responses={200: {"content": {"application/json": PARCELS}}},
)
def list_own(key: MayRead, session: Reading, pages: Paged, wanted: Filtered) -> dict[str, Any]:
    """Show one page, newest first; the history stands with each parcel."""
    return pages.answer("parcels", service.list_own(session, key, wanted, page=pages.page))


@router.get(
    "/{parcel_id}",
    operation_id="find_parcel",
    summary="Read a parcel and its history",
    response_model=Parcel,
    responses={200: {"content": {"application/json": PARCEL}}},
)
def find(parcel_id: UUID, key: MayRead, session: Reading) -> dict[str, Any]:
    """Show one of the carrier's own parcels; its history is in the order of the ledger."""
    return service.find(session, key, parcel_id)
