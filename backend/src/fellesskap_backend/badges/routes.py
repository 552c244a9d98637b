"""`/v1/courier-badges`."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from fellesskap_backend.auth import may
from fellesskap_backend.badges import service, sweep
from fellesskap_backend.badges.shapes import (
    CourierBadge,
    CourierBadgeIssued,
    CourierBadges,
    SweepList,
)
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import Paged, Posted, sent
from fellesskap_backend.examples import (
    BADGE,
    BADGE_ISSUED,
    BADGE_REQUEST,
    BADGES,
    SWEEP_LIST,
)
from fellesskap_backend.idempotency import Attempt
from fellesskap_backend.reservations.duration import seconds_of
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse, Writing
from fellesskap_backend.shapes import LOCKER_ID, TEXT, Wish

router = APIRouter(prefix="/v1/courier-badges", tags=["Courier badges"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("badges:read")]
MayWrite = Annotated[Credentials, may("badges:write")]
UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
CarrierId = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
LockerName = Annotated[str, StringConstraints(pattern=LOCKER_ID)]
VALID_S_MIN = 60


class BadgeRequest(Wish):
    """A badge for one courier and tour: at some lockers, or at all of a site."""

    model_config = ConfigDict(json_schema_extra={"examples": [BADGE_REQUEST]})

    lockers: list[LockerName] | None = Field(default=None, min_length=1, max_length=20)
    """How many find room depends on how many carriers there are: a badge has 1,000 characters."""
    site: str | None = Field(default=None, min_length=1, max_length=100, pattern=TEXT)
    """The name of a site: all lockers that stand there now."""
    may: list[Literal["deposit", "remove"]] = Field(min_length=1, max_length=2)
    """Put parcels in; take out what is overdue, recalled or returned, in one visit per locker."""
    carriers: list[CarrierId] | None = Field(default=None, min_length=1, max_length=8)
    """For whom: left out, for you; others by a delegation that you received."""
    valid_for: str = Field(default="PT12H", max_length=40)
    """An ISO 8601 duration: 1 minute to 24 hours."""

    @field_validator("valid_for")
    @classmethod
    def _check_duration(cls, text: str) -> str:
        if not VALID_S_MIN <= seconds_of(text) <= service.VALID_MAX.total_seconds():
            raise ValueError("1 minute to 24 hours (PT24H)")
        return text

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if (self.lockers is None) == (self.site is None):
            raise ValueError("name `lockers` or a `site`")
        return self

    def asked(self, attempt: Attempt) -> service.Asked:
        """Return the request as the service takes it."""
        return service.Asked(
            attempt=attempt,
            lockers=tuple(self.lockers or ()),
            site=self.site,
            may=tuple(self.may),
            carriers=tuple(UUID(one) for one in self.carriers or ()),
            valid_for=timedelta(seconds=seconds_of(self.valid_for)),
        )


_LINKS = {
    name: {"operationId": name, "parameters": {"badge_id": "$response.body#/id"}}
    for name in ("find_courier_badge", "see_sweep_list")
}
_SHOWN: dict[str, Any] = {"content": {"application/json": BADGE}}


@router.post(
    "",
    operation_id="issue_courier_badge",
    status_code=201,
    summary="Issue a courier's badge",
    responses={
        201: {
            "model": CourierBadgeIssued,
            "description": "Issued; the token stands in this answer alone",
            "content": {"application/json": BADGE_ISSUED},
            "links": _LINKS,
        }
    },
)
def issue(body: BadgeRequest, key: MayWrite, post: Posted) -> Response:
    """Sign a badge; show its token as a QR code. Repeat the request to be told it again."""
    answered = service.issue(
        post.session,
        key,
        body.asked(post.attempt),
        secrets=post.house.secrets,
        moment=post.moment,
    )
    return sent(answered, location="/v1/courier-badges/{id}")


@router.get(
    "",
    operation_id="list_courier_badges",
    summary="List your couriers' badges",
    response_model=CourierBadges,
    responses={200: {"content": {"application/json": BADGES}}},
)
def list_own(key: MayRead, session: Reading, pages: Paged, house: TheHouse) -> dict[str, Any]:
    """Show one page, newest first, without their tokens."""
    found = service.list_own(session, key, page=pages.page, now=house.moment().now)
    return pages.answer("courier_badges", found)


@router.get(
    "/{badge_id}",
    operation_id="find_courier_badge",
    summary="Read about a courier's badge",
    response_model=CourierBadge,
    responses={200: _SHOWN},
)
def find(badge_id: UUID, key: MayRead, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Show one of your badges, without its token."""
    return service.find(session, key, badge_id, now=house.moment().now)


@router.get(
    "/{badge_id}/sweep",
    operation_id="see_sweep_list",
    summary="Read what a badge takes out",
    response_model=SweepList,
    responses={200: {"content": {"application/json": SWEEP_LIST}}},
)
def sweep_list(badge_id: UUID, key: MayRead, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Show, by locker, what is overdue, recalled or returned to the carriers of the badge."""
    return sweep.sweep(session, key, badge_id, moment=house.moment())


@router.delete(
    "/{badge_id}",
    operation_id="revoke_courier_badge",
    summary="Revoke a courier's badge",
    response_model=CourierBadge,
    responses={200: {"description": "It is revoked, now or before", **_SHOWN}},
)
def revoke(badge_id: UUID, key: MayWrite, session: Writing, house: TheHouse) -> dict[str, Any]:
    """Take it out of use. A locker that has not heard of it believes it until it expires."""
    return service.revoke(session, key, badge_id, moment=house.moment())
