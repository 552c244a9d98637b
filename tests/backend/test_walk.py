"""Random walks over the API of a real database: I1, I2, I8, I9, I10 and I13 after every step.

Of I10 each step shows the newest: another's lists are read through by a rule. Now and then the
power goes: then what was acknowledged before must be told after it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Literal, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, insert, update

from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Answer
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import service as rights
from fellesskap_backend.settings import Settings
from fellesskap_protocol.capacity import SIZE_CLASSES
from fellesskap_protocol.messages import Right
from tests.backend import event_models
from tests.backend import walk_judge as right
from tests.backend.api import Api
from tests.backend.honest_edge import Demand, Edge
from tests.backend.postgres import Postgres
from tests.backend.walk import Hold, Replay, Walk, now
from tests.conftest import TIER

pytestmark = pytest.mark.slow

STEPS = 15
ROUNDS = {"full": 10}.get(TIER, 1)
"""Each begins with empty tables, for all that is in them is judged after every step."""
DEMANDS = st.builds(Demand, st.sampled_from((100, 200)), st.booleans())
HOLDS = st.sampled_from(("hard", "hard", "turns soft", "soft"))
TWO, SOME, FEW = st.integers(0, 1), st.integers(0, 99), st.sampled_from((0, 1, 1))
CLASSES = st.sampled_from(("S", "L"))
"""A unit of S takes any of a locker's three doors, one of L the large one; L holds every parcel."""


T = TypeVar("T")


def _one_of(things: Sequence[T], which: int) -> T:
    return things[which % len(things)]


@pytest.fixture
def house(settings: Settings) -> Iterator[Api]:
    made = Api(settings.model_copy(update={"rate_per_s": 0}))
    yield made
    event_models.hold_all(made.engine, made.secrets.k_codes)
    made.stop()


@pytest.fixture
def cluster(request: pytest.FixtureRequest, house: Api) -> Postgres | None:
    """The server of the database, where it is PostgreSQL."""
    if house.engine.dialect.name == "sqlite":
        return None
    made: Postgres = request.getfixturevalue("postgres")
    return made


