"""The monthly report over HTTP: a carrier beside the total, operators and auditors all."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.tables import ApiKey, Carrier
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.neutrality.closing import count_due, keep
from fellesskap_backend.neutrality.counting import Span, bounded, count
from fellesskap_backend.neutrality.figures import Figures, total, total_for_carriers
from fellesskap_backend.neutrality.month import WAIT, Month, after, month_of, name_at
from fellesskap_backend.neutrality.recounting import differing
from fellesskap_backend.neutrality.tables import NeutralFigures, NeutralMonth
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.worker import Worker
from fellesskap_protocol import events
from tests.backend.api import Api, Json, request, reserve
from tests.backend.lives import Lives, lapse
from tests.backend.neutral import DAY, NOON, Writer, carrier, doors

pytestmark = pytest.mark.slow

PATH = "/v1/metrics/neutrality"
NOON_OF_10 = DAY + timedelta(hours=12)
MARCH = month_of("2026-03")
OVER = MARCH.ends + WAIT
SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)


def this_month() -> Month:
    return month_of(name_at(datetime.now(UTC)))


def read(client: httpx.Client, month: str) -> Json:
    answer = client.get(PATH, params={"month": month})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def close(api: Api, now: datetime) -> bool:
    """Count and keep the month that is due, as the worker does."""
    moment = Moment(now)
    found = api.change(lambda session: count_due(session, moment))
    if found is not None:
        api.change(lambda session: keep(session, found, moment))
    return found is not None


def auditor(api: Api) -> httpx.Client:
    def add(session: Session) -> str:
        return carriers.add_operator(session, "Revisor", Moment(datetime.now(UTC)), "auditor")

    return api.client(api.change(add))


def ask(client: httpx.Client, numbers: range) -> None:
    for number in numbers:
        reserve(client, request(number), f"k{number}")


def test_a_carrier_is_told_its_own_of_a_month_that_is_not_over(api: Api) -> None:
    own, rival = api.carrier(), api.carrier("Sydpost")
    month = this_month()
    ask(own, range(2))
    before = read(own, month.name)
    assert before["yours"]["requested"] == before["yours"]["served"] == 2
    ask(rival, range(10, 14))
    ask(own, range(3))
    reserve(own, request(1), "again")
    found = read(own, month.name)
    assert (found["complete"], found["carriers"], found["jain"]) == (False, None, None)
    assert set(found["total"].pop("denied").values()) == {None}
    assert set(found["total"].values()) == {None}
    yours = found["yours"]
    assert (yours["requested"], yours["served"]) == (4, 2)
    assert yours["denied"] | {"locker_full": 0} == {**dict.fromkeys(yours["denied"], 0)} | {
        "duplicate_parcel": 1
    }
    assert yours["denied"]["locker_full"] == 1
    hours = (yours["borrowed_hours"], yours["lent_hours"])
    assert (*hours, yours["complaints"], yours["complained"]) == (None, None, None, None)


@SQLITE
def test_operators_and_auditors_see_all_under_pseudonyms(api: Api) -> None:
    ask(api.carrier(), range(2))
    ask(api.carrier("Sydpost"), range(10, 13))
    month = this_month().name
    found = read(api.operator(), month)
    assert found == read(auditor(api), month) | {"until": found["until"]}
    assert (found["total"]["requested"], found["total"]["served"]) == (5, 3)
    assert sorted(one["requested"] for one in found["carriers"]) == [2, 3]
    assert found["jain"] == 0.8
    assert found["yours"] is None
    names = [one["pseudonym"] for one in found["carriers"]]
    assert names == sorted(set(names))
    text = str(found)
    assert not any(str(row.id) in text or row.name in text for row in api.rows(Carrier))


def test_a_month_that_is_over_is_counted_once(api: Api) -> None:
    own, operator = api.carrier(), api.operator()
    ask(own, range(5))
    month = this_month()
    assert not close(api, month.ends + WAIT - timedelta(seconds=1)) or api.count(NeutralMonth) == 1
    assert close(api, month.ends + WAIT)
    assert not close(api, month.ends + WAIT), "it is kept"
    assert close(api, month_of(after(month.name)).ends + WAIT)
    mine, all_of_them = read(own, month.name), read(operator, month.name)
    assert mine["complete"] is all_of_them["complete"] is True
    assert mine["until"] == mine["ends_at"]
    assert (mine["yours"]["requested"], mine["yours"]["served"]) == (5, 3)
    assert (mine["yours"]["unexplained"], mine["yours"]["complained"]) == (0, [])
    assert mine["total"]["requested"] is None, "one carrier is no total"
    assert all_of_them["total"]["denied"]["locker_full"] == 2
    newcomer = read(api.carrier("Sydpost"), month.name)["yours"]
    assert (newcomer["requested"], newcomer["complained"]) == (0, [])


@SQLITE
def test_a_month_whose_numbers_were_told_one_by_one_is_still_what_it_was(api: Api) -> None:
    """It was kept before anybody looked at what one number leaves out of another."""
    denied = Counter(locker_full=60)
    each = Figures(90, 30, denied, below_quota=40, complaints=20, unexplained=19)
    told = total_for_carriers(dict.fromkeys("abcd", each), one_by_one=True)
    assert told["total"]["unexplained"] == 76

    def add(session: Session) -> None:
        session.add(NeutralMonth(month="2026-03", counted_at=OVER, told=told))
        for number in range(4):
            name, row = carrier(number), {"figures": each.written(), "complaints": []}
            session.add(
                NeutralFigures(month="2026-03", carrier_id=name, may_know_lent=False, **row)
            )

    def wrong(session: Session) -> list[str]:
        return [one for one in differing(session) if "total" in one]

    api.change(add)
    assert api.change(wrong) == []
    told["total"]["unexplained"] = 75
    api.change(lambda session: session.execute(update(NeutralMonth).values(told=told)))
    assert api.change(wrong) == ["month 2026-03: not the total of its carriers"]


@SQLITE
def test_of_two_workers_one_writes_a_month_down(api: Api) -> None:
    ask(api.carrier(), range(2))
    moment = Moment(this_month().ends + WAIT)
    both = [api.change(lambda session: count_due(session, moment)) for _ in range(2)]
    for found in both:
        assert found is not None
        api.change(lambda session, found=found: keep(session, found, moment))  # type: ignore[misc]
    assert (api.count(NeutralMonth), api.count(NeutralFigures)) == (1, 1)


@SQLITE
def test_the_worker_counts_the_month_that_ended_last(api: Api) -> None:
    before = name_at(datetime.now(UTC) - WAIT)
    Worker(api.settings, api.secrets, api.engine).round()
    (row,) = api.rows(NeutralMonth)
    assert after(row.month) in {before, name_at(datetime.now(UTC) - WAIT)}


@SQLITE
def test_only_a_month_that_has_begun_can_be_asked_for(api: Api) -> None:
    own = api.carrier()
    later = own.get(PATH, params={"month": after(this_month().name)})
    assert (later.status_code, later.json()["code"]) == (422, "invalid_request")
    for wrong in ("2027-13", "2027-3", "1999-01", ""):
        assert own.get(PATH, params={"month": wrong}).status_code == 422
    assert api.client().get(PATH, params={"month": "2026-11"}).status_code == 401
    assert own.get(PATH, params={"month": "2026-01"}).json()["yours"]["requested"] == 0


def test_no_shows_and_larger_doors_are_counted(house: Lives) -> None:
    made = lapse(house, 1)
    house.tell(events.Upsized(right_id=made["right_id"], from_=1, to=2))
    failed = lapse(house, 2)
    house.tell(events.DeliveryFailed(right_id=failed["right_id"], reason="no_room"))
    now = datetime.now(UTC) + timedelta(minutes=1)

    def counted(session: Session) -> list[tuple[int, int]]:
        months = {name_at(at) for at in (now - timedelta(hours=2), now)}
        found = [count(session, Span.of(month_of(one), now)) for one in months]
        all_of_it = [one.of(house.carrier_id) for one in found]
        return [(one.upsized, one.no_shows) for one in all_of_it]

    assert [sum(each) for each in zip(*house.api.change(counted), strict=True)] == [1, 1]


# A month of fair-share ---------------------------------------------------------------------------


def lent_month(api: Api) -> Writer:
    """Have a carrier take its part of four doors, and be lent the other's; then that one asks."""
    log = Writer(doors(4), weights={1: 1, 2: 1}, quota={1: 2, 2: 2})
    for used in (0, 1):
        log.say(1, part="guaranteed", used=used)
    log.say(1, part="lent", used=2)
    log.say(1, part="lent", used=3)
    log.say(2, "locker_full", minute=NOON)
    log.say(2, "quota_exceeded", used=2, minute=NOON)

    def work(session: Session) -> None:
        for number in (1, 2):
            name = f"carrier {number}"
            session.add(
                Carrier(id=UUID(int=(7 << 76) + number), number=number, name=name, created_at=DAY)
            )
        session.add_all(Decision(**row) for row in log.rows)
        for row in log.rows[:4]:
            parcel = UUID(int=row["id"].int ^ 1)
            session.add(_reservation(row, parcel))
            session.add(
                Parcel(
                    id=parcel,
                    carrier_id=row["carrier_id"],
                    locker_id="oslo-1",
                    state="collected",
                    created_at=DAY,
                )
            )
        gone = UUID(int=log.rows[2]["id"].int ^ 1)
        at = log.rows[2]["decided_at"] + timedelta(hours=6)
        for what, hours in (("deposited", -3), ("collected", 0), ("collected", 5)):
            session.add(
                ParcelEntry(
                    parcel_id=gone,
                    carrier_id=log.rows[2]["carrier_id"],
                    what=what,
                    at=at,
                    clock="trusted",
                    recorded_at=at + timedelta(hours=hours),
                )
            )

    api.change(work)
    return log


