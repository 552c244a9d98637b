"""The database: engine, transactions and the column types that both databases share.

SQLite (WAL, `synchronous=FULL`) and PostgreSQL run the same code. Only the rim commits: a route by
the dependency `transaction`, the bridge and the worker by `run`.
"""

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    Executable,
    Integer,
    MetaData,
    Table,
    create_engine,
    event,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from fellesskap_backend import tenancy
from fellesskap_backend.settings import Settings
from fellesskap_backend.trouble import retryable
from fellesskap_protocol.buggify import sometimes

T = TypeVar("T")
M = TypeVar("M", bound="Base")
Row = Mapping[str, Any]
ATTEMPTS_MAX = 3
RETRY_PAUSE_S = 0.02
"""Mean pause before a transaction is tried again, doubled each time, with jitter."""
BUSY_S = 30.0
"""How long a writer of SQLite waits for another process (a command beside the server)."""
BACKGROUND_CONNECTIONS = 8
"""What the pool holds besides the API's share: for bridge and worker, and some to spare."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant on both databases; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Take an aware instant only: SQLite would drop the offset silently."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give an aware instant back."""
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


class Epoch(FunctionElement[int]):
    """An instant as whole seconds since 1970."""

    inherit_cache = True
    type = Integer()
    name = "epoch"


@compiles(Epoch, "sqlite")
def _in_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST(strftime('%s', {compiler.process(element.clauses, **options)}) AS INTEGER)"


@compiles(Epoch, "postgresql")
def _in_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    at = compiler.process(element.clauses, **options)
    return f"CAST(floor(extract(epoch FROM {at})) AS BIGINT)"


Json = JSON().with_variant(JSONB(), "postgresql")


Big = Annotated[int, mapped_column(BigInteger().with_variant(Integer(), "sqlite"))]
"""An integer that outgrows 32 bits in the life of an installation."""


class Base(DeclarativeBase):
    """The base of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - declared so by SQLAlchemy
        datetime: UtcDateTime(),
        list[str]: Json,
        list[int]: Json,
        dict[str, Any]: Json,
    }


@lru_cache(4_096)  # the same few stand in every row that is made together
def instant(at: datetime) -> str:
    """Write an instant as RFC 3339 in UTC.

    >>> instant(datetime(2027, 3, 1, 8, tzinfo=UTC))
    '2027-03-01T08:00:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Moment:
    """The time and the chance of one request or message, as an argument of services."""

    now: datetime
    random_bytes: Callable[[int], bytes] = field(default=os.urandom, repr=False)

    def then(self, now: datetime) -> "Moment":
        """Return the same at another time."""
        return Moment(now, self.random_bytes)

    def new_id(self) -> UUID:
        """Make a UUIDv7 (RFC 9562 5.7): milliseconds of `now`, then 74 random bits."""
        chance = int.from_bytes(self.random_bytes(10), "big")
        high, low = chance >> 68, chance & (1 << 62) - 1
        return UUID(int=self._milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low)

    @cached_property
    def _milliseconds(self) -> int:
        return _milliseconds(self.now)


def first_id(at: datetime) -> UUID:
    """Return an id that is at most any that a moment makes at a time, or after it."""
    return UUID(int=max(0, _milliseconds(at)) << 80)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def engine(settings: Settings) -> Engine:
    """Make the engine of one process; its pool holds the gate's share and the background's.

    On PostgreSQL it sees the rows of every carrier; `for_callers` makes one that does not.
    """
    return _engine(settings, tenancy.CONNECT_ARGS)


def for_callers(settings: Settings, made: Engine) -> Engine:
    """Return the engine of the API: it sees what the key of each request lets it see.

    SQLite has one engine for all: its writers queue there.
    """
    return made if made.dialect.name == "sqlite" else _engine(settings, {})


