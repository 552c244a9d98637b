"""What operators do once: settle disputes, give lockers up, put in and refuse devices, apply again.

Each is an effect under an Idempotency-Key, with a row that says who did it and why.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.db import Moment
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.operators import keeping, services, worklists
from fellesskap_backend.operators.recording import Doing, Upon
from fellesskap_backend.parcels import acts
from fellesskap_backend.secrets import Secrets

Row = dict[str, Any]


@dataclass(frozen=True)
class Deed:
    """An act that is asked for: in which transaction, by whose key, which attempt, and why."""

    session: Session
    credentials: Credentials
    attempt: Attempt
    moment: Moment
    reason: str = field(repr=False)

    def once(self, act: Callable[[Doing], Row]) -> Answered:
        """Do it once per key; the answer is what `act` shows."""
        doing = Doing.of(self.session, self.credentials, self.reason, self.moment)

        def answer() -> Answered:
            body = act(doing)
            self.session.flush()
            return Answered(200, body)

        return idempotency.once(
            self.session, doing.by.tenant, self.attempt, answer, now=self.moment.now
        )


def resolve(deed: Deed, parcel_id: UUID, outcome: acts.Outcome) -> Answered:
    """Say what became of a parcel in dispute; raise `NotFound`, `WrongState`."""

    def act(doing: Doing) -> Row:
        parcel = acts.resolve(
            deed.session, deed.credentials, parcel_id, outcome, moment=deed.moment
        )
        upon = Upon(parcel.locker_id, parcel.compartment, parcel.id)
        doing.note("resolve_parcel", upon, outcome=outcome)
        deed.session.flush()
        return worklists.parcel_shown(deed.session, parcel)

    return deed.once(act)


def clear(deed: Deed, locker_id: str, number: int) -> Answered:
    """Say that somebody looked into a suspect compartment; raise `NotFound`, `WrongState`."""
    return deed.once(lambda doing: services.clear(doing, locker_id, number))


def write_off(deed: Deed, locker_id: str) -> Answered:
    """Give a locker up, for good; twice is once. The reason is told to the carriers concerned."""
    return deed.once(lambda doing: keeping.write_off(doing, locker_id))


def replace(deed: Deed, locker_id: str, device_id: str, *, public_key: str) -> Answered:
    """Put another device in; the ones before are refused. Raises `NotFound`, `InvalidRequest`.

    What the device must know is a secret: whoever calls renders it into what is sent.
    """
    return deed.once(
        lambda doing: keeping.replace(doing, locker_id, device_id, public_key=public_key)
    )


def revoke(deed: Deed, locker_id: str, device_id: str) -> Answered:
    """Let a device speak no more; twice is once. Raises `NotFound`."""
    return deed.once(lambda doing: keeping.revoke(doing, locker_id, device_id))


def apply_unapplied(
    deed: Deed, locker_id: str | None, seq: int | None, *, secrets: Secrets
) -> Answered:
    """Apply again what was kept, in order; what still fails is shown with its reason."""

    def act(doing: Doing) -> Row:
        return {"events": keeping.apply_unapplied(doing, locker_id, seq, secrets=secrets)}

    return deed.once(act)
