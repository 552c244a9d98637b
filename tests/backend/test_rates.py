"""Rate limits: a bucket for each key, told in headers, and none for health."""

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_backend.rates import Bucket, Rate, refilled, taken
from fellesskap_backend.settings import Settings
from tests.backend.api import Api, request, reserve

SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
BURST = 5
EVENTS = "/v1/events"


@pytest.fixture
def strict(settings: Settings) -> Iterator[Api]:
    """A server that lets five requests through at once, and one in a quarter of an hour."""
    limits = {"rate_per_s": 1 / 900, "rate_burst": BURST}
    house = Api(settings.model_copy(update=limits))
    try:
        house.locker("oslo-1", doors=9)
        yield house
    finally:
        house.stop()


def statuses(client: httpx.Client, times: int) -> list[int]:
    return [client.get(EVENTS).status_code for _ in range(times)]


@SQLITE
def test_caller_is_told_what_is_left_and_when_to_come_back(strict: Api) -> None:
    carrier = strict.carrier()
    first = carrier.get(EVENTS)
    assert first.headers["ratelimit-policy"] == f'"requests";q={BURST};w=4500'
    assert first.headers["ratelimit"].startswith(f'"requests";r={BURST - 1};t=')
    assert statuses(carrier, BURST - 1) == [200] * (BURST - 1)
    refused = carrier.get(EVENTS)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["content-type"] == "application/problem+json"
    assert 0 < int(refused.headers["retry-after"]) <= 900
    assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')


@SQLITE
def test_each_key_has_a_bucket_of_its_own(strict: Api) -> None:
    one, other = strict.carrier(), strict.carrier("Sydpost")
    assert statuses(one, 1) + statuses(other, 1) == [200, 200]
    assert statuses(one, BURST + 2)[-1] == 429
    assert statuses(other, 2) == [200, 200]


@SQLITE
def test_guessed_keys_share_the_bucket_of_their_address(strict: Api) -> None:
    carrier = strict.carrier()
    assert statuses(carrier, 1) == [200]
    guesses = [strict.client(f"fsk_{number:012x}_secret") for number in range(BURST + 1)]
    assert [guess.get(EVENTS).status_code for guess in guesses] == [401] * (BURST - 1) + [429] * 2
    assert strict.client().get(EVENTS).status_code == 429
    assert statuses(carrier, 1) == [200], "who has come in before is not hindered"


@SQLITE
def test_callers_behind_a_proxy_of_this_machine_are_told_apart(strict: Api) -> None:
    near, far = strict.client(), strict.client()
    near.headers["X-Forwarded-For"], far.headers["X-Forwarded-For"] = "192.0.2.1", "192.0.2.2"
    path = "/v1/lockers"
    assert [near.get(path).status_code for _ in range(BURST + 1)][-2:] == [200, 429]
    assert far.get(path).status_code == 200


@SQLITE
def test_health_is_not_counted(strict: Api) -> None:
    public = strict.client()
    answers = [public.get("/v1/health") for _ in range(BURST * 3)]
    assert {one.status_code for one in answers} == {200}
    assert "ratelimit" not in answers[0].headers


@SQLITE
def test_refused_request_has_no_effect_and_its_key_stays_free(strict: Api) -> None:
    carrier = strict.carrier()
    assert statuses(carrier, BURST) == [200] * BURST
    assert reserve(carrier, request(), "k").status_code == 429
    successor = strict.client(strict.key())
    assert reserve(successor, request(), "k").status_code == 201


@given(
    st.floats(0.01, 1_000),
    st.integers(1, 100),
    st.lists(st.floats(0, 100), min_size=1, max_size=50),
)
def test_nobody_gets_more_than_the_burst_and_the_rate(
    per_s: float, burst: int, pauses: list[float]
) -> None:
    rate, now, passed = Rate(per_s, burst), 0.0, 0
    bucket = Bucket(float(burst), now)
    for pause in pauses:
        now += pause
        bucket = refilled(bucket, rate, now)
        assert 0 <= bucket.left <= burst
        rest = taken(bucket)
        if rest is not None:
            bucket, passed = rest, passed + 1
        else:
            assert bucket.left < 1
    assert passed <= burst + per_s * now + 1e-6


def test_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(0.0, 10.0)
    assert refilled(bucket, Rate(1.0, 5), 4.0) == bucket
