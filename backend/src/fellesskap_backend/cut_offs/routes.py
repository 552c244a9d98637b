"""`/v1/audit/lots`: everybody's."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from fellesskap_backend.conventions import Linked
from fellesskap_backend.cut_offs import lots
from fellesskap_backend.cut_offs.examples import LOTS
from fellesskap_backend.cut_offs.shapes import Lots
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse
from fellesskap_backend.shapes import OnDay

router = APIRouter(prefix="/v1", tags=["Decisions"], route_class=RetryingRoute)
LOTS_MAX = 400
"""A year and more."""
Since = Annotated[OnDay | None, Query(description="Only of days from this one on.")]
Limit = Annotated[int, Query(ge=1, le=LOTS_MAX, description="How many at most.")]
CACHED = "public, max-age=60"


@router.get(
    "/audit/lots",
    operation_id="read_lots",
    summary="Read the keys with which lots were drawn",
    response_model=Lots,
    responses={200: {"content": {"application/json": LOTS}}},
)
def read(
    session: Reading,
    house: TheHouse,
    link: Linked,
    since: Since = None,
    *,
    limit: Limit = LOTS_MAX,
) -> dict[str, Any]:
    """Show each announced day's key once the day is over, and before that its hash; no key of yours
    is needed.

    A lot is HMAC-SHA256 of the key and the receipt's `ticket`; the lowest is tried first.
    """
    link.response.headers["Cache-Control"] = CACHED
    now = house.moment().now
    found, more = lots.published(session, since, limit, now=now, secrets=house.secrets)
    following = more and more.isoformat()
    if following is not None:
        link.to(since=following)
    return found | {"next": following}
