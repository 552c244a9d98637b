"""Real brokers, a real daemon and its simulated hardware for system tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.brokers import NAMES, Broker, Name
from tests.system.house import Locker, locker_toml
from tests.system.thin_backend import ThinBackend

HERE = Path(__file__).parent
LOCKER_ID = "fornebu-1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever starts processes is slow, and Mosquitto is a Debian package."""
    for item in items:
        if HERE in item.path.parents and "tmp_path" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=NAMES)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """Each of the brokers in turn, with three logins."""
    name: Name = request.param
    running = Broker(name, tmp_path / "broker").start()
    yield running
    running.stop()


@pytest.fixture
def edge(broker: Broker, tmp_path: Path) -> Iterator[tuple[ThinBackend, Locker]]:
    """A provisioned and running daemon, and a backend by hand on the other side of the broker."""
    locker = Locker(tmp_path / LOCKER_ID, locker_toml(LOCKER_ID))
    backend = ThinBackend(broker.login("backend"), LOCKER_ID)
    locker.provision(backend.provision(locker.identity(), broker.login("locker")))
    locker.start()
    yield backend, locker
    locker.stop()
    backend.close()
