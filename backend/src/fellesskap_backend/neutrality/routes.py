"""`/v1/metrics/neutrality`: each carrier beside the total, operators and auditors see all."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.neutrality import service
from fellesskap_backend.neutrality.examples import REPORT
from fellesskap_backend.neutrality.month import PATTERN
from fellesskap_backend.neutrality.shapes import NeutralReport
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse

router = APIRouter(prefix="/v1/metrics", tags=["Audit"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("reports:read")]
InMonth = Annotated[
    str, Query(pattern=PATTERN, description="A month by the calendar at the lockers: `2026-11`.")
]


@router.get(
    "/neutrality",
    operation_id="report_neutrality",
    summary="Read how carriers were treated in a month",
    response_model=NeutralReport,
    responses={200: {"content": {"application/json": REPORT}}},
)
def report(month: InMonth, key: MayRead, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Show a carrier itself beside the total; operators and auditors all, under pseudonyms."""
    now = house.moment().now
    return service.report(session, key, month, k_codes=house.secrets.k_codes, now=now)
