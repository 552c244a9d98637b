"""Policies and weights: announced with a date in the future, published, their quarter reviewed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.db import Moment
from fellesskap_backend.errors import InvalidRequest
from fellesskap_backend.operators.recording import Doing
from fellesskap_backend.operators.tables import OperatorAct
from fellesskap_backend.policies import reviewing, service, standings
from fellesskap_backend.policies.reviewing import Review
from fellesskap_backend.policies.service import CarrierWeight, NotAnnounced, Weights
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow
from fellesskap_backend.reservations.tables import Reservation
from tests.backend.api import Api, Json, request, reserve
from tests.backend.ruled import fair, put_in_force
from tests.backend.test_fair_in_force import replayed

DAY = timedelta(days=1)


def doing(session: Session, now: datetime | None = None) -> Doing:
    return Doing.by_command(session, "as agreed", Moment(now or datetime.now(UTC)))


def announce(api: Api, policy: FairShare) -> Json:
    return api.change(lambda session: service.announce(doing(session), policy))


def later(days: float, version: int = 1) -> FairShare:
    return FairShare(version=version, in_force_from=datetime.now(UTC) + days * DAY)


def read(client: httpx.Client) -> Json:
    answer = client.get("/v1/policy")
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


def own_id(client: httpx.Client, api: Api) -> UUID:
    made = reserve(client, request(77, hold="soft"), "own").json()
    return next(row.carrier_id for row in api.rows(Reservation) if str(row.id) == made["id"])


# Announced ---------------------------------------------------------------------------------------


def test_before_any_version_whoever_comes_first_and_that_is_said_in_words(api: Api) -> None:
    told = read(api.client())
    assert (told["in_force"], told["coming"]) == ("first-come v0", None)
    assert (told["versions"], told["weights"], told["own_standing"]) == ([], [], None)
    assert "first-come v0" in told["in_words"]["en"]
    assert told["in_words"]["nb"].startswith("Slik fordeles")


def test_a_version_is_announced_before_it_counts_and_everybody_reads_it(api: Api) -> None:
    public = api.client()
    before = public.get("/v1/policy")
    assert before.headers["cache-control"] == "public, max-age=60"
    assert (
        public.get("/v1/policy", headers={"If-None-Match": before.headers["etag"]}).status_code
        == 304
    )
    announce(api, later(1))
    told = read(public)
    assert (told["in_force"], told["coming"]) == ("first-come v0", "fair-share v1")
    (version,) = told["versions"]
    assert version["policy"] == "fair-share v1"
    assert version["rules"] == msgspec.json.decode(api.rows(Policy)[0].body)
    assert version["in_words"]["en"].startswith("How the compartments are shared")
    (act,) = api.rows(OperatorAct)
    assert (act.act, act.reason) == ("announce_policy", "as agreed")
    api.change(
        lambda session: session.execute(update(Policy).values(in_force_from=datetime.now(UTC)))
    )
    told = read(public)
    assert (told["in_force"], told["coming"]) == ("fair-share v1", None)
    assert told["in_words"] == version["in_words"]


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (later(-1), "with a date in the future"),
        (later(1, version=2), "after v0 comes v1"),
    ],
)
def test_what_may_not_follow_is_not_announced(api: Api, policy: FairShare, why: str) -> None:
    with pytest.raises(NotAnnounced, match=why):
        announce(api, policy)
    assert api.rows(Policy) == []


def test_one_version_follows_another_in_order(api: Api) -> None:
    announce(api, later(1))
    for wrong in (later(2), later(2, version=3), later(0.5, version=2)):
        with pytest.raises(NotAnnounced):
            announce(api, wrong)
    checked = api.change(lambda session: service.check(session, later(2, 2), datetime.now(UTC)))
    assert checked["policy"] == "fair-share v2"
    assert len(api.rows(Policy)) == 1, "what is checked is not announced"
    announce(api, later(2, version=2))
    assert read(api.client())["coming"] == "fair-share v1", "the next one"


# Weights -----------------------------------------------------------------------------------------


def weigh(api: Api, begins_on: date, **weights: tuple[UUID, int]) -> Json:
    wished = Weights(
        begins_on=begins_on,
        weights=[CarrierWeight(carrier_id=one, weight=weight) for one, weight in weights.values()],
    )
    return api.change(lambda session: service.announce_weights(doing(session), wished))


def test_weights_are_published_without_names_and_a_carrier_sees_its_own(api: Api) -> None:
    one, other = api.carrier(), api.carrier("Sydpost")
    begins_on = datetime.now(UTC).date() + 3 * DAY
    mine, others = own_id(one, api), UUID(int=0)
    with pytest.raises(InvalidRequest):
        weigh(api, begins_on, a=(mine, 5), b=(others, 3))
    weigh(api, begins_on, a=(mine, 5))
    with pytest.raises(NotAnnounced):
        weigh(api, begins_on, a=(mine, 6))
    (period,) = read(api.client())["weights"]
    assert period["weights"] == [{"weight": 5, "is_entrant": False}]
    assert period["own"] is None
    assert read(one)["weights"][0]["own"] == {"weight": 5, "is_entrant": False}
    assert read(other)["weights"][0]["own"] is None
    assert str(mine) not in api.client().get("/v1/policy").text


@pytest.mark.parametrize("days", [0, -1])
def test_weights_begin_on_a_day_that_is_still_to_come(api: Api, days: int) -> None:
    mine = own_id(api.carrier(), api)
    today = FairShare(in_force_from=datetime.now(UTC)).local(datetime.now(UTC)).date()
    with pytest.raises(NotAnnounced):
        weigh(api, today + days * DAY, a=(mine, 5))


def test_a_carrier_sees_how_it_stands_and_nobody_else_does(api: Api) -> None:
    one, other = api.carrier(), api.carrier("Sydpost")
    put_in_force(api.engine, {1: 5, 2: 3})
    api.change(
        lambda session: session.execute(
            update(StandingRow).where(StandingRow.carrier_number == 1).values(no_shows=7, holds=70)
        )
    )
    answer = one.get("/v1/policy")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Authorization"
    mine = answer.json()["own_standing"]
    assert (mine["weight"], mine["holds"], mine["no_shows"]) == (5, 70, 7)
    assert read(other)["own_standing"]["no_shows"] == 0
    assert read(api.operator())["own_standing"] is None
    assert read(api.client("fsk_no_key"))["own_standing"] is None
    assert read(api.client("nonsense"))["own_standing"] is None


# The quarter's review ----------------------------------------------------------------------------


QUARTER = date(2026, 7, 1)


@pytest.fixture
def reviewed(api: Api) -> Api:
    """Ten doors; of six that are guaranteed one carrier used none in a quarter, the other all."""
    api.locker("fair-1", doors=10, floor_mm=1300)
    one = api.carrier()
    api.carrier("Sydpost")
    put_in_force(api.engine, {1: 1, 2: 1})
    for number in range(3):
        reserve(one, request(number, locker_id="fair-1"), f"k{number}")
    all_quarter = {"created_at": datetime(2026, 6, 20, tzinfo=UTC)}
    api.change(lambda session: session.execute(update(Reservation).values(all_quarter)))
    return api


def quotas(api: Api, begins_on: date | None = None, **review: Any) -> Json:
    wished = Review(**{"quarter": QUARTER, "locker_id": "fair-1", **review})
    if begins_on is not None:
        return api.change(lambda session: reviewing.accept(doing(session), wished, begins_on))
    return api.change(lambda session: reviewing.propose(doing(session), wished))


def test_what_nobody_used_goes_to_who_is_waiting_once_an_operator_accepts(reviewed: Api) -> None:
    api = reviewed
    today = fair().local(datetime.now(UTC)).date()
    proposed = quotas(api, waiting={("1", "S"): 1})
    (locker,) = proposed["lockers"]
    assert locker["changes"] == [
        {"carrier": "1", "size_class": "S", "from": 3, "to": 4},
        {"carrier": "2", "size_class": "S", "from": 3, "to": 1},
    ]
    assert locker["to_commons"] == {"S": 1}
    with pytest.raises(NotAnnounced):
        quotas(api, today)
    public = api.client()
    assert read(public)["reviews"] == [], "nobody accepted it"
    quotas(api, today + DAY)
    (shown,) = read(public)["reviews"]
    at = shown.pop("accepted_at")
    assert datetime.fromisoformat(at) == api.rows(QuotaReview)[0].accepted_at
    counts = {"quarter": "2026-07-01", "in_force_from": (today + DAY).isoformat(), "lockers": 1}
    assert shown == counts, "and nothing of whose quotas"
    with pytest.raises(InvalidRequest):
        quotas(api, today + 2 * DAY)
    with pytest.raises(NotAnnounced):
        quotas(api)
    one = api.carrier("Tredje")
    assert reserve(one, request(5, locker_id="fair-1"), "k5").json()["id"], "not yet"
    assert len(api.rows(QuotaReview)) == 1

    def next_day(session: Session) -> int:
        session.execute(update(QuotaReview).values(in_force_from=today))
        return standings.make(session, Moment(datetime.now(UTC)))

    api.change(next_day)
    answers = [reserve(one, request(n, locker_id="fair-1"), f"k{n}") for n in range(6, 12)]
    # Of ten three are used; one is kept for the first, one for the second.
    assert [one.status_code for one in answers].count(201) == 4
    assert answers[-1].json()["reason"] == "quota_exceeded"


def test_a_quarter_that_nobody_looked_at_is_named_until_quotas_are_proposed(
    reviewed: Api,
) -> None:
    def due(now: datetime) -> date | None:
        found: date | None = reviewed.change(lambda session: reviewing.due(session, now))
        return found

    begun = fair().in_force_from
    assert due(begun) is None, "no rules held in the last quarter"
    later = datetime(begun.year + 1, 5, 9, tzinfo=UTC)
    first = date(begun.year + 1, 1, 1)
    assert due(later) == first
    quotas(reviewed, quarter=first)
    assert due(later) is None
    assert due(later.replace(month=7)) == first.replace(month=4)


def test_quarters_are_named_by_their_first_day_and_rules_must_be_in_force(api: Api) -> None:
    for quarter, why in ((date(2027, 2, 1), "2027-01-01"), (date(2027, 1, 1), "No version")):
        with pytest.raises(InvalidRequest, match=why):
            quotas(api, quarter=quarter)


def test_new_weights_end_what_a_review_changed(reviewed: Api) -> None:
    api = reviewed
    today = fair().local(datetime.now(UTC)).date()
    quotas(api)
    api.change(
        lambda session: session.execute(
            update(QuotaReview).values(in_force_from=today - 9 * DAY, accepted_at=datetime.now(UTC))
        )
    )
    late = api.carrier("Tredje")
    answers = [reserve(late, request(n, locker_id="fair-1"), f"k{n}") for n in range(6, 12)]
    # The weights are of yesterday: three are kept for the second again, none for the first.
    assert [one.status_code for one in answers].count(201) == 4
    # The day was made up and no act accepted it, and that is all that is wrong.
    wrong = ("not accepted before it counts", "not as it was accepted")
    assert replayed(api) == [f"{NAMED}: {one}" for one in wrong]


NAMED = "review of fair-1 for 2026-07-01"
AT_ONCE = "reviews for 2026-07-01: not as they were accepted"
ALTERED = {"body": '[["1","S",6]]', "proposed_at": datetime(2026, 7, 2, tzinfo=UTC)}


@pytest.mark.parametrize("column", ALTERED)
def test_a_review_that_was_altered_before_its_first_use_is_named(
    reviewed: Api, column: str
) -> None:
    """No decision was made by it: that it says something else is known by the acts alone."""
    api = reviewed
    quotas(api)
    alter = update(QuotaReview).values({column: ALTERED[column]})
    as_it_was = update(QuotaReview).values({column: getattr(api.rows(QuotaReview)[0], column)})
    assert replayed(api) == []
    api.change(lambda session: session.execute(alter))
    assert replayed(api) == [f"{NAMED}: not as it was proposed"]
    api.change(lambda session: session.execute(as_it_was))
    quotas(api, fair().local(datetime.now(UTC)).date() + 9 * DAY)
    assert replayed(api) == []
    api.change(lambda session: session.execute(alter))
    accepted = [AT_ONCE] if column == "body" else []
    assert replayed(api) == [f"{NAMED}: not as it was proposed", *accepted]


def test_a_proposal_that_is_gone_or_was_accepted_by_nobody_is_named(reviewed: Api) -> None:
    api = reviewed
    for waiting in ({("1", "S"): 1}, {}):
        quotas(api, waiting=waiting)
        assert replayed(api) == [], "the second stands for the first"
    day = fair().local(datetime.now(UTC)).date() + 9 * DAY
    taken = {"accepted_at": datetime.now(UTC), "in_force_from": day}
    api.change(lambda session: session.execute(update(QuotaReview).values(taken)))
    assert replayed(api) == [f"{NAMED}: not as it was accepted"]
    api.change(lambda session: session.execute(delete(QuotaReview)))
    assert replayed(api) == [f"{NAMED}: gone"]
