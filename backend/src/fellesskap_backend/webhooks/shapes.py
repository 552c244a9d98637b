"""What is shown of webhook subscriptions and deliveries."""

from typing import Literal

from fellesskap_backend.events.shapes import Event
from fellesskap_backend.shapes import Id, Instant, Shown


class WebhookSubscription(Shown):
    """An endpoint of yours, without its secret."""

    id: Id
    url: str
    description: str
    types: list[str] | None
    """Which events it is sent; null: all, also of types that are yet to come."""
    state: Literal["active", "paused", "gone", "deleted"]
    """`gone`: it answered 410 and is sent nothing until you make it `active` again."""
    state_since: Instant
    secret_version: int
    overlap_until: Instant | None
    """Until when the secret before this one signs as well."""
    created_at: Instant


class WebhookSecret(WebhookSubscription):
    """An endpoint of yours, with the secret that signs from now on."""

    secret: str
    """`whsec_…`; keep it, for it is shown here alone."""


class WebhookSubscriptions(Shown):
    """Your subscriptions but the deleted ones, the newest first."""

    webhook_subscriptions: list[WebhookSubscription]
    next: str | None


class WebhookDelivery(Shown):
    """What became of one event at one endpoint."""

    event_id: Id
    """The event's id in the feed, and the `webhook-id` of every attempt."""
    subscription_id: Id
    type: str
    position: int | None
    """In the feed; null: a test, which stands in no feed."""
    parcel_id: Id | None
    state: Literal["waiting", "due", "delivered", "dead"]
    """`waiting`: an earlier event of its parcel is not through; `dead`: given up."""
    attempts: int
    made_at: Instant
    due_at: Instant | None
    """The next attempt is made then or soon after."""
    ended_at: Instant | None
    last_attempt_at: Instant | None
    last_status: int | None
    """What your endpoint answered; null: nothing."""
    last_error: Literal["timeout", "forbidden_address", "tls", "unreachable", "malformed"] | None
    """Why there was no answer."""


class WebhookDeliveries(Shown):
    """Deliveries of one subscription, the newest first; what has ended is kept 7 or 30 days."""

    deliveries: list[WebhookDelivery]
    next: str | None


class WebhookReplay(Shown):
    """What is sent once more: the events after one position up to another."""

    subscription_id: Id
    after: int
    up_to: int


class WebhookEvent(Event):
    """One event as it is sent: as the feed has it, and the code in `data` where there is one."""

    timestamp: Instant
    """The same as `occurred_at`, as Standard Webhooks wants it."""
