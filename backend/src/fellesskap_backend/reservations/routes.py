"""`/v1/reservations`."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.orm import Session

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import AtLocker, IfMatch, Paged, Posted, WithLabel, sent
from fellesskap_backend.examples import REQUESTED, RESERVATION, RESERVATIONS
from fellesskap_backend.paging import Wanted
from fellesskap_backend.reservations import changing, ending, listing, service
from fellesskap_backend.reservations.shapes import Reservation, Reservations, ReservationState
from fellesskap_backend.reservations.wishes import ReservationChange, ReservationRequest
from fellesskap_backend.rim import House, Reading, RetryingRoute, TheHouse, Writing

router = APIRouter(prefix="/v1/reservations", tags=["Reservations"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("reservations:read", acts="reserve")]
MayWrite = Annotated[Credentials, may("reservations:write", acts="reserve")]


_PARCEL = {
    "operationId": "find_parcel",
    "parameters": {"parcel_id": "$response.body#/parcel_id"},
}
_LINKS = {
    "find_reservation": {
        "operationId": "find_reservation",
        "parameters": {"reservation_id": "$response.body#/id"},
    },
    "find_parcel": _PARCEL,
    "find_decision": {
        "operationId": "find_decision",
        "parameters": {"decision_id": "$response.body#/decision_id"},
    },
}


async def wanted(
    state: Annotated[ReservationState | None, Query(description="Only in this state.")] = None,
    locker_id: AtLocker = None,
    label: WithLabel = None,
) -> Wanted:
    """Read which ones are asked for."""
    return Wanted(state, locker_id, label)


Filtered = Annotated[Wanted, Depends(wanted)]


async def changing_in(session: Writing, house: TheHouse) -> tuple[Session, House]:
    """Bundle what a PATCH is given."""
    return session, house


Changing = Annotated[tuple[Session, House], Depends(changing_in)]


@router.post(
    "",
    operation_id="reserve",
    status_code=201,
    summary="Reserve room for one parcel",
    responses={
        201: {
            "model": Reservation,
            "description": "Confirmed",
            "content": {"application/json": RESERVATION},
            "links": _LINKS,
        },
        202: {
            "model": Reservation,
            "description": "It waits for the cut-off of a locker whose day is busy",
            "content": {"application/json": REQUESTED},
            "links": {"find_reservation": _LINKS["find_reservation"]},
        },
    },
)
def reserve(body: ReservationRequest, key: MayWrite, post: Posted) -> Response:
    """Confirm at once, or say why not: a refusal (409) is stored under the key like any answer.

    Where it was announced that a locker decides a day at cut-offs (its `allocation`), a hard one is
    `requested` (202) until then: who asks first is no matter. You are told by
    `reservation.confirmed` or `reservation.rejected`.
    """
    answered = service.reserve(
        post.session,
        key,
        body.asked(post.attempt),
        secrets=post.house.secrets,
        moment=post.moment,
    )
    answer = sent(answered, location="/v1/reservations/{id}")
    post.commit()
    return answer


@router.get(
    "",
    operation_id="list_reservations",
    summary="List your reservations",
    response_model=Reservations,
    response_model_exclude_unset=True,
    responses={200: {"content": {"application/json": RESERVATIONS}}},
)
def list_own(key: MayRead, session: Reading, pages: Paged, wanted: Filtered) -> dict[str, Any]:
    """Show one page, newest first; pickup codes stand in no list."""
    return pages.answer("reservations", listing.list_own(session, key, wanted, page=pages.page))


@router.get(
    "/{reservation_id}",
    operation_id="find_reservation",
    summary="Read a reservation",
    response_model=Reservation,
    response_model_exclude_unset=True,
    responses={
        200: {"content": {"application/json": RESERVATION}, "links": {"find_parcel": _PARCEL}}
    },
)
def find(reservation_id: UUID, key: MayRead, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Show one of the carrier's own reservations."""
    return service.find(session, key, reservation_id, secrets=house.secrets)


@router.patch(
    "/{reservation_id}",
    operation_id="change_reservation",
    summary="Change the times of a reservation",
    response_model=Reservation,
    response_model_exclude_unset=True,
    responses={
        200: {
            "description": "It is as you wish; the locker hears of it",
            "content": {"application/json": RESERVATION},
            "links": {"find_parcel": _PARCEL},
        }
    },
)
def change(
    reservation_id: UUID,
    body: ReservationChange,
    key: MayWrite,
    match: IfMatch,
    *,
    inside: Changing,
) -> dict[str, Any]:
    """Change what is named, as long as its parcel has not come; the room is kept meanwhile.

    No room is given by a change: a soft reservation stays soft.
    """
    session, house = inside
    wish = changing.Wish(body.to(), match, house.secrets)
    return changing.change(session, key, reservation_id, wish, moment=house.moment())


@router.delete(
    "/{reservation_id}",
    operation_id="cancel_reservation",
    summary="Cancel a reservation",
    response_model=Reservation,
    response_model_exclude_unset=True,
    responses={
        200: {
            "description": "It is cancelled, now or before",
            "content": {"application/json": RESERVATION},
            "links": {"find_parcel": _PARCEL},
        },
        409: {"description": "It is over, or has gone too far"},
    },
)
def cancel(
    reservation_id: UUID, key: MayWrite, session: Writing, house: TheHouse
) -> dict[str, Any]:
    """End what is still expected; twice is once. A parcel that comes all the same is told as late.

    The room is free once the locker has said that it no longer holds the right.
    """
    ending.cancel(session, key, reservation_id, moment=house.moment())
    session.flush()
    return service.find(session, key, reservation_id, secrets=house.secrets)
