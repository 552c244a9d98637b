"""`/v1/reservations`."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from fellesskap_backend import idempotency
from fellesskap_backend.auth import Key
from fellesskap_backend.errors import PROBLEM_TYPE
from fellesskap_backend.examples import PROBLEMS, RESERVATION, RESERVATION_REQUEST
from fellesskap_backend.reservations import service
from fellesskap_backend.reservations.confirmed import Asked
from fellesskap_backend.reservations.duration import seconds_of
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse, Writing
from fellesskap_protocol import barcodes
from fellesskap_protocol.capacity import SIZE_CLASSES, Demand, size_class

router = APIRouter(prefix="/v1/reservations", tags=["Reservations"], route_class=RetryingRoute)
COLLECT_WITHIN_S = (3_600, 30 * 86_400)
Need = Literal["low", "upright", "chilled", "frozen", "power"]


class Label(BaseModel):
    """By what the parcel is known when its label is scanned at the locker."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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


class Dimensions(BaseModel):
    """The parcel's box in mm, width, height and depth as it is carried, and its weight in g."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    w_mm: int = Field(ge=1, le=5_000)
    h_mm: int = Field(ge=1, le=5_000)
    d_mm: int = Field(ge=1, le=5_000)
    g: int = Field(ge=0, le=1_000_000)


class ReservationRequest(BaseModel):
    """A request for room for one parcel: a box, or one of the installation's size classes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [RESERVATION_REQUEST]}
    )

    locker_id: str = Field(max_length=32)
    label: Label
    dimensions: Dimensions | None = None
    size_class: Literal["S", "M", "L", "XL"] | None = None
    needs: list[Need] = Field(default_factory=list, max_length=5)
    deposit_by: AwareDatetime
    """Until when the courier may put it in; at most 30 days ahead."""
    collect_within: str = Field(max_length=40)
    """How long it may lie, as an ISO 8601 duration: 1 hour to 30 days."""
    code_at: Literal["deposit", "reservation"] = "deposit"
    """When the carrier is told the pickup code."""

    @field_validator("collect_within")
    @classmethod
    def _check_duration(cls, text: str) -> str:
        least, most = COLLECT_WITHIN_S
        if not least <= seconds_of(text) <= most:
            raise ValueError("between one hour (PT1H) and thirty days (P30D)")
        return text

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if (self.dimensions is None) == (self.size_class is None):
            raise ValueError("give either `dimensions` or `size_class`")
        return self

    def demand(self) -> Demand:
        """Return what the parcel needs of a compartment."""
        needs = tuple(sorted(set(self.needs)))
        if self.dimensions is not None:
            box = self.dimensions
            return Demand(box.w_mm, box.h_mm, box.d_mm, box.g, needs)
        named = next(one for one in SIZE_CLASSES if one.name == self.size_class)
        return named.demand(needs=needs)

    def asked(self, key: str) -> Asked:
        """Return the request as the service takes it."""
        demand = self.demand()
        return Asked(
            attempt=idempotency.attempt(service.OPERATION, key, self.model_dump_json()),
            locker_id=self.locker_id,
            label_kind=self.label.kind,
            label=self.label.identifier(),
            demand=demand,
            size_class=size_class(demand),
            deposit_by=self.deposit_by,
            collect_within_s=seconds_of(self.collect_within),
            code_at=self.code_at,
        )


IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=idempotency.KEY_PATTERN,
        description="1 to 255 visible ASCII characters. The same key with the same request gives "
        "the same answer and one effect; a new attempt needs a new key.",
    ),
]


@router.post(
    "",
    status_code=201,
    summary="Reserve room for one parcel",
    responses={
        201: {"description": "Confirmed", "content": {"application/json": RESERVATION}},
        409: {"description": "Refused; stored under the key like any answer", **PROBLEMS},
    },
)
def reserve(
    body: ReservationRequest,
    key: Key,
    idempotency_key: IdempotencyKey,
    *,
    session: Writing,
    house: TheHouse,
) -> Response:
    """Confirm at once, or say why not."""
    asked = body.asked(idempotency_key)
    status, answer, replayed = service.reserve(
        session, key, asked, secrets=house.secrets, moment=house.moment()
    )
    headers = {"Idempotent-Replayed": "true"} if replayed else {}
    if status == 201:
        headers["Location"] = f"{router.prefix}/{answer['id']}"
    media_type = "application/json" if status == 201 else PROBLEM_TYPE
    return JSONResponse(answer, status, headers, media_type)


@router.get(
    "/{reservation_id}",
    summary="Read a reservation",
    responses={200: {"content": {"application/json": RESERVATION}}},
)
def find(reservation_id: UUID, key: Key, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Show one of the carrier's own reservations."""
    return service.find(session, key, reservation_id, secrets=house.secrets)
