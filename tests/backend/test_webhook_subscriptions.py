"""`/v1/webhook-subscriptions`, with a receiver that verifies as a carrier would."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from fellesskap_backend.idempotency import Answer
from fellesskap_backend.schema import metadata
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks.service import LIVE_MAX
from fellesskap_backend.webhooks.tables import Delivery, Subscription
from fellesskap_backend.worker import Worker
from tests.backend.api import Api, Json, request, reserve
from tests.backend.receivers import Came, Receivers, answers, takes
from tests.system.house import wait_for

pytestmark = pytest.mark.slow

PATH = "/v1/webhook-subscriptions"
URL = "https://carrier.example/fellesskap"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Let this machine be an endpoint."""
    return settings.model_copy(update={"allow_loopback_webhooks": True})


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    made = Receivers([("good", takes), ("other", takes), ("ill", answers)])
    yield made
    made.close()


@pytest.fixture
def worker(api: Api) -> Iterator[Worker]:
    made = Worker(api.settings, api.secrets, api.engine)
    made.start()
    yield made
    made.stop()


def subscribe(carrier: httpx.Client, url: str = URL, **fields: Any) -> Json:
    answer = carrier.post(PATH, json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    assert answer.headers["Location"] == f"{PATH}/{body['id']}"
    return body


def change(carrier: httpx.Client, made: Json, **fields: Any) -> httpx.Response:
    path = f"{PATH}/{made['id']}"
    tag = carrier.get(path).headers["ETag"]
    return carrier.patch(path, json=fields, headers={"If-Match": tag})


def verified(secret: str, came: Came) -> bool:
    try:
        Webhook(secret).verify(came.body, came.headers)
    except WebhookVerificationError:
        return False
    return True


def test_secret_is_shown_once_and_stands_in_no_row(api: Api) -> None:
    carrier = api.carrier()
    headers = {"Idempotency-Key": "k"}
    first = carrier.post(PATH, json={"url": URL}, headers=headers)
    again = carrier.post(PATH, json={"url": URL}, headers=headers)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert api.count(Subscription) == api.count(Answer) == 1
    secret = first.json()["secret"]
    assert secret.startswith("whsec_")
    shown = carrier.get(first.headers["Location"]).json()
    assert shown == {name: one for name, one in first.json().items() if name != "secret"}
    with api.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                assert secret.removeprefix("whsec_") not in repr(tuple(row)), table.name


@pytest.mark.parametrize(
    "fields",
    [
        *({"url": "http://carrier.example/"}, {"url": "https://10.0.0.8/"}, {"url": ""}, {}),
        *({"url": "https://u:p@carrier.example/"}, {"url": URL, "types": []}),
        *({"url": URL, "types": ["parcel.flown"]}, {"url": URL, "secret": "whsec_mine"}),
    ],
)
def test_what_cannot_be_told_is_refused(api: Api, fields: Json) -> None:
    answer = api.carrier().post(PATH, json=fields)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert api.count(Subscription) == 0


def test_a_carrier_has_at_most_twenty(api: Api) -> None:
    carrier = api.carrier()
    made = [subscribe(carrier) for _ in range(LIVE_MAX)]
    refused = carrier.post(PATH, json={"url": URL})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many")
    assert carrier.delete(f"{PATH}/{made[0]['id']}").status_code == 204
    subscribe(carrier)
    listed = carrier.get(PATH, params={"limit": 200}).json()["webhook_subscriptions"]
    assert len(listed) == LIVE_MAX
    assert made[0]["id"] not in {one["id"] for one in listed}


def test_what_a_key_may_is_said_by_its_scopes(api: Api) -> None:
    carrier = api.carrier()
    made = subscribe(carrier)
    body = {"name": "Reader", "scopes": ["webhooks:read"]}
    reader = api.client(carrier.post("/v1/api-keys", json=body).json()["api_key"])
    assert reader.get(f"{PATH}/{made['id']}").status_code == 200
    for answer in (
        reader.post(PATH, json={"url": URL}),
        reader.delete(f"{PATH}/{made['id']}"),
        reader.post(f"{PATH}/{made['id']}/test"),
    ):
        assert answer.status_code == 403


def test_what_is_changed_is_changed_and_what_is_left_out_is_not(api: Api) -> None:
    carrier = api.carrier()
    made = subscribe(carrier, types=["parcel.lost"], description="Losses")
    assert carrier.patch(f"{PATH}/{made['id']}", json={"url": URL}).status_code == 428
    body = change(carrier, made, url=f"{URL}/2").json()
    assert (body["url"], body["types"], body["description"]) == (
        f"{URL}/2",
        ["parcel.lost"],
        "Losses",
    )
    assert change(carrier, made, types=None).json()["types"] is None
    assert change(carrier, made, url="https://[::1]:x/").status_code == 422
    assert change(carrier, made, state="gone").status_code == 422


def test_deleted_one_is_sent_nothing_and_can_be_read(
    api: Api, receivers: Receivers, worker: Worker
) -> None:
    carrier = api.carrier()
    made, other = (
        subscribe(carrier, receivers.url("good")),
        subscribe(carrier, receivers.url("other")),
    )
    for _ in range(2):
        assert carrier.delete(f"{PATH}/{made['id']}").status_code == 204
    assert carrier.get(f"{PATH}/{made['id']}").json()["state"] == "deleted"
    for verb in ("test", "rotate-secret", "replay"):
        body = {"rotate-secret": {}, "replay": {"after": 0}}.get(verb)
        refused = carrier.post(f"{PATH}/{made['id']}/{verb}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state"), verb
    assert change(carrier, made, state="active").json()["code"] == "wrong_state"
    reserve(carrier, request(), "k")
    worker.wake()
    wait_for("the other", lambda: receivers["other"].came)
    assert receivers["good"].came == []
    assert other["state"] == "active"


def test_two_secrets_sign_while_they_change_over(
    api: Api, receivers: Receivers, worker: Worker
) -> None:
    carrier = api.carrier()
    made = subscribe(carrier, receivers.url("good"))
    path = f"{PATH}/{made['id']}"
    headers = {"Idempotency-Key": "rotate"}
    rotated = carrier.post(f"{path}/rotate-secret", json={"overlap": "PT1H"}, headers=headers)
    assert rotated.status_code == 200, rotated.text
    old, new = made["secret"], rotated.json()["secret"]
    assert old != new
    assert rotated.json()["secret_version"] == 2
    replayed = carrier.post(f"{path}/rotate-secret", json={"overlap": "PT1H"}, headers=headers)
    assert replayed.json() == rotated.json()
    carrier.post(f"{path}/test")
    worker.wake()
    wait_for("the test", lambda: receivers["good"].came)
    (came,) = receivers["good"].came
    assert came.headers["webhook-signature"].count("v1,") == 2
    assert verified(old, came)
    assert verified(new, came)
    carrier.post(f"{path}/rotate-secret", json={"overlap": "PT0S"})
    carrier.post(f"{path}/test")
    worker.wake()
    wait_for("another", lambda: len(receivers["good"].came) == 2)
    last = receivers["good"].came[1]
    assert not verified(old, last)
    assert not verified(new, last)
    assert carrier.post(f"{path}/rotate-secret", json={"overlap": "P31D"}).status_code == 422


def test_a_test_is_sent_and_what_became_of_it_can_be_read(
    api: Api, receivers: Receivers, worker: Worker
) -> None:
    carrier = api.carrier()
    made = subscribe(carrier, receivers.url("good"), types=["parcel.lost"])
    sent = carrier.post(f"{PATH}/{made['id']}/test")
    assert sent.status_code == 202
    assert sent.json()["state"] == "due"
    worker.wake()
    path = sent.headers["Location"]
    wait_for("it", lambda: carrier.get(path).json()["state"] == "delivered")
    (came,) = receivers["good"].came
    assert verified(made["secret"], came)
    assert came.told["type"] == "webhook.test"
    assert came.told["data"] == {"subscription_id": made["id"]}
    assert came.told["position"] is None
    assert came.headers["webhook-id"] == came.told["id"] == sent.json()["event_id"]
    assert carrier.get("/v1/events").json()["events"] == []
    change(carrier, made, state="paused")
    refused = carrier.post(f"{PATH}/{made['id']}/test")
    assert refused.json()["code"] == "wrong_state"


def events(carrier: httpx.Client, count: int) -> list[Json]:
    """Wait for a feed of so many events."""

    def read() -> list[Json] | None:
        found: list[Json] = carrier.get("/v1/events").json()["events"]
        return found if len(found) == count else None

    return wait_for("the feed", read)


def positions(receivers: Receivers, name: str) -> list[int]:
    return [one["position"] for one in receivers[name].told()]


def test_what_came_while_it_was_paused_comes_when_it_goes_on(
    api: Api, receivers: Receivers, worker: Worker
) -> None:
    carrier = api.carrier()
    made = subscribe(carrier, receivers.url("good"))
    change(carrier, made, state="paused")
    reserve(carrier, request(1), "k1")
    worker.wake()
    events(carrier, 1)
    assert api.count(Delivery) == 0
    change(carrier, made, state="active")
    reserve(carrier, request(2), "k2")
    worker.wake()
    wait_for("both", lambda: len(receivers["good"].came) == 2)
    assert sorted(positions(receivers, "good")) == [1, 2]


def test_replay_sends_the_feed_once_more_with_the_same_ids(
    api: Api, receivers: Receivers, worker: Worker
) -> None:
    carrier = api.carrier()
    for number in range(2):
        assert reserve(carrier, request(number), f"k{number}").status_code == 201
    worker.wake()
    events(carrier, 2)
    made = subscribe(carrier, receivers.url("good"))
    assert reserve(carrier, request(5), "k5").status_code == 201
    worker.wake()
    wait_for("what came after it subscribed", lambda: positions(receivers, "good") == [3])
    first = receivers["good"].came[0].headers["webhook-id"]

    path = f"{PATH}/{made['id']}/replay"
    answer = carrier.post(path, json={"after": 1})
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"subscription_id": made["id"], "after": 1, "up_to": 3}
    worker.wake()
    wait_for("two", lambda: len(receivers["good"].came) == 3)
    assert sorted(positions(receivers, "good")) == [2, 3, 3]
    ids = [came.headers["webhook-id"] for came in receivers["good"].came]
    assert ids.count(first) == 2

    since = datetime.now(UTC) - timedelta(hours=1)
    answer = carrier.post(path, json={"since": since.isoformat()})
    assert answer.json()["after"] == 0
    worker.wake()
    wait_for("all three", lambda: len(receivers["good"].came) == 6)
    for bad in ({}, {"after": 1, "since": since.isoformat()}, {"after": -1}):
        assert carrier.post(path, json=bad).status_code == 422


