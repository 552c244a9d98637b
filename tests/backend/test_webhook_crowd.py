"""A hundred real endpoints, ten of them bad for a day: the others get all at once, in order."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from fellesskap_backend.settings import Settings
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
"""Of each carrier: so each endpoint is sent 24 events, about one an hour."""
HOURS = 24


@pytest.fixture
def crowd() -> Iterator[Receivers]:
    kinds = [(f"bad-{number}", kind) for number, kind in enumerate(BAD)]
    made = Receivers([*kinds, *((f"good-{number}", takes) for number in range(GOOD))])
    yield made
    made.close()


@pytest.fixture
def house(settings: Settings) -> Iterator[Office]:
    with office(settings, timeout_s=120) as made:
        yield made


@pytest.mark.slow
def test_ten_bad_endpoints_slow_none_of_the_ninety_good_ones(
    house: Office, crowd: Receivers
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
    _live_a_day(house, list(names), crowd)

    for number in range(4):
        assert len(crowd[f"bad-{number}"].came) == 1, "it hangs since the start"
    ill = crowd[f"bad-{BAD.index(answers)}"].came
    assert len(ill) >= HOURS // 2, "it answers 500 all day, and is tried again"
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


def _live_a_day(house: Office, carriers: list[UUID], crowd: Receivers) -> None:
    """Let things happen each hour; in each the good ones are told all, whatever the bad ones do."""
    rng = Random(1)
    acts = [
        (carrier, UUID(int=100 * number + parcel))
        for number, carrier in enumerate(carriers)
        for parcel in range(PARCELS)
        for _ in range(ACTS)
    ]
    rng.shuffle(acts)
    begun, told = house.now, Counter[UUID]()
    for hour in range(HOURS):
        house.now = begun + timedelta(hours=hour)
        for carrier, parcel in acts[hour::HOURS]:
            house.tell(carrier, parcel)
            told[carrier] += 1
        owed = {f"good-{number}": told[carriers[number % PER_CARRIER]] for number in range(GOOD)}

        def all_have(owed: dict[str, int] = owed) -> bool:
            house.round()
            return all(len(crowd[name].came) >= count for name, count in owed.items())

        wait_for("the good ones have all, while the bad ones hang", all_have, 60)
