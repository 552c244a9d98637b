"""`/v1/decisions`: a carrier's own, with receipts; `/v1/audit/roots`: everybody's."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import Linked
from fellesskap_backend.db import instant
from fellesskap_backend.receipts import service
from fellesskap_backend.receipts.examples import DECISION, ROOTS
from fellesskap_backend.receipts.shapes import DecisionShown, Roots
from fellesskap_backend.rim import Reading, RetryingRoute
from fellesskap_backend.shapes import When

router = APIRouter(prefix="/v1", tags=["Decisions"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("receipts:read")]
ROOTS_MAX = 1_000
"""Six weeks."""
Since = Annotated[When | None, Query(description="Only of hours that begin then, or later.")]
Limit = Annotated[int, Query(ge=1, le=ROOTS_MAX, description="How many at most.")]
CACHED = "public, max-age=60"
"""There is a new one each hour."""


@router.get(
    "/decisions/{decision_id}",
    operation_id="find_decision",
    summary="Read why a request was answered so, with its receipt",
    response_model=DecisionShown,
    responses={200: {"content": {"application/json": DECISION}}},
)
def find(decision_id: UUID, key: MayRead, session: Reading) -> dict[str, Any]:
    """Show one of the carrier's own; its id is that of the reservation, or in the refusal."""
    return service.find(session, key, decision_id)


@router.get(
    "/audit/roots",
    operation_id="read_roots",
    summary="Read the signed roots under which receipts stand",
    response_model=Roots,
    responses={200: {"content": {"application/json": ROOTS}}},
)
def roots(
    session: Reading, link: Linked, since: Since = None, limit: Limit = ROOTS_MAX
) -> dict[str, Any]:
    """Show what everybody may keep and compare; no key is needed."""
    link.response.headers["Cache-Control"] = CACHED
    found, more = service.roots(session, since, limit)
    if more is not None:
        link.to(since=instant(more))
    return found | {"next": more and instant(more)}
