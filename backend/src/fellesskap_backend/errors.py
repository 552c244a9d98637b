"""A caller refused: each refusal is named by what happened, with its HTTP status.

Raised by services, rendered by `app` as RFC 9457 problem details. No text here holds a key, a code
or anything else that the caller sent in confidence.
"""

from typing import Any, ClassVar

PROBLEM_TYPE = "application/problem+json"
Problem = dict[str, Any]


class BackendError(Exception):
    """The base of every refusal; `fields` stand in the problem beside the usual ones."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[str] = "The request cannot be served"

    def __init__(self, detail: str, **fields: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields

    def problem(self) -> Problem:
        """Return the problem details."""
        return problem(self.status, self.code, self.title, detail=self.detail, **self.fields)


def problem(status: int, code: str, title: str, **fields: Any) -> Problem:
    """Build problem details of RFC 9457."""
    return {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "code": code,
        **fields,
    }


class Unauthorized(BackendError):
    """No API key, an unknown one or a revoked one: they answer alike."""

    status = 401
    code = "unauthorized"
    title = "An API key is needed"


class Forbidden(BackendError):
    """The key is good, but not for this."""

    status = 403
    code = "forbidden"
    title = "This API key may not do that"


class NotFound(BackendError):
    """Nothing by this id for this caller: unknown and somebody else's answer alike."""

    status = 404
    code = "not_found"
    title = "There is nothing by this id"


class InvalidRequest(BackendError):
    """The request says something that cannot be."""

    status = 422
    code = "invalid_request"
    title = "The request is not valid"


class IdempotencyKeyReused(BackendError):
    """The same Idempotency-Key with another request."""

    status = 422
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"


class Refused(BackendError):
    """A reservation that cannot be confirmed; an answer like any other, stored under its key."""

    status = 409
    title = "The reservation is refused"


class LockerFull(Refused):
    """Everything that would fit is promised or occupied."""

    code = "locker_full"
    title = "The locker is full"


class NoFittingCompartment(Refused):
    """The locker has no compartment in which this would ever fit."""

    code = "no_fitting_compartment"
    title = "No compartment of this locker fits"


class NoAccessibleCompartment(Refused):
    """There is room, but not within reach from a wheelchair."""

    code = "no_accessible_compartment"
    title = "No low compartment is free"


class LockerUnavailable(Refused):
    """The locker was never in contact, was given up, or may confirm nothing at present."""

    code = "locker_unavailable"
    title = "The locker is not in service"


class DuplicateParcel(Refused):
    """The carrier already has a live parcel with this label."""

    code = "duplicate_parcel"
    title = "A parcel with this label is already under way"


class WrongState(BackendError):
    """What is wished cannot happen to it any more, or not yet; `state` says where it is."""

    status = 409
    code = "wrong_state"
    title = "It is not in a state in which this can be done"


class BodyTooLarge(BackendError):
    """More than one request may carry."""

    status = 413
    code = "body_too_large"
    title = "The request is too large"


class Busy(BackendError):
    """Everything admitted is still at work."""

    status = 503
    code = "busy"
    title = "Too many requests at once"


class Broken(BackendError):
    """A bug of ours; what happened stands in the log alone."""

    status = 500
    code = "internal_error"
    title = "Something went wrong here"