def _reservation(row: Json, parcel: UUID) -> Reservation:
    named = {"label_kind": "reference", "label_value": str(row["number"])}
    return Reservation(
        id=row["id"], carrier_id=row["carrier_id"], locker_id="oslo-1", parcel_id=parcel,
        right_id=parcel, label_key=f"opaque:{row['number']}", w_mm=1, h_mm=1, d_mm=1, g=1,
        needs=[], deposit_by=row["decided_at"], collect_within_s=3_600, code_at="deposit",
        state="fulfilled", created_at=row["decided_at"], **named,
    )  # fmt: skip


def test_what_was_lent_is_counted_to_the_second_and_complaints_are_explained(api: Api) -> None:
    log = lent_month(api)
    span = Span.of(MARCH, OVER)
    found = api.change(lambda session: count(session, span))
    one, two = (found.figures[str(log.rows[at]["carrier_id"])] for at in (0, 4))
    still_s = int((MARCH.ends - log.rows[3]["decided_at"]).total_seconds())
    assert (one.borrowed, two.borrowed) == (6 * 3_600 + still_s, 0)
    assert (one.lent, two.lent) == (0, one.borrowed), "all of it was the other's"
    assert (two.requested, two.below_quota, two.complaints, two.unexplained) == (2, 1, 1, 1)
    (complaint,) = found.complaints
    assert complaint.decision == str(log.rows[4]["id"])


