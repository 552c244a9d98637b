"""`/v1/reservations`."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import ConfigDict, Field, model_validator

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import AtLocker, Paged, Posted, WithLabel, sent
from fellesskap_backend.examples import RESERVATION, RESERVATION_REQUEST, RESERVATIONS
from fellesskap_backend.idempotency import Attempt
from fellesskap_backend.paging import Wanted
from fellesskap_backend.reservations import ending, listing, service
from fellesskap_backend.reservations.confirmed import Asked
from fellesskap_backend.reservations.duration import seconds_of
from fellesskap_backend.reservations.shapes import Reservation, Reservations, ReservationState
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse, Writing
from fellesskap_backend.shapes import LOCKER_ID, When, Wish
from fellesskap_backend.sizes import Lies, Sized
from fellesskap_protocol import barcodes
from fellesskap_protocol.capacity import size_class

router = APIRouter(prefix="/v1/reservations", tags=["Reservations"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("reservations:read", acts="reserve")]
MayWrite = Annotated[Credentials, may("reservations:write", acts="reserve")]


class Label(Wish):
    """By what the parcel is known when its label is scanned at the locker."""

    kind: Literal["sscc", "s10", "reference"]
    value: str = Field(max_length=100)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.identifier()
        return self

    def identifier(self) -> barcodes.Identifier:
        """Return what a scan of this label is compared with."""
        found = getattr(barcodes, self.kind)(self.value)
        if found.kind == "token":
            raise barcodes.InvalidIdentifier("a reference does not look like a badge")
        assert isinstance(found, barcodes.Identifier)
        return found


class ReservationRequest(Sized):
    """A request for room for one parcel: a box, or one of the installation's size classes."""

    model_config = ConfigDict(json_schema_extra={"examples": [RESERVATION_REQUEST]})

    locker_id: str = Field(pattern=LOCKER_ID)
    label: Label
    hold: Literal["hard", "soft"] = "hard"
    """Hard: room is kept for it. Soft: it gets what the locker may give away, if there is any."""
    reserve_until: When | None = None
    """When a hard one turns soft: at the latest at `deposit_by`; left out: never."""
    deposit_by: When
    """Until when the courier may put it in; at most 30 days ahead."""
    collect_within: Lies
    """How long it may lie, as an ISO 8601 duration: 1 hour to 30 days."""
    code_at: Literal["deposit", "reservation"] = "deposit"
    """When the carrier is told the pickup code."""

    @model_validator(mode="after")
    def _check_hold(self) -> Self:
        if self.hold == "soft" and self.reserve_until is not None:
            raise ValueError("`reserve_until` is for a hard one: a soft one holds nothing")
        return self

    def asked(self, attempt: Attempt) -> Asked:
        """Return the request as the service takes it."""
        demand = self.demand()
        return Asked(
            attempt=attempt,
            locker_id=self.locker_id,
            label_kind=self.label.kind,
            label=self.label.identifier(),
            demand=demand,
            size_class=size_class(demand),
            deposit_by=self.deposit_by,
            collect_within_s=seconds_of(self.collect_within),
            code_at=self.code_at,
            hold=self.hold,
            reserve_until=self.reserve_until,
        )


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
}


async def wanted(
    state: Annotated[ReservationState | None, Query(description="Only in this state.")] = None,
    locker_id: AtLocker = None,
    label: WithLabel = None,
) -> Wanted:
    """Read which ones are asked for."""
    return Wanted(state, locker_id, label)


Filtered = Annotated[Wanted, Depends(wanted)]


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
    },
)
def reserve(body: ReservationRequest, key: MayWrite, post: Posted) -> Response:
    """Confirm at once, or say why not: a refusal (409) is stored under the key like any answer."""
    answered = service.reserve(
        post.session,
        key,
        body.asked(post.attempt),
        secrets=post.house.secrets,
        moment=post.moment,
    )
    return sent(answered, location="/v1/reservations/{id}")


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
        }
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
