"""Whatever three carriers give, revoke and outlive: who acts for another has a live delegation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar, NamedTuple, TypeVar
from uuid import UUID

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select

from fellesskap_backend import db, secrets
from fellesskap_backend.badges import service as badges
from fellesskap_backend.badges.tables import CourierBadge
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.db import Moment
from fellesskap_backend.delegations import service as delegations
from fellesskap_backend.errors import NotFound
from fellesskap_backend.idempotency import Answered, attempt
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.paging import Page, Wanted
from fellesskap_backend.reservations import ending, listing
from fellesskap_backend.reservations.confirmed import Asked
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.settings import Settings
from fellesskap_protocol.barcodes import reference
from fellesskap_protocol.capacity import Demand
from tests import one_request

T = TypeVar("T")
LOCKER_ID = "oslo-1"
WHO = st.integers(0, 2)
MAY = st.sets(st.sampled_from(["deposit", "remove", "reserve"]), min_size=1)
HOURS = st.integers(1, 30)
_numbers = count(1)


class Live(NamedTuple):
    """What the model knows of the newest delegation of two."""

    id: UUID
    may: frozenset[str]
    ends_at: datetime


class Installation(NamedTuple):
    """The database that all walks share; each has carriers of its own."""

    engine: Engine
    secrets: secrets.Secrets


class Walk(RuleBasedStateMachine):
    """Three carriers and a clock."""

    house: ClassVar[Installation]

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2027, 3, 1, 8, tzinfo=UTC)
        self.given: dict[tuple[int, int], Live] = {}
        self.made: list[tuple[int, int, UUID]] = []
        """Reservations: for whom, by whom."""
        self.ids: list[UUID] = []
        self.keys: list[Credentials] = []
        for name in ("Nordpost", "Sydpost", "Samlast"):
            carrier_id, key = self.write(carriers.add_carrier, name, self.moment)
            self.ids.append(carrier_id)
            self.keys.append(carriers.credentials_of(key))

    @property
    def moment(self) -> Moment:
        return Moment(self.now)

    def write(self, act: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return db.run(self.house.engine, lambda session: act(session, *arguments, **named))

    def key(self, actor: int, principal: int) -> Credentials:
        """Return a key as shown now, on behalf of another one unless it is its own."""
        shown = replace(self.keys[actor], shown_at=self.now)
        if actor == principal:
            return shown
        return replace(shown, on_behalf_of=self.ids[principal], acts="reserve")

    def may(self, actor: int, principal: int, *acts: str) -> bool:
        """Say what the model thinks of it."""
        if actor == principal:
            return True
        live = self.given.get((principal, actor))
        return live is not None and self.now < live.ends_at and set(acts) <= live.may

    def pair(self, data: st.DataObject) -> tuple[int, int]:
        """Draw who acts for whom: mostly two of whom one lets the other."""
        mostly: int = data.draw(st.integers(0, 3))
        if self.given and mostly:
            pairs: list[tuple[int, int]] = sorted(self.given)
            giver, receiver = data.draw(st.sampled_from(pairs))
            return receiver, giver
        return data.draw(WHO), data.draw(WHO)

    def tried(self, act: Callable[[], T]) -> T | None:
        """Do something; None if it is not found."""
        try:
            return act()
        except NotFound:
            return None

    # What they do --------------------------------------------------------------------------------

    @initialize(hours=st.integers(24, 60))
    def begin(self, hours: int) -> None:
        """The consolidator comes to two who let it do everything."""
        for giver in (0, 1):
            self.give(giver, 2, {"deposit", "remove", "reserve"}, hours)

    @rule(pair=st.permutations(range(3)), may=MAY, hours=HOURS)
    def give_some(self, pair: list[int], may: set[str], hours: int) -> None:
        self.give(pair[0], pair[1], may, hours)

    def give(self, giver: int, receiver: int, may: set[str], hours: int) -> None:
        k_codes, moment = self.house.secrets.k_codes, self.moment
        key = self.key(receiver, receiver)
        code = self.write(delegations.own_code, key, k_codes=k_codes, moment=moment)["code"]
        ends_at = self.now + timedelta(hours=hours)
        tried = attempt("give", str(next(_numbers)), "")
        asked = delegations.Asked(tried, code, sorted(may), ends_at)
        key = self.key(giver, giver)
        answered = self.write(delegations.give, key, asked, k_codes=k_codes, moment=moment)
        given = Live(UUID(answered.body["id"]), frozenset(may), ends_at)
        self.given[giver, receiver] = given

    @rule(by=WHO, data=st.data())
    def revoke(self, by: int, data: st.DataObject) -> None:
        if not self.given:
            return
        pairs: list[tuple[int, int]] = sorted(self.given)
        giver, receiver = data.draw(st.sampled_from(pairs))
        live = self.given[giver, receiver]
        ended = self.tried(
            lambda: self.write(delegations.revoke, self.key(by, by), live.id, moment=self.moment)
        )
        assert (ended is not None) == (by in (giver, receiver))
        if ended is not None:
            del self.given[giver, receiver]

    @rule(hours=HOURS)
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(data=st.data())
    def reserve(self, data: st.DataObject) -> None:
        actor, principal = self.pair(data)
        if data.draw(st.booleans()):
            actor = principal
        number = next(_numbers)
        asked = Asked(
            attempt=attempt(one_request.OPERATION, str(number), str(number)),
            locker_id=LOCKER_ID,
            label_kind="reference",
            label=reference(f"R-{number:06d}"),
            demand=Demand(300, 100, 200, 900),
            size_class="S",
            deposit_by=self.now + timedelta(days=1),
            collect_within_s=86_400,
            code_at="reservation",
            hold="soft",
        )
        answered: Answered | None = self.tried(
            lambda: self.write(
                one_request.reserve,
                self.key(actor, principal),
                asked,
                secrets=self.house.secrets,
                moment=self.moment,
            )
        )
        assert (answered is not None) == self.may(actor, principal, "reserve")
        if answered is None:
            return
        assert answered.status == 201
        assert ("pickup_code" in answered.body) == (actor == principal)
        self.made.append((principal, actor, UUID(answered.body["id"])))

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        actor, principal = self.pair(data)
        found = self.tried(
            lambda: self.write(
                listing.list_own, self.key(actor, principal), Wanted(), page=Page(limit=200)
            )
        )
        assert (found is not None) == self.may(actor, principal, "reserve")
        if found is not None:
            expected = {
                str(made)
                for of, by, made in self.made
                if of == principal and actor in (by, principal)
            }
            assert {one["id"] for one in found.shown} == expected

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if not self.made:
            return
        actor, principal = self.pair(data)
        theirs = [one for one in self.made if one[0] == principal] or self.made
        of, by, made = data.draw(st.sampled_from(theirs))
        key = self.key(actor, principal)
        ended = self.tried(lambda: self.write(ending.cancel, key, made, moment=self.moment))
        is_theirs = of == principal and actor in (by, principal)
        assert (ended is not None) == (is_theirs and self.may(actor, principal, "reserve"))

    @rule(more=st.sets(WHO, max_size=1), data=st.data())
    def issue(self, more: set[int], data: st.DataObject) -> None:
        actor, principal = self.pair(data)
        principals = {principal} | more
        may = data.draw(st.sets(st.sampled_from(["deposit", "remove"]), min_size=1))
        asked = badges.Asked(
            attempt=attempt("issue", str(next(_numbers)), ""),
            lockers=(LOCKER_ID,),
            site=None,
            may=tuple(may),
            carriers=tuple(self.ids[one] for one in principals),
            valid_for=timedelta(hours=data.draw(st.integers(1, 24))),
        )
        answered = self.tried(
            lambda: self.write(
                badges.issue,
                self.key(actor, actor),
                asked,
                secrets=self.house.secrets,
                moment=self.moment,
            )
        )
        allowed = all(self.may(actor, one, *may) for one in principals)
        assert (answered is not None) == allowed

    # What must hold ------------------------------------------------------------------------------

    @invariant()
    def every_badge_that_is_good_rests_on_what_is_live(self) -> None:
        mine = {str(one): number for number, one in enumerate(self.ids)}
        with db.reader(self.house.engine) as session:
            rows = session.scalars(
                select(CourierBadge).where(
                    CourierBadge.carrier_id.in_(self.ids),
                    CourierBadge.revoked_at.is_(None),
                    CourierBadge.expires_at > self.now,
                )
            ).all()
        for badge in rows:
            for carrier_id in badge.carriers:
                assert self.may(mine[str(badge.carrier_id)], mine[carrier_id], *badge.may)

    @invariant()
    def every_reservation_says_whose_it_is_and_who_made_it(self) -> None:
        with db.reader(self.house.engine) as session:
            rows = session.scalars(
                select(Reservation).where(Reservation.carrier_id.in_(self.ids))
            ).all()
        found = {(row.id, row.carrier_id, row.acted_by) for row in rows}
        assert found == {
            (made, self.ids[of], None if by == of else self.ids[by]) for of, by, made in self.made
        }


@pytest.mark.slow
def test_nobody_acts_for_another_without_a_live_delegation(settings: Settings) -> None:
    engine = db.engine(settings)
    upgrade(engine)
    with db.writing(engine) as session:
        session.add(Locker(id=LOCKER_ID, site_name="S", address="A", created_at=datetime.now(UTC)))
        session.flush()
        session.add(
            Compartment(
                locker_id=LOCKER_ID,
                number=1,
                width_mm=440,
                height_mm=110,
                depth_mm=600,
                floor_mm=400,
                top_mm=510,
                max_g=20_000,
                features=[],
            )
        )
    Walk.house = Installation(engine, secrets.load(settings.state))
    run_state_machine_as_test(
        Walk,
        settings=hypothesis_settings(max_examples=50, stateful_step_count=40, deadline=None),
    )
    engine.dispose()
