"""Reservations over HTTP on PostgreSQL: how many a second, and what a hundredfold of lockers costs.

Two processes of the API, fsync on; load, servers and PostgreSQL share the two cores.
The limit is `pgbench` at its best of 4, 8 and 16 connections, writing the same rows.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psycopg
from psycopg import sql

from fellesskap_backend.settings import Settings
from tests.backend.postgres import Postgres, for_servers
from tests.bench.backend import DOORS, TABLES, put_up_lockers, request
from tests.bench.callers import per_second
from tests.bench.cluster import cluster
from tests.bench.figures import Figure, figure, progress
from tests.bench.limits import pgbench_per_s
from tests.bench.many import columns_of, hold, multiply
from tests.system.house import installation

CONNECTIONS = (4, 8, 16)
WARM = 100
SMALL, LARGE, LARGE_QUICK = 1_000, 100_000, 3_000
HELD, DOORS_OF_SIZE = 30, 48
"""Claims at each locker, and doors: there is room for what is measured."""
TURNS = "SLLSSLLS"
FULL_SAMPLES = 1_000
COST_OF_SIZE = "backend.reservation_cost_"


def measure(folder: Path, requests: int) -> list[Figure]:
    """Reserve at 150 lockers, then at 1,000 and at 100,000 in turns; return the figures."""
    with cluster(folder) as made:
        return [
            _rate(made.postgres, folder, requests),
            _cost_of_size(made.postgres, folder, requests // 4, full=requests >= FULL_SAMPLES),
        ]


def _rate(postgres: Postgres, folder: Path, requests: int) -> Figure:
    lockers = -(-(WARM + requests * len(CONNECTIONS)) // DOORS) + 1
    with _two_servers(postgres, folder, "rate", lockers, DOORS) as (urls, key):
        load = [
            request(urls[number % 2], key, number, f"bench-{number % lockers}")
            for number in range(WARM + requests * len(CONNECTIONS))
        ]
        per_second(urls, load[:WARM], max(CONNECTIONS), 201)
        turns = progress(enumerate(CONNECTIONS), "backend: reservations", len(CONNECTIONS))
        rates = []
        for turn, connections in turns:
            _analyse(postgres, "rate")
            part = load[WARM + turn * requests :][:requests]
            rates.append(per_second(urls, part, connections, 201))
    script = _stage(postgres, "rate")
    limit = max(
        pgbench_per_s(postgres, "rate", script, connections, requests)
        for connections in CONNECTIONS
    )
    return figure("backend.reservations_per_s", max(rates), "1/s", limit)


def _analyse(postgres: Postgres, database: str) -> None:
    """Do what autovacuum does within a minute of so many new rows, and the bench is over before.

    Until then connections keep the plans of empty tables, and read five of them whole each time.
    """
    with psycopg.connect(f"host={postgres.socket} user=postgres dbname={database}") as connection:
        connection.execute("ANALYZE")


def _stage(postgres: Postgres, database: str) -> str:
    """Set the rows that were written aside, empty their tables; return what writes one of each."""
    with psycopg.connect(f"host={postgres.socket} user=postgres dbname={database}") as connection:
        connection.execute("CREATE SEQUENCE turn")
        lines = ["SELECT nextval('turn') AS turn \\gset", "BEGIN;"]
        for name in TABLES:
            table, staged = sql.Identifier(name), sql.Identifier(f"staged_{name}")
            connection.execute(
                sql.SQL(
                    "CREATE TABLE {} AS SELECT row_number() OVER () AS turn, t.* FROM {} AS t"
                ).format(staged, table)
            )
            connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (turn)").format(staged))
            columns = ", ".join(f'"{column}"' for column in columns_of(connection, name))
            lines.append(
                f"INSERT INTO {name} ({columns}) SELECT {columns} FROM staged_{name}"
                " WHERE turn = :turn;"
            )
        connection.execute(
            sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, TABLES)))
        )
    lines[2:2] = [
        "UPDATE lockers SET revision = revision + 1 WHERE id ="
        " (SELECT locker_id FROM staged_reservations WHERE turn = :turn);"
    ]
    return "\n".join([*lines, "COMMIT;", ""])


def _cost_of_size(postgres: Postgres, folder: Path, requests: int, *, full: bool) -> Figure:
    """Return how much longer a reservation takes among so many more lockers, drawn at random."""
    sizes = {"S": SMALL, "L": LARGE if full else LARGE_QUICK}
    draw = Random(2026)
    spent = dict.fromkeys(sizes, 0.0)
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(
                _two_servers(postgres, folder, f"size_{count}", count, DOORS_OF_SIZE, HELD)
            )
            for name, count in sizes.items()
        }
        shown = f"backend: {sizes['S']:,} and {sizes['L']:,} lockers"
        turns = progress(enumerate(TURNS), shown, len(TURNS))
        for turn, name in turns:
            urls, key = servers[name]
            load = [
                request(urls[0], key, number, f"bench-{draw.randrange(sizes[name])}")
                for number in range(turn * requests, (turn + 1) * requests)
            ]
            rate = per_second(urls, load, CONNECTIONS[0], 201)
            if turn >= len(sizes):  # the first of each warm up
                spent[name] += requests / rate
    measured = {name: spent[name] / (TURNS[len(sizes) :].count(name) * requests) for name in sizes}
    cost = measured["L"] / measured["S"]
    # A quick run is another figure, without a budget: it says nothing of 100,000.
    name = f"{COST_OF_SIZE}{sizes['L'] // 1_000}k_vs_{sizes['S'] // 1_000}k"
    return figure(name, cost, "ratio", 1.0)


@contextlib.contextmanager
def _two_servers(
    postgres: Postgres, folder: Path, database: str, lockers: int, doors: int, held: int = 0
) -> Iterator[tuple[list[str], str]]:
    """Run two processes of the API with so many lockers; yield where, and a carrier's key."""
    url = postgres.create(database)
    root = folder / database
    settings = Settings(state=root / "backend", database_url=url)
    put_up_lockers(settings, 1, doors)
    with psycopg.connect(f"host={postgres.socket} user=postgres dbname={database}") as connection:
        multiply(connection, lockers)
        hold(connection, lockers, held)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
    env = {"FELLESSKAP_DATABASE_URL": for_servers(url)}
    with installation(root, env) as house:
        key = house.cli("carrier", "add", "Nordpost")["api_key"]
        yield [house.url, house.one_more_api()], key