def test_what_is_told_after_a_month_has_ended_changes_nothing_of_it(api: Api) -> None:
    """Else an honest month would be named as altered when it is counted again."""
    log = lent_month(api)
    parcels = [UUID(int=row["id"].int ^ 1) for row in log.rows[:4]]
    carrier, came = log.rows[3]["carrier_id"], UUID(int=9)

    def line(parcel: UUID, what: str, at: datetime, detail: str | None = None) -> ParcelEntry:
        told = {"at": at, "recorded_at": at, "clock": "trusted", "detail": detail}
        return ParcelEntry(parcel_id=parcel, carrier_id=carrier, what=what, **told)

    def within(session: Session) -> None:
        session.add(line(parcels[1], "upsized", NOON_OF_10))
        session.add(line(parcels[3], "softened", NOON_OF_10))

    def afterwards(session: Session) -> None:
        for what, detail in (("upsized", None), ("resolved", "lost"), ("collected", None)):
            session.add_all(line(one, what, MARCH.ends, detail) for one in (*parcels, came))
        session.execute(update(Parcel).values(state="deposited"))
        # Another came in the place of the last one.
        expected = session.get_one(Parcel, parcels[3])
        reservation = session.get_one(Reservation, log.rows[3]["id"])
        expected.label_key, expected.replaced_by = reservation.label_key, came
        reservation.parcel_id = came

    api.change(within)
    assert close(api, OVER)
    kept = {row.carrier_id: row.figures for row in api.rows(NeutralFigures)}
    assert kept[carrier]["upsized"] == 1
    assert kept[carrier]["borrowed"] < 2 * 86_400, "both were given back"
    api.change(afterwards)
    assert api.change(lambda session: list(differing(session))) == []
    more = update(NeutralFigures).where(NeutralFigures.carrier_id == carrier)
    figures = kept[carrier] | {"borrowed": kept[carrier]["borrowed"] + 1}
    api.change(lambda session: session.execute(more.values(figures=figures)))
    named = f"month 2026-03: carrier {carrier}: not what was decided"
    assert named in api.change(lambda session: list(differing(session)))


