"""`/v1/events`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import Limit, Linked
from fellesskap_backend.events import service
from fellesskap_backend.events.examples import EVENTS
from fellesskap_backend.events.shapes import Events
from fellesskap_backend.rim import Reading, RetryingRoute

router = APIRouter(prefix="/v1/events", tags=["Events"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("events:read")]
POSITION_MAX = 2**53 - 1
After = Annotated[int, Query(ge=0, le=POSITION_MAX, description="The last position you have.")]


@router.get(
    "",
    operation_id="read_events",
    summary="Read your event feed",
    response_model=Events,
    responses={200: {"content": {"application/json": EVENTS}}},
)
def feed(
    key: MayRead, session: Reading, link: Linked, after: After = 0, *, limit: Limit = 100
) -> dict[str, Any]:
    """Return the events after a position, oldest first; ask again after `next`."""
    body = service.feed(session, key, after=after, limit=limit)
    if len(body["events"]) == limit:
        link.to(after=body["next"])
    return body
