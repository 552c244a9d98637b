"""A new signing key: what a locker refuses for it is said again, and the keys before it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fellesskap_backend import db, secrets
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings
from fellesskap_edge.config_check import load
from tests.simulation.fleet import Fleet
from tests.simulation.stand import Stand
from tests.system.house import locker_toml


def _wishes(fleet: Fleet, _stand: Stand) -> None:
    assert fleet.ask("oslo-1", "P1", "k")[0] == 201


def _journals(_fleet: Fleet, stand: Stand) -> None:
    stand.scan("]C0NOBODY1")


def _reconnects(_fleet: Fleet, stand: Stand) -> None:
    stand.disconnect()
    stand.connect()


@pytest.mark.parametrize("happens", [_wishes, _journals, _reconnects])
def test_a_locker_takes_a_new_signing_key_by_itself(
    happens: Callable[[Fleet, Stand], None], tmp_path: Path
) -> None:
    engine = db.engine(Settings(state=tmp_path))
    upgrade(engine)
    fleet = Fleet(engine, secrets.load(tmp_path))
    (tmp_path / "locker.toml").write_text(locker_toml("oslo-1", 8))
    stand = fleet.add(load(tmp_path / "locker.toml"), tmp_path / "stand", 70)
    fleet.until("it is known", lambda: len(fleet.rows(Entry)) > 1)
    fleet.run(5)
    before = fleet.secrets
    assert set(stand.drive.wire.keyring.by_kid) == {before.signing.kid}  # type: ignore[union-attr]

    fleet.secrets = secrets.rotate(tmp_path)
    fleet.use(engine)
    happens(fleet, stand)

    def trusted() -> set[str]:
        assert stand.drive is not None
        return set(stand.drive.wire.keyring.by_kid)

    new = fleet.secrets.signing.kid
    fleet.until("it trusts the new key", lambda: trusted() == {new}, s_max=60)
    # An old message does not bring the old key back.
    stand.deliver("keys", before.keys("oslo-1", fleet.now))
    assert trusted() == {new}
    fleet.reserve("oslo-1", "P2")

    def delivered() -> bool:
        row = fleet.rows(Locker)[0]
        return (row.applied_generation, row.applied_revision) == (row.generation, row.revision)

    fleet.until("all is delivered", delivered, s_max=60)
    fleet.deposit(stand, "P2")
    engine.dispose()


def test_versions_of_keys_only_rise(tmp_path: Path) -> None:
    first = secrets.load(tmp_path)
    second, third = secrets.rotate(tmp_path), secrets.rotate(tmp_path)
    assert [one.keys_version for one in (first, second, third)] == [1, 2, 3]
    assert third.retired == (first.signing.kid, second.signing.kid)
    assert third.root.kid == first.root.kid
    assert secrets.load(tmp_path).signing.kid == third.signing.kid
    assert (tmp_path / secrets.FILE).stat().st_mode & 0o077 == 0
