"""What this machine can do at best: durable commits, messages over a broker, rows into SQLite.

Each does the same work as a figure, with nothing around it, on the same disk or broker, in the
same run.
"""

import contextlib
import re
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from tests.backend.postgres import Postgres
from tests.system.house import Json

PING_BYTES = 600
"""A signed command is about as long."""


def commits_ms(folder: Path, bodies: Sequence[bytes], count: int) -> list[float]:
    """Time durable commits (APSW, WAL, FULL) of these bodies as rows, in ms."""
    database = apsw.Connection(str(folder / "limit.sqlite"))
    database.pragma("locking_mode", "EXCLUSIVE")
    database.pragma("journal_mode", "WAL")
    database.pragma("synchronous", "FULL")
    database.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, body BLOB) STRICT")
    spent = []
    for _ in range(count):
        begun = time.perf_counter()
        with database:
            database.executemany("INSERT INTO row (body) VALUES (?)", [(one,) for one in bodies])
        spent.append((time.perf_counter() - begun) * 1000)
    database.close()
    return spent


def ping_pongs_ms(login: Json, count: int, *, there_bytes: int = PING_BYTES) -> list[float]:
    """Time a message there and one of `PING_BYTES` back over a broker, in ms."""
    came = threading.Event()
    pong = _client(login, "bench/ping", lambda one: one.publish("bench/pong", bytes(PING_BYTES)))
    ping = _client(login, "bench/pong", lambda _: came.set())
    spent = []
    for _ in range(count):
        came.clear()
        begun = time.perf_counter()
        ping.publish("bench/ping", bytes(there_bytes))
        assert came.wait(10)
        spent.append((time.perf_counter() - begun) * 1000)
    for one in (ping, pong):
        one.disconnect()
        one.loop_stop()
    return spent


def _client(login: Json, hears: str, on_message: Any) -> mqtt.Client:
    made = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    made.username_pw_set(login["username"], login["password"])
    ready = threading.Event()
    made.on_socket_open = _without_nagle
    made.on_connect = lambda one, *_: one.subscribe(hears)
    made.on_subscribe = lambda *_: ready.set()
    made.on_message = lambda one, *_: on_message(one)
    made.connect(login["host"], login["port"])
    made.loop_start()
    assert ready.wait(10)
    return made


def _without_nagle(_client: object, _data: object, line: Any) -> None:
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def rows_per_s(source: Path, tables: Sequence[str], copy: Path) -> float:
    """Write a database's rows again by plain SQL, one of each table a transaction; how many a s.

    The copy has the same tables and indexes, WAL and `synchronous=FULL`.
    """
    with contextlib.closing(sqlite3.connect(source)) as written:
        schema = written.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        rows = [written.execute(f"SELECT * FROM {one} ORDER BY rowid").fetchall() for one in tables]
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("PRAGMA synchronous = FULL")
        for (sql,) in schema:
            with contextlib.suppress(sqlite3.OperationalError):  # tables that SQLite makes itself
                made.execute(sql)
        inserts = [
            f"INSERT INTO {name} VALUES ({', '.join('?' * len(some[0]))})"
            for name, some in zip(tables, rows, strict=True)
        ]
        begun = time.perf_counter()
        for together in zip(*rows, strict=True):
            made.execute("BEGIN IMMEDIATE")
            for insert, row in zip(inserts, together, strict=True):
                made.execute(insert, row)
            made.execute("COMMIT")
        return len(rows[0]) / (time.perf_counter() - begun)


def copied_per_s(source: str, copy: str, tables: Sequence[str], together: int) -> float:
    """COPY a database's rows into another one with the same tables; how many of each a second.

    Both are what libpq connects to. So many rows of each table are one transaction.
    """
    with psycopg.connect(source) as connection:
        lines = []
        for table in tables:
            with connection.cursor().copy(
                f"COPY (SELECT * FROM {table}) TO STDOUT".encode()
            ) as rows:
                lines.append(b"".join(rows).splitlines(keepends=True))
    count = min(map(len, lines))
    with psycopg.connect(copy) as connection:
        begun = time.perf_counter()
        for at in range(0, count, together):
            for table, some in zip(tables, lines, strict=True):
                with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as into:
                    into.write(b"".join(some[at : at + together]))
            connection.commit()
        return count / (time.perf_counter() - begun)


def pgbench_per_s(
    cluster: Postgres, database: str, script: str, connections: int, transactions: int
) -> float:
    """Run a script of pgbench with prepared statements; return how many transactions a second."""
    path = cluster.data / "script.pgbench"
    path.write_text(script)
    path.chmod(0o644)
    command = [str(cluster.programs / "pgbench"), "-h", str(cluster.socket), "-U", "postgres"]
    command += ["-n", "-M", "prepared", "-f", str(path), "-c", str(connections), "-j", "2"]
    command += ["-t", str(transactions // connections), database]
    done = subprocess.run(
        command, capture_output=True, text=True, user=cluster.user, cwd="/", check=False
    )
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout + done.stderr
    assert "number of failed transactions: 0" in done.stdout, done.stdout
    return float(found[1])
