"""PostgreSQL keeps carriers apart, also where a query forgot to: for a role that owns nothing."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from fellesskap_backend import db, roles
from fellesskap_backend.carriers.service import caller, credentials_of
from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger import months
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.schema import metadata
from fellesskap_backend.settings import Settings
from fellesskap_backend.worker import Worker
from tests.backend.api import Api, request, reserve
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit
from tests.backend.postgres import Postgres
from tests.system.house import Installation

pytestmark = pytest.mark.slow
ROLE = "fellesskap"
NO_CARRIERS = {"api_keys"}
"""By whose rows a caller is found: before it is known who asks."""
ROUND_TRIPS_MAX = 4


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> Iterator[str]:
    """The URL by which the server comes in: as a role that the owner allowed."""
    made = db.engine(Settings(database_url=postgres.create("secured", "migrated")))
    with db.writing(made) as session:
        session.execute(text(f"CREATE ROLE {ROLE} LOGIN"))
        roles.allow(session, ROLE)
    yield str(made.url).replace("postgres@", f"{ROLE}@")
    with db.writing(made) as session:
        session.execute(text(f"DROP OWNED BY {ROLE}"))
        session.execute(text(f"DROP ROLE {ROLE}"))
    made.dispose()


@pytest.fixture(scope="module")
def lives(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    """Two carriers with a parcel each, one of them through its whole life."""
    folder = tmp_path_factory.mktemp("secured")
    api = Api(Settings(state=folder, database_url=url))
    try:
        made = Lives(api, doors=9)
        made.other = api.key("Sydpost")  # type: ignore[attr-defined]
        yield made
    finally:
        api.stop()


@pytest.fixture(scope="module")
def other(lives: Lives) -> httpx.Client:
    """Reserve for another carrier too."""
    client: httpx.Client = lives.api.client(lives.other)  # type: ignore[attr-defined]
    assert reserve(lives.client, request(1), "k1").status_code == 201
    assert reserve(client, request(2), "k2").status_code == 201
    return client


def test_the_servers_role_is_neither_owner_nor_superuser(url: str, lives: Lives) -> None:
    with lives.api.callers.connect() as connection:
        assert roles.powers_of(connection) == []
        assert connection.execute(text("SELECT current_user")).scalar_one() == ROLE
        with pytest.raises(ProgrammingError, match="must be owner"):
            connection.execute(text("ALTER TABLE parcels DISABLE ROW LEVEL SECURITY"))


@pytest.fixture(scope="module")
def landlord(postgres: Postgres) -> Iterator[str]:
    """The URL of a role that was allowed, and was given a table afterwards."""
    made = db.engine(Settings(database_url=postgres.create("owned-by-one", "migrated")))
    with db.writing(made) as session:
        session.execute(text("CREATE ROLE landlord LOGIN"))
        roles.allow(session, "landlord")
        session.execute(text("ALTER TABLE parcels OWNER TO landlord"))
    yield str(made.url).replace("postgres@", "landlord@")
    with db.writing(made) as session:
        session.execute(text("REASSIGN OWNED BY landlord TO postgres"))
        session.execute(text("DROP OWNED BY landlord"))
        session.execute(text("DROP ROLE landlord"))
    made.dispose()


@pytest.mark.parametrize(
    ("who", "powers"),
    [
        ("superuser", "a superuser and one that passes row security by and an owner of the tables"),
        ("landlord", "an owner of the tables"),
        ("url", None),
    ],
)
def test_a_server_whose_role_may_too_much_serves_and_says_so(
    request: pytest.FixtureRequest, tmp_path: Path, who: str, powers: str | None
) -> None:
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.url("migrated") if who == "superuser" else request.getfixturevalue(who)
    house = Installation(tmp_path, {"FELLESSKAP_DATABASE_URL": url})
    try:
        beside = house.one_more_api()
        assert httpx.get(f"{beside}/v1/health").status_code == 200
    finally:
        house.stop()
    log = (tmp_path / "api.log").read_text()
    if powers is None:
        assert "row security" not in log
    else:
        assert f"the database's role is {powers}: row security is off" in log


def test_a_role_that_may_too_much_is_mended_as_the_page_says(postgres: Postgres) -> None:
    page = (Path(__file__).parents[2] / "docs/operating.md").read_text()
    made = db.engine(Settings(database_url=postgres.create("mended", "migrated")))
    grown = (
        *("CREATE ROLE fellesskap_owner LOGIN", "CREATE ROLE grown LOGIN SUPERUSER BYPASSRLS"),
        "ALTER TABLE parcels OWNER TO grown",
    )
    with made.begin() as connection:
        for statement in grown:
            connection.execute(text(statement))
        assert len(roles.powers_of(connection, "grown") or ()) == 3
        mending = re.findall(r"^    ((?:ALTER ROLE|REASSIGN) .+);$", page, re.MULTILINE)
        for statement in mending:
            connection.execute(text(re.sub(r"\bfellesskap\b", "grown", statement)))
        assert roles.powers_of(connection, "grown") == []
    db.run(made, lambda session: roles.allow(session, "grown"))
    with made.begin() as connection:
        for statement in ("DROP OWNED BY {0}", "DROP ROLE {0}"):
            for name in ("grown", "fellesskap_owner"):
                connection.execute(text(statement.format(name)))
    made.dispose()


def test_the_servers_role_has_the_ledgers_months_made(lives: Lives) -> None:
    assert db.run(lives.api.engine, months.make_ahead) == 0


def test_a_role_that_may_too_much_or_is_unknown_is_not_allowed(postgres: Postgres) -> None:
    made = db.engine(Settings(database_url=postgres.url("migrated")))
    with pytest.raises(InvalidRequest, match="superuser"):
        db.run(made, lambda session: roles.allow(session, "postgres"))
    with pytest.raises(NotFound):
        db.run(made, lambda session: roles.allow(session, "nobody"))
    made.dispose()


def test_every_table_with_a_carrier_has_its_policy(lives: Lives) -> None:
    tables = {name for name, table in metadata.tables.items() if "carrier_id" in table.columns}
    with lives.api.callers.connect() as connection:
        secured = connection.scalars(text("SELECT relname FROM pg_class WHERE relrowsecurity"))
        assert set(secured) == (tables - NO_CARRIERS) | {"answers", "delegations"}


def test_a_query_without_its_where_shows_a_carrier_its_own_rows_alone(
    lives: Lives, other: httpx.Client
) -> None:
    key = other.headers["authorization"].removeprefix("Bearer ")
    with db.reader(lives.api.callers) as session:
        for model in (Reservation, Notice):
            assert session.scalars(select(model)).all() == [], "nobody was named"
        own = caller(session, credentials_of(key), "carrier").carrier_id
        for column in (Reservation.carrier_id, Notice.carrier_id):
            assert set(session.scalars(select(column))) == {own}
        assert session.scalars(text("SELECT tenant FROM answers")).all() == [str(own)]
    with db.reader(lives.api.engine) as session:
        assert len({row.carrier_id for row in session.scalars(select(Reservation))}) == 2


def test_an_operators_key_sees_the_house(lives: Lives, other: httpx.Client) -> None:
    assert other is not None
    with db.reader(lives.api.callers) as session:
        caller(session, lives.operator, "operator")
        assert len({row.carrier_id for row in session.scalars(select(Reservation))}) == 2


def test_the_next_transaction_of_a_connection_sees_nothing_again(
    lives: Lives, other: httpx.Client, url: str
) -> None:
    assert other is not None
    settings = Settings(state=Path("unused"), database_url=url)
    made = db.for_callers(settings, lives.api.engine)
    with made.connect() as connection, Session(bind=connection) as session:
        caller(session, lives.carrier, "carrier")
        assert session.scalar(select(func.count()).select_from(Notice))
        session.commit()
        assert session.scalar(select(func.count()).select_from(Notice)) == 0
    made.dispose()


def test_a_row_of_another_carrier_cannot_be_written(lives: Lives, other: httpx.Client) -> None:
    assert other is not None
    with db.reader(lives.api.engine) as session:
        foreign = session.scalars(select(Notice.carrier_id).distinct()).all()
    with db.writer(lives.api.callers) as session:
        own = caller(session, lives.carrier, "carrier").carrier_id
        (another,) = (one for one in foreign if one != own)
        with pytest.raises(ProgrammingError, match="row-level security"):
            session.execute(
                text("INSERT INTO feed_counters (carrier_id, last) VALUES (:other, 0)"),
                {"other": another},
            )


def test_whole_lives_are_led_under_the_policies(lives: Lives) -> None:
    client = lives.client
    answer = reserve(client, request(11, code_at="reservation"), "k11").json()
    lives.tell(*deposit(answer, 3))
    path = f"/v1/parcels/{answer['parcel_id']}"
    extended = client.post(f"{path}/extend", json={"collect_within": "P5D"})
    assert extended.status_code == 200, extended.text
    lives.tell(*collect(answer, 3))
    assert client.get(path).json()["state"] == "collected"
    gone = reserve(client, request(12), "k12").json()
    assert client.delete(f"/v1/reservations/{gone['id']}").json()["state"] == "cancelled"
    by = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    body = {"locker_id": "oslo-1", "reference": "R-1", "size_class": "S", "drop_off_by": by}
    assert client.post("/v1/drop-offs", json=body).status_code == 201
    worker = Worker(lives.api.settings, lives.api.secrets, lives.api.engine)
    worker.round()
    kinds = [one["type"] for one in client.get("/v1/events").json()["events"]]
    assert {"parcel.deposited", "parcel.collected", "reservation.cancelled"} <= set(kinds)
    door = {"compartment": 2, "reason_code": "inspection", "reason": "It did not spring open."}
    with lives.api.operator() as person:
        opened = person.post("/v1/lockers/oslo-1/door-operations", json=door)
    assert opened.status_code == 202, opened.text
    assert client.get("/v1/lockers/oslo-1/availability").status_code == 200
    assert lives.unapplied() == {}


def test_a_reservation_costs_no_round_trip_more(lives: Lives) -> None:
    sent: list[str] = []

    def count(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(lives.api.callers, "before_cursor_execute", count)
    assert reserve(lives.client, request(21), "k21").status_code == 201
    event.remove(lives.api.callers, "before_cursor_execute", count)
    assert 0 < len(sent) < ROUND_TRIPS_MAX, sent
