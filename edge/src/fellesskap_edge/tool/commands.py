"""The commands of `fellesskap-edge`: what each takes and does; the first word names it.

Each returns its exit status: 0 done, 1 done and something is wrong with what was looked at, 2 it
could not be done. Called by `__main__` with what argparse read.
"""

import argparse
import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fellesskap_edge.config_check import load
from fellesskap_edge.daemon import Daemon
from fellesskap_edge.identity import describe
from fellesskap_edge.journal_reader import Report, Row, read
from fellesskap_edge.locks import FAMILIES, frame
from fellesskap_edge.tool.check import summary
from fellesskap_edge.tool.commission import commission
from fellesskap_edge.tool.table import table
from fellesskap_protocol.barcodes import UnreadableLabel, candidates

STORE = "journal.sqlite"
SAID_CHARACTERS_MAX = 100


@dataclass(frozen=True)
class Command:
    """One command: its name, what it is for, its arguments and what it does."""

    name: str
    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def _config(parser: ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="locker.toml")


def _run(arguments: argparse.Namespace) -> int:
    Daemon(load(arguments.config)).run(
        lambda kiosk: print(json.dumps({"ready": True, "kiosk": kiosk}), flush=True)
    )
    return 0


def _identity(arguments: argparse.Namespace) -> int:
    print(json.dumps(describe(Path(load(arguments.config).edge.state))))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    for line in summary(load(arguments.config)):
        print(line)
    return 0


def _commission_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="draft.toml")
    parser.add_argument("--out", type=Path, required=True, metavar="locker.toml")


def _commission(arguments: argparse.Namespace) -> int:
    return commission(arguments.config, arguments.out)


def _frame_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("family", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("operation", metavar="OPERATION", help="unlock, status, all_off")
    parser.add_argument("--board", type=int, required=True, metavar="N", help="its address")
    parser.add_argument("--channel", type=int, default=1, metavar="N", help="from 1 (default 1)")


def _frame(arguments: argparse.Namespace) -> int:
    try:
        data = frame(arguments.family, arguments.operation, arguments.board, arguments.channel)
    except ValueError as error:
        return _refused(error)
    print(data.hex(" ").upper())
    return 0


def _label_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("hex", nargs="+", metavar="HEX", help="the scanner's bytes: 5D 43 31 30 …")


def _label(arguments: argparse.Namespace) -> int:
    try:
        label = bytes.fromhex("".join(arguments.hex))
    except ValueError:
        return _refused(f"not bytes in hex: {' '.join(arguments.hex)}")
    try:
        found = candidates(label.rstrip(b"\r\n"))
    except UnreadableLabel as error:
        print("[]")
        return _told(f"no label: {error}")
    print(json.dumps([{"kind": one.kind, "value": one.value} for one in found]))
    return 0 if found else _told("no parcel's label")


def _journal_arguments(parser: ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--config", type=Path, metavar="locker.toml")
    where.add_argument("--store", type=Path, metavar="FILE", help="a journal.sqlite")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--last", type=int, metavar="N", help="only the newest N events")


def _journal(arguments: argparse.Namespace) -> int:
    path = arguments.store or Path(load(arguments.config).edge.state) / STORE
    report = read(path)
    events = list(report.events)
    if arguments.last is not None:
        events = events[max(0, len(events) - arguments.last) :]
    for line in _as_json(events) if arguments.json else _for_people(report, events):
        print(line)
    for kind, key in report.damaged:
        _told(f"{path}: damaged fact: {kind} {key}")
    if report.broken:
        return _told(f"{path}: the chain is broken: {report.broken}")
    return 1 if report.damaged else 0


def _as_json(events: list[Row]) -> Iterator[str]:
    for row in events:
        yield msgspec.json.encode(
            {"seq": row.seq, "at": row.at, "type": row.type, **row.said}
        ).decode()


def _for_people(report: Report, events: list[Row]) -> Iterator[str]:
    state = "BROKEN" if report.broken else "whole"
    yield f"epoch {report.epoch}, events {report.oldest_seq} to {report.head_seq}, chain {state}"
    kept = ", ".join(f"{count} {kind}" for kind, count in sorted(report.facts.items()))
    yield f"kept: {kept or 'nothing'}"
    yield ""
    rows = [
        (row.seq, f"{row.at:%Y-%m-%d %H:%M:%S}" if row.at else "-", row.type, _said(row.said))
        for row in events
    ]
    yield from table(("seq", "at (UTC)", "event", "what it says"), rows)


def _said(fields: Any) -> str:
    text = " ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, default=str)}"
        for name, value in fields.items()
        if value is not None
    )
    cut = len(text) > SAID_CHARACTERS_MAX
    return text[: SAID_CHARACTERS_MAX - 1] + "…" if cut else text


def _told(what: object) -> int:
    print(f"fellesskap-edge: {what}", file=sys.stderr)
    return 1


def _refused(what: object) -> int:
    return _told(what) + 1


COMMANDS = (
    Command("run", "drive the locker until SIGTERM", _config, _run),
    Command(
        "identity",
        "make the device key if there is none, and print who this device is",
        _config,
        _identity,
    ),
    Command(
        "check", "say all that is wrong with a locker.toml, or what would run", _config, _check
    ),
    Command(
        "commission",
        "find the boards, open door by door, learn the wiring, write locker.toml",
        _commission_arguments,
        _commission,
    ),
    Command("frame", "print the bytes of one request to a board", _frame_arguments, _frame),
    Command("label", "print what a scanner's bytes may mean", _label_arguments, _label),
    Command("journal", "verify and print the store", _journal_arguments, _journal),
)
