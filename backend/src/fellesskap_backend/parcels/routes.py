"""`/v1/parcels`."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from fellesskap_backend.auth import Key
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import AtLocker, Paged, Posted, Posting, WithLabel, sent
from fellesskap_backend.examples import PARCEL, PARCELS
from fellesskap_backend.paging import Wanted
from fellesskap_backend.parcels import acts, service
from fellesskap_backend.parcels.shapes import Parcel, Parcels, ParcelState
from fellesskap_backend.parcels.tables import Parcel as Row
from fellesskap_backend.reservations.duration import seconds_of
from fellesskap_backend.rim import Reading, RetryingRoute
from fellesskap_backend.shapes import TEXT

router = APIRouter(prefix="/v1/parcels", tags=["Parcels"], route_class=RetryingRoute)


async def wanted(
    state: Annotated[ParcelState | None, Query(description="Only in this state.")] = None,
    locker_id: AtLocker = None,
    label: WithLabel = None,
) -> Wanted:
    """Read which ones are asked for."""
    return Wanted(state, locker_id, label)


Filtered = Annotated[Wanted, Depends(wanted)]


@router.get(
    "",
    operation_id="list_parcels",
    summary="List your parcels",
    response_model=Parcels,
    responses={200: {"content": {"application/json": PARCELS}}},
)
def list_own(key: Key, session: Reading, pages: Paged, wanted: Filtered) -> dict[str, Any]:
    """Show one page, newest first; the history stands with each parcel."""
    return pages.answer("parcels", service.list_own(session, key, wanted, page=pages.page))


@router.get(
    "/{parcel_id}",
    operation_id="find_parcel",
    summary="Read a parcel and its history",
    response_model=Parcel,
    responses={200: {"content": {"application/json": PARCEL}}},
)
def find(parcel_id: UUID, key: Key, session: Reading) -> dict[str, Any]:
    """Show one of the carrier's own parcels; its history is in the order of the ledger."""
    return service.find(session, key, parcel_id)


# What its carrier wishes -------------------------------------------------------------------------

Act = Callable[..., Row]
Reason = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=3, max_length=acts.REASON_CHARACTERS_MAX, pattern=TEXT
    ),
]
_FIND = {
    "operationId": "find_parcel",
    "parameters": {"parcel_id": "$response.body#/id"},
}


def _told(description: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {
            "model": Parcel,
            "description": description,
            "content": {"application/json": PARCEL},
            "links": {"find_parcel": _FIND},
        }
    }


class Extension(BaseModel):
    """How long a parcel may lie in all, counted from its deposit."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"collect_within": "P5D"}]}
    )

    collect_within: str = Field(max_length=40)

    @field_validator("collect_within")
    @classmethod
    def _check_duration(cls, text: str) -> str:
        seconds_of(text)
        return text


class Doubt(BaseModel):
    """Why a parcel is thought not to lie where it should. Name nobody in it."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"reason": "the recipient found it empty"}]},
    )

    reason: Reason


@router.post(
    "/{parcel_id}/extend",
    operation_id="extend_parcel",
    summary="Let a parcel lie longer",
    responses=_told("It may lie for this long in all"),
)
def extend(parcel_id: UUID, body: Extension, key: Key, post: Posted) -> Response:
    """Say how long it may lie in all; an overdue one is no longer overdue."""
    act = partial(acts.extend, collect_within_s=seconds_of(body.collect_within))
    return _acted(act, parcel_id, key, post)


@router.post(
    "/{parcel_id}/recall",
    operation_id="recall_parcel",
    summary="Have a parcel back",
    responses=_told("Its code opens no more; a courier may take it out"),
)
def recall(parcel_id: UUID, key: Key, post: Posted) -> Response:
    """Take the code out of force; collected before the locker hears of it, it is collected."""
    return _acted(acts.recall, parcel_id, key, post)


@router.post(
    "/{parcel_id}/dispute",
    operation_id="dispute_parcel",
    summary="Doubt that a parcel lies where it should",
    responses=_told("It is in dispute; an operator resolves it"),
)
def dispute(parcel_id: UUID, body: Doubt, key: Key, post: Posted) -> Response:
    """Put it in dispute, and have an operator look."""
    return _acted(partial(acts.dispute, reason=body.reason), parcel_id, key, post)


def _acted(act: Act, parcel_id: UUID, key: Credentials, post: Posting) -> Response:
    wished = partial(act, post.session, key, parcel_id, moment=post.moment)
    return sent(acts.once(post.session, key, post.attempt, wished, now=post.moment.now))
