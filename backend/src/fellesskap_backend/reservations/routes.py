"""`/v1/reservations`."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import (
    TAGGED,
    AtLocker,
    Attempted,
    IfMatch,
    MadeFrom,
    MadeUntil,
    Paged,
    WithLabel,
    sent,
)
from fellesskap_backend.examples import REQUESTED, RESERVATION, RESERVATIONS
from fellesskap_backend.paging import Wanted
from fellesskap_backend.reservations import changing, ending, listing, service
from fellesskap_backend.reservations.answering import Counter, Told
from fellesskap_backend.reservations.confirmed import Asked
from fellesskap_backend.reservations.shapes import Reservation, Reservations, ReservationState
from fellesskap_backend.reservations.wishes import ReservationChange, ReservationRequest
from fellesskap_backend.rim import House, Reading, RetryingRoute, TheHouse, Writing, house_of

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
    *,
    state: Annotated[ReservationState | None, Query(description="Only in this state.")] = None,
    locker_id: AtLocker = None,
    label: WithLabel = None,
    made_from: MadeFrom = None,
    made_until: MadeUntil = None,
) -> Wanted:
    """Read which ones are asked for."""
    return Wanted(state, locker_id, label, made_from=made_from, made_until=made_until)


Filtered = Annotated[Wanted, Depends(wanted)]


async def at_counter(session: Writing, house: TheHouse) -> Counter:
    """Bundle what a change is made with."""
    return Counter(session, house.secrets, house.moment())


AtCounter = Annotated[Counter, Depends(at_counter)]


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
            **TAGGED,
        },
        202: {
            "model": Reservation,
            "description": "It waits for the cut-off of a locker whose day is busy",
            "content": {"application/json": REQUESTED},
            "links": {"find_reservation": _LINKS["find_reservation"]},
            **TAGGED,
        },
    },
)
async def reserve(
    body: ReservationRequest, key: MayWrite, attempt: Attempted, request: Request
) -> Response:
    """Confirm at once, or say why not: a refusal (409) is stored under the key like any answer.

    Where it was announced that a locker decides a day at cut-offs (its `allocation`), a hard one is
    `requested` (202) until then: who asks first is no matter. You are told by
    `reservation.confirmed` or `reservation.rejected`.
    """
    house = house_of(request)
    answered = await house.together(answers, key, body.asked(attempt))
    return sent(answered, location="/v1/reservations/{id}", tagger=house.tagger)


def answers(
    session: Session, house: House, key: Credentials, every: Sequence[Asked]
) -> Sequence[Told]:
    """Answer those that came at the same moment."""
    return service.reserve_all(Counter(session, house.secrets, house.moment()), key, every)


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
    return service.find(Counter(session, house.secrets, house.moment()), key, reservation_id)


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
            **TAGGED,
        }
    },
)
def change(
    reservation_id: UUID,
    body: ReservationChange,
    key: MayWrite,
    match: IfMatch,
    *,
    counter: AtCounter,
) -> dict[str, Any]:
    """Change what is named, as long as its parcel has not come; the room is kept meanwhile.

    No room is given by a change: a soft reservation stays soft.
    """
    return changing.change(counter, key, reservation_id, changing.Wish(body.to(), match))


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
    },
)
def cancel(reservation_id: UUID, key: MayWrite, counter: AtCounter) -> dict[str, Any]:
    """End what is still expected; twice is once. A parcel that comes all the same is told as late.

    The room is free once the locker has said that it no longer holds the right.
    """
    ending.cancel(counter.session, key, reservation_id, moment=counter.moment)
    counter.session.flush()
    return service.find(counter, key, reservation_id)
