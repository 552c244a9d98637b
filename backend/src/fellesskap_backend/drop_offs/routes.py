"""`/v1/drop-offs`: returns and first-mile parcels that a person puts in."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import ConfigDict, Field, StringConstraints

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import (
    TAGGED,
    AtLocker,
    MadeFrom,
    MadeUntil,
    Paged,
    Posted,
    sent,
)
from fellesskap_backend.drop_offs import listing, service
from fellesskap_backend.drop_offs.service import DropOffAsked
from fellesskap_backend.drop_offs.shapes import DropOff, DropOffs, DropOffState
from fellesskap_backend.examples import DROP_OFF, DROP_OFF_REQUEST, DROP_OFFS
from fellesskap_backend.idempotency import Attempt
from fellesskap_backend.paging import Wanted
from fellesskap_backend.reservations.duration import seconds_of
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse, Writing
from fellesskap_backend.shapes import LABEL_MAX, LOCKER_ID, TEXT, When
from fellesskap_backend.sizes import Lies, Sized

router = APIRouter(prefix="/v1/drop-offs", tags=["Drop-offs"], route_class=RetryingRoute)
Reference = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=TEXT)
]
MayRead = Annotated[Credentials, may("drop-offs:read")]
MayWrite = Annotated[Credentials, may("drop-offs:write")]


class DropOffRequest(Sized):
    """Let a person put something in, that a courier takes out later. Name nobody in `reference`."""

    model_config = ConfigDict(json_schema_extra={"examples": [DROP_OFF_REQUEST]})

    locker_id: str = Field(pattern=LOCKER_ID)
    reference: Reference
    """What you call it."""
    drop_off_by: When
    """Until when it may be put in; at most 30 days ahead."""
    pick_up_within: Lies = "P7D"
    """How long it may lie, as an ISO 8601 duration: 1 hour to 30 days."""

    def asked(self, attempt: Attempt) -> DropOffAsked:
        """Return the request as the service takes it."""
        return DropOffAsked(
            attempt,
            self.locker_id,
            self.reference,
            self.demand(),
            self.drop_off_by,
            seconds_of(self.pick_up_within),
        )


WithReference = Annotated[
    str | None,
    Query(max_length=LABEL_MAX, pattern=TEXT, description="Only those that you call this."),
]


async def wanted(
    *,
    state: Annotated[DropOffState | None, Query(description="Only in this state.")] = None,
    locker_id: AtLocker = None,
    reference: WithReference = None,
    made_from: MadeFrom = None,
    made_until: MadeUntil = None,
) -> Wanted:
    """Read which ones are asked for."""
    return Wanted(state, locker_id, reference=reference, made_from=made_from, made_until=made_until)


Filtered = Annotated[Wanted, Depends(wanted)]
_LINKS = {
    "find_drop_off": {
        "operationId": "find_drop_off",
        "parameters": {"drop_off_id": "$response.body#/id"},
    },
    "find_parcel": {
        "operationId": "find_parcel",
        "parameters": {"parcel_id": "$response.body#/parcel_id"},
    },
}
_SHOWN: dict[str, Any] = {"content": {"application/json": DROP_OFF}}


@router.post(
    "",
    operation_id="authorise_drop_off",
    status_code=201,
    summary="Let a person put something in",
    responses={
        201: {"model": DropOff, "description": "Authorised", "links": _LINKS, **_SHOWN, **TAGGED},
    },
)
def authorise(body: DropOffRequest, key: MayWrite, post: Posted) -> Response:
    """Return the code for the person. It holds no room: the locker gives what it has then."""
    answered = service.authorise_once(
        post.session,
        key,
        body.asked(post.attempt),
        secrets=post.house.secrets,
        moment=post.moment,
    )
    return sent(answered, location="/v1/drop-offs/{id}", tagger=post.house.tagger)


@router.get(
    "",
    operation_id="list_drop_offs",
    summary="List your drop-offs",
    response_model=DropOffs,
    response_model_exclude_unset=True,
    responses={200: {"content": {"application/json": DROP_OFFS}}},
)
def list_own(key: MayRead, session: Reading, pages: Paged, wanted: Filtered) -> dict[str, Any]:
    """Show one page, newest first; codes stand in no list."""
    return pages.answer("drop_offs", listing.list_own(session, key, wanted, page=pages.page))


@router.get(
    "/{drop_off_id}",
    operation_id="find_drop_off",
    summary="Read a drop-off",
    response_model=DropOff,
    response_model_exclude_unset=True,
    responses={200: _SHOWN},
)
def find(drop_off_id: UUID, key: MayRead, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Show one of the carrier's own drop-offs, with its code while that is of use."""
    return service.find(session, key, drop_off_id, secrets=house.secrets)


@router.delete(
    "/{drop_off_id}",
    operation_id="cancel_drop_off",
    summary="Cancel a drop-off",
    response_model=DropOff,
    response_model_exclude_unset=True,
    responses={
        200: {"description": "It is cancelled, now or before", **_SHOWN},
    },
)
def cancel(drop_off_id: UUID, key: MayWrite, session: Writing, house: TheHouse) -> dict[str, Any]:
    """End it before anything was put in; twice is once."""
    service.cancel(session, key, drop_off_id, moment=house.moment())
    session.flush()
    return service.find(session, key, drop_off_id, secrets=house.secrets)
