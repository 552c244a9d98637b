"""Backend and daemon on a broker that speaks TLS alone: whom they trust, and whom they do not."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import certificate
from tests.system.brokers import Broker
from tests.system.house import Installation, installation, locker_toml, wait_for
from tests.system.upgrade import LOCKER_ID, put_in

TRUSTED = "SSL_CERT_FILE"
"""What OpenSSL itself is told to trust, beside nothing else."""


@contextlib.contextmanager
def house_on(broker: Broker, root: Path) -> Iterator[Installation]:
    env = {
        "FELLESSKAP_BROKER_URL": broker.url("backend"),
        "FELLESSKAP_LOCKER_BROKER_URL": broker.url("locker"),
        "FELLESSKAP_OPERATOR_BROKER_URL": broker.url("operator"),
    }
    with installation(root, env) as house:
        yield house


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Mosquitto with the certificate of `localhost`, for which it vouches itself."""
    made = Broker("mosquitto", tmp_path / "broker", certificate=certificate(tmp_path, "localhost"))
    made.start()
    yield made
    made.stop()


@pytest.mark.slow
def test_a_parcel_is_put_in_over_tls(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUSTED, str(broker.certificate))
    with house_on(broker, tmp_path / "house") as house:
        assert house.backend is not None
        assert house.backend.ready["broker"]["tls"] is True
        carrier, _ = house.carrier("Nordpost")
        locker = house.locker(LOCKER_ID, locker_toml(LOCKER_ID, doors=8))
        put_in(carrier, locker, 1)


@pytest.mark.slow
def test_a_broker_for_which_nobody_vouches_is_told_nothing(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUSTED, str(certificate(tmp_path, "elsewhere")))
    with house_on(broker, tmp_path / "house") as house:
        locker = house.locker(LOCKER_ID, locker_toml(LOCKER_ID, doors=8))
        refused = (
            (house.root / "backend.log", "no connection to the broker: SSLCertVerificationError"),
            (locker.folder / "edge.log", "certificate verify failed"),
        )
        wait_for("both refuse it", lambda: all(says in log.read_text() for log, says in refused))
    heard = (broker.folder / "broker.log").read_text()
    assert "New client connected" not in heard
