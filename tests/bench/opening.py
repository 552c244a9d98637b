"""The whole house on loopback: from an operator's POST to the pulse, against a bare ping-pong.

Three boards with a supply each on one line, one opening every 600 ms, each on the next supply; the
doors are shut again by people. The bus is as busy as that makes it. The 600 ms are spread by one
period of its polls, with which an operator does not keep step: 600 is four times 150.
"""

import random
from pathlib import Path

import httpx

from fellesskap_edge.bus import POLL_WATCHED_S
from tests.bench.callers import Caller
from tests.bench.figures import Figure, progress, spread
from tests.bench.limits import ping_pongs_ms
from tests.bench.watch import Watch, pause_until
from tests.system.brokers import Broker
from tests.system.house import (
    Installation,
    Locker,
    NeverHappened,
    installation,
    locker_toml,
    wait_for,
)

LOCKER_ID = "bench-1"
SUPPLIES, DOORS = 3, 24
PATH = f"/v1/lockers/{LOCKER_ID}/door-operations"
EVERY_S, OPEN_S = 0.6, 0.3
LIMIT_S = 0.5
"""The locker's own limit: what comes sooner after the one before is refused."""
SPREAD_S = POLL_WATCHED_S
SEED = 1
PINGS = 500


def measure(folder: Path, samples: int) -> list[Figure]:
    """Open doors from afar; return the figures of the way from the POST to the pulse."""
    broker = Broker("nats", folder / "broker").start()
    env = {
        "FELLESSKAP_BROKER_URL": broker.url("backend"),
        "FELLESSKAP_LOCKER_BROKER_URL": broker.url("locker"),
        "FELLESSKAP_OPERATOR_BROKER_URL": broker.url("operator"),
    }
    toml = locker_toml(LOCKER_ID, DOORS, remote_open_interval_s=LIMIT_S, supplies=SUPPLIES)
    try:
        with installation(folder / "house", env) as house:
            spent = _play(house, house.locker(LOCKER_ID, toml), samples)
        pings = ping_pongs_ms(broker.login("backend"), PINGS)
    finally:
        broker.stop()
    return spread("open.post_to_pulse", spent, pings)


def _play(house: Installation, locker: Locker, samples: int) -> list[float]:
    """Return the times from POST to pulse in ms."""
    with httpx.Client(base_url=house.url) as anybody:
        path = f"/v1/lockers/{LOCKER_ID}/availability"
        wait_for("known doors", lambda: "many" in anybody.get(path).json()["size_classes"].values())
    with house.operator("Bench") as reader:
        headers = {"Authorization": reader.headers["Authorization"]}
        operator = Caller(house.url, headers)
        watch = Watch(locker.hardware)
        watch.quiet(0.0)
        chance = random.Random(SEED)
        spent = []
        for turn in progress(range(samples), "open: an operator's openings", samples):
            door = 1 + (turn * (DOORS // SUPPLIES) + turn // SUPPLIES) % DOORS
            locker.hardware.person("nothing", door, open_s=OPEN_S)
            wish = {"compartment": door, "reason_code": "bench", "reason": "measuring"}
            answer = operator.post(PATH, wish)
            assert answer.status == 202, answer
            try:
                pulsed = watch.after("pulse_started", answer.begun)
            except NeverHappened as error:
                became = reader.get(f"{PATH}/{answer.body['id']}").json()
                raise NeverHappened(f"{error}; the operation: {became}") from None
            spent.append((pulsed - answer.begun) * 1000)
            due = answer.begun + EVERY_S + chance.uniform(-SPREAD_S / 2, SPREAD_S / 2)
            pause_until(max(due, pulsed + LIMIT_S))
        operator.close()
    return spent
