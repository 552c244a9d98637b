"""`/v1/quotes`."""

from typing import Annotated, Any

from fastapi import APIRouter

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.examples import QUOTES
from fellesskap_backend.quotes import service
from fellesskap_backend.quotes.shapes import QuoteRequest, Quotes
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse

router = APIRouter(prefix="/v1/quotes", tags=["Reservations"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("reservations:read", acts="reserve")]


@router.post(
    "",
    operation_id="quote",
    summary="Ask whether there is room, without reserving",
    response_model=Quotes,
    responses={200: {"content": {"application/json": QUOTES}}},
)
def quote(body: QuoteRequest, key: MayRead, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Say of up to 100 parcels what a reservation would be answered now.

    Nothing is held, written or counted, so it needs no Idempotency-Key; a moment later the answer
    may be another.
    """
    sought = [one.sought() for one in body.parcels]
    return {"quotes": service.quote(session, key, sought, now=house.moment().now)}
