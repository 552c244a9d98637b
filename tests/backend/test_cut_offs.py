"""Cut-offs: what waits, what is decided of it together, and who is told what."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sqlalchemy import Engine, event, update
from sqlalchemy.exc import OperationalError

from fellesskap_backend import secrets
from fellesskap_backend.allocation.batch import lot
from fellesskap_backend.cut_offs.tables import CutOff
from fellesskap_backend.decisions import batches
from fellesskap_backend.decisions.record import canonical, digest
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.errors import InvalidRequest
from fellesskap_backend.idempotency import Answered
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations import ending
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_backend.settings import Settings
from tests.backend import event_models
from tests.backend.crowd import CUT_OFF, DAY, MIDNIGHT, NOON, SECOND, Town, two_alike
from tests.backend.faults import Faults

pytestmark = pytest.mark.slow

SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
ROUND_TRIPS_MAX = 4
WEIGHTS = {"north": 3, "south": 2, "west": 1}
MADE = (Claim, Parcel, Right, RightCode)
"""Tables of which a request that waits has no row."""


@pytest.fixture
def town(settings: Settings, engine: Engine) -> Iterator[Town]:
    """One locker of ten doors at which today is decided at 20:00: of six 3, 2 and 1 are theirs."""
    made = Town(engine, secrets.load(settings.state), WEIGHTS)
    made.put_up("busy", 10)
    yield made
    event_models.hold_all(engine, secrets.load(settings.state).k_codes)


def crowd(town: Town, locker_id: str = "busy") -> None:
    """Let one carrier ask for everything at once, and the others come later."""
    for number in range(20):
        town.ask("north", f"N-{number}", locker_id)
    for number in range(2):
        town.ask("south", f"S-{number}", locker_id, NOON + number * SECOND)
    town.ask("west", "W-0", locker_id, CUT_OFF - SECOND)


def states(town: Town) -> Counter[str]:
    return Counter(row.state for row in town.rows(Reservation))


# What waits --------------------------------------------------------------------------------------


@SQLITE
def test_a_hard_request_waits_for_the_cut_off_and_holds_nothing(town: Town) -> None:
    answered = town.ask("north", "N-1", "busy", code_at="reservation")
    body = answered.body
    assert answered.status == 202
    shown = {name: body[name] for name in ("state", "cut_off", "decided_at", "decision_id")}
    at = "2027-03-02T19:00:00Z"
    assert shown == {"state": "requested", "cut_off": at, "decided_at": at, "decision_id": None}
    assert (body["parcel_id"], body["right_id"]) == (None, None)
    assert [len(town.rows(model)) for model in (*MADE, Decision)] == [0] * 5
    assert town.rows(Locker)[0].revision == 0
    assert town.ask("north", "N-1", "busy", code_at="reservation") == Answered(202, body, True)
    (kind, data), *more = town.told("north")
    assert (kind, data["cut_off"], more) == ("reservation.requested", at, [])


def test_a_request_that_waits_takes_no_more_round_trips_than_one_that_is_answered(
    town: Town,
) -> None:
    town.ask("north", "N-0", "busy")
    statements: list[str] = []

    @event.listens_for(town.engine, "before_cursor_execute")
    def _count(*arguments: Any) -> None:
        statements.append(arguments[2])

    assert town.ask("north", "N-1", "busy").status == 202
    event.remove(town.engine, "before_cursor_execute", _count)
    sent = [one for one in statements if not one.startswith("BEGIN")]
    if town.engine.dialect.name == "sqlite":
        sent = [one for one in sent if not one.startswith("INSERT")]
    assert len(sent) <= ROUND_TRIPS_MAX, sent


@SQLITE
def test_what_could_never_be_is_refused_at_once_and_soft_ones_are_answered(town: Town) -> None:
    town.ask("north", "N-1", "busy")
    for fields, reason in (
        ({"key": "again"}, "duplicate_parcel"),
        ({"dimensions": {"w_mm": 2_000, "h_mm": 1, "d_mm": 1, "g": 1}}, "no_fitting_compartment"),
        ({"needs": ["low"]}, "no_accessible_compartment"),
    ):
        label = "N-1" if "key" in fields else f"never-{len(reason)}"
        refused = town.ask("north", label, "busy", **fields)
        assert (refused.status, refused.body["reason"]) == (409, reason)
    soft = town.ask("north", "N-2", "busy", hold="soft")
    assert (soft.status, soft.body["state"], soft.body["cut_off"]) == (201, "confirmed", None)
    town.put_up("quiet", 1, busy=False)
    assert town.ask("north", "N-3", "quiet").status == 201
    assert town.ask("north", "N-1", "quiet", key="elsewhere").body["reason"] == "duplicate_parcel"


@SQLITE
def test_what_is_to_end_before_the_cut_off_cannot_wait_for_it(town: Town) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"deposit_by": CUT_OFF.isoformat()},
        {"reserve_until": (CUT_OFF - SECOND).isoformat()},
    )
    for times in wrong:
        with pytest.raises(InvalidRequest, match="2027-03-02T19:00:00Z"):
            town.ask("north", "N-1", "busy", **times)
    early = town.ask("north", "N-1", "busy", deposit_by=CUT_OFF.isoformat(), hold="soft")
    assert early.status == 201


@SQLITE
def test_before_its_day_and_after_its_last_cut_off_who_comes_first_is_answered(town: Town) -> None:
    assert town.ask("north", "N-1", "busy", MIDNIGHT - SECOND).status == 201
    assert town.ask("north", "N-2", "busy", MIDNIGHT).status == 202
    late = town.ask("north", "N-3", "busy", CUT_OFF + SECOND)
    assert late.status == 202, "what comes while the worker is late joins what waits"
    assert town.cut(CUT_OFF + 60 * SECOND) == 1
    decided_at = {row.decided_at for row in town.rows(Reservation) if row.cut_off}
    assert decided_at == {CUT_OFF + 60 * SECOND}, "late, and it says so"
    assert town.ask("north", "N-4", "busy", CUT_OFF + 61 * SECOND).status == 201
    assert town.replayed() == []


@SQLITE
def test_a_request_that_was_withdrawn_is_not_decided(town: Town) -> None:
    body = town.ask("north", "N-1", "busy").body
    for _ in range(2):
        town.run(
            lambda session: ending.cancel(
                session, town.keys["north"], UUID(body["id"]), moment=town.moment(NOON)
            )
        )
    assert [kind for kind, _ in town.told("north")] == [
        "reservation.requested",
        "reservation.cancelled",
    ]
    assert town.ask("north", "N-1", "busy", key="anew").status == 202
    town.cut()
    assert states(town) == {"cancelled": 1, "confirmed": 1}


@SQLITE
def test_what_was_wanted_before_a_late_worker_came_ends_unanswered(town: Town) -> None:
    deposit_by = (CUT_OFF + 60 * SECOND).isoformat()
    town.ask("north", "N-1", "busy", deposit_by=deposit_by)
    town.ask("north", "N-2", "busy")
    town.cut(CUT_OFF + 61 * SECOND)
    assert states(town) == {"expired": 1, "confirmed": 1}
    assert "reservation.expired" in [kind for kind, _ in town.told("north")]
    assert len(town.rows(Decision)) == 1


# What is decided ---------------------------------------------------------------------------------


def test_one_that_asks_for_everything_leaves_the_others_their_entitlement(town: Town) -> None:
    crowd(town)
    assert town.cut() == 1
    answers = town.answers("busy")
    given = Counter((label[0], part) for label, (state, _, part) in answers.items() if part)
    assert given == {
        ("N", "guaranteed"): 3,
        ("N", "commons"): 4,
        ("S", "guaranteed"): 2,
        ("W", "guaranteed"): 1,
    }
    assert states(town) == {"confirmed": 10, "rejected": 13}
    assert {reason for _, reason, _ in answers.values()} == {None, "locker_full"}
    confirmed = {row.id: row for row in town.rows(Reservation) if row.state == "confirmed"}
    for model in MADE:
        assert {row.right_id if model is not Right else row.id for row in town.rows(model)} == {
            row.right_id for row in confirmed.values()
        }
    assert {row.id: row.reservation_id for row in town.rows(Parcel)} == {
        row.parcel_id: row.id for row in confirmed.values()
    }
    kinds = Counter(kind for kind, _ in town.told("north"))
    assert kinds == {
        "reservation.requested": 20,
        "reservation.confirmed": 7,
        "reservation.rejected": 13,
    }
    said = town.bodies("busy")
    assert [one["batch"]["lot"] for one in said] == sorted(one["batch"]["lot"] for one in said)
    assert town.rows(Locker)[0].revision == 10
    assert town.cut() == 0
    assert town.replayed() == []


@SQLITE
def test_the_lot_in_a_receipt_is_that_of_the_label_and_the_key_that_is_published(
    town: Town,
) -> None:
    town.ask("north", "N-1", "busy")
    town.cut()
    (said,) = [one["batch"] for one in town.bodies("busy")]
    key = batches.key_of(town.secrets.k_master, DAY)
    ticket = batches.ticket(town.ids["north"], "opaque:N-1")
    assert (said["ticket"], said["lot"]) == (ticket, lot(key, ticket).hex())
    assert said["key_hash"] == batches.hash_of(key)


@SQLITE
def test_an_altered_row_of_a_batch_is_found_and_named_and_no_other(town: Town) -> None:
    crowd(town)
    town.cut()
    town.ask("west", "W-1", "busy", CUT_OFF + SECOND)
    rows = {row.number: row for row in town.rows(Decision)}
    for number, old, new in (
        (1, '"box":[300', '"box":[301'),
        *((number, '"carrier":"', '"carrier":"9') for number in rows if number < len(rows)),
        (23, '"of":23', '"of":22'),
        (12, '"lot":"', '"lot":"0'),
        (5, '"outcome":"', '"outcome":"x'),
    ):
        body = rows[number].body
        assert old in body
        change(town, number, body.replace(old, new, 1))
        assert town.replayed() == [f"busy: decision {number}: altered"]
        change(town, number, body)
    assert town.replayed() == []


def change(town: Town, number: int, body: str) -> None:
    statement = update(Decision).where(Decision.number == number).values(body=body)
    town.run(lambda session: session.execute(statement))


@SQLITE
def test_a_batch_that_was_rewritten_with_its_chain_is_decided_otherwise(town: Town) -> None:
    """Whoever favours one request has to write the whole chain anew; the rule finds it."""
    crowd(town)
    town.cut()
    rows = sorted(town.rows(Decision), key=lambda row: row.number)
    prev = None
    for row in rows:
        said = msgspec.json.decode(row.body)
        said["prev"] = said["prev"] if prev is None else prev
        if said["outcome"] == "locker_full":
            said |= {"outcome": "confirmed", "part": "lent", "use": "S"}
        body = canonical(said)
        change(town, row.number, body.decode())
        prev = digest(body)
    head = update(Locker).values(decision_hash=prev)
    town.run(lambda session: session.execute(head))
    assert any(one.endswith("decided otherwise") for one in town.replayed())


@SQLITE
def test_a_cut_off_that_was_not_announced_is_named_with_what_it_decided(town: Town) -> None:
    crowd(town)
    town.cut()
    assert town.replayed() == []
    later = update(CutOff).values(at=CUT_OFF + SECOND)
    town.run(lambda session: session.execute(later))
    count = len(town.rows(Decision))
    first, second, *found = town.replayed()
    moved = "cut-off of busy at 2027-03-02T19:00:01Z"
    assert [first, second] == [f"{moved}: none of that day's", f"{moved}: decided before it"]
    assert len(found) == count
    assert all(one.endswith(": at a cut-off that was not announced") for one in found)


# Order, crashes, rivals --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, migrated: Any) -> Iterator[list[Town]]:
    states = [tmp_path_factory.mktemp(name) for name in ("one", "other")]
    with two_alike(states, migrated, WEIGHTS) as towns:
        yield towns


_NUMBERS = count(1)
REQUEST = st.tuples(
    st.sampled_from(sorted(WEIGHTS)),
    st.sampled_from([100, 200]),
    st.booleans(),
    st.integers(0, 60 * 60 * 8 - 1),
)


@limits(
    max_examples=12,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    asked=st.lists(REQUEST, min_size=1, max_size=12),
    shuffled=st.randoms(use_true_random=False),
)
def test_the_order_in_which_was_asked_changes_no_answer(
    twins: list[Town], asked: list[Any], shuffled: Any
) -> None:
    locker_id = f"busy-{next(_NUMBERS)}"
    other = list(enumerate(asked))
    shuffled.shuffle(other)
    for town, order in zip(twins, (list(enumerate(asked)), other), strict=True):
        town.put_up(locker_id, 5, low=True)
        begin = 0
        for at, (who, h_mm, is_low, seconds) in order:
            begin = (begin + seconds) % (60 * 60 * 8)
            town.ask(
                who,
                f"{locker_id}-{at}",
                locker_id,
                NOON + begin * SECOND,
                dimensions={"w_mm": 300, "h_mm": 100 if h_mm == 100 else 105, "d_mm": 200, "g": 9},
                needs=["low"] if is_low else [],
            )
        town.cut()
    one, same = (town.answers(locker_id) for town in twins)
    assert one == same
    outcomes = [[(b["batch"]["lot"], b["outcome"]) for b in t.bodies(locker_id)] for t in twins]
    assert outcomes[0] == outcomes[1], "nor does the order in which they are written tell"


@SQLITE
def test_a_crash_at_any_step_decides_nothing_and_nothing_twice(town: Town) -> None:
    crowd(town)
    with Faults(town.engine).watching() as faults:
        step, fired = 0, 1
        while fired:
            step += 1
            faults.arm(step, "locked", stays=True)
            with suppress(OperationalError):
                town.cut()
            fired = faults.fired
            faults.disarm()
            if fired:
                assert states(town) == {"requested": 23}, step
                assert town.rows(Decision) == []
                assert town.rows(CutOff)[0].decided_at is None
    assert step > 10
    assert states(town) == {"confirmed": 10, "rejected": 13}
    assert len(town.rows(Decision)) == 23
    assert town.cut() == 0
    assert town.replayed() == []
