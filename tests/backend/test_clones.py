"""Two devices that are one locker: found out, held, and let go again by an operator."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fellesskap_backend import db, secrets
from fellesskap_backend.db import Moment
from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.tables import Entry, Tail
from fellesskap_backend.lockers import lost
from fellesskap_backend.lockers import service as lockers
from fellesskap_backend.lockers.tables import Device, Epoch, Locker
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.settings import Settings
from fellesskap_edge.config_check import load
from fellesskap_protocol import events
from fellesskap_protocol.signing import SigningKey, b64url
from tests.backend.lockers import AT, HandLocker, House, compartments, deposit
from tests.simulation.fleet import Fleet
from tests.system.house import locker_toml


def _begin(house: House, epoch: str) -> None:
    house.locker.begin(epoch)
    house.locker.session += 1
    house.born()


def test_a_third_epoch_within_a_day_is_a_clone(house: House) -> None:
    _begin(house, "epoch-2")
    assert house.row().quarantined_at is None
    _begin(house, "epoch-3")
    assert house.row().quarantined_at is not None
    answer = house.api.client().get("/v1/lockers/oslo-1/availability").json()
    assert set(answer["size_classes"].values()) == {"none"}


def test_epochs_of_a_device_that_was_replaced_are_not_counted(house: House) -> None:
    _begin(house, "epoch-2")
    house.locker = HandLocker(house.api.secrets.installation)
    house.locker.session = 3
    house.locker.claim(house.api)
    _begin(house, "epoch-3")
    assert house.row().quarantined_at is None


def test_two_boots_that_take_turns_are_a_clone_and_a_restart_is_none(house: House) -> None:
    for boot, session in (("boot-2", 2), ("boot-3", 3), ("boot-3", 4)):
        house.locker.boot_id, house.locker.session = boot, session
        house.born()
    early = house.locker.birth(boot_id="boot-2", session=2)
    house.born(early)
    assert house.row().quarantined_at is None, "a late message of an earlier boot is none"
    house.locker.boot_id, house.locker.session = "boot-2", 4
    assert house.born().verdict == "ok"
    assert house.row().quarantined_at is not None


def test_in_quarantine_both_journals_are_recorded_and_nothing_is_concluded(house: House) -> None:
    parcel = house.reserve(house.api.carrier())
    house.tell(*deposit(parcel))
    for epoch in ("epoch-2", "epoch-3"):
        _begin(house, epoch)
    first = HandLocker(house.api.secrets.installation)
    first.key, first.device_id = house.locker.key, house.locker.device_id
    first.epoch, first.session = "epoch-2", house.locker.session
    for one in (first, house.locker):
        one.add(
            events.StoreCreated(reason="went_back"),
            events.HardwareDescribed(compartments=compartments(3), digest="d"),
            events.CustodyReported(
                compartment=0, parcel_id="", carrier_id="", since=AT, complete=True
            ),
            events.RightsApplied(generation=1, revision=0, used={}),
        )
        standing = house.ingest(one.batch())
        assert (standing.verdict, standing.acked_seq) == ("ok", 4)
    assert not house.row().custody_wanted
    assert house.api.rows(Parcel)[0].state == "deposited", "the other may hold it"
    assert {row.epoch for row in house.api.rows(Epoch) if row.closed_at} == {"epoch-1"}


def test_an_operator_ends_it_and_whoever_is_left_begins_anew(house: House) -> None:
    for epoch in ("epoch-2", "epoch-3"):
        _begin(house, epoch)
    now, device_id = datetime.now(UTC), house.locker.device_id
    house.api.change(lambda session: lockers.revoke_device(session, "oslo-1", device_id, now=now))
    assert house.row().quarantined_at is None
    assert house.api.rows(Device)[0].revoked_at == now
    assert house.api.change(lambda session: ledger.keys_of(session, ["oslo-1"])) == {}
    assert {row.epoch: row.closed_by for row in house.api.rows(Tail)} == {
        "epoch-1": "epoch-2",
        "epoch-2": "quarantine",
        "epoch-3": "quarantine",
    }
    assert house.born().verdict == "closed"


@pytest.mark.parametrize(("locker_id", "device_id"), [("elsewhere", "x"), ("oslo-1", "x")])
def test_what_is_not_there_cannot_be_revoked(house: House, locker_id: str, device_id: str) -> None:
    now = datetime.now(UTC)
    with pytest.raises(NotFound):
        house.api.change(
            lambda session: lockers.revoke_device(session, locker_id, device_id, now=now)
        )


def test_a_device_is_replaced_where_a_locker_stands_and_nowhere_else(house: House) -> None:
    other = HandLocker(house.api.secrets.installation, "elsewhere")

    def replace(locker_id: str) -> None:
        house.api.change(
            lambda session: lockers.replace_device(
                session,
                locker_id,
                device_id=other.device_id,
                public_key=b64url(other.key.public.raw),
                now=datetime.now(UTC),
            )
        )

    replace("oslo-1")
    keys = house.api.change(lambda session: ledger.keys_of(session, ["oslo-1"])["oslo-1"])
    assert set(keys) == {other.key.kid}
    with pytest.raises(NotFound):
        replace("elsewhere")


def test_a_locker_that_was_written_off_is_never_provisioned_again(house: House) -> None:
    moment = Moment(datetime.now(UTC))
    house.api.change(
        lambda session: lost.write_off(session, "oslo-1", reason="fire", moment=moment)
    )
    with pytest.raises(InvalidRequest):
        house.api.change(
            lambda session: lockers.provision(
                session, "oslo-1", site_name="S", address="A", now=moment.now
            )
        )


# With real lockers ---------------------------------------------------------------------------


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = db.engine(Settings(state=tmp_path))
    upgrade(made)
    yield made
    made.dispose()


@pytest.mark.slow
def test_a_copied_card_is_found_out_held_and_replaced(engine: Engine, tmp_path: Path) -> None:
    fleet = Fleet(engine, secrets.load(tmp_path))
    (tmp_path / "locker.toml").write_text(locker_toml("oslo-1", 8))
    real = fleet.add(load(tmp_path / "locker.toml"), tmp_path / "real", 60)
    fleet.until("it has described itself", lambda: len(fleet.rows(Entry)) > 1)
    parcels = [fleet.reserve("oslo-1", f"P{number}") for number in range(2)]
    for number in range(2):
        fleet.deposit(real, f"P{number}")
    codes = [fleet.code(parcel["right_id"]) for parcel in parcels]
    twin = fleet.clone(real, tmp_path / "twin")

    def held() -> bool:
        return fleet.rows(Locker)[0].quarantined_at is not None

    fleet.until("it is found out", held, s_max=3600)
    fleet.said.clear()
    fleet.collect(real, codes[0])
    fleet.run(3600)
    assert set(fleet.said) <= {"ack", "keys"}, "no rights, no commands"
    assert fleet.ask("oslo-1", "P9", "k")[1]["code"] == "locker_unavailable"
    epochs = {row.epoch: row for row in fleet.rows(Epoch)}
    assert len(epochs) <= 4, "they do not close each other's for ever"
    for stand in (real, twin):
        epoch = epochs[stand.journal.epoch]
        assert (epoch.acked_seq, epoch.closed_at) == (stand.journal.head_seq, None)

    now = fleet.now
    fleet.change(lambda session: lockers.revoke_device(session, "oslo-1", "dev-oslo-1", now=now))
    real.kill()
    fleet.claim(real, SigningKey(bytes([61]) * 32), "dev-oslo-1-new")
    real.boot()
    real.connect()
    recorded = epochs[twin.journal.epoch].acked_seq
    fleet.run(120)
    row = fleet.rows(Locker)[0]
    assert (row.epoch, row.quarantined_at) == (real.journal.epoch, None)
    assert (row.applied_generation, row.applied_revision) == (row.generation, row.revision)
    assert next(one for one in fleet.rows(Epoch) if one.epoch == twin.journal.epoch).acked_seq == (
        recorded
    ), "what a revoked device says is refused"
    fleet.collect(real, codes[1])
    assert {parcel.state for parcel in fleet.rows(Parcel)} == {"collected"}
    assert fleet.ask("oslo-1", "P9", "again")[0] == 201
