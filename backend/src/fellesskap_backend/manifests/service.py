"""Manifests: many requests under one key, answered in their order as single calls would be."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fellesskap_backend import idempotency
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.errors import BackendError, Problem
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.reservations import reading
from fellesskap_backend.reservations.answering import Counter, Told, begin
from fellesskap_backend.reservations.confirmed import Asked
from fellesskap_backend.reservations.service import with_codes

Row = dict[str, Any]


class Manifest(NamedTuple):
    """The requests under one key; a problem stands for one that is no good request."""

    attempt: Attempt
    every: Sequence[Asked | Problem]


def accept(counter: Counter, credentials: Credentials, manifest: Manifest) -> Answered:
    """Answer each request for itself, all of them once per key; a problem is its own answer.

    Raises `Unauthorized`, `Forbidden`, `NotFound` of the key, and `IdempotencyKeyReused`.
    """
    attempt, every = manifest
    whole = [one for one in every if isinstance(one, Asked)]
    admitted = reading.admit(counter.session, credentials, [one.locker_id for one in whole])
    work = begin(counter, admitted, whole, [attempt])
    stored = work.found.answers.get(attempt.key)
    if stored is not None:
        answered = idempotency.replay(attempt, *stored)
    else:
        for one in whole:
            work.answer(one)
        work.confirm()
        answered = Answered(200, _told(every, work.told))
        work.write([idempotency.row(work.by.tenant, attempt, answered, counter.moment.now)])
    lines = answered.body["parcels"]
    bodies = [one.get("reservation", {}) for one in lines]
    shown = with_codes(counter, work.by, bodies, work.numbers)
    lines = [
        line | {"reservation": body} if body else line
        for line, body in zip(lines, shown, strict=True)
    ]
    return answered._replace(body=answered.body | {"parcels": lines})


def _told(every: Sequence[Asked | Problem], told: Sequence[Told]) -> Row:
    """Put the answers together, in the order of the requests."""
    answers = iter(told)
    lines = [_line(next(answers) if isinstance(one, Asked) else one) for one in every]
    statuses = [line["status"] for line in lines]
    confirmed, requested = statuses.count(201), statuses.count(202)
    return {
        "confirmed": confirmed,
        "requested": requested,
        "refused": len(lines) - confirmed - requested,
        "parcels": lines,
    }


def _line(told: Told | Problem) -> Row:
    if isinstance(told, dict):
        return {"status": told["status"], "problem": told}
    if isinstance(told, BackendError):
        return {"status": told.status, "problem": told.problem()}
    kind = "problem" if told.status >= 400 else "reservation"
    return {"status": told.status, kind: told.body}
