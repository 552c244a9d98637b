"""`/v1/policy`: public; a carrier's key shows its own weight too."""

from typing import Any

from fastapi import APIRouter, Response

from fellesskap_backend.auth import Anybody
from fellesskap_backend.policies import service
from fellesskap_backend.policies.examples import POLICY
from fellesskap_backend.policies.shapes import PublishedPolicy
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse

router = APIRouter(prefix="/v1", tags=["Decisions"], route_class=RetryingRoute)
CACHED = "public, max-age=60"
"""For who shows no key; what is shown to a carrier is kept by nobody between."""


@router.get(
    "/policy",
    operation_id="read_policy",
    summary="Read by which rules room is given",
    response_model=PublishedPolicy,
    responses={200: {"content": {"application/json": POLICY}}},
)
def read(anybody: Anybody, session: Reading, house: TheHouse, response: Response) -> dict[str, Any]:
    """Show all versions, which is in force, which is coming, and the weights; no key is needed.

    Weights have no names. With a carrier's key its own is named, and how it stands.
    """
    response.headers["Vary"] = "Authorization"
    if anybody is None:
        response.headers["Cache-Control"] = CACHED
    return service.published(session, house.moment().now, anybody)
