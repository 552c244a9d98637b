"""A caller refused: each refusal is named by what happened, with its HTTP status.

Raised by services, rendered by `app` as RFC 9457 problem details. No text here holds a key, a code
or anything else that the caller sent in confidence. `type` is an address of the API itself: the
page there, and `docs/problems.md`, show what these classes say of themselves, and their `remedy`.
"""

from typing import Any, ClassVar

PROBLEM_TYPE = "application/problem+json"
Problem = dict[str, Any]


class BackendError(Exception):
    """The base of every refusal; `fields` stand in the problem beside the usual ones."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[str] = "The request cannot be served"
    remedy: ClassVar[str] = "Change the request; the same one is answered the same."
    """What the caller can do about it, for the page of the problem."""
    members: ClassVar[str] = ""
    """What the problem carries beside the usual, for that page too."""

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


class BadRequest(BackendError):
    """What was sent is no request that this server understands."""

    code = "bad_request"
    remedy = "Compare it with the OpenAPI document."


class Unauthorized(BackendError):
    """No API key, an unknown one or a revoked one: they answer alike."""

    status = 401
    code = "unauthorized"
    title = "An API key is needed"
    remedy = "Send `Authorization: Bearer` and a key that is neither revoked nor expired."


class Forbidden(BackendError):
    """The key is good, but not for this."""

    status = 403
    code = "forbidden"
    title = "This API key may not do that"
    remedy = "Use a key of the role, and with the scope, that the operation names."


class NotFound(BackendError):
    """Nothing by this id for this caller: unknown and somebody else's answer alike."""

    status = 404
    code = "not_found"
    title = "There is nothing by this id"
    remedy = "Check the id. What is another's is not told apart from what never was."


class InvalidRequest(BackendError):
    """The request says something that cannot be."""

    status = 422
    code = "invalid_request"
    title = "The request is not valid"
    remedy = "See `detail` and `errors`: each names a place and what is wrong there."
    members = "`errors`, a list of `where` and `what`, if something has a place."


class IdempotencyKeyReused(BackendError):
    """The same Idempotency-Key with another request."""

    status = 422
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"
    remedy = "Take a new key for each new request; repeat the old one unchanged."


class Refused(BackendError):
    """What was asked cannot be, as things stand; an answer like any other, stored under its key."""

    status = 409
    title = "This is refused as things stand"
    remedy = (
        "Ask for something else, or again when things have changed, with a new Idempotency-Key."
    )


class NoRoom(Refused):
    """What is answered to a reservation or drop-off that is given no room."""

    members = (
        "`reason`, the same as `code`; `alternatives`, up to three lockers nearby that had room, "
        "the nearest first, each with `locker_id`, `address` and `distance_m`, where nothing is "
        "held; of a reservation `decision_id`, by which it can be asked why."
    )


class LockerFull(NoRoom):
    """Everything that would fit is promised or occupied."""

    code = "locker_full"
    title = "The locker is full"
    remedy = "Take another locker or day; a new attempt needs a new Idempotency-Key."


class NoFittingCompartment(NoRoom):
    """The locker has no compartment in which this would ever fit."""

    code = "no_fitting_compartment"
    title = "No compartment of this locker fits"
    remedy = "Take a locker with larger compartments; this one will never fit it."


class NoAccessibleCompartment(NoRoom):
    """There is room, but not within reach from a wheelchair."""

    code = "no_accessible_compartment"
    title = "No low compartment is free"
    remedy = "Take another locker. A low compartment is never silently replaced by a high one."


class LockerUnavailable(NoRoom):
    """The locker was never in contact, was given up, or may confirm nothing at present."""

    code = "locker_unavailable"
    title = "The locker is not in service"
    remedy = "Take another locker, or ask again later with a new Idempotency-Key."


class QuotaExceeded(NoRoom):
    """There is room, but it is kept for others: the own guaranteed part is used up."""

    code = "quota_exceeded"
    title = "What is left is kept for others"
    remedy = (
        "Take another locker, or ask again later with a new Idempotency-Key: what is kept is lent "
        "from the hours on that `GET /v1/policy` names."
    )
    members = (
        f"{NoRoom.members} `size_class`, `quota` and "
        "`used`: how many compartments of that class you are guaranteed at the locker, and use."
    )


class DuplicateParcel(NoRoom):
    """The carrier already has a live parcel with this label."""

    code = "duplicate_parcel"
    title = "A parcel with this label is already under way"
    remedy = "Read your parcels with this `label`; end the old one first."
    members = (
        "`reason`, the same as `code`; `alternatives`, which is empty: it is wanted nowhere else; "
        "`decision_id`, by which it can be asked why."
    )


class TooMany(Refused):
    """There are as many of these already as there may be at a time; `detail` says how many."""

    code = "too_many"
    title = "There are as many as there may be"
    remedy = "End one that is of no use any more, then ask again with a new Idempotency-Key."


class MalformedBody(BackendError):
    """The body is not JSON, or nested beyond reason."""

    code = "malformed_body"
    title = "The body is not JSON"
    remedy = "Send one JSON value in UTF-8."


class MethodNotAllowed(BackendError):
    """The address is right, the verb is not."""

    status = 405
    code = "method_not_allowed"
    title = "This address has no such operation"
    remedy = "`Allow` names the verbs that it has."


class PreconditionFailed(BackendError):
    """If-Match names a state that is no longer the present one."""

    status = 412
    code = "precondition_failed"
    title = "It has changed meanwhile"
    remedy = "Read it again, decide again, and send its new ETag."


class UnsupportedMediaType(BackendError):
    """A body that does not say that it is JSON."""

    status = 415
    code = "unsupported_media_type"
    title = "Only JSON is understood"
    remedy = "Send `Content-Type: application/json`."


class RateLimited(BackendError):
    """More requests than one caller may send; `RateLimit-Policy` and `RateLimit` say how many."""

    status = 429
    code = "rate_limited"
    title = "Too many requests of yours"
    remedy = "Wait for `Retry-After` seconds, then send the same again, under the same key."


class PreconditionRequired(BackendError):
    """A change without If-Match: it might undo somebody's, unseen."""

    status = 428
    code = "precondition_required"
    title = "An If-Match is needed"
    remedy = "Read it first, and send its ETag as If-Match."


class WrongState(Refused):
    """What is wished cannot happen to it any more, or not yet; `state` says where it is."""

    code = "wrong_state"
    title = "It is not in a state in which this can be done"
    remedy = "Read it again: `state` says where it is."
    members = "`state`, as a GET would show it."


class BodyTooLarge(BackendError):
    """More than one request may carry."""

    status = 413
    code = "body_too_large"
    title = "The request is too large"
    remedy = "Send less at once."


class Busy(BackendError):
    """Everything admitted is still at work, or others were faster three times in a row."""

    status = 503
    code = "busy"
    title = "Too many requests at once"
    remedy = "Wait for `Retry-After` seconds, then send the same again, under the same key."


class DatabaseAway(BackendError):
    """The database went away, or is not there: what was under way may have come through."""

    status = 503
    code = "database_away"
    title = "The database does not answer"
    remedy = (
        "Wait for `Retry-After` seconds, then send the same again, under the same key: what was "
        "done is answered again and not done twice."
    )


class Broken(BackendError):
    """A bug of ours; what happened stands in the log alone."""

    status = 500
    code = "internal_error"
    title = "Something went wrong here"
    remedy = (
        "Send the same again under the same key; if it stays, tell the operator its `instance`."
    )
    members = "`instance`, the name of this one failure: the log has it too."
