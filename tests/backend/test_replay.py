"""All that was decided is derived again, to the byte; a row that somebody altered is named."""

import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from sqlalchemy import Engine, delete, func, literal, select, update
from sqlalchemy.orm import Session

from fellesskap_backend import db, secrets
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions.record import canonical, digest
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight
from fellesskap_backend.receipts.closing import close_next
from fellesskap_backend.receipts.hours import HOUR, WAIT
from fellesskap_backend.receipts.replaying import Replay, Replayed
from fellesskap_backend.receipts.tables import AuditRoot, Receipt
from fellesskap_backend.settings import Settings
from tests.backend.api import Api, Json, request, reserve
from tests.backend.decided import load
from tests.backend.receipts import after, close

pytestmark = pytest.mark.xdist_group("replay")
SINCE = datetime(2027, 3, 1, 8, tzinfo=UTC)
HOURS = 4
LOCKERS = 10
MANY = 2_000
ALL = 100_000


class House(NamedTuple):
    """An installation without a server."""

    engine: Engine
    kept: secrets.Secrets
    state: Path

    def change(self, statement: Any) -> None:
        with db.writing(self.engine) as session:
            assert len(session.execute(statement.returning(literal(1))).all()) == 1

    def replay(self, locker_id: str | None = None) -> Replayed:
        return db.read(self.engine, lambda session: Replay(session, self.kept).run(locker_id))

    def of(self, model: Any, *where: Any) -> Any:
        """Return one row, the same in each run."""
        with db.reader(self.engine) as session:
            rows = session.scalars(select(model).where(*where)).all()
        return random.Random(len(rows)).choice(sorted(rows, key=lambda row: repr(_key(row))))


def _key(row: Any) -> Any:
    return row.hour if isinstance(row, AuditRoot) else getattr(row, "decision_id", None) or row.id


def decided(state: Path, decisions: int) -> House:
    """Have so much decided over some hours, each of which is closed, and one more."""
    settings = Settings(state=state)
    house = House(db.engine(settings), secrets.load(state), state)
    upgrade(house.engine)
    load(house.engine, LOCKERS, decisions, since=SINCE, hours=HOURS)
    rng = random.Random(1)
    for hour in range(HOURS + 1):
        moment = Moment(SINCE + (hour + 1) * HOUR + WAIT, rng.randbytes)
        with db.writing(house.engine) as session:
            assert close_next(session, moment, secrets=house.kept)
    return house


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = decided(tmp_path_factory.mktemp("decided"), MANY)
    yield house
    house.engine.dispose()


@pytest.fixture
def house(made: House, tmp_path: Path) -> Iterator[House]:
    """A copy that may be spoilt."""
    with made.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(made.state, tmp_path / "copy")
    copy = House(db.engine(Settings(state=tmp_path / "copy")), made.kept, tmp_path / "copy")
    yield copy
    copy.engine.dispose()


def test_what_was_decided_is_derived_again_to_the_byte(made: House) -> None:
    found = made.replay()
    assert found == {
        "lockers": LOCKERS,
        "decisions": MANY,
        "receipts": MANY,
        "hours": HOURS + 1,
        "altered": [],
    }
    only = made.replay("city-3")
    assert (only["lockers"], only["decisions"], only["altered"]) == (1, MANY // LOCKERS, [])
    with db.reader(made.engine) as session:
        bodies = session.scalars(select(Decision.body))
        outcomes = {msgspec.json.decode(body)["outcome"] for body in bodies}
    assert {"confirmed", "locker_full", "duplicate_parcel", "no_fitting_compartment"} <= outcomes
    assert "quota_exceeded" in outcomes
    with db.reader(made.engine) as session:
        said = [msgspec.json.decode(body) for body in session.scalars(select(Decision.body))]
    assert {one["policy"] for one in said} == {"first-come v0", "fair-share v1", "fair-share v2"}
    parts = {one["part"] for one in said if "part" in one}
    assert parts == {None, "guaranteed", "commons", "lent", "accessible"}
    assert any("held_for_s" in one for one in said)
    assert any(one["basis"].get("uses") for one in said), "claims of before are live"
    books = [one for one in said if "rulebook" in one["basis"]]
    assert len(books) < len(said) / 20, "rules are written out once for each day and layout"


def name_of(row: Decision) -> str:
    return f"{row.locker_id}: decision {row.number}"


@pytest.mark.slow
def test_an_altered_body_is_named(house: House) -> None:
    row = house.of(Decision)
    for old, new in (('"outcome":"', '"outcome":"x'), ('"acked_seq":', '"acked_seq":1'), ("{", "")):
        text = row.body.replace(old, new, 1)
        house.change(update(Decision).where(Decision.id == row.id).values(body=text))
        (first, *_) = house.replay()["altered"]
        assert first.startswith(f"{name_of(row)}: altered"), first
        alone = house.replay(row.locker_id)["altered"]
        assert alone[0] == first
        house.change(update(Decision).where(Decision.id == row.id).values(body=row.body))
    assert house.replay()["altered"] == []


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["first-come v0", "fair-share v1", "fair-share v2"])
def test_what_was_decided_beside_an_altered_claim_is_not_named(house: House, policy: str) -> None:
    said = (f'"policy":"{policy}"', '"outcome":"confirmed"')
    row = house.of(Decision, *(Decision.body.contains(one) for one in said))
    for old, new in (('"box":[', '"box":[9'), ('"outcome":"confirmed"', '"outcome":"locker_full"')):
        text = row.body.replace(old, new, 1)
        house.change(update(Decision).where(Decision.id == row.id).values(body=text))
        named = [one.split(": altered")[0] for one in house.replay(row.locker_id)["altered"]]
        assert named == [name_of(row)]


