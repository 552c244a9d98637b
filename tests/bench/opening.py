"""The whole house: from an operator's POST to the pulse, against a bare MQTT ping-pong."""

import time
from pathlib import Path

from tests.bench.edge import Watch
from tests.bench.figures import Figure, console, figure, p50_p99, ping_pongs_ms
from tests.system.brokers import Broker
from tests.system.house import installation, locker_toml, wait_for

LOCKER_ID = "bench-1"
SUPPLIES, DOORS = 3, 24
EVERY_S = 0.6


def measure(folder: Path, samples: int) -> list[Figure]:
    """Open doors of three supplies in turn, one every 600 ms."""
    broker = Broker("nats", folder / "broker").start()
    env = {
        "FELLESSKAP_BROKER_URL": broker.url("backend"),
        "FELLESSKAP_LOCKER_BROKER_URL": broker.url("locker"),
        "FELLESSKAP_OPERATOR_BROKER_URL": broker.url("operator"),
    }
    toml = locker_toml(LOCKER_ID, DOORS, remote_open_interval_s=0.5, supplies=SUPPLIES)
    spent = []
    try:
        with installation(folder / "open", env) as house:
            operator, locker = house.operator(), house.locker(LOCKER_ID, toml)
            watch = Watch(locker)
            path = f"/v1/lockers/{LOCKER_ID}/door-operations"
            carrier, _ = house.carrier("Nordpost")
            availability = f"/v1/lockers/{LOCKER_ID}/availability"
            wait_for(
                "known doors",
                lambda: "many" in carrier.get(availability).json()["size_classes"].values(),
            )
            for turn in range(samples):
                console.print(f"open: {turn + 1} of {samples}", end="\r")
                door = 1 + (turn * (DOORS // SUPPLIES) + turn // SUPPLIES) % DOORS
                locker.hardware.person("nothing", door, open_s=0.3)
                begun = time.monotonic()
                wish = {"compartment": door, "reason_code": "bench", "reason": "measuring"}
                assert operator.post(path, json=wish).status_code == 202
                spent.append((watch.after("pulse_started", begun) - begun) * 1000)
                due = begun + EVERY_S
                wait_for("the next turn", lambda due=due: time.monotonic() > due)  # type: ignore[misc]
        best50, best99 = p50_p99(ping_pongs_ms(broker.login("backend"), 500))
    finally:
        broker.stop()
    p50, p99 = p50_p99(spent)
    return [
        figure("open.post_to_pulse_p50_ms", p50, "ms", best50),
        figure("open.post_to_pulse_p99_ms", p99, "ms", best99),
    ]
