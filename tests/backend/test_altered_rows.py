"""One altered row anywhere, column by column: replay finds it, and names it by what it is.

Columns from which nothing follows are listed with the reason (`docs/decisions/0062`).
"""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import inspect, select, update
from sqlalchemy.exc import IntegrityError

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
from fellesskap_backend.decisions.record import canonical
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.neutrality.closing import count_due, keep
from fellesskap_backend.neutrality.month import WAIT as MONTH_WAIT
from fellesskap_backend.neutrality.month import month_of
from fellesskap_backend.neutrality.tables import NeutralFigures, NeutralMonth
from fellesskap_backend.operators.recording import Doing
from fellesskap_backend.operators.tables import OperatorAct
from fellesskap_backend.policies import reviewing, service
from fellesskap_backend.policies.reviewing import Review
from fellesskap_backend.policies.service import CarrierWeight, Weights
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight
from fellesskap_backend.receipts.closing import close_next
from fellesskap_backend.receipts.hours import HOUR, WAIT
from fellesskap_backend.receipts.tables import AuditRoot, Receipt
from tests.backend.crowd import CUT_OFF, NOON, Town, two_alike

WEIGHTS = {"north": 3, "south": 2, "west": 1}
LATER = NOON + timedelta(days=3)
Json = dict[str, Any]
QUARTER = date(2026, 10, 1)
NO_INPUT = {
    "announced_days.announced_at": "the evening counts, not its second",
    "neutral_figures.may_know_lent": "follows from hours, of which journals may say more later",
    "neutral_months.counted_at": "after the month's end",
    "operator_acts.act": "acts vouch for rows, and nothing for acts",
    "operator_acts.by_prefix": "who acted is no input",
    "operator_acts.by_owner": "who acted is no input",
    "operator_acts.id": "who acted is no input",
    "operator_acts.reason": "nor is why",
    "operator_acts.compartment": "not of these acts",
    "operator_acts.parcel_id": "not of these acts",
    "operator_acts.site_id": "not of these acts",
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, migrated: Any) -> Iterator[Town]:
    """An installation that has a row of every kind: of each the last one was written by an act."""
    with two_alike([tmp_path_factory.mktemp("rows")], migrated, WEIGHTS) as (town,):
        town.put_up("busy", 10)
        reviewed(town)
        for number in range(9):
            town.ask("north", f"N-{number}", "busy")
        for who in ("south", "west"):
            town.ask(who, f"{who}-1", "busy")
        town.cut()
        for hour in range(2):
            at = town.moment(CUT_OFF + hour * HOUR + HOUR + WAIT)
            town.run(lambda session, at=at: close_next(session, at, secrets=town.secrets))
        announced(town)
        moment = town.moment(month_of("2027-03").ends + MONTH_WAIT)
        counted = db.read(town.engine, lambda session: count_due(session, moment))
        assert counted is not None
        town.run(lambda session: keep(session, counted, moment))
        yield town


def doing(session: Any, town: Town, at: datetime) -> Doing:
    return Doing.by_command(session, "it is time", town.moment(at))


def reviewed(town: Town) -> None:
    """Have a quarter's quotas proposed and accepted, from before the day on."""
    begins = NOON - timedelta(days=9)
    review = Review(QUARTER, "busy")
    town.run(lambda session: reviewing.propose(doing(session, town, begins), review))
    late = begins + HOUR
    from_day = begins.date() + timedelta(days=1)
    town.run(lambda session: reviewing.accept(doing(session, town, late), review, from_day))


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
        str: lambda one: f"{one}x",
        datetime: lambda one: one + timedelta(seconds=1),
        date: lambda one: one + timedelta(days=1),
        UUID: lambda one: UUID(int=one.int ^ 1),
        list: lambda one: [*one, {}],
        type(None): lambda _: None,
    }
    if isinstance(value, dict):
        name = min(value)
        return value | {name: 1 if value[name] is None else other(value[name])}
    return changed[type(value)](value)


MODELS = (
    *(Policy, Weight, StandingRow, QuotaReview, AnnouncedDay, CutOff, OperatorAct),
    *(NeutralMonth, NeutralFigures, Decision, Receipt, AuditRoot),
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__tablename__)
def test_one_altered_column_is_found_and_the_row_named(town: Town, model: type[Base]) -> None:
    assert town.replayed() == []
    table = db.table_of(model)
    keys = inspect(model).primary_key
    with db.reader(town.engine) as session:
        row = session.execute(select(table).order_by(*keys)).mappings().all()[-1]
    found, silent = {}, []
    for column in table.columns:
        value = other(row[column.name])
        if value == row[column.name]:
            continue
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
        name = f"{table.name}.{column.name}"
        if altered:
            assert model is OperatorAct or any(one in "; ".join(altered) for one in names(row))
            found[name] = altered
        else:
            silent.append(name)
    assert set(silent) <= NO_INPUT.keys(), "nobody finds it"
    assert not found.keys() & NO_INPUT.keys(), "it is found after all"
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
    "reviews.quarter": "acts vouch for it, and are not in pages",
    "reviews.proposed_at": "acts vouch for it, and are not in pages",
    "reviews.in_force_from": "a day later is still before what was decided by it",
    "reviews.accepted_at": "acts vouch for it, and are not in pages",
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
        for column, value in rows[-1].items():
            changed = json.loads(json.dumps(pages))
            for page in changed:
                page["rules"][name][-1][column] = other_text(value)
            if not altered(changed):
                silent.add(f"{name}.{column}")
    assert silent == SILENT.keys()
    changed = json.loads(json.dumps(pages))
    changed[1]["rules"]["standings"][0]["holds"] += 1
    assert altered(changed)[0].endswith("told otherwise than before")
    gone = [page | {"rules": page["rules"] | {"cut_offs": []}} for page in pages]
    assert altered(gone)[0] == "line 1: busy: decision 1: at a cut-off that was not announced"


def other_text(value: Any) -> Any:
    """Return another value as it stands in JSON: an instant, a day, or what `other` makes of it."""
    if isinstance(value, str) and value[:2] == "20":
        at = datetime.fromisoformat(value)
        if len(value) == 10:
            return (at.date() + timedelta(days=1)).isoformat()
        return instant(at + timedelta(seconds=1))
    return other(value)


def names(row: Any) -> set[str]:
    """Return by what a row may be called."""
    if "told" in row and "path" in row:
        return {"busy: decision "}
    kept = ("version", "begins_on", "day", "locker_id", "quarter", "month", "carrier_id", "hour")
    values = [row[name] for name in kept if name in row]
    return {instant(one) if isinstance(one, datetime) else str(one) for one in values}


def change(town: Town, statement: Any, column: Any, value: Any) -> None:
    town.run(lambda session: session.execute(statement.values({column.name: value})))
