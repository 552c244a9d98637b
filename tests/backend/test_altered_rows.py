"""One altered row anywhere, key by key of every column: replay finds it, and names it exactly.

Rows of every kind, also such as nothing was decided by yet. What may be altered in silence is
listed with the reason (`docs/decisions/0062`).
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Table, inspect, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.audit import service as audit
from fellesskap_backend.audit.exported import Export
from fellesskap_backend.audit.public import LOTS, POLICY
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.service import credentials_of
from fellesskap_backend.cut_offs import lots
from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import Base, instant
from fellesskap_backend.decisions.record import canonical, digest
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.neutrality.closing import count_due, keep
from fellesskap_backend.neutrality.month import WAIT as MONTH_WAIT
from fellesskap_backend.neutrality.month import month_of
from fellesskap_backend.neutrality.tables import NeutralFigures, NeutralMonth
from fellesskap_backend.operators.recording import Doing, Upon
from fellesskap_backend.operators.tables import OperatorAct
from fellesskap_backend.parcels.tables import ServingInterval
from fellesskap_backend.policies import consistency, reviewing, service, standings
from fellesskap_backend.policies.reviewing import Review
from fellesskap_backend.policies.service import CarrierWeight, Weights
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight
from fellesskap_backend.receipts.closing import close_next
from fellesskap_backend.receipts.hours import HOUR, WAIT
from fellesskap_backend.receipts.tables import AuditRoot, Receipt
from fellesskap_backend.reservations import ending
from fellesskap_backend.reservations.tables import Reservation
from tests.backend.crowd import CUT_OFF, NOON, Town, two_alike

pytestmark = pytest.mark.slow

WEIGHTS = {"north": 3, "south": 2, "west": 1}
LATER = NOON + timedelta(days=3)
Json = dict[str, Any]
QUARTER = date(2026, 10, 1)
NO_INPUT = {
    "announced_days.announced_at": "the evening counts, not its second",
    "neutral_figures.figures.no_shows": "journals may say later that nobody was there: fewer",
    "neutral_months.counted_at": "after the month's end",
    "operator_acts.act": "acts vouch for rows, and nothing for acts: a row without is believed",
    "operator_acts.at": "of a proposal that another stood for since",
    "operator_acts.by_prefix": "who acted is no input",
    "operator_acts.by_owner": "who acted is no input",
    "operator_acts.id": "who acted is no input",
    "operator_acts.reason": "nor is why",
    "operator_acts.compartment": "not of these acts",
    "operator_acts.details.digest": "gone: acts of before have none",
    "operator_acts.locker_id": "of rules, which are of no locker",
    "operator_acts.parcel_id": "not of these acts",
    "operator_acts.site_id": "not of these acts",
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, migrated: Any) -> Iterator[Town]:
    """An installation that has a row of every kind: of each the last one was written by an act."""
    with two_alike([tmp_path_factory.mktemp("rows")], migrated, WEIGHTS) as (town,):
        town.put_up("busy", 10)
        vouched_for(town)
        reviewed(town)
        for number in range(9):
            town.ask("north", f"N-{number}", "busy")
        for who in ("south", "west"):
            town.ask(who, f"{who}-1", "busy")
        town.cut()
        nobody_came(town)
        tomorrow = town.moment(NOON + timedelta(days=1))
        assert town.run(lambda session: standings.make(session, tomorrow)) == len(WEIGHTS)
        for hour in range(2):
            at = town.moment(CUT_OFF + hour * HOUR + HOUR + WAIT)
            town.run(lambda session, at=at: close_next(session, at, secrets=town.secrets))
        announced(town)
        moment = town.moment(month_of("2027-03").ends + MONTH_WAIT)
        counted = db.read(town.engine, lambda session: count_due(session, moment))
        assert counted is not None
        town.run(lambda session: keep(session, counted, moment))
        yield town


def vouched_for(town: Town) -> None:
    """Let acts stand for the rules that are in force, as if they had been announced."""
    (policy,), weights = town.rows(Policy), town.rows(Weight)
    said = {"policy": "fair-share v1", "in_force_from": instant(policy.in_force_from)}
    held_to = digest(policy.body.encode())
    period: Json = {"begins_on": weights[0].begins_on.isoformat(), "carriers": len(weights)}
    period["digest"] = consistency.digest_of(weights)

    def work(session: Session) -> None:
        by = doing(session, town, policy.announced_at)
        by.note(consistency.POLICY, Upon(), **said, digest=held_to)
        doing(session, town, weights[0].announced_at).note(consistency.WEIGHTS, Upon(), **period)

    town.run(work)


def nobody_came(town: Town) -> None:
    """Let one claim lapse at a locker that serves."""

    def work(session: Session) -> None:
        confirmed = select(Reservation).where(Reservation.state == "confirmed")
        one = session.scalars(confirmed.order_by(Reservation.id)).all()[0]
        session.add(
            ServingInterval(
                locker_id="busy", compartments=[1], began_at=CUT_OFF, ended_at=one.deposit_by
            )
        )
        session.flush()
        ending.expire(session, one.id, town.moment(one.deposit_by))

    town.run(work)


def doing(session: Any, town: Town, at: datetime) -> Doing:
    return Doing.by_command(session, "it is time", town.moment(at))


def reviewed(town: Town) -> None:
    """Have quotas proposed twice and accepted, from before the day on; propose others for later."""
    begins = NOON - timedelta(days=9)
    review = Review(QUARTER, "busy")
    for at in (begins - HOUR, begins):
        town.run(lambda session, at=at: reviewing.propose(doing(session, town, at), review))
    late = begins + HOUR
    from_day = begins.date() + timedelta(days=1)
    town.run(lambda session: reviewing.accept(doing(session, town, late), review, from_day))
    next_one = Review(date(2027, 1, 1), "busy")
    town.run(lambda session: reviewing.propose(doing(session, town, late), next_one))


def announced(town: Town) -> None:
    """Announce other rules and weights, for later."""
    rules = FairShare(version=2, in_force_from=LATER)
    weights = Weights(
        begins_on=LATER.date(),
        weights=[CarrierWeight(carrier_id=one, weight=7) for one in town.ids.values()],
    )
    town.run(lambda session: service.announce(doing(session, town, NOON), rules))
    town.run(lambda session: service.announce_weights(doing(session, town, NOON), weights))


def other(value: Any) -> Any:
    """Return another value of the same kind, as near as may be."""
    changed: dict[type, Any] = {
        bool: lambda one: not one,
        int: lambda one: one + 1,
        float: lambda one: one + 1,
        str: lambda one: f"{one}x",
        datetime: lambda one: one + timedelta(seconds=1),
        date: lambda one: one + timedelta(days=1),
        UUID: lambda one: UUID(int=one.int ^ 1),
        list: lambda one: [*one, {}],
        type(None): lambda _: 1,
    }
    return changed[type(value)](value)


SOME = {datetime: NOON, date: NOON.date(), int: 1, str: "x", UUID: UUID(int=1)}
"""What may stand where nothing stood."""


def others(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield other values, each with what of it is another: every key, every end of a list."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield f"{path}.{key}", {name: it for name, it in value.items() if name != key}
            for name, changed in others(f"{path}.{key}", one):
                yield name, value | {key: changed}
        return
    yield path, other(value)
    if type(value) is int and value:
        yield path, value - 1
    if isinstance(value, list) and value:
        yield path, value[:-1]
        yield path, [other(value[0]), *value[1:]]


def alterations(table: Table, row: Any) -> Iterator[tuple[Any, str, Any]]:
    """Yield every column of a row with other values for it, and what each is called."""
    for column in table.columns:
        name, value = f"{table.name}.{column.name}", row[column.name]
        if value is None:
            is_instant = isinstance(column.type, db.UtcDateTime)
            yield column, name, SOME[datetime if is_instant else column.type.python_type]
            continue
        for path, changed in others(name, value):
            yield column, path, changed
        if column.nullable:
            yield column, name, None


MODELS = (
    *(Policy, Weight, StandingRow, QuotaReview, AnnouncedDay, CutOff, OperatorAct),
    *(NeutralMonth, NeutralFigures, Decision, Receipt, AuditRoot),
)


MANY = 10


def rows_of(town: Town, table: Table) -> list[Any]:
    """Return rows of a kind: all, but of many the first, one in the middle and the last."""
    with db.reader(town.engine) as session:
        rows = session.execute(select(table).order_by(*table.primary_key)).mappings().all()
    return list(rows) if len(rows) <= MANY else [rows[0], rows[len(rows) // 2], rows[-1]]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__tablename__)
def test_one_altered_column_is_found_and_the_row_named(town: Town, model: type[Base]) -> None:
    assert town.replayed() == []
    table = db.table_of(model)
    keys = inspect(model).primary_key
    silent = set()
    for row in rows_of(town, table):
        for column, name, value in alterations(table, row):
            there = update(table).where(*(key == row[key.name] for key in keys))
            here = [key == (value if key is column else row[key.name]) for key in keys]
            try:
                change(town, there, column, value)
            except IntegrityError:
                continue  # the database itself refuses it
            try:
                altered = town.replayed()
            finally:
                change(town, update(table).where(*here), column, row[column.name])
            if not altered:
                silent.add(name)
                continue
            named = names(town, table, row) | names(town, table, {**row, column.name: value})
            said = [one for one in altered if one.startswith(tuple(f"{it}: " for it in named))]
            assert said, (name, named, altered)
    assert silent == {one for one in NO_INPUT if one.split(".")[0] == table.name}
    assert town.replayed() == []


def exported(town: Town) -> tuple[list[Json], tuple[tuple[str, bytes], ...]]:
    """Return the pages that an auditor fetches, and what everybody was told before."""
    key = town.run(
        lambda session: carriers.add_operator(session, "Revisor", town.moment(NOON), "auditor")
    )
    pages: list[Json] = []
    after = None
    asked: Json = {"now": CUT_OFF + timedelta(days=2), "secrets": town.secrets}
    while not pages or after is not None:
        wanted = audit.Wanted(limit=6, after=after)
        found, after = town.run(
            lambda session, wanted=wanted: audit.page(session, credentials_of(key), wanted, **asked)
        )
        pages.append(found | {"next": after and str(after)})
    with db.reader(town.engine) as session:
        policy = service.published(session, CUT_OFF)
        public_lots, _ = lots.published(session, None, 9, **asked)
    kept = ((POLICY, canonical(policy)), (LOTS, canonical(public_lots)))
    return pages, kept


SILENT = {
    "weights.carrier_number": "of a coming period it is public without names",
    "reviews.body": "of one by which nothing was decided yet: acts vouch for it",
    "reviews.locker_id": "of one by which nothing was decided yet: acts vouch for it",
    "reviews.quarter": "of one that nobody accepted: acts vouch for it",
    "reviews.proposed_at": "acts vouch for it, and are not in pages",
    "days.announced_at": "the evening counts, not its second",
}
"""What the file alone does not show: whoever has the database finds it."""


def test_an_altered_row_of_a_rule_is_found_in_the_file_alone(town: Town) -> None:
    pages, kept = exported(town)

    def altered(pages: list[Json]) -> list[str]:
        return Export(kept=kept).run(map(json.dumps, pages))["altered"]

    assert len(pages) == 2
    assert altered(pages) == []
    silent = set()
    for name, rows in pages[0]["rules"].items():
        for number, row in enumerate(rows):
            for column, value in row.items():
                changed = json.loads(json.dumps(pages))
                for page in changed:
                    page["rules"][name][number][column] = other_text(value)
                if not altered(changed):
                    silent.add(f"{name}.{column}")
    assert silent == SILENT.keys()
    changed = json.loads(json.dumps(pages))
    changed[1]["rules"]["standings"][0]["holds"] += 1
    assert altered(changed)[0].endswith("told otherwise than before")
    fewer = json.loads(json.dumps(pages))
    for page in fewer:
        del page["rules"]["reviews"][0]
    assert "reviews for 2026-10-01: not what was public" in altered(fewer)
    part = [page | {"locker_id": "busy"} for page in fewer]
    assert "reviews for 2026-10-01: not what was public" not in altered(part)
    gone = [page | {"rules": page["rules"] | {"cut_offs": []}} for page in pages]
    assert altered(gone)[0] == "line 1: busy: decision 1: at a cut-off that was not announced"


def other_text(value: Any) -> Any:
    """Return another value as it stands in JSON: an instant, a day, or what `other` makes of it."""
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
        at = datetime.fromisoformat(value)
        if len(value) == 10:
            return (at.date() + timedelta(days=1)).isoformat()
        return instant(at + timedelta(seconds=1))
    return other(value)


NAMES = {
    "policies": ("policy fair-share v{version}",),
    "weights": ("weights from {begins_on}",),
    "standings": ("standings of {day}",),
    "quota_reviews": ("review of {locker_id} for {quarter}",),
    "announced_days": ("day {day}", "lots of {day}"),
    "cut_offs": ("cut-off of {locker_id} at {at}",),
    "neutral_months": ("month {month}",),
    "neutral_figures": ("month {month}: carrier {carrier_id}",),
    "decisions": ("{locker_id}: decision {number}",),
    "audit_roots": ("{hour}",),
    "announce_policy": ("policy {policy}",),
    "announce_weights": ("weights from {begins_on}",),
    "make_standings": ("standings of {day}",),
    "propose_quotas": ("review of {locker_id} for {quarter}",),
    "accept_quotas": ("reviews for {quarter}", "review of busy for {quarter}"),
}
"""How a row of a table, or what an act wrote, is called."""


def names(town: Town, table: Table, row: Mapping[str, Any]) -> set[str]:
    """Return by what a row may be called, in whole."""
    kind, said = table.name, dict(row)
    if kind == "operator_acts":
        kind, said = row["act"], {**row, **(row["details"] or {})}
    decided = {one.id: f"{one.locker_id}: decision {one.number}" for one in town.rows(Decision)}
    if kind == "receipts":
        return {decided[row["decision_id"]]} if row["decision_id"] in decided else set()
    shown: dict[str, Any] = defaultdict(lambda: "None")
    shown |= {key: instant(it) if isinstance(it, datetime) else it for key, it in said.items()}
    found = {one.format_map(shown) for one in NAMES.get(kind, ())}
    # A cut-off that is gone is missed by what was decided at it.
    return found | set(decided.values()) if kind == "cut_offs" else found


def change(town: Town, statement: Any, column: Any, value: Any) -> None:
    town.run(lambda session: session.execute(statement.values({column.name: value})))
