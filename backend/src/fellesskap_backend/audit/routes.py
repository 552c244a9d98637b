"""`/v1/audit/decisions`: every decision as it is stored, for auditors."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from fellesskap_backend import paging
from fellesskap_backend.audit import service
from fellesskap_backend.audit.examples import PAGE
from fellesskap_backend.audit.service import CURSOR_PATTERN, At, Wanted
from fellesskap_backend.audit.shapes import AuditPage
from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import Linked
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse
from fellesskap_backend.shapes import LOCKER_ID

router = APIRouter(prefix="/v1/audit", tags=["Audit"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("decisions:read")]


class DecisionSearch(BaseModel):
    """Which decisions."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    locker_id: str | None = Field(default=None, pattern=LOCKER_ID)
    """Only of this locker."""
    limit: int = Field(default=paging.LIMIT, ge=1, le=paging.LIMIT_MAX)
    """How many at most."""
    cursor: str | None = Field(default=None, pattern=CURSOR_PATTERN)
    """`next` of the page before."""


@router.get(
    "/decisions",
    operation_id="audit_decisions",
    summary="Read every decision as it is stored, with chain, receipt and root",
    response_model=AuditPage,
    responses={200: {"content": {"application/json": PAGE}}},
)
def decisions(
    asked: Annotated[DecisionSearch, Query()],
    key: MayRead,
    session: Reading,
    house: TheHouse,
    *,
    link: Linked,
) -> dict[str, Any]:
    """Show one page in the order of lockers and of their chains."""
    after = None if asked.cursor is None else At.read(asked.cursor)
    wanted = Wanted(asked.locker_id, asked.limit, after)
    now = house.moment().now
    found, more = service.page(session, key, wanted, now=now, secrets=house.secrets)
    if more is not None:
        link.to(cursor=str(more))
    return found | {"next": more and str(more)}
