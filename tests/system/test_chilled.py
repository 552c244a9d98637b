"""A real daemon with a chilled door: probe's file, backend's record, and a word at the kiosk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fellesskap_protocol.events import Deposited, Fault
from tests.system.brokers import Broker
from tests.system.house import Locker, locker_toml, wait_for
from tests.system.test_edge import CODE, LABEL, SCAN
from tests.system.thin_backend import ThinBackend

PROBE = "28-00000a"
COLD = f"""
[climate]
devices = "w1"
alarm_after_s = 0
[[probe]]
device = "{PROBE}"
compartments = [1]
"""


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[tuple[ThinBackend, Locker]]:
    """A locker of two doors, the first of them chilled, without patience."""
    broker = Broker("nats", tmp_path / "broker").start()
    toml = locker_toml("cold-1", doors=2).replace("features = []", 'features = ["chilled"]', 1)
    locker = Locker(tmp_path / "cold-1", toml + COLD)
    backend = ThinBackend(broker.login("backend"), "cold-1")
    locker.provision(backend.provision(locker.identity(), broker.login("locker")))
    locker.start()
    yield backend, locker
    locker.stop()
    backend.close()
    broker.stop()


def test_a_parcel_that_went_warm_is_named_and_whoever_collects_it_is_told(
    cold: tuple[ThinBackend, Locker],
) -> None:
    backend, locker = cold

    def told(words: str) -> list[Fault]:
        return backend.recorded(Fault, lambda one: "temp" in one.part and words in one.what)

    wait_for("the first temperature", lambda: told("ok"))
    backend.grant(backend.claim(1, LABEL, CODE))
    locker.hardware.person("put_in")
    locker.hardware.scan(SCAN)
    parcel = wait_for("deposited", lambda: backend.recorded(Deposited))[0]
    assert parcel.compartment == 1
    locker.hardware.ask("fault", part=PROBE, name="says_c", value=9.5)
    assert locker.edge is not None
    locker.edge.kill()
    locker.start()
    (alarm,) = wait_for("the alarm", lambda: told("above 6.0 C"))
    assert parcel.parcel_id in alarm.what
    locker.hardware.person("take_out")
    assert locker.enter(CODE[:8])["outcome"] == "opens"
    scan = locker.kiosk.get("/api/status").json()["scan"]
    assert (scan["outcome"], scan["compartment"]) == ("warm", 1)
