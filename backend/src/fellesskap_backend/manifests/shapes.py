"""What is asked and shown of manifests."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from fellesskap_backend.errors import InvalidRequest, Problem
from fellesskap_backend.examples import MANIFEST_REQUEST
from fellesskap_backend.idempotency import Attempt
from fellesskap_backend.manifests.service import Manifest as Sent
from fellesskap_backend.reservations.confirmed import Asked
from fellesskap_backend.reservations.shapes import Reservation
from fellesskap_backend.reservations.wishes import ReservationRequest
from fellesskap_backend.shapes import Problem as ShownProblem
from fellesskap_backend.shapes import Shown, Wish

PARCELS_MAX = 2_000
OneOrOther = Annotated[
    ReservationRequest | dict[str, Any],
    Field(union_mode="left_to_right"),
]
"""What is no good request is an object all the same: it is answered for itself."""


class ManifestRequest(Wish):
    """Requests for room, as many as fit a van: each is a body of `POST /v1/reservations`."""

    model_config = ConfigDict(json_schema_extra={"examples": [MANIFEST_REQUEST]})

    parcels: list[OneOrOther] = Field(min_length=1, max_length=PARCELS_MAX)

    def sent(self, attempt: Attempt) -> Sent:
        """Return them as the service takes them; or what is wrong with one."""
        every: list[Asked | Problem] = [
            one.asked(attempt) if isinstance(one, ReservationRequest) else _wrong(number, one)
            for number, one in enumerate(self.parcels)
        ]
        return Sent(attempt, every)


class ManifestLine(Shown):
    """The answer to one of them: what a single call would have been answered."""

    status: Literal[201, 202, 404, 409, 422]
    reservation: Reservation | None = None
    """It is confirmed, or waits for the locker's cut-off."""
    problem: ShownProblem | None = None
    """It is not; the others are not concerned."""


class Manifest(Shown):
    """The answers, in the order of the requests."""

    confirmed: int
    requested: int
    """How many are decided at a cut-off."""
    refused: int
    parcels: list[ManifestLine]


def _wrong(number: int, sent: dict[str, Any]) -> Problem:
    """Say what is wrong with a request, and never what was sent."""
    try:
        ReservationRequest.model_validate(sent)
    except ValidationError as error:
        found = [
            {
                "where": ".".join(map(str, ("body", "parcels", number, *one["loc"]))),
                "what": one["msg"],
            }
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        return InvalidRequest("See `errors`.", errors=found).problem()
    raise AssertionError("a good request is no other object")
