"""Pickup codes that change, at a real locker: its own drive and journal in virtual time."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from fellesskap_backend.parcels import acts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.pickup_codes.service import DELEGATED_MAX
from fellesskap_backend.rights.service import NUMBERS, NUMBERS_EVER
from fellesskap_backend.rights.tables import RightCode
from tests.simulation.acting import Json, Market, market

pytestmark = pytest.mark.slow


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Market]:
    with market(tmp_path) as made:
        yield made


def deposited(at: Market, label: str = "P0") -> Json:
    """Reserve and put in; return the reservation."""
    reservation = at.fleet.reserve("oslo-1", label)
    at.fleet.deposit(at.stand, label)
    return reservation


def typed(at: Market, code: str) -> str:
    """Type a code; return what is answered."""
    answer = at.stand.type_code(code)
    assert answer is not None
    return answer.outcome


def state(at: Market, parcel_id: str) -> str:
    return next(row.state for row in at.fleet.rows(Parcel) if row.id == UUID(parcel_id))


def test_a_rotated_code_opens_and_the_old_one_does_not_once_the_locker_has_heard(
    at: Market,
) -> None:
    parcel = deposited(at)
    ids = parcel["parcel_id"], parcel["right_id"]
    old = at.code(*ids)["code"]
    at.stand.disconnect()
    new = at.rotate(*ids)
    assert (new["state"], new["effective"]) == ("live", "pending")
    assert new["code"] != old
    assert typed(at, new["code"]) == "refused", "it has not heard, and the answer says so"
    at.stand.connect()
    at.fleet.run(30.0)
    assert at.code(*ids) == new | {"effective": "in_force"}
    assert typed(at, old) == "refused"
    at.fleet.collect(at.stand, new["code"])
    assert state(at, ids[0]) == "collected"
    assert at.code(*ids)["state"] == "over"
    assert "code" not in at.code(*ids)


def test_a_code_is_rotated_before_the_deposit_too(at: Market) -> None:
    parcel = at.fleet.reserve("oslo-1", "P0")
    ids = parcel["parcel_id"], parcel["right_id"]
    old, new = at.code(*ids)["code"], at.rotate(*ids)
    at.fleet.run(3.0)
    at.fleet.deposit(at.stand, "P0")
    assert typed(at, old) == "refused"
    at.fleet.collect(at.stand, new["code"])


def test_somebody_else_collects_by_a_second_code_and_both_are_over(at: Market) -> None:
    parcel = deposited(at)
    ids = parcel["parcel_id"], parcel["right_id"]
    first, second = at.code(*ids), at.second_code(ids[0])
    assert (second["is_for"], second["effective"]) == ("somebody_else", "pending")
    at.fleet.run(3.0)
    at.fleet.collect(at.stand, second["code"])
    assert state(at, ids[0]) == "collected"
    for code_id in (ids[1], second["id"]):
        assert at.code(ids[0], code_id)["state"] == "over"
    at.fleet.run(400.0)
    assert typed(at, second["code"]) == typed(at, first["code"]) == "refused"


def test_a_second_code_made_before_the_deposit_opens_while_the_locker_is_offline(
    at: Market,
) -> None:
    parcel = at.fleet.reserve("oslo-1", "P0")
    second = at.second_code(parcel["parcel_id"])
    at.fleet.run(3.0)
    at.stand.disconnect()
    at.fleet.deposit(at.stand, "P0")
    at.fleet.collect(at.stand, second["code"])
    at.stand.connect()
    at.fleet.run(30.0)
    assert state(at, parcel["parcel_id"]) == "collected"


def test_a_second_code_is_revoked_alone_and_so_is_the_first(at: Market) -> None:
    parcel = deposited(at)
    ids = parcel["parcel_id"], parcel["right_id"]
    first = at.code(*ids)["code"]
    gone, stays = at.second_code(ids[0]), at.second_code(ids[0])
    at.fleet.run(3.0)
    answer = at.revoke_code(ids[0], gone["id"])
    assert (answer["state"], answer["effective"]) == ("revoked", "pending")
    at.fleet.run(3.0)
    assert at.revoke_code(ids[0], gone["id"]) == answer | {"effective": "in_force"}
    assert typed(at, gone["code"]) == "refused"
    assert at.revoke_code(*ids)["state"] == "revoked"
    at.fleet.run(3.0)
    assert typed(at, first) == "refused"
    assert "code" not in at.code(*ids)
    at.fleet.collect(at.stand, stays["code"])
    assert state(at, ids[0]) == "collected"


def test_a_revoked_code_gets_new_digits_by_rotation(at: Market) -> None:
    parcel = deposited(at)
    ids = parcel["parcel_id"], parcel["right_id"]
    second = at.second_code(ids[0])
    for code_id in (ids[1], second["id"]):
        at.revoke_code(ids[0], code_id)
    renewed = at.rotate(ids[0], second["id"])
    again = at.rotate(*ids)
    assert [again["state"], renewed["state"]] == ["live", "live"]
    assert renewed["code"] != second["code"]
    at.fleet.run(3.0)
    assert typed(at, second["code"]) == "refused"
    at.fleet.collect(at.stand, renewed["code"])


def test_a_recall_takes_every_code_out_of_use_and_a_dispute_none(at: Market) -> None:
    disputed, recalled = deposited(at, "P0"), deposited(at, "P1")
    kept = at.second_code(disputed["parcel_id"])
    lost = at.second_code(recalled["parcel_id"])
    at.fleet.run(3.0)
    at.do(acts.dispute, "Nordpost", UUID(disputed["parcel_id"]), reason="empty, it is said")
    at.recall("Nordpost", recalled["parcel_id"])
    assert typed(at, lost["code"]) == "refused"
    assert at.code(recalled["parcel_id"], lost["id"])["state"] == "over"
    with pytest.raises(AssertionError, match="wrong_state"):
        at.second_code(recalled["parcel_id"])
    with pytest.raises(AssertionError, match="wrong_state"):
        at.rotate(recalled["parcel_id"], recalled["right_id"])
    at.fleet.collect(at.stand, kept["code"])


def test_after_a_lost_store_a_second_code_opens_and_what_was_given_up_does_not(at: Market) -> None:
    parcel = deposited(at)
    ids = parcel["parcel_id"], parcel["right_id"]
    second, gone = at.second_code(ids[0]), at.second_code(ids[0])
    old = at.code(*ids)
    at.rotate(*ids)
    at.revoke_code(ids[0], gone["id"])
    at.fleet.run(3.0)
    at.stand.kill()
    at.stand.lose_store()
    at.stand.boot()
    at.stand.connect()
    at.fleet.run(60.0)
    for code in (gone, old):
        assert typed(at, code["code"] + code["addition"]) == "refused"
    at.fleet.collect(at.stand, second["code"] + second["addition"])
    assert state(at, ids[0]) == "collected"


def test_old_digits_rest_and_there_is_an_end_to_rotating_and_sharing(at: Market) -> None:
    parcel = at.fleet.reserve("oslo-1", "P0")
    ids = parcel["parcel_id"], parcel["right_id"]
    macs = {row.code_mac for row in at.fleet.rows(RightCode)}
    codes = {at.code(*ids)["code"]}
    rotated = len(NUMBERS_EVER) - len(NUMBERS)
    for _ in range(rotated):
        codes.add(at.rotate(*ids)["code"])
    assert len(codes) == rotated + 1
    rows = at.fleet.rows(RightCode)
    assert macs < {row.code_mac for row in rows}
    assert [row.removed_at is None for row in rows].count(True) == 1
    with pytest.raises(AssertionError, match="too_many"):
        at.rotate(*ids)
    for _ in range(DELEGATED_MAX):
        at.second_code(ids[0])
    with pytest.raises(AssertionError, match="too_many"):
        at.second_code(ids[0])
