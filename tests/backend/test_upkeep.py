"""Commands for what went wrong, as an operator types them, and what each leaves behind."""

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from fellesskap_backend.db import Moment
from fellesskap_backend.downlink import Hold
from fellesskap_backend.errors import NotFound
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger import apply
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers import lost
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right
from fellesskap_backend.upkeep import Upkeep
from fellesskap_protocol import events
from fellesskap_protocol.signing import b64url
from tests.backend.api import Api, request, reserve
from tests.backend.lockers import HandLocker, House, collect, deposit
from tests.system.house import BIN, run_json

Run = Callable[..., Any]


@pytest.fixture
def run(api: Api) -> Run:
    """Type a command; return what it would print, or None if it was refused."""
    parser = argparse.ArgumentParser()
    words = parser.add_subparsers()
    of_lockers = words.add_parser("locker").add_subparsers()
    upkeep = Upkeep(lambda _: (api.secrets, api.engine))
    upkeep.add_to(words, of_lockers, argparse.ArgumentParser(add_help=False))

    def typed(*line: str) -> Any:
        arguments = parser.parse_args(line)
        try:
            return json.loads(json.dumps(arguments.command(api.settings, arguments)))
        except NotFound:
            return None

    return typed


def test_commands_that_change_something_leave_the_row_of_an_act(house: House, run: Run) -> None:
    device = house.locker.device_id
    for _ in range(2):
        run("device", "revoke", "oslo-1", device, "--reason", "Stolen.")
    run("unapplied", "list")
    run("unapplied", "apply", "--locker", "oslo-1")
    run("restored")
    run("locker", "write-off", "oslo-1", "--reason", "Fire.")
    assert run("device", "revoke", "oslo-1", "nobody") is None
    told = house.api.operator().get("/v1/operator/acts").json()["acts"]
    acts = [(one["act"], one["locker_id"], one["reason"], one["details"]) for one in told]
    assert acts[::-1] == [
        ("revoke_device", "oslo-1", "Stolen.", {"device_id": device}),
        ("apply_unapplied", "oslo-1", "not stated", {"tried": 0, "left": 0}),
        ("restored", None, "not stated", {"lockers": 1}),
        ("write_off_locker", "oslo-1", "Fire.", {}),
    ]
    assert {(one["by"], one["by_owner"]) for one in told} == {("command", str(UUID(int=0)))}


# What could not be applied -------------------------------------------------------------------


def _disable(monkeypatch: pytest.MonkeyPatch, *kinds: type[events.Event]) -> None:
    """Let this backend be one from before it knew these."""
    handlers = {kind: how for kind, how in apply.HANDLERS.items() if kind not in kinds}
    monkeypatch.setattr(apply, "HANDLERS", handlers)


