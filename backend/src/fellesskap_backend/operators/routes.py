"""`/v1/operator`: the fleet, what everybody is told of it, service states, allowances."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from fellesskap_backend import paging
from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import IfMatch, Linked, LockerId, Paged
from fellesskap_backend.etag import Match
from fellesskap_backend.lockers.health import Contact, Service
from fellesskap_backend.operators import bodies, describing, examples, fleet, recording, services
from fellesskap_backend.operators import shapes as shown
from fellesskap_backend.operators.services import Change
from fellesskap_backend.rim import House, Reading, RetryingRoute, TheHouse, Writing
from fellesskap_backend.shapes import LOCKER_ID

router = APIRouter(prefix="/v1/operator", tags=["Operators"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("lockers:read")]
MayOperate = Annotated[Credentials, may("lockers:operate")]
Number = Annotated[int, Path(ge=1, le=9_999, description="As printed on the door.")]
Json = dict[str, Any]


@dataclass(frozen=True)
class Putting:
    """All that a PUT is given besides its key and its body."""

    session: Session
    match: Match
    house: House

    def change(self, key: Credentials, reason: str) -> Change:
        """Return the change as the service takes it."""
        return Change(self.session, key, self.match, self.house.moment(), reason)


async def putting(session: Writing, match: IfMatch, inside: TheHouse) -> Putting:
    """Bundle what a PUT is given."""
    return Putting(session, match, inside)


Put = Annotated[Putting, Depends(putting)]


def told(example: Json) -> dict[int | str, Json]:
    """Describe what is answered, by its example."""
    return {200: {"content": {"application/json": example}}}


class FleetSearch(BaseModel):
    """Which lockers."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    contact: Contact | None = None
    """Only those that are heard like this."""
    service: Service | None = None
    """Only those in this service state."""
    limit: int = Field(default=paging.LIMIT, ge=1, le=paging.LIMIT_MAX)
    """How many at most."""
    cursor: str | None = Field(default=None, pattern=LOCKER_ID)
    """`next` of the page before."""


@router.get(
    "/lockers",
    operation_id="list_fleet",
    summary="List lockers with health, faults and service",
    response_model=shown.Fleet,
    responses=told(examples.FLEET),
)
def list_fleet(
    asked: Annotated[FleetSearch, Query()],
    key: MayRead,
    session: Reading,
    house: TheHouse,
    *,
    link: Linked,
) -> Json:
    """Show one page, by id; written-off ones too."""
    wanted = fleet.FleetAsked(asked.contact, asked.service, asked.limit, asked.cursor)
    found = fleet.list_all(session, key, wanted, now=house.moment().now)
    if found.next is not None:
        link.to(cursor=found.next)
    return {"lockers": found.shown, "next": found.next}


@router.get(
    "/lockers/{locker_id}",
    operation_id="inspect_locker",
    summary="Read all that is known of a locker",
    response_model=shown.LockerInspected,
    responses=told(examples.INSPECTED),
)
def inspect(locker_id: LockerId, key: MayRead, session: Reading, house: TheHouse) -> Json:
    """Show every door, device and standing fault, and what operators did last."""
    return fleet.find(session, key, locker_id, now=house.moment().now)


@router.get(
    "/acts",
    operation_id="list_acts",
    summary="List what operators did, to one thing or to all",
    response_model=shown.OperatorActs,
    responses=told(examples.ACTS),
)
def list_acts(
    key: MayRead,
    session: Reading,
    pages: Paged,
    locker_id: Annotated[str | None, Query(pattern=LOCKER_ID)] = None,
    *,
    parcel_id: UUID | None = None,
) -> Json:
    """Show one page, newest first."""
    upon = recording.Upon(locker_id=locker_id, parcel_id=parcel_id)
    return pages.answer("acts", recording.list_all(session, key, upon, page=pages.page))


# Service -----------------------------------------------------------------------------------------


@router.get(
    "/lockers/{locker_id}/service",
    operation_id="find_locker_service",
    summary="Read the service state of a locker",
    response_model=shown.LockerService,
    responses=told(examples.LOCKER_SERVICE),
)
def find_service(locker_id: LockerId, key: MayRead, session: Reading) -> Json:
    """Show it; its ETag is what a change wants as If-Match."""
    return services.find(session, key, locker_id)


