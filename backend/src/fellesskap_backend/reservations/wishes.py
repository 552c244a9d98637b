"""What carriers send about reservations: room for one parcel, and changes of it."""

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from fellesskap_backend.examples import RESERVATION_CHANGE, RESERVATION_REQUEST
from fellesskap_backend.idempotency import Attempt
from fellesskap_backend.parcels import labels
from fellesskap_backend.reservations.confirmed import Asked
from fellesskap_backend.reservations.duration import seconds_of
from fellesskap_backend.shapes import LOCKER_ID, When, Wish
from fellesskap_backend.sizes import Lies, Sized
from fellesskap_protocol import barcodes
from fellesskap_protocol.capacity import size_class


class Label(Wish):
    """By what the parcel is known when its label is scanned at the locker."""

    kind: Literal["sscc", "s10", "reference"]
    value: str = Field(max_length=100)
    _identifier: barcodes.Identifier = PrivateAttr()

    @model_validator(mode="after")
    def _check(self) -> Self:
        found = getattr(barcodes, self.kind)(self.value)
        if found.kind == "token":
            raise barcodes.InvalidIdentifier("a reference does not look like a badge")
        assert isinstance(found, barcodes.Identifier)
        self._identifier = found
        return self

    @property
    def identifier(self) -> barcodes.Identifier:
        """What a scan of this label is compared with."""
        return self._identifier


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
            label_kind=labels.kind_of(self.label.identifier.kind),
            label=self.label.identifier,
            demand=demand,
            size_class=size_class(demand),
            deposit_by=self.deposit_by,
            collect_within_s=seconds_of(self.collect_within),
            code_at=self.code_at,
            hold=self.hold,
            reserve_until=self.reserve_until,
        )


class ReservationChange(Wish):
    """New times of a reservation; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [RESERVATION_CHANGE]})

    deposit_by: When | None = None
    """Until when the courier may put it in: later or sooner, at most 30 days after it was made."""
    reserve_until: When | None = None
    """When a hard one turns soft: at the latest at `deposit_by`; null: never."""
    collect_within: Lies | None = None
    """How long it may lie, as an ISO 8601 duration: 1 hour to 30 days."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = self.model_fields_set
        if not given:
            raise ValueError("say what is to be changed")
        for name in given - {"reserve_until"}:
            if getattr(self, name) is None:
                raise ValueError(f"`{name}` cannot be null")
        return self

    def to(self) -> dict[str, Any]:
        """Return the columns that are to be changed."""
        changed: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        if "collect_within" in changed:
            changed["collect_within_s"] = seconds_of(changed.pop("collect_within"))
        return changed
