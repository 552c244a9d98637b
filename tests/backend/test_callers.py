"""Whose key it is and for whom it acts: each condition of the one statement that lets in, alone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.carriers import service
from fellesskap_backend.carriers.scopes import ROLES, SCOPES, allows, of_role, written
from fellesskap_backend.carriers.service import Caller, Credentials, caller, credentials_of
from fellesskap_backend.carriers.tables import ApiKey, Carrier
from fellesskap_backend.db import Moment
from fellesskap_backend.delegations.tables import Delegation
from fellesskap_backend.errors import Forbidden, NotFound, Unauthorized
from fellesskap_protocol.signing import unb64url

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """One transaction; nothing of it is kept."""
    with db.writer(engine) as opened:
        yield opened


def at(now: datetime = NOW) -> Moment:
    return Moment(now)


def carrier(
    session: Session, name: str = "Nordpost", scopes: str | None = None
) -> tuple[UUID, str]:
    made = service.add_carrier(session, name, at(), scopes)
    session.flush()
    return made


def alter(session: Session, key: str, **fields: Any) -> None:
    session.execute(update(ApiKey).where(ApiKey.prefix == key.split("_")[1]).values(**fields))
    session.expire_all()


def shown(key: str, now: datetime | None = NOW, scope: str | None = "parcels:read") -> Credentials:
    return credentials_of(key, scope, now)


@pytest.mark.parametrize(
    "key",
    ["", "fsk", "fsk_", "fsk_a", "fsk_a_", "fsk__b", "fsx_a_b", "_a_b", "fsk_a_bø", "fskø_a_b"],
)
def test_what_is_no_key_is_refused_before_anything_is_read(key: str) -> None:
    with pytest.raises(Unauthorized):
        credentials_of(key)


def test_a_key_is_taken_apart_and_its_secret_forgotten() -> None:
    found = credentials_of("fsk_a_b_c", "parcels:read", NOW)
    assert (found.prefix, found.scope, found.shown_at) == ("a", "parcels:read", NOW)
    assert found.secret_hash == credentials_of("fsk_x_b_c").secret_hash, "the secret holds a `_`"
    later = credentials_of("fsk_a_b_c", "parcels:read", NOW + timedelta(seconds=1))
    assert (found, hash(found)) == (later, hash(later)), "what came apart is answered together"
    assert found.secret_hash not in repr(found)


def test_a_key_comes_in_as_its_owner(session: Session) -> None:
    (one, key), (other, _) = carrier(session), carrier(session, "Sydpost")
    by = caller(session, shown(key), "carrier")
    assert by == Caller(key.split("_")[1], "carrier", one, 1, one)
    assert session.get_one(Carrier, other).number == 2
    assert by.tenant == str(one)
    operator = service.add_operator(session, "Drift", at(), "auditor")
    session.flush()
    found = caller(session, shown(operator, scope="ledger:read"), "operator", "auditor")
    assert (found.role, found.carrier_id, found.number) == ("auditor", UUID(int=0), 0)
    assert found.tenant == str(found.owner_id) != str(service.NOBODY)


def test_a_key_holds_256_bits_that_nobody_guesses(session: Session) -> None:
    for key in (carrier(session)[1], service.add_operator(session, "Drift", at())):
        mark, prefix, secret = key.split("_", 2)
        assert (mark, len(bytes.fromhex(prefix)), len(unb64url(secret))) == ("fsk", 6, 32)


def test_prefix_and_secret_are_those_of_one_key(session: Session) -> None:
    (_, one), (_, other) = carrier(session), carrier(session, "Sydpost")
    mixed = "_".join([*one.split("_")[:2], other.split("_", 2)[2]])
    for unknown in (mixed, one + "x", one.replace("fsk_", "fsk_0")):
        with pytest.raises(Unauthorized):
            caller(session, shown(unknown), "carrier")


def test_a_key_is_good_until_the_instant_in_which_it_ends(session: Session) -> None:
    _, key = carrier(session)
    alter(session, key, expires_at=NOW)
    assert caller(session, shown(key, NOW - TICK), "carrier").role == "carrier"
    for when in (NOW, NOW + TICK, None):
        with pytest.raises(Unauthorized):
            caller(session, shown(key, when), "carrier")


def test_a_revoked_key_comes_in_no_more_and_keeps_its_first_instant(session: Session) -> None:
    _, key = carrier(session)
    prefix = key.split("_")[1]
    assert not service.revoke_key(session, "0123456789ab", NOW)
    assert service.revoke_key(session, prefix, NOW)
    assert service.revoke_key(session, prefix, NOW + timedelta(days=1))
    session.flush()
    assert session.get_one(ApiKey, prefix).revoked_at == NOW
    with pytest.raises(Unauthorized):
        caller(session, shown(key), "carrier")


def test_role_and_scope_are_those_that_are_wanted(session: Session) -> None:
    _, every = carrier(session)
    _, narrow = carrier(session, "Sydpost", "parcels:read events:read")
    with pytest.raises(Forbidden, match="the key of an operator or an auditor"):
        caller(session, shown(every), "operator", "auditor")
    with pytest.raises(Forbidden, match="the key of a carrier"):
        caller(session, shown(service.add_operator(session, "Drift", at())), "carrier")
    assert caller(session, shown(narrow), "carrier").scopes == "parcels:read events:read"
    assert caller(session, shown(every, scope=None), "carrier").scopes is None
    for lacking in ("parcels:write", "parcels", None):
        with pytest.raises(Forbidden, match="lacks the scope"):
            caller(session, shown(narrow, scope=lacking), "carrier")


@pytest.mark.parametrize("scopes", [None, "lockers:read"])
def test_an_operators_key_has_the_scopes_that_it_was_given(
    session: Session, scopes: str | None
) -> None:
    key = service.add_operator(session, "Drift", at(), scopes=scopes)
    row = session.get_one(ApiKey, key.split("_")[1])
    assert (row.role, row.name, row.scopes, row.created_at) == ("operator", "Drift", scopes, NOW)


class Two:
    """A carrier that lets another one act for it until `NOW` and a day."""

    def __init__(self, session: Session) -> None:
        self.session = session
        (self.giver, _), (self.receiver, self.key) = (
            carrier(session),
            carrier(session, "Sydpost", "reservations:write"),
        )
        self.row = Delegation(
            id=at().new_id(),
            giver_id=self.giver,
            receiver_id=self.receiver,
            may=["deposit", "reserve"],
            ends_at=NOW + timedelta(days=1),
            created_at=NOW,
        )
        session.add(self.row)
        session.flush()

    def by(
        self, now: datetime | None = NOW, *, acts: str = "reserve", of: UUID | None = None
    ) -> Caller:
        asked = replace(
            shown(self.key, now, "reservations:write"), on_behalf_of=of or self.giver, acts=acts
        )
        return caller(self.session, asked, "carrier")


def test_who_acts_for_another_is_that_carrier_and_says_who_acts(session: Session) -> None:
    two = Two(session)
    by = two.by()
    assert (by.carrier_id, by.number, by.acted_by) == (two.giver, 1, two.receiver)
    assert by.tenant == f"{two.receiver} for {two.giver}"
    assert [by.made(who) for who in (two.receiver, None, two.giver)] == [True, False, False]
    itself = caller(session, shown(two.key, scope="reservations:write"), "carrier")
    assert (itself.carrier_id, itself.acted_by) == (two.receiver, None)
    assert [itself.made(who) for who in (None, two.giver)] == [True, True]


def test_nobody_acts_without_a_live_delegation_to_just_that(session: Session) -> None:
    two = Two(session)
    assert two.by(two.row.ends_at - TICK, acts="deposit").acted_by == two.receiver
    for when in (two.row.ends_at, two.row.ends_at + TICK, None):
        with pytest.raises(NotFound):
            two.by(when)
    for act in ("remove", ""):
        with pytest.raises(NotFound):
            two.by(acts=act)
    for whom in (two.receiver, UUID(int=7)):
        with pytest.raises(NotFound):
            two.by(of=whom)
    two.row.revoked_at = NOW
    session.flush()
    with pytest.raises(NotFound):
        two.by()


def test_a_use_is_noted_by_the_day_and_never_back(session: Session) -> None:
    _, key = carrier(session)
    _, other = carrier(session, "Sydpost")
    prefixes = [one.split("_")[1] for one in (key, other)]
    for day, expected in ((5, 5), (6, 6), (4, 6)):
        service.note_use(session, prefixes[0], date(2026, 11, day))
        session.expire_all()
        rows = [session.get_one(ApiKey, prefix).last_used_on for prefix in prefixes]
        assert rows == [date(2026, 11, expected), None]


def test_a_role_has_the_scopes_that_name_it_and_they_are_written_in_order() -> None:
    both = {"reports:read", "keys:write"}
    assert set(ROLES) == {"carrier", "operator", "auditor"}
    lists = {role: set(of_role(role)) for role in ROLES}
    assert lists["auditor"] == both | {"decisions:read", "ledger:read"}
    assert lists["operator"] == both | {
        f"lockers:{what}" for what in ("read", "operate", "provision")
    }
    assert lists["carrier"] == set(SCOPES) - lists["operator"] - lists["auditor"] | both
    assert of_role("nobody") == []
    assert written(["keys:write", "parcels:read", "parcels:read", "x"]) == "parcels:read keys:write"


@pytest.mark.parametrize(
    ("granted", "wanted", "allowed"),
    [
        (None, None, True),
        (None, "parcels:read", True),
        ("", "parcels:read", False),
        ("parcels:read", None, False),
        ("events:read parcels:read", "parcels:read", True),
        ("parcels:read", "parcels", False),
        ("parcels:read", "parcels:read ", False),
    ],
)
def test_a_key_may_what_it_was_granted(
    granted: str | None, wanted: str | None, allowed: bool
) -> None:
    assert allows(granted, wanted) is allowed
