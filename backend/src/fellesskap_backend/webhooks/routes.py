"""`/v1/webhook-subscriptions`: endpoints that are told, their secrets and what they missed."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import (
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import TAGGED, IfMatch, Paged, Posted, sent
from fellesskap_backend.events.routes import POSITION_MAX
from fellesskap_backend.events.types import TYPES
from fellesskap_backend.examples import (
    WEBHOOK,
    WEBHOOK_DELIVERIES,
    WEBHOOK_DELIVERY,
    WEBHOOK_REPLAY,
    WEBHOOK_REQUEST,
    WEBHOOK_SECRET,
    WEBHOOK_TEST,
    WEBHOOKS,
)
from fellesskap_backend.reservations.duration import seconds_of
from fellesskap_backend.rim import House, Reading, RetryingRoute, TheHouse, Writing
from fellesskap_backend.shapes import TEXT, When, Wish
from fellesskap_backend.webhooks import again, service
from fellesskap_backend.webhooks.address import URL_MAX, URL_PATTERN
from fellesskap_backend.webhooks.service import Mine
from fellesskap_backend.webhooks.shapes import (
    WebhookDeliveries,
    WebhookDelivery,
    WebhookReplay,
    WebhookSecret,
    WebhookSubscription,
    WebhookSubscriptions,
)

router = APIRouter(prefix="/v1/webhook-subscriptions", tags=["Webhooks"], route_class=RetryingRoute)
MayRead = Annotated[Credentials, may("webhooks:read")]
MayWrite = Annotated[Credentials, may("webhooks:write")]
OVERLAP_S_MAX = 30 * 86_400
Id = Annotated[UUID, Path(description="The subscription's id.")]
EventId = Annotated[UUID, Path(description="The event's id.")]
Url = Annotated[str, StringConstraints(max_length=URL_MAX, pattern=URL_PATTERN)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=TEXT)]
TypeName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(TYPES)})]
InState = Annotated[
    Literal["waiting", "due", "delivered", "dead"] | None,
    Query(description="Only in this state; `dead`: dead letters."),
]


async def mine_to_read(subscription_id: Id, key: MayRead) -> Mine:
    """Name a subscription, for a key that may read it."""
    return Mine(key, subscription_id)


async def mine_to_change(subscription_id: Id, key: MayWrite) -> Mine:
    """Name a subscription, for a key that may change it."""
    return Mine(key, subscription_id)


ToRead = Annotated[Mine, Depends(mine_to_read)]
ToChange = Annotated[Mine, Depends(mine_to_change)]


class _Subscribed(Wish):
    @field_validator("types", check_fields=False)
    @classmethod
    def _check_types(cls, types: list[str] | None) -> list[str] | None:
        if not set(types or ()) <= TYPES.keys():
            raise ValueError(f"each is one of {', '.join(TYPES)}")
        return types

    def wish(self) -> service.Wish:
        """Return what is wished as the service takes it."""
        return service.Wish(frozenset(self.model_fields_set), **self.model_dump(exclude_unset=True))


class WebhookRequest(_Subscribed):
    """An endpoint that wants to be told."""

    model_config = ConfigDict(json_schema_extra={"examples": [WEBHOOK_REQUEST]})

    url: Url
    """https, on the public internet, without credentials in it."""
    types: list[TypeName] | None = Field(default=None, min_length=1, max_length=len(TYPES))
    """Which events it is sent; left out: all."""
    description: Description = ""


class WebhookChange(_Subscribed):
    """What becomes of a subscription; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"state": "paused"}]})

    url: Url = ""
    types: list[TypeName] | None = Field(default=None, min_length=1, max_length=len(TYPES))
    description: Description = ""
    state: Literal["active", "paused"] = "active"
    """`paused`: nothing is sent. `active`: it goes on where it was, nothing is left out."""


class RotationRequest(Wish):
    """How long the secret of now signs beside the new one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap": "P1D"}]})

    overlap: str = Field(default="P1D", max_length=40)
    """An ISO 8601 duration, up to 30 days."""

    @field_validator("overlap")
    @classmethod
    def _check_overlap(cls, text: str) -> str:
        if seconds_of(text) > OVERLAP_S_MAX:
            raise ValueError("at most thirty days (P30D)")
        return text


class ReplayRequest(Wish):
    """From where on events are sent once more: one of the two."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"after": 0}]})

    after: int | None = Field(default=None, ge=0, le=POSITION_MAX)
    """The last position in the feed that you have."""
    since: When | None = None
    """What was recorded from then on, and a minute before."""

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.after is None) == (self.since is None):
            raise ValueError("either `after` or `since`")
        return self


_OF_THIS = {"subscription_id": "$response.body#/id"}
_LINKS = {
    "find_webhook": {"operationId": "find_webhook", "parameters": _OF_THIS},
    "test_webhook": {"operationId": "test_webhook", "parameters": _OF_THIS},
}
_OF_THAT = {
    "subscription_id": "$response.body#/subscription_id",
    "event_id": "$response.body#/event_id",
}
_DELIVERY_LINKS = {
    "find_webhook_delivery": {"operationId": "find_webhook_delivery", "parameters": _OF_THAT},
    "redeliver_webhook": {"operationId": "redeliver_webhook", "parameters": _OF_THAT},
}


def _told(example: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"content": {"application/json": example}, **more}


def _house(house: House) -> service.House:
    allow_loopback = house.settings.allow_loopback_webhooks
    return service.House(house.secrets.k_codes, allow_loopback, house.moment())