def test_a_span_that_begins_later_looks_up_what_it_needs(api: Api) -> None:
    """Decisions of before the month are found by their numbers, layouts and rules by themselves."""
    log = lent_month(api)
    begins = log.rows[3]["decided_at"]
    span = Span(Month("2026-03", begins, MARCH.ends), begins, MARCH.ends)
    found = api.change(lambda session: count(session, span))
    assert [one.why for one in found.complaints] == ["unexplained"]
    assert found.figures[str(log.rows[4]["carrier_id"])].lent > 0


def test_what_a_carrier_is_told_of_complaints_is_what_nothing_explains(api: Api) -> None:
    lent_month(api)
    assert close(api, OVER)
    key = api.change(lambda session: _key(session, 2))
    yours = read(api.client(key), "2026-03")["yours"]
    assert (yours["below_quota"], yours["unexplained"], yours["complaints"]) == (1, 1, None)
    assert [one["why"] for one in yours["complained"]] == ["unexplained"]
    assert (yours["lent_hours"], yours["borrowed_hours"]) == (None, None), "one borrower"
    listed = read(auditor(api), "2026-03")["carriers"]
    assert sorted(one["complaints"] for one in listed) == [0, 1]
    assert sorted(len(one["complained"]) for one in listed) == [0, 1]


def _key(session: Session, number: int) -> str:
    """Make a key for a carrier that was written down by hand."""
    key = carriers.add_operator(session, "Key", Moment(datetime.now(UTC)))
    row = session.get_one(ApiKey, key.split("_")[1])
    row.role, row.carrier_id = "carrier", UUID(int=(7 << 76) + number)
    return key


def test_what_is_counted_while_somebody_waits_is_bounded(api: Api) -> None:
    log = lent_month(api)
    span = api.change(lambda session: bounded(session, Span.of(MARCH, OVER), 3))
    assert span.until == log.rows[3]["decided_at"]
    found = api.change(lambda session: count(session, span))
    assert total(found.figures).requested == 3
    april = month_of("2026-04")
    later = api.change(lambda session: bounded(session, Span.of(april, april.ends), 2))
    assert later.since == log.rows[-3]["decided_at"]
    whole = api.change(lambda session: bounded(session, Span.of(MARCH, OVER)))
    assert whole == Span.of(MARCH, OVER)


@SQLITE
def test_a_spoilt_body_is_left_out(api: Api) -> None:
    log = lent_month(api)

    def spoil(session: Session) -> None:
        session.get_one(Decision, log.rows[5]["id"]).body = "{}"

    api.change(spoil)
    found = api.change(lambda session: count(session, Span.of(MARCH, OVER)))
    assert total(found.figures).requested == 5


@SQLITE
@pytest.mark.parametrize("role", ["carrier", "operator"])
def test_a_key_needs_its_scope(api: Api, role: str) -> None:
    scope = {"carrier": "parcels:read", "operator": "lockers:read"}[role]
    moment = Moment(datetime.now(UTC))

    def add(session: Session) -> str:
        if role == "carrier":
            return carriers.add_carrier(session, "Nordpost", moment, scope)[1]
        return carriers.add_operator(session, "Drift", moment, role, scopes=scope)

    answer = api.client(api.change(add)).get(PATH, params={"month": "2026-11"})
    assert answer.status_code == 403