@pytest.mark.slow
@pytest.mark.parametrize("column", ["told", "salt", "path", "place", "carrier_id"])
def test_an_altered_receipt_is_named(house: House, column: str) -> None:
    row = house.of(Receipt)
    other = house.of(Receipt, Receipt.place < 500, Receipt.carrier_id != row.carrier_id)
    value = getattr(other, column)
    assert value != getattr(row, column)
    house.change(
        update(Receipt).where(Receipt.decision_id == row.decision_id).values({column: value})
    )
    decision = house.of(Decision, Decision.id == row.decision_id)
    (why,) = house.replay()["altered"]
    assert why.startswith(f"{name_of(decision)}: ")
    assert why.endswith("told otherwise" if column == "carrier_id" else "not under its root")
    assert house.replay(decision.locker_id)["altered"] == [why]


ROOT: dict[str, tuple[str, Callable[[AuditRoot, AuditRoot], str]]] = {
    "root": ("not what was signed", lambda _, other: other.root),
    "jws": ("not what was signed", lambda _, other: other.jws),
    "key": ("not what was signed", lambda row, _: row.seed),
    "a signature": ("not what was signed", lambda row, _: f"{row.jws[:-9]}{row.jws[-9:][::-1]}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", ROOT)
def test_an_altered_root_is_named(house: House, what: str) -> None:
    row, other = house.of(AuditRoot), house.of(AuditRoot, AuditRoot.hour > SINCE + 3 * HOUR)
    assert row.hour != other.hour
    why, value = ROOT[what]
    column = "jws" if what == "a signature" else what
    house.change(
        update(AuditRoot).where(AuditRoot.hour == row.hour).values({column: value(row, other)})
    )
    assert house.replay()["altered"] == [f"{instant(row.hour)}: {why}"]


@pytest.mark.slow
def test_another_seed_of_an_hour_is_found(house: House) -> None:
    """The tree of an hour of silence is made of it alone."""
    silent = SINCE + HOURS * HOUR
    house.change(update(AuditRoot).where(AuditRoot.hour == silent).values(seed="A" * 43))
    assert house.replay()["altered"] == [f"{instant(silent)}: not the tree of its receipts"]


DAY = SINCE.date().isoformat()
RULES = {
    "policy fair-share v1: not what was decided by": (
        update(Policy)
        .where(Policy.version == 1)
        .values(
            body=func.replace(Policy.body, '"guaranteed_permille":501', '"guaranteed_permille":9')
        )
    ),
    "policy fair-share v2: altered": (
        update(Policy)
        .where(Policy.version == 2)
        .values(in_force_from=SINCE + timedelta(hours=2, seconds=1))
    ),
    f"standings of {DAY}: not what was decided by": (
        update(StandingRow).where(StandingRow.carrier_number == 3).values(no_shows=0)
    ),
    f"weights from 2027-01-01: not those of the standings of {DAY}": (
        update(Weight).where(Weight.carrier_number == 2).values(weight=4)
    ),
    f"quotas of city-2 on {DAY}: not those of its review": update(QuotaReview).values(body="[]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", RULES)
def test_altered_rules_are_named(house: House, what: str) -> None:
    """The chains say what was decided by, so one row that is changed later contradicts them."""
    house.change(RULES[what])
    found = house.replay("city-2")["altered"]
    assert what in found
    assert all(one == what or one.endswith("not by the rules in force") for one in found)


def test_a_version_that_is_gone_is_named(house: House) -> None:
    house.change(delete(Policy).where(Policy.version == 1))
    found = house.replay()["altered"]
    assert found[0] == "policy fair-share v1: gone"
    assert "policy fair-share v1: not what was decided by" in found
    assert any(one.endswith("not by the rules in force") for one in found)


@pytest.mark.slow
def test_rows_that_are_gone_or_added_are_named(house: House) -> None:
    row = house.of(Decision, Decision.locker_id == "city-4", Decision.number > 100)
    house.change(delete(Receipt).where(Receipt.decision_id == row.id))
    assert house.replay()["altered"] == [f"{name_of(row)}: no receipt"]
    house.change(delete(Decision).where(Decision.id == row.id))
    found = house.replay()["altered"]
    assert f"{name_of(row)}: gone" in found
    with db.writing(house.engine) as session:
        more = {**_columns(row), "number": MANY + 1}
        session.add(Decision(**more))
    assert f"city-4: decision {MANY + 1}: new" in house.replay()["altered"]
    house.change(delete(AuditRoot).where(AuditRoot.hour == SINCE + HOUR))
    assert f"{instant(SINCE + HOUR)}: no root" in house.replay()["altered"]


def _columns(row: Decision) -> Json:
    return {one.name: getattr(row, one.name) for one in db.table_of(Decision).columns}


def test_who_writes_a_whole_chain_anew_is_found_by_what_was_committed_to(house: House) -> None:
    """Of a chain alone nobody could tell: here another journal's position is made up."""

    def rewrite(session: Session) -> None:
        rows = session.scalars(
            select(Decision).where(Decision.locker_id == "city-2").order_by(Decision.number)
        )
        prev = None
        for row in rows:
            said = msgspec.json.decode(row.body)
            said["position"]["acked_seq"] += row.number == 50
            said["prev"] = said["prev"] if prev is None else prev
            row.body = canonical(said).decode()
            prev = digest(row.body.encode())
        session.execute(update(Locker).where(Locker.id == "city-2").values(decision_hash=prev))

    db.run(house.engine, rewrite)
    found = house.replay()["altered"]
    assert found[0] == "city-2: decision 50: told otherwise"
    assert len(found) == MANY // LOCKERS - 49, "each that was written anew"


@pytest.mark.slow
def test_the_command_says_what_it_found(house: House) -> None:
    good = _run(house, "replay", "--locker", "city-1")
    assert (good.returncode, good.stderr) == (0, "")
    assert msgspec.json.decode(good.stdout)["decisions"] == MANY // LOCKERS
    row = house.of(Decision, Decision.locker_id == "city-1")
    spoilt = row.body.replace("outcome", "Outcome")
    house.change(update(Decision).where(Decision.id == row.id).values(body=spoilt))
    bad = _run(house, "replay")
    assert bad.returncode == 1
    assert bad.stderr.startswith(f"altered: {name_of(row)}: altered")
    assert msgspec.json.decode(bad.stdout)["altered"][0].startswith(name_of(row))


def _run(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("fellesskap-backend"))
    line = [program, "decisions", *words, "--state", str(house.state)]
    return subprocess.run(line, check=False, capture_output=True, text=True)


def test_what_is_decided_over_http_is_derived_again(api: Api) -> None:
    carrier = api.carrier()
    api.locker("oslo-2", doors=4)
    for number in range(5):
        reserve(carrier, request(number, locker_id="oslo-2", needs=["low"]), f"k{number}")
        reserve(carrier, request(number), f"m{number}")
    close(api, after(api))
    reserve(carrier, request(9), "k9")
    found = db.read(api.engine, lambda session: Replay(session, api.secrets).run())
    assert found["altered"] == []
    assert (found["decisions"], found["receipts"], found["hours"]) == (11, 10, 1)


@pytest.mark.full
def test_a_hundred_thousand_decisions_are_derived_again(tmp_path: Path) -> None:
    house = decided(tmp_path, ALL)
    assert house.replay() == {
        "lockers": LOCKERS,
        "decisions": ALL,
        "receipts": ALL,
        "hours": HOURS + 1,
        "altered": [],
    }
    body = house.of(Decision, Decision.locker_id == "city-1")
    receipt = house.of(Receipt, Receipt.place < 500)
    text = body.body.replace('"acked_seq":', '"acked_seq":1')
    house.change(update(Decision).where(Decision.id == body.id).values(body=text))
    house.change(
        update(Receipt).where(Receipt.decision_id == receipt.decision_id).values(salt="A" * 43)
    )
    of_receipt = house.of(Decision, Decision.id == receipt.decision_id)
    found = house.replay()["altered"]
    assert sorted(found) == sorted(
        [
            f"{name_of(body)}: altered, told otherwise",
            f"{name_of(of_receipt)}: not under its root",
        ]
    )
    house.engine.dispose()