@router.post(
    "",
    operation_id="subscribe_webhook",
    status_code=201,
    summary="Subscribe an endpoint",
    responses={
        201: _told(
            WEBHOOK_SECRET,
            model=WebhookSecret,
            description="Subscribed; its secret stands in this answer alone",
            links=_LINKS,
        )
    },
)
def subscribe(body: WebhookRequest, key: MayWrite, post: Posted) -> Response:
    """Let an endpoint be told what happens from now on: Standard Webhooks, signed by HMAC."""
    house = _house(post.house)
    answered = service.subscribe(post.session, key, post.attempt, body.wish(), house=house)
    return sent(answered, location="/v1/webhook-subscriptions/{id}")


@router.get(
    "",
    operation_id="list_webhooks",
    summary="List your subscriptions",
    response_model=WebhookSubscriptions,
    responses={200: _told(WEBHOOKS)},
)
def list_own(key: MayRead, session: Reading, paged: Paged) -> dict[str, Any]:
    """Show your subscriptions, the newest first; deleted ones are left out."""
    return paged.answer("webhook_subscriptions", service.list_own(session, key, paged.page))


@router.get(
    "/{subscription_id}",
    operation_id="find_webhook",
    summary="Read a subscription",
    response_model=WebhookSubscription,
    responses={200: _told(WEBHOOK)},
)
def find(mine: ToRead, session: Reading) -> dict[str, Any]:
    """Show one of your subscriptions, without its secret."""
    return service.find(session, mine)


@router.patch(
    "/{subscription_id}",
    operation_id="change_webhook",
    summary="Change, pause or resume a subscription",
    response_model=WebhookSubscription,
    responses={200: {**_told(WEBHOOK), **TAGGED}},
)
def change(
    mine: ToChange, body: WebhookChange, match: IfMatch, session: Writing, *, house: TheHouse
) -> dict[str, Any]:
    """Change what is named; If-Match says what you believe to change."""
    return service.change(session, mine, body.wish(), match=match, house=_house(house))


@router.delete(
    "/{subscription_id}",
    operation_id="delete_webhook",
    status_code=204,
    summary="Delete a subscription",
)
def delete(mine: ToChange, session: Writing, house: TheHouse) -> None:
    """Send it nothing more, at once; twice is as good as once. It can be read for 30 days."""
    service.end(session, mine, now=house.moment().now)


@router.post(
    "/{subscription_id}/rotate-secret",
    operation_id="rotate_webhook_secret",
    summary="Sign by a new secret",
    response_model=WebhookSecret,
    responses={200: _told(WEBHOOK_SECRET)},
)
def rotate(mine: ToChange, body: RotationRequest, post: Posted) -> Response:
    """Sign by a new secret, and by the one of now as well until the overlap is over."""
    answered = service.rotate_secret(
        post.session,
        mine,
        post.attempt,
        overlap=timedelta(seconds=seconds_of(body.overlap)),
        house=_house(post.house),
    )
    return sent(answered)


@router.post(
    "/{subscription_id}/test",
    operation_id="test_webhook",
    status_code=202,
    summary="Send a test event",
    responses={
        202: _told(
            WEBHOOK_TEST,
            model=WebhookDelivery,
            description="It is sent at once",
            links=_DELIVERY_LINKS,
        )
    },
)
def test(mine: ToChange, post: Posted) -> Response:
    """Send `webhook.test`, which stands in no feed; read the delivery to see what became of it."""
    answered = again.test(post.session, mine, post.attempt, moment=post.moment)
    return sent(answered, location=_DELIVERY)


@router.post(
    "/{subscription_id}/replay",
    operation_id="replay_webhook",
    status_code=202,
    summary="Send events once more",
    responses={
        202: _told(WEBHOOK_REPLAY, model=WebhookReplay, description="They are sent, in their order")
    },
)
def replay(mine: ToChange, body: ReplayRequest, post: Posted) -> Response:
    """Send what the feed has after a position, or since a time, with the same `webhook-id`s."""
    begin = again.Begin(body.after, body.since)
    answered = again.replay(post.session, mine, post.attempt, begin, moment=post.moment)
    return sent(answered, location="/v1/webhook-subscriptions/{subscription_id}/deliveries")


@router.get(
    "/{subscription_id}/deliveries",
    operation_id="list_webhook_deliveries",
    summary="List deliveries and dead letters",
    response_model=WebhookDeliveries,
    responses={200: _told(WEBHOOK_DELIVERIES)},
)
def list_deliveries(
    mine: ToRead, session: Reading, paged: Paged, state: InState = None
) -> dict[str, Any]:
    """Show what became of each event, the newest first; never what was sent."""
    found = again.list_deliveries(session, mine, paged.page, state=state)
    return paged.answer("deliveries", found)


@router.get(
    "/{subscription_id}/deliveries/{event_id}",
    operation_id="find_webhook_delivery",
    summary="Read a delivery",
    response_model=WebhookDelivery,
    responses={200: _told(WEBHOOK_DELIVERY)},
)
def find_delivery(mine: ToRead, event_id: EventId, session: Reading) -> dict[str, Any]:
    """Show what became of one event at this endpoint."""
    return again.find_delivery(session, mine, event_id)


@router.post(
    "/{subscription_id}/deliveries/{event_id}/redeliver",
    operation_id="redeliver_webhook",
    status_code=202,
    summary="Send one event once more",
    responses={
        202: _told(
            WEBHOOK_DELIVERY,
            model=WebhookDelivery,
            description="It is sent, before what comes after it of its parcel",
            links=_DELIVERY_LINKS,
        )
    },
)
def redeliver(mine: ToChange, event_id: EventId, post: Posted) -> Response:
    """Send a dead letter, or any other event, once more, with all its attempts before it."""
    answered = again.redeliver(post.session, mine, post.attempt, event_id, moment=post.moment)
    return sent(answered, location=_DELIVERY)


_DELIVERY = "/v1/webhook-subscriptions/{subscription_id}/deliveries/{event_id}"
