"""Webhooks in tests: carriers with endpoints, events written by hand, rounds at a given time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fellesskap_backend import db, secrets
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.db import Moment
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks import service, signing
from fellesskap_backend.webhooks.delivering import Delivering
from fellesskap_backend.webhooks.sender import Sender
from fellesskap_backend.webhooks.tables import Delivery, Subscription
from tests.system.house import wait_for


class Office:
    """A database with carriers, and the webhooks of a worker that the test drives."""

    def __init__(self, settings: Settings, *, timeout_s: float = 5) -> None:
        self.secrets = secrets.load(settings.state)
        self.engine = db.engine(settings)
        upgrade(self.engine)
        self.now = datetime.now(UTC)
        self.delivering = self.another(timeout_s)
        self.delivering.start()

    def another(self, timeout_s: float = 5) -> Delivering:
        """Return the webhooks of another worker."""
        sender = partial(Sender, allow_loopback=True, timeout_s=timeout_s)
        return Delivering(self.engine, self.secrets, sender)

    @property
    def moment(self) -> Moment:
        return Moment(self.now)

    def carrier(self, name: str = "Nordpost") -> UUID:
        with db.writing(self.engine) as session:
            return carriers.add_carrier(session, name, self.moment)[0]

    def subscribe(
        self, carrier_id: UUID, url: str, types: list[str] | None = None
    ) -> tuple[UUID, str]:
        """Subscribe an endpoint; return its id and its secret."""
        wish = service.Wish(frozenset(), url, types=types)
        with db.writing(self.engine) as session:
            made = service.add(session, carrier_id, wish, moment=self.moment)
            return made.id, signing.secret(self.secrets.k_codes, made.id, 1)

    def tell(
        self, carrier_id: UUID, parcel_id: UUID | None, kind: str = "parcel.collected"
    ) -> UUID:
        """Write one event, as an act on a parcel does."""
        with db.writing(self.engine) as session:
            return write_event(session, carrier_id, parcel_id, kind, moment=self.moment)

    def round(self) -> None:
        """Let the worker do one round at the time of the test."""
        self.delivering.round(self.moment)

    def settle(self, seconds_max: float = 20) -> None:
        """Do rounds at the same time until nothing is under way and nothing more is due."""

        def quiet() -> bool:
            self.round()
            return self.delivering.under_way == 0

        wait_for("all that is due", quiet, seconds_max)

    def next_due(self) -> datetime | None:
        """Return when the next attempt of an active subscription is due."""
        with db.reader(self.engine) as session:
            active = select(Subscription.id).where(Subscription.state == "active")
            due = select(func.min(Delivery.due_at)).where(Delivery.subscription_id.in_(active))
            return session.scalar(due)

    def pass_time(self, until: datetime) -> None:
        """Settle at each time at which something is due, until then."""
        while (due := self.next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            self.settle()
        self.now = until

    def deliveries(self, subscription_id: UUID) -> list[Delivery]:
        with db.reader(self.engine) as session:
            rows = select(Delivery).where(Delivery.subscription_id == subscription_id)
            return list(session.scalars(rows.order_by(Delivery.position)))

    def stop(self) -> None:
        self.delivering.stop(self.moment)
        self.engine.dispose()


def write_event(
    session: Session, carrier_id: UUID, parcel_id: UUID | None, kind: str, *, moment: Moment
) -> UUID:
    """Write one event into a transaction."""
    notice = Notice(
        id=moment.new_id(),
        carrier_id=carrier_id,
        type=kind,
        parcel_id=parcel_id,
        data={"parcel_id": str(parcel_id)},
        occurred_at=moment.now - timedelta(seconds=1),
        clock="trusted",
        recorded_at=moment.now,
    )
    session.add(notice)
    return notice.id


@contextmanager
def office(settings: Settings, *, timeout_s: float = 5) -> Iterator[Office]:
    """Run one; stop it at the end."""
    made = Office(settings, timeout_s=timeout_s)
    try:
        yield made
    finally:
        made.stop()