def test_what_is_kept_is_listed_and_applied_in_order_after_an_upgrade(
    house: House, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    parcel = house.reserve(house.api.carrier())
    with monkeypatch.context() as earlier:
        _disable(earlier, events.Deposited, events.Collected)
        house.tell(*deposit(parcel), *collect(parcel))
    kept = run("unapplied", "list")
    assert [one["type"] for one in kept] == ["deposited", "collected"]
    assert kept[0] == {
        "locker_id": "oslo-1",
        "epoch": "epoch-1",
        "seq": 7,
        "type": "deposited",
        "recorded_at": kept[0]["recorded_at"],
        "unapplied": "nothing is known to do with it",
    }
    recorded = {row.seq: row.recorded_at for row in house.api.rows(Entry)}
    applied = run("unapplied", "apply")
    assert [one["unapplied"] for one in applied] == [None, None]
    assert house.api.rows(Parcel)[0].state == "collected"
    lines = {row.what: row.recorded_at for row in house.api.rows(ParcelEntry)}
    assert (lines["deposited"], lines["collected"]) == (recorded[7], recorded[12])
    assert run("unapplied", "list") == []


def test_one_that_still_fails_stays_kept_and_the_rest_is_applied(
    house: House, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        _disable(earlier, events.ServiceChanged)
        house.tell(
            events.DoorOpened(compartment=99),
            events.ServiceChanged(compartment=2, from_="in", to="out", cause="x"),
        )
    assert len(run("unapplied", "apply", "--locker", "elsewhere")) == 0
    assert len(run("unapplied", "apply", "--seq", "3")) == 1
    assert house.compartment(2).service == "in"
    applied = run("unapplied", "apply", "--locker", "oslo-1")
    assert [one["unapplied"] for one in applied] == ["the compartment was never described", None]
    assert house.compartment(2).service == "out"
    assert [one["seq"] for one in run("unapplied", "list")] == [3]


# Lockers and devices -------------------------------------------------------------------------


def test_a_locker_that_is_written_off_ends_what_was_promised_and_what_lay_there(
    house: House, run: Run
) -> None:
    carrier = house.api.carrier()
    there, expected, taken = (house.reserve(carrier, number) for number in (1, 2, 3))
    house.tell(*deposit(taken, 2), *collect(taken, 2), *deposit(there, 1))
    assert run("locker", "write-off", "oslo-1", "--reason", "Fire.") == {
        "locker_id": "oslo-1",
        "written_off": True,
    }
    states = {str(row.id): row.state for row in house.api.rows(Parcel)}
    assert [states[one["parcel_id"]] for one in (there, expected, taken)] == [
        "lost",
        "diverted",
        "collected",
    ]
    reservations = {str(row.parcel_id): row.state for row in house.api.rows(Reservation)}
    assert reservations[expected["parcel_id"]] == "diverted"
    assert all(claim.released for claim in house.api.rows(Claim))
    removed = {str(right.id): right.removed for right in house.api.rows(Right)}
    assert removed[expected["right_id"]]
    assert not removed[there["right_id"]], "whoever stands before it may still take it out"
    notices = sorted(house.api.rows(Notice), key=lambda row: row.id)
    told = [row for row in notices if row.data.get("reason") == "locker_written_off"]
    assert sorted(row.type for row in told) == [
        "parcel.disputed",
        "parcel.lost",
        "reservation.diverted",
    ]
    assert {row.data["note"] for row in told} == {"Fire."}
    assert house.api.client().get("/v1/lockers/oslo-1/availability").status_code == 404
    refused = reserve(carrier, request(9), "key-9")
    assert refused.json()["code"] == "locker_unavailable"
    moment = Moment(datetime.now(UTC) + timedelta(days=1))
    house.api.change(
        lambda session: lost.write_off(session, "oslo-1", reason="Again.", moment=moment)
    )
    assert house.api.count(Notice) == len(notices)


def test_a_lost_parcel_that_was_collected_after_all_is_collected(house: House, run: Run) -> None:
    parcel = house.reserve(house.api.carrier())
    house.tell(*deposit(parcel))
    run("locker", "write-off", "oslo-1", "--reason", "Out of reach.")
    house.tell(*collect(parcel))
    assert house.api.rows(Parcel)[0].state == "collected"


def test_what_is_unknown_is_refused(run: Run) -> None:
    assert run("locker", "write-off", "elsewhere", "--reason", "x") is None
    assert run("device", "revoke", "oslo-1", "nobody") is None


@pytest.mark.slow
def test_a_device_is_replaced_at_the_command_line(tmp_path: Path) -> None:
    first, second = (HandLocker("here") for _ in range(2))
    for name, one in (("first", first), ("second", second)):
        told = {"device_id": one.device_id, "public_key": b64url(one.key.public.raw)}
        (tmp_path / name).write_text(json.dumps(told))

    def typed(*words: str) -> Any:
        command = [str(BIN / "fellesskap-backend"), *words, "--state", str(tmp_path / "state")]
        return run_json(command, {})

    where = ("--site-name", "S", "--address", "A")
    typed("locker", "provision", "oslo-2", "--device", str(tmp_path / "first"), *where)
    provision = typed("locker", "replace", "oslo-2", "--device", str(tmp_path / "second"))
    assert (provision["locker_id"], provision["device_id"]) == ("oslo-2", second.device_id)
    assert [one["locker_id"] for one in typed("restored")] == ["oslo-2"]


# Backups -------------------------------------------------------------------------------------


@pytest.mark.parametrize("heard_of", [4, 1_000_000_000])
def test_restored_begins_a_generation_above_all_that_was_heard_of(
    house: House, run: Run, heard_of: int
) -> None:
    house.born(house.locker.birth(generation=heard_of, revision=9))
    assert house.row().behind_since is not None
    [shown] = run("restored")
    begun = shown["generation"]
    assert shown["locker_id"] == "oslo-1"
    assert begun > heard_of
    assert (shown["epoch"], shown["acked_seq"]) == ("epoch-1", 2)
    row = house.row()
    assert (row.generation, row.behind_since, row.custody_wanted) == (begun, None, True)
    [again] = run("restored")
    assert again["generation"] > begun


def test_a_database_that_is_behind_records_nothing_until_it_is_told_so(
    house: House, run: Run
) -> None:
    house.locker.add(events.Booted(software="1"))
    house.locker.position = (1, 3)
    for _ in range(2):
        standing = house.ingest(house.locker.batch(3))
        assert (standing.hold, standing.acked_seq) == (Hold.SIGNATURES, 2)
    # Wishes that grow past what the locker has do not hide it.
    house.api.change(lambda session: _raise_revision(session, 7))
    assert house.born().hold is Hold.SIGNATURES
    run("restored")
    assert house.ingest(house.locker.batch(3)).acked_seq == 3


def _raise_revision(session: Any, revision: int) -> None:
    session.get(Locker, "oslo-1").revision = revision


def test_a_locker_confirms_again_when_all_is_heard_and_its_rights_are_applied(
    house: House, run: Run
) -> None:
    carrier = house.api.carrier()
    run("restored")

    def refused(key: str) -> bool:
        status = reserve(carrier, request(1), key.replace(" ", "-")).status_code
        assert status in (201, 409)
        return status == 409

    assert refused("at once")
    assert house.born().hold is Hold.RIGHTS, "it still wishes what was used up meanwhile"
    house.tell(events.CustodyReported(**_NOTHING))
    assert not house.row().custody_wanted
    assert house.born().hold is Hold.NOTHING
    assert refused("it has reported")
    house.tell(events.RightsApplied(generation=1, revision=7, used={}))
    assert refused("that was the old generation")
    begun = house.row().generation
    house.locker.position = (begun, 0)
    house.locker.add(
        events.RightsApplied(generation=begun, revision=0, used={}), events.Booted(software="1")
    )
    house.ingest(house.locker.batch(5, 5))
    assert refused("there is more to hear")
    house.ingest(house.locker.batch(6))
    assert not refused("all is heard")


@pytest.mark.parametrize("recalled", [True, False])
def test_what_was_taken_out_by_a_forgotten_right_is_gone(house: House, *, recalled: bool) -> None:
    """A restored database wishes another right to remove it, or none; what is true came first."""
    carrier = house.api.carrier()
    parcel = house.reserve(carrier)
    house.tell(*deposit(parcel))
    if recalled:
        assert carrier.post(f"/v1/parcels/{parcel['parcel_id']}/recall").is_success
    named = {"parcel_id": parcel["parcel_id"], "compartment": 1, "evidence": "door"}
    house.tell(events.Removed(right_id=str(uuid4()), **named))
    assert house.unapplied() == {}
    assert [row.state for row in house.api.rows(Parcel)] == ["removed"]


_NOTHING: dict[str, Any] = {
    "compartment": 0,
    "parcel_id": "",
    "carrier_id": "",
    "since": datetime(2026, 11, 24, tzinfo=UTC),
    "complete": True,
}