def test_replay_keeps_the_order_of_a_parcel(api: Api, receivers: Receivers, worker: Worker) -> None:
    carrier = api.carrier()
    made = subscribe(carrier, receivers.url("good"))
    reservation = reserve(carrier, request(1), "k1").json()
    carrier.delete(f"/v1/reservations/{reservation['id']}")
    worker.wake()
    wait_for("both", lambda: positions(receivers, "good") == [1, 2])
    for _ in range(2):
        receivers["good"].came.clear()
        carrier.post(f"{PATH}/{made['id']}/replay", json={"after": 0})
        worker.wake()
        wait_for("both again", lambda: positions(receivers, "good") == [1, 2])


def test_dead_letter_is_listed_and_sent_again_by_hand(
    api: Api, receivers: Receivers, worker: Worker
) -> None:
    carrier = api.carrier()
    made = subscribe(carrier, receivers.url("ill"))
    reserve(carrier, request(1), "k1")
    worker.wake()
    path = f"{PATH}/{made['id']}/deliveries"

    def tried(count: int) -> bool:
        found = carrier.get(path).json()["deliveries"]
        return bool(found) and found[0]["attempts"] == count

    wait_for("the first attempt", lambda: tried(1))

    def almost_dead(session: Any) -> None:
        row = session.scalars(select(Delivery)).one()
        row.attempts, row.due_at = 11, datetime.now(UTC)

    api.change(almost_dead)
    worker.wake()
    wait_for("the last attempt", lambda: tried(12))
    assert carrier.get(path, params={"state": "delivered"}).json()["deliveries"] == []
    (dead,) = carrier.get(path, params={"state": "dead"}).json()["deliveries"]
    assert (dead["last_status"], dead["due_at"], dead["type"]) == (
        500,
        None,
        "reservation.confirmed",
    )
    assert dead["event_id"] == events(carrier, 1)[0]["id"]
    one = f"{path}/{dead['event_id']}"
    assert carrier.get(one).json() == dead

    receivers["ill"].status = 200
    again = carrier.post(f"{one}/redeliver")
    assert again.status_code == 202, again.text
    assert (again.json()["state"], again.json()["attempts"]) == ("due", 0)
    worker.wake()
    wait_for("it", lambda: carrier.get(one).json()["state"] == "delivered")
    unknown = f"{path}/01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"
    assert carrier.post(f"{unknown}/redeliver").status_code == 404
    assert carrier.get(unknown).status_code == 404
