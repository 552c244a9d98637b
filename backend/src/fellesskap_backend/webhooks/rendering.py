"""What is sent: bodies, rendered at the moment of sending, so that no row holds a code."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from fellesskap_backend.drop_offs import naming
from fellesskap_backend.events import service as events
from fellesskap_backend.events.consolidators import ON_BEHALF_OF
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.rights import service as rights
from fellesskap_backend.webhooks.tables import Delivery

WITH_CODE = ("parcel.deposited", "drop_off.authorised")
"""What is told with the code that its person needs; so is, of one that was asked for at reservation
and had to wait, that it is confirmed (`code_at`)."""
TEST = "webhook.test"


def body_of(session: Session, notice: Notice, k_codes: bytes) -> bytes:
    """Render an event. A code that opens nothing any more is left out."""
    event = events.told(notice, naming.of_notices(session, [notice]))
    if _has_code(notice):
        event["data"] = event["data"] | _codes(session, UUID(notice.data["right_id"]), k_codes)
    return _body(event)


def test_of(delivery: Delivery) -> bytes:
    """Render a test: an event that stands in no feed."""
    event = Notice(
        id=delivery.event_id,
        type=TEST,
        data={"subscription_id": str(delivery.subscription_id)},
        occurred_at=delivery.made_at,
        clock="trusted",
        recorded_at=delivery.made_at,
    )
    return _body(events.told(event, {}))


def _body(event: dict[str, Any]) -> bytes:
    """Return the event as the feed has it, and `timestamp`, which Standard Webhooks wants."""
    return msgspec.json.encode(event | {"timestamp": event["occurred_at"]})


def _has_code(notice: Notice) -> bool:
    """Say whether it is told with a code: to the carrier, never to who acted for it."""
    data = notice.data
    asked_for = notice.type in WITH_CODE or data.get("code_at") == "reservation"
    return asked_for and ON_BEHALF_OF not in data and data.get("right_id") is not None


def _codes(session: Session, right_id: UUID, k_codes: bytes) -> dict[str, str]:
    n = rights.number_in_force(session, right_id)
    if n is None:
        return {}
    codes = rights.codes_of(k_codes, right_id, n)
    return {"pickup_code": codes.code, "addition": codes.addition, "qr": codes.qr}