@router.put(
    "/lockers/{locker_id}/service",
    operation_id="set_locker_service",
    summary="Set the service state of a locker",
    response_model=shown.LockerService,
    responses=told(examples.LOCKER_SERVICE),
)
def set_service(
    locker_id: LockerId,
    body: bodies.ServiceWish,
    key: MayOperate,
    put: Put,
) -> Json:
    """`draining`: nothing new. `out_of_service`: what did not come yet is diverted, too.

    What lies there can always be collected.
    """
    change = put.change(key, body.reason)
    return services.set_state(change, locker_id, body.state)


@router.get(
    "/lockers/{locker_id}/compartments/{number}/service",
    operation_id="find_compartment_service",
    summary="Read the service state of a compartment",
    response_model=shown.CompartmentService,
    responses=told(examples.COMPARTMENT_SERVICE),
)
def find_place(locker_id: LockerId, number: Number, key: MayRead, session: Reading) -> Json:
    """Show it; its ETag is what a change wants as If-Match."""
    return services.find_place(session, key, locker_id, number)


@router.put(
    "/lockers/{locker_id}/compartments/{number}/service",
    operation_id="set_compartment_service",
    summary="Set the service state of a compartment",
    response_model=shown.CompartmentService,
    responses=told(examples.COMPARTMENT_SERVICE),
)
def set_place(
    locker_id: LockerId,
    number: Number,
    body: bodies.ServiceWish,
    key: MayOperate,
    *,
    put: Put,
) -> Json:
    """Wish it; the locker hears it as soon as it is in contact, and `heard` says that it did.

    Out of service, nothing goes in; what lies there comes out, and until then it is draining.
    """
    change = put.change(key, body.reason)
    place = (locker_id, number)
    return services.set_place(change, place, body.state)


# What everybody is told --------------------------------------------------------------------------


@router.get(
    "/lockers/{locker_id}/description",
    operation_id="find_locker_description",
    summary="Read what everybody is told of a locker",
    response_model=shown.LockerDescription,
    responses=told(examples.LOCKER_DESCRIPTION),
)
def find_description(locker_id: LockerId, key: MayRead, session: Reading) -> Json:
    """Show it; its ETag is what a change wants as If-Match."""
    return describing.find_description(session, key, locker_id)


@router.put(
    "/lockers/{locker_id}/description",
    operation_id="describe_locker",
    summary="Set what everybody is told of a locker",
    response_model=shown.LockerDescription,
    responses=told(examples.LOCKER_DESCRIPTION),
)
def describe(
    locker_id: LockerId,
    body: bodies.LockerWish,
    key: MayOperate,
    put: Put,
) -> Json:
    """Say where it stands and what it offers; the geometry is what the locker itself says."""
    change = put.change(key, body.reason)
    return describing.describe(change, locker_id, body.described())


@router.get(
    "/sites/{site_id}/description",
    operation_id="find_site_description",
    summary="Read what everybody is told of a site",
    response_model=shown.SiteDescription,
    responses=told(examples.SITE_DESCRIPTION),
)
def find_site(site_id: UUID, key: MayRead, session: Reading) -> Json:
    """Show it; its ETag is what a change wants as If-Match."""
    return describing.find_site_description(session, key, site_id)


@router.put(
    "/sites/{site_id}/description",
    operation_id="describe_site",
    summary="Set what everybody is told of a site",
    response_model=shown.SiteDescription,
    responses=told(examples.SITE_DESCRIPTION),
)
def describe_site(
    site_id: UUID,
    body: bodies.SiteWish,
    key: MayOperate,
    put: Put,
) -> Json:
    """Say where it is and when it is open; lockers that stood where it was move with it."""
    change = put.change(key, body.reason)
    return describing.describe_site(change, site_id, body.described())


@router.get(
    "/lockers/{locker_id}/allowances",
    operation_id="find_allowances",
    summary="Read what a locker may take in by itself",
    response_model=shown.Allowances,
    responses=told(examples.ALLOWANCES),
)
def find_allowances(locker_id: LockerId, key: MayRead, session: Reading) -> Json:
    """Show the targets per size class; their ETag is what a change wants as If-Match."""
    return describing.allowances_of(session, key, locker_id)


@router.put(
    "/lockers/{locker_id}/allowances",
    operation_id="set_allowances",
    summary="Set what a locker may take in by itself",
    response_model=shown.Allowances,
    responses=told(examples.ALLOWANCES),
)
def set_allowances(
    locker_id: LockerId,
    body: bodies.AllowanceWish,
    key: MayOperate,
    put: Put,
) -> Json:
    """Set the targets of all size classes; less takes effect when the locker says so."""
    change = put.change(key, body.reason)
    return describing.set_allowances(change, locker_id, dict(body.targets))
