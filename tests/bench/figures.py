"""One figure of the bench, and the machine's own best at the same work in the same run."""

import json
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import apsw
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from rich.console import Console
from rich.table import Table

OUT = Path("build/bench.jsonl")
UNLOCK_FRAME_S = 5 * 10 / 9600
"""Five bytes of ten bits at 9600 baud."""
console = Console()


@dataclass(frozen=True)
class Figure:
    """`limit`: what the machine does at best on the same work; `ratio`: value over limit."""

    name: str
    value: float
    unit: str
    limit: float
    ratio: float


def figure(name: str, value: float, unit: str, limit: float) -> Figure:
    """Make a figure."""
    return Figure(name, round(value, 3), unit, round(limit, 3), round(value / limit, 3))


def p50_p99(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    cuts = quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]


def commits_ms(folder: Path, count: int, rows: int = 3, row_bytes: int = 400) -> list[float]:
    """Time durable commits (WAL, FULL) of a few rows on the same disk, in ms."""
    database = apsw.Connection(str(folder / "limit.sqlite"))
    database.pragma("journal_mode", "WAL")
    database.pragma("synchronous", "FULL")
    database.execute("CREATE TABLE row (body BLOB)")
    spent = []
    for _ in range(count):
        begun = time.perf_counter()
        with database:
            database.executemany("INSERT INTO row VALUES (?)", [(bytes(row_bytes),)] * rows)
        spent.append((time.perf_counter() - begun) * 1000)
    database.close()
    return spent


def ping_pongs_ms(login: dict[str, object], count: int) -> list[float]:
    """Time a message there and one back over a broker, in ms."""
    came = threading.Event()

    def client(hears: str, answers: str | None) -> mqtt.Client:
        made = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        made.username_pw_set(str(login["username"]), str(login["password"]))
        ready = threading.Event()
        made.on_socket_open = _without_nagle

        def echo(one: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
            one.publish(answers or "", message.payload)

        made.on_connect = lambda one, *_: one.subscribe(hears)
        made.on_subscribe = lambda *_: ready.set()
        if answers is None:
            made.on_message = lambda *_: came.set()
        else:
            made.on_message = echo
        made.connect(str(login["host"]), int(str(login["port"])))
        made.loop_start()
        assert ready.wait(10)
        return made

    pong, ping = client("bench/ping", "bench/pong"), client("bench/pong", None)
    spent = []
    for _ in range(count):
        came.clear()
        begun = time.perf_counter()
        ping.publish("bench/ping", bytes(600))
        assert came.wait(10)
        spent.append((time.perf_counter() - begun) * 1000)
    for one in (ping, pong):
        one.disconnect()
        one.loop_stop()
    return spent


def _without_nagle(_client: object, _data: object, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def show(figures: Sequence[Figure]) -> None:
    """Print a table and write JSON lines."""
    table = Table("name", "value", "unit", "limit", "ratio", title="Measured against the machine")
    for one in figures:
        table.add_row(one.name, f"{one.value:g}", one.unit, f"{one.limit:g}", f"{one.ratio:g}")
    console.print(table)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text("".join(json.dumps(asdict(one)) + "\n" for one in figures))