def _engine(settings: Settings, of_postgresql: Mapping[str, str]) -> Engine:
    is_sqlite = settings.database_url.startswith("sqlite")
    made = create_engine(
        settings.database_url,
        pool_size=settings.pool_size + BACKGROUND_CONNECTIONS,
        max_overflow=0,
        pool_timeout=BUSY_S,
        hide_parameters=True,  # an error's text goes to the log
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
        connect_args={"check_same_thread": False, "timeout": BUSY_S}
        if is_sqlite
        else dict(of_postgresql),
    )
    if is_sqlite:
        _prepare_sqlite(made)
    return made


def _prepare_sqlite(made: Engine) -> None:
    """Set the pragmas, take BEGIN into our own hands and let writers queue instead of polling.

    SQLite has one writer at a time; a second one polls with growing pauses. Threads of one
    process therefore queue at a lock, which is held until the connection is back in the pool.
    """
    turn = threading.Lock()

    @event.listens_for(made, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        _into_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writing"):
            if not connection.info.get("turn"):
                if not turn.acquire(timeout=BUSY_S):
                    raise OperationalError("BEGIN", None, TimeoutError("database is locked"))
                connection.info["turn"] = True
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")

    @event.listens_for(made, "checkin")
    def _returned(connection: Any, record: Any) -> None:
        if connection is not None and connection.in_transaction:
            connection.rollback()  # a COMMIT that was refused leaves it open, and the pool with it
        if record.info.pop("turn", False):
            turn.release()


def _into_wal(connection: Any) -> None:
    """Turn a new file to WAL; SQLite does not wait where another process just does the same."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= until:
                raise
            threading.Event().wait(RETRY_PAUSE_S)
        else:
            return


def reader(made: Engine) -> Session:
    """Return a session that only reads."""
    return Session(made, expire_on_commit=False)


def writer(made: Engine) -> Session:
    """Return a session that writes: `BEGIN IMMEDIATE` on SQLite."""
    return Session(for_writers(made), expire_on_commit=False)


def for_writers(made: Engine) -> Engine:
    """Return the engine of sessions that write; it is worth keeping where there are many."""
    return made.execution_options(writing=True)


@contextmanager
def writing(made: Engine) -> Iterator[Session]:
    """Run one transaction that writes; commit at the end."""
    with writer(made) as session, session.begin():
        yield session


def run(made: Engine, work: Callable[[Session], T]) -> T:
    """Do `work` in one transaction that writes, again (at most 3 times) after a retryable error."""
    return _until_done(lambda: writer(made), work)


def read(made: Engine, work: Callable[[Session], T]) -> T:
    """Read in one transaction, again (at most 3 times) after a retryable error."""
    return _until_done(lambda: reader(made), work)


def _until_done(begun: Callable[[], Session], work: Callable[[Session], T]) -> T:
    """Do `work` and commit; it has no effect but on its session, so that it can be done again."""
    for attempt in range(ATTEMPTS_MAX):
        try:
            with begun() as session, session.begin() as transaction:
                done = work(session)
                if attempt or not sometimes("db.lost_race"):
                    return done
                transaction.rollback()
        except DBAPIError as error:
            if not retryable(error) or attempt == ATTEMPTS_MAX - 1:
                raise
            threading.Event().wait(pause_s(attempt))
    raise AssertionError("unreachable")


def pause_s(attempt: int) -> float:
    """Return how long to wait before the next attempt, with full jitter."""
    return random.uniform(0, 2 * RETRY_PAUSE_S * 2**attempt)  # noqa: S311 - no secret


def held(session: Session, model: type[M], *key: Any) -> M | None:
    """Return a row by its primary key like `Session.get`, at a fifth of its price if it was read.

    The session finds it under its class, its key and no token of a shard.
    """
    found = session.identity_map.get((model, key, None))
    if found is None or instance_state(found).expired:
        return session.get(model, key)
    assert isinstance(found, model)
    return found


def rows_of(session: Session, statement: Executable, parameters: Row) -> CursorResult[Any]:
    """Execute a statement that gives columns, no objects, without the ORM's part in it.

    Where every request does, a quarter of what it takes would be the ORM's.
    """
    return session.connection().execute(statement, parameters)


def table_of(model: type[Base]) -> Table:
    """Return the table of a class, for statements without the unit of work."""
    found = model.__table__
    assert isinstance(found, Table)
    return found
