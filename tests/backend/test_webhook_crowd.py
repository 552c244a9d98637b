"""A hundred real endpoints, ten of them bad from the start: the others get all, in order."""

from collections import defaultdict
from collections.abc import Iterator
from random import Random
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from fellesskap_backend.settings import Settings
from fellesskap_backend.worker import Worker
from tests.backend.hooks import Office, office
from tests.backend.receivers import (
    Behaviour,
    Receivers,
    answers,
    babbles,
    drips,
    floods,
    hangs,
    heads,
    redirects,
    slams,
    takes,
)
from tests.system.house import wait_for

BAD: tuple[Behaviour, ...] = (
    *(hangs, hangs, drips, drips, redirects),
    *(floods, answers, slams, babbles, heads),
)
GOOD = 90
PER_CARRIER = 10
PARCELS, ACTS = 6, 4
"""Of each carrier: so each endpoint is sent 24 events."""


@pytest.fixture
def crowd() -> Iterator[Receivers]:
    kinds = [(f"bad-{number}", kind) for number, kind in enumerate(BAD)]
    made = Receivers([*kinds, *((f"good-{number}", takes) for number in range(GOOD))])
    yield made
    made.close()


@pytest.fixture
def house(settings: Settings) -> Iterator[Office]:
    with office(settings) as made:
        yield made


@pytest.mark.slow
def test_ten_bad_endpoints_slow_none_of_the_ninety_good_ones(
    house: Office, crowd: Receivers, settings: Settings
) -> None:
    # Each carrier has one bad endpoint among its ten.
    names = {
        carrier: [f"bad-{number}", *(f"good-{one}" for one in range(number, GOOD, PER_CARRIER))]
        for number, carrier in enumerate(house.carrier(f"C{one}") for one in range(PER_CARRIER))
    }
    secrets = {
        name: house.subscribe(carrier, crowd.url(name))[1]
        for carrier, some in names.items()
        for name in some
    }
    _play(house, list(names), crowd, settings)

    for name, secret in secrets.items():
        if name.startswith("bad"):
            assert crowd[name].came, "it was there from the start, and was tried"
            continue
        came = crowd[name].came
        assert len(came) == PARCELS * ACTS
        in_order: dict[str, list[int]] = defaultdict(list)
        for one in came:
            Webhook(secret).verify(one.body, one.headers)
            in_order[one.told["data"]["parcel_id"]].append(one.told["position"])
        assert len(in_order) == PARCELS
        assert all(seen == sorted(seen) for seen in in_order.values())


def _play(house: Office, carriers: list[UUID], crowd: Receivers, settings: Settings) -> None:
    """Let things happen while a worker works."""
    rng = Random(1)
    acts = [
        (carrier, UUID(int=100 * number + parcel))
        for number, carrier in enumerate(carriers)
        for parcel in range(PARCELS)
        for _ in range(ACTS)
    ]
    rng.shuffle(acts)
    loopback = settings.model_copy(update={"allow_loopback_webhooks": True})
    worker = Worker(loopback, house.secrets, house.engine, timeout_s=120)
    worker.start()
    try:
        for carrier, parcel in acts:
            house.tell(carrier, parcel)
            worker.wake()
        goods = [crowd[f"good-{number}"] for number in range(GOOD)]
        wait_for(
            "the good ones have all, while the bad ones hang",
            lambda: all(len(one.came) >= PARCELS * ACTS for one in goods),
            60,
        )
        for number in (0, 1, 2, 3):
            assert len(crowd[f"bad-{number}"].came) == 1, "it hangs since the start"
    finally:
        worker.stop()