class Machine(RuleBasedStateMachine):
    """Carriers ask, ask again and give up; lockers apply, take in and hand out; time passes."""

    def __init__(self, begin: Callable[[], Walk]) -> None:
        super().__init__()
        self.walk = begin()

    @initialize(units=st.tuples(FEW, FEW))
    def let_lockers_give(self, units: tuple[int, int]) -> None:
        for edge, count in enumerate(units):
            self.walk.allow(edge, "L", count)
            self.walk.edges[edge].apply()

    @rule(carrier=TWO, edge=TWO, demand=DEMANDS, hold=HOLDS)
    def reserve(self, carrier: int, edge: int, demand: Demand, hold: Hold) -> None:
        self.walk.reserve(carrier, edge, demand, hold)

    @rule(carrier=TWO, wishes=st.lists(st.tuples(TWO, DEMANDS, HOLDS), min_size=1, max_size=4))
    def send_a_manifest(self, carrier: int, wishes: list[tuple[int, Demand, Hold]]) -> None:
        self.walk.send_manifest(carrier, wishes)

    @rule(carrier=TWO, edge=TWO, demand=DEMANDS)
    def authorise_a_drop_off(self, carrier: int, edge: int, demand: Demand) -> None:
        self.walk.authorise(carrier, edge, demand)

    @precondition(lambda self: self.walk.requests)
    @rule(which=SOME)
    def ask_again(self, which: int) -> None:
        self.walk.again(_one_of(self.walk.requests, which))

    @precondition(lambda self: self.walk.made)
    @rule(which=SOME)
    def cancel(self, which: int) -> None:
        self.walk.cancel(_one_of(self.walk.made, which))

    @precondition(lambda self: any(one.kind == "reservation" for one in self.walk.made))
    @rule(which=SOME, hours=st.integers(1, 100))
    def change(self, which: int, hours: int) -> None:
        reserved = [one for one in self.walk.made if one.kind == "reservation"]
        self.walk.change(_one_of(reserved, which), hours)

    @precondition(lambda self: self.walk.made)
    @rule(which=SOME, act=st.sampled_from(("extend", "recall", "dispute")))
    def wish(self, which: int, act: Literal["extend", "recall", "dispute"]) -> None:
        lying = {one.parcel_id for edge in self.walk.edges for one in edge.inside.values()}
        there = [one for one in self.walk.made if one.answer["parcel_id"] in lying]
        self.walk.wish(_one_of(there or self.walk.made, which), act)

    @rule(edge=TWO, size_class=CLASSES, units=st.integers(0, 2))
    def allow(self, edge: int, size_class: str, units: int) -> None:
        self.walk.allow(edge, size_class, units)

    @rule(edge=TWO)
    def apply(self, edge: int) -> None:
        self.walk.edges[edge].apply()

    @precondition(lambda self: self.walk.made)
    @rule(edge=TWO, which=st.lists(SOME, min_size=1, max_size=3))
    def put_in(self, edge: int, which: list[int]) -> None:
        """Put in what is known; what was cancelled meanwhile is late, and legal."""
        locker = self._before_a_scan(edge)
        for one in which:
            waiting = locker.waiting()
            if waiting:
                locker.put_in(_one_of(waiting, one))

    @rule(edge=TWO, carrier=TWO, size_class=CLASSES)
    def put_in_unannounced(self, edge: int, carrier: int, size_class: str) -> None:
        locker = self._before_a_scan(edge)
        locker.put_in_unannounced(self.walk.carrier_ids[carrier], size_class)

    def _before_a_scan(self, edge: int) -> Edge:
        locker = self.walk.edges[edge]
        claims = {
            str(one.right_id)
            for one in self.walk.rows(Claim)
            if one.locker_id == locker.id and not one.released
        }
        if not claims <= set(locker.known):
            locker.apply()  # it is in contact: what is promised is known before the next scan
        return locker

    @precondition(lambda self: any(one.inside for one in self.walk.edges))
    @rule(edge=TWO, which=SOME)
    def hand_out(self, edge: int, which: int) -> None:
        locker = _one_of([one for one in self.walk.edges if one.inside], edge)
        locker.hand_out(_one_of(sorted(locker.inside), which))

    @precondition(lambda self: any(one.inside for one in self.walk.edges))
    @rule(edge=TWO)
    def sweep(self, edge: int) -> None:
        self.walk.edges[edge].apply()
        self.walk.edges[edge].sweep()

    @precondition(lambda self: self.walk.made or any(one.inside for one in self.walk.edges))
    @rule(hours=st.sampled_from((1, 3, 25, 24 * 4, 24 * 40)))
    def time_passes(self, hours: int) -> None:
        self.walk.pass_time(timedelta(hours=hours))

    @precondition(lambda self: self.walk.made)
    @rule()
    def look_through_the_lists(self) -> None:
        right.lists_are_ones_own(self.walk)

    @precondition(lambda self: self.walk.made)
    @rule()
    def lose_power(self) -> None:
        right.comes_back_as_it_was(self.walk)

    @invariant()
    def holds(self) -> None:
        for check in right.AFTER_EACH_STEP:
            check(self.walk)

    def teardown(self) -> None:
        self.walk.end()


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(ROUNDS))
def test_whatever_people_do_what_was_promised_holds(
    house: Api, cluster: Postgres | None, turn: int
) -> None:
    assert turn < ROUNDS
    carriers = [house.carrier("Nordpost"), house.carrier("Sydpost")]
    run_state_machine_as_test(
        lambda: Machine(lambda: Walk(house, carriers, cluster)),  # type: ignore[arg-type]
        settings=settings(
            max_examples=settings().max_examples // ROUNDS,
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_holds_no_room_draws_a_unit_and_is_turned_away_without_one(
    house: Api, cluster: Postgres | None
) -> None:
    walk = Walk(house, [house.carrier("Nordpost"), house.carrier("Sydpost")], cluster)
    edge = walk.edges[0]

    def try_all() -> None:
        for one in edge.waiting():
            edge.put_in(one)
        edge.put_in_unannounced(walk.carrier_ids[1], "S")
        for check in (*right.AFTER_EACH_STEP, right.comes_back_as_it_was):
            check(walk)

    walk.reserve(0, 0, Demand(100, is_low=False), "soft")
    walk.authorise(1, 0, Demand(100, is_low=True))
    edge.apply()
    try_all()
    assert edge.inside == {}
    for size_class in ("S", "L"):
        walk.allow(0, size_class, 1)
    edge.apply()
    try_all()
    assert dict(edge.used) == {"L": 1, "S": 1}
    edge.apply()
    try_all()
    assert dict(edge.used) == {"L": 2, "S": 1}, "what was used is granted again where there is room"
    assert len(edge.inside) == 3


@pytest.fixture
def lying(house: Api, cluster: Postgres | None) -> Walk:
    """Walk a little: one parcel lies in a locker, one is expected, both within reach."""
    made = Walk(house, [house.carrier("Nordpost"), house.carrier("Sydpost")], cluster)
    for carrier in (0, 1):
        assert made.reserve(carrier, 0, Demand(100, is_low=True)).status == 201
    made.edges[0].apply()
    made.edges[0].put_in(made.edges[0].waiting()[0])
    for check in (*right.AFTER_EACH_STEP, right.comes_back_as_it_was, right.lists_are_ones_own):
        check(made)
    return made


def _two_in_one(walk: Walk) -> None:
    walk.api.change(
        lambda session: session.execute(update(Parcel).values(state="deposited", compartment=2))
    )


def _too_much_promised(walk: Walk) -> None:
    walk.api.change(lambda session: session.execute(update(Compartment).values(parcel_id=uuid4())))


def _put_up_high(walk: Walk) -> None:
    walk.api.change(lambda session: session.execute(update(Parcel).values(compartment=1)))


def _forget_a_reservation(walk: Walk) -> None:
    some = UUID(walk.made[0].answer["id"])
    forget = delete(Reservation).where(Reservation.id == some)
    walk.api.change(lambda session: session.execute(forget))


def _forget_an_event(walk: Walk) -> None:
    walk.api.change(lambda session: session.execute(delete(Entry).where(Entry.seq == 2)))


def _answer_anew(walk: Walk) -> None:
    walk.replays.append(Replay(walk.requests[0], 409, {}, 0))


def _do_it_twice(walk: Walk) -> None:
    walk.made.append(walk.made[0])


def _act_again_behind_the_answer(walk: Walk) -> None:
    """Answer a replayed dispute as before, and dispute once more."""
    carrier, made = walk.carriers[0], walk.made[0]
    walk.wish(made, "dispute")
    line = {"carrier_id": walk.carrier_ids[0], "what": "disputed", "clock": "trusted"}
    line |= {"parcel_id": UUID(made.answer["parcel_id"]), "at": now().now, "recorded_at": now().now}
    once_more = insert(ParcelEntry).values(**line)
    hooks = carrier.event_hooks
    more = [*hooks["response"], lambda _: walk.api.change(lambda one: one.execute(once_more))]
    carrier.event_hooks = {**hooks, "response": more}
    walk.again(walk.requests[-1])


def _let_a_locker_give_more_than_there_is(walk: Walk) -> None:
    locker_id, right_id = walk.edges[0].id, str(uuid4())
    box = SIZE_CLASSES[0]
    more = Right(
        id=right_id,
        kind="allowance",
        w_mm=box.w_mm,
        h_mm=box.h_mm,
        d_mm=box.d_mm,
        size_class=box.name,
        granted=2,
    )
    walk.api.change(lambda session: rights.wish(session, session.get_one(Locker, locker_id), more))


def _lose_the_last_commit(walk: Walk) -> None:
    """Let a power cut take a line of a parcel's history with it."""
    cut = walk.lose_power
    last = max(one.id for one in walk.api.rows(ParcelEntry))

    def worse() -> None:
        cut()
        forget = delete(ParcelEntry).where(ParcelEntry.id == last)
        walk.api.change(lambda session: session.execute(forget))

    walk.lose_power = worse  # type: ignore[method-assign]


def _forget_the_answers(walk: Walk) -> None:
    """Let a power cut take with it what was answered to the keys."""
    cut = walk.lose_power

    def worse() -> None:
        cut()
        walk.api.change(lambda session: session.execute(delete(Answer)))

    walk.lose_power = worse  # type: ignore[method-assign]


def _show_it_to_the_other(walk: Walk) -> None:
    walk.carriers = [walk.carriers[1], walk.carriers[0]]


def _tell_it_to_the_other(walk: Walk) -> None:
    """Let a notice of one carrier come into the other's feed."""
    theirs = update(Notice).values(carrier_id=walk.carrier_ids[1], position=None)
    mine = theirs.where(Notice.carrier_id == walk.carrier_ids[0])
    walk.api.change(lambda session: session.execute(mine))


MISTAKES: list[tuple[Callable[[Walk], None], Callable[[Walk], None]]] = [
    (_two_in_one, right.one_parcel_per_compartment),
    (_too_much_promised, right.every_claim_can_be_served),
    (_put_up_high, right.low_is_never_high),
    (_forget_a_reservation, right.acknowledged_stays),
    (_forget_an_event, right.acknowledged_stays),
    (_answer_anew, right.one_key_one_effect),
    (_do_it_twice, right.one_key_one_effect),
    (_act_again_behind_the_answer, right.one_key_one_effect),
    (_let_a_locker_give_more_than_there_is, right.every_claim_can_be_served),
    (_lose_the_last_commit, right.comes_back_as_it_was),
    (_forget_the_answers, right.comes_back_as_it_was),
    (_show_it_to_the_other, right.newest_is_unseen),
    (_tell_it_to_the_other, right.newest_is_unseen),
    (_show_it_to_the_other, right.lists_are_ones_own),
]


@pytest.mark.parametrize(("plant", "check"), MISTAKES)
def test_each_check_finds_what_is_planted(
    lying: Walk, plant: Callable[[Walk], None], check: Callable[[Walk], None]
) -> None:
    plant(lying)
    with pytest.raises(AssertionError, match=r"I\d+"):
        check(lying)
