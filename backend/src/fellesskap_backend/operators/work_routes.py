"""`/v1/operator`: what waits for somebody, and what is done about it, each under its key."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from fellesskap_backend import paging
from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import AtLocker, Linked, LockerId, Paged, Posted, Posting, sent
from fellesskap_backend.lockers.tables import Device, Locker
from fellesskap_backend.operators import bodies, deeds, examples, worklists
from fellesskap_backend.operators import shapes as shown
from fellesskap_backend.operators.routes import MayOperate, MayRead, Number, told
from fellesskap_backend.provisioning import told_to_edge
from fellesskap_backend.rim import Reading, RetryingRoute
from fellesskap_backend.shapes import LOCKER_ID

router = APIRouter(prefix="/v1/operator", tags=["Operators"], route_class=RetryingRoute)
MayProvision = Annotated[Credentials, may("lockers:provision")]
DeviceId = Annotated[str, Path(pattern=bodies.DEVICE_ID, description="The device's id.")]
SUSPECT = r"^[a-z0-9][a-z0-9-]{0,31}\.[0-9]{1,4}$"
Json = dict[str, Any]
_LOCKER = {
    "inspect_locker": {
        "operationId": "inspect_locker",
        "parameters": {"locker_id": "$response.body#/locker_id"},
    }
}
_PARCEL = {
    "inspect_parcel": {
        "operationId": "inspect_parcel",
        "parameters": {"parcel_id": "$response.body#/id"},
    }
}


def _done(model: type[BaseModel], description: str, example: Json, **links: Json) -> Any:
    """Describe what a POST answers."""
    answer = {"model": model, "description": description, "content": {"application/json": example}}
    return {200: answer | ({"links": links} if links else {})}


def _deed(post: Posting, key: Credentials, reason: str) -> deeds.Deed:
    return deeds.Deed(post.session, key, post.attempt, post.moment, reason)


# What waits --------------------------------------------------------------------------------------


class SuspectSearch(BaseModel):
    """Which suspect compartments."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    locker_id: str | None = Field(default=None, pattern=LOCKER_ID)
    """Only at this locker."""
    limit: int = Field(default=paging.LIMIT, ge=1, le=paging.LIMIT_MAX)
    """How many at most."""
    cursor: str | None = Field(default=None, pattern=SUSPECT)
    """`next` of the page before."""

    def asked(self) -> worklists.SuspectsAsked:
        """Return it as the service takes it."""
        after = None
        if self.cursor is not None:
            locker_id, _, number = self.cursor.rpartition(".")
            after = (locker_id, int(number))
        return worklists.SuspectsAsked(self.locker_id, self.limit, after)


@router.get(
    "/disputes",
    operation_id="list_disputes",
    summary="List parcels in dispute",
    response_model=shown.Disputes,
    responses=told(examples.DISPUTES),
)
def disputes(key: MayRead, session: Reading, pages: Paged, locker_id: AtLocker = None) -> Json:
    """Show one page, newest first: each is looked for, and then resolved."""
    found = worklists.disputes(session, key, locker_id, page=pages.page)
    return pages.answer("disputes", found)


@router.get(
    "/suspects",
    operation_id="list_suspects",
    summary="List suspect compartments",
    response_model=shown.Suspects,
    responses=told(examples.SUSPECTS),
)
def suspects(
    asked: Annotated[SuspectSearch, Query()], key: MayRead, session: Reading, link: Linked
) -> Json:
    """Show one page, by locker and number: each is looked into, and then cleared."""
    found = worklists.suspects(session, key, asked.asked())
    if found.next is not None:
        link.to(cursor=found.next)
    return {"suspects": found.shown, "next": found.next}


@router.get(
    "/parcels/{parcel_id}",
    operation_id="inspect_parcel",
    summary="Read a parcel as operators see it",
    response_model=shown.InspectedParcel,
    responses=told(examples.INSPECTED_PARCEL),
)
def inspect(parcel_id: UUID, key: MayRead, session: Reading) -> Json:
    """Show a parcel of any carrier, its history and what operators did; never a code."""
    return worklists.parcel(session, key, parcel_id)


