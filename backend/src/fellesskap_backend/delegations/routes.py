"""`/v1/delegations`, and the code by which they are given."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import Paged, Posted, sent
from fellesskap_backend.delegations import service
from fellesskap_backend.delegations.code import PATTERN
from fellesskap_backend.delegations.shapes import Delegation, DelegationCode, Delegations
from fellesskap_backend.examples import (
    DELEGATION,
    DELEGATION_CODE,
    DELEGATION_REQUEST,
    DELEGATIONS,
)
from fellesskap_backend.idempotency import Attempt
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse, Writing
from fellesskap_backend.shapes import When, Wish

router = APIRouter(prefix="/v1", tags=["Delegations"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("delegations:read")]
MayWrite = Annotated[Credentials, may("delegations:write")]
OnSide = Annotated[
    Literal["given", "received"] | None, Query(description="Only what you gave, or received.")
]


class DelegationRequest(Wish):
    """Let the consolidator that handed over this code act for you."""

    model_config = ConfigDict(json_schema_extra={"examples": [DELEGATION_REQUEST]})

    code: str = Field(pattern=PATTERN)
    may: list[Literal["deposit", "remove", "reserve"]] = Field(min_length=1, max_length=3)
    """Put your parcels in, take them out, and reserve room for them: by badges that name you, and
    by requests on your behalf."""
    ends_at: When
    """At most 366 days ahead."""

    def asked(self, attempt: Attempt) -> service.Asked:
        """Return the request as the service takes it."""
        return service.Asked(attempt, self.code, [*self.may], self.ends_at)


_LINKS = {
    "find_delegation": {
        "operationId": "find_delegation",
        "parameters": {"delegation_id": "$response.body#/id"},
    }
}
_SHOWN: dict[str, Any] = {"content": {"application/json": DELEGATION}}


@router.get(
    "/delegation-code",
    operation_id="see_delegation_code",
    summary="Read your own delegation code",
    response_model=DelegationCode,
    responses={200: {"content": {"application/json": DELEGATION_CODE}}},
)
def own_code(key: MayRead, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Show the code that you hand over to carriers which shall let you act for them."""
    return service.own_code(session, key, k_codes=house.secrets.k_codes, moment=house.moment())


@router.post(
    "/delegations",
    operation_id="give_delegation",
    status_code=201,
    summary="Let a consolidator act for you",
    responses={201: {"model": Delegation, "description": "Given", "links": _LINKS, **_SHOWN}},
)
def give(body: DelegationRequest, key: MayWrite, post: Posted) -> Response:
    """Give it; one that the same consolidator had from you ends with that."""
    answered = service.give(
        post.session,
        key,
        body.asked(post.attempt),
        k_codes=post.house.secrets.k_codes,
        moment=post.moment,
    )
    return sent(answered, location="/v1/delegations/{id}")


@router.get(
    "/delegations",
    operation_id="list_delegations",
    summary="List delegations given and received",
    response_model=Delegations,
    responses={200: {"content": {"application/json": DELEGATIONS}}},
)
def list_own(
    key: MayRead,
    session: Reading,
    pages: Paged,
    house: TheHouse,
    *,
    side: OnSide = None,
) -> dict[str, Any]:
    """Show one page, newest first."""
    now = house.moment().now
    found = service.list_own(session, key, side, page=pages.page, now=now)
    return pages.answer("delegations", found)


@router.get(
    "/delegations/{delegation_id}",
    operation_id="find_delegation",
    summary="Read a delegation",
    response_model=Delegation,
    responses={200: _SHOWN},
)
def find(delegation_id: UUID, key: MayRead, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Show one that you gave or received."""
    return service.find(session, key, delegation_id, now=house.moment().now)


@router.delete(
    "/delegations/{delegation_id}",
    operation_id="revoke_delegation",
    summary="End a delegation",
    response_model=Delegation,
    responses={200: {"description": "It is ended, now or before", **_SHOWN}},
)
def revoke(delegation_id: UUID, key: MayWrite, session: Writing, house: TheHouse) -> dict[str, Any]:
    """End it at once, as giver or receiver; badges by it are revoked, and their lockers told."""
    return service.revoke(session, key, delegation_id, moment=house.moment())