@router.get(
    "/unapplied",
    operation_id="list_unapplied",
    summary="List events that could not be applied",
    response_model=shown.KeptEvents,
    responses=told(examples.KEPT_EVENTS),
)
def unapplied(key: MayRead, session: Reading, locker_id: AtLocker = None) -> Json:
    """Show which and why, the first recorded first; never what they say."""
    return worklists.unapplied(session, key, locker_id)


# What is done ------------------------------------------------------------------------------------


@router.post(
    "/parcels/{parcel_id}/resolve",
    operation_id="resolve_parcel",
    summary="Say what became of a parcel in dispute",
    responses=_done(shown.InspectedParcel, "It is so now", examples.INSPECTED_PARCEL, **_PARCEL),
)
def resolve(parcel_id: UUID, body: bodies.Resolution, key: MayOperate, post: Posted) -> Response:
    """Back in custody its code is good again; else its compartment waits for a look."""
    return sent(deeds.resolve(_deed(post, key, body.reason), parcel_id, body.outcome))


@router.post(
    "/lockers/{locker_id}/compartments/{number}/clear",
    operation_id="clear_compartment",
    summary="Say that somebody looked into a suspect compartment",
    responses=_done(
        shown.CompartmentService,
        "In service as soon as the locker heard it",
        examples.COMPARTMENT_SERVICE,
        **_LOCKER,
    ),
)
def clear(
    locker_id: LockerId, number: Number, body: bodies.Because, key: MayOperate, *, post: Posted
) -> Response:
    """Wish it back in service; a parcel in dispute there is resolved first."""
    return sent(deeds.clear(_deed(post, key, body.reason), locker_id, number))


@router.post(
    "/lockers/{locker_id}/write-off",
    operation_id="write_off_locker",
    summary="Give a locker up, for good",
    responses=_done(shown.WrittenOff, "It is given up", examples.WRITTEN_OFF, **_LOCKER),
)
def write_off(
    locker_id: LockerId, body: bodies.WriteOff, key: MayProvision, post: Posted
) -> Response:
    """What lies there is lost, what was promised is diverted; its id is never used again."""
    return sent(deeds.write_off(_deed(post, key, body.reason), locker_id))


@router.post(
    "/lockers/{locker_id}/replace",
    operation_id="replace_device",
    summary="Put another computer into a locker",
    responses=_done(
        shown.DeviceReplaced,
        "It speaks for the locker now; `provision` goes into its state folder",
        examples.DEVICE_REPLACED,
        **_LOCKER,
    ),
)
def replace(
    locker_id: LockerId, body: bodies.DeviceWish, key: MayProvision, post: Posted
) -> Response:
    """Refuse the devices before, and answer what the new one must know: it holds secrets."""
    deed = _deed(post, key, body.reason)
    answered = deeds.replace(deed, locker_id, body.device_id, public_key=body.public_key)
    if answered.status == 200:
        locker = post.session.get_one(Locker, locker_id)
        device = post.session.get_one(Device, body.device_id)
        house = post.house
        provision = told_to_edge(
            house.settings, house.secrets, locker, device.id, now=device.claimed_at
        )
        answered = answered._replace(body=answered.body | {"provision": provision})
    answer = sent(answered)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post(
    "/lockers/{locker_id}/devices/{device_id}/revoke",
    operation_id="revoke_device",
    summary="Let a device speak for its locker no more",
    responses=_done(shown.DeviceRevoked, "It is refused", examples.DEVICE_REVOKED, **_LOCKER),
)
def revoke(
    locker_id: LockerId,
    device_id: DeviceId,
    body: bodies.Because,
    key: MayProvision,
    *,
    post: Posted,
) -> Response:
    """Refuse what it says, for good; a quarantine ends."""
    return sent(deeds.revoke(_deed(post, key, body.reason), locker_id, device_id))


@router.post(
    "/unapplied/apply",
    operation_id="apply_unapplied",
    summary="Apply events again that could not be",
    responses=_done(
        shown.KeptEvents,
        "What was tried; `unapplied` is null where it went well",
        examples.KEPT_EVENTS,
    ),
)
def apply_again(body: bodies.Again, key: MayOperate, post: Posted) -> Response:
    """Apply what is kept, in order, after an upgrade; the first 1,000."""
    deed = _deed(post, key, body.reason)
    secrets = post.house.secrets
    return sent(deeds.apply_unapplied(deed, body.locker_id, body.seq, secrets=secrets))
