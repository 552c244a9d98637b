"""One figure of the bench: its value, the machine's own best, the budget; a table, JSON lines."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from operator import ge, le
from pathlib import Path
from statistics import quantiles
from typing import Literal, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

T = TypeVar("T")
OUT = Path("build/bench.jsonl")
AT_MOST, AT_LEAST = le, ge
BUDGETS: dict[str, tuple[Callable[[float, float], bool], float]] = {
    "edge.scan_to_pulse_p99_ms": (AT_MOST, 15.0),
    "edge.code_to_pulse_p99_ms": (AT_MOST, 15.0),
    "edge.scan_to_pulse_busy_p99_ms": (AT_MOST, 60.0),
    "edge.code_to_pulse_busy_p99_ms": (AT_MOST, 60.0),
    "edge.rss_mb": (AT_MOST, 80.0),
    "edge.ready_s": (AT_MOST, 2.0),
    "open.post_to_pulse_p50_ms": (AT_MOST, 15.0),
    "open.post_to_pulse_p99_ms": (AT_MOST, 60.0),
    "backend.gate_200_vs_16": (AT_LEAST, 0.8),
    "backend.reservation_cost_100k_vs_1k": (AT_MOST, 1.2),
    "backend.ingest_events_per_s": (AT_LEAST, 10_000.0),
    "backend.manifest_parcels_per_s": (AT_LEAST, 5_000.0),
    "webhook.healthy_p99_s": (AT_MOST, 5.0),
}
"""What the design promises; the other figures have none."""
RATIOS = {"backend.reservations_per_s": 0.20}
"""What it promises of what the machine does at best."""
console = Console(highlight=False)


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


def spread(name: str, values_ms: Sequence[float], limits_ms: Sequence[float]) -> list[Figure]:
    """Make the figures of median and 99th percentile, each against the limit's own."""
    return [
        figure(f"{name}_p{percent}_ms", value, "ms", limit)
        for percent, value, limit in zip(
            (50, 99), p50_p99(values_ms), p50_p99(limits_ms), strict=True
        )
    ]


def p50_p99(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    cuts = quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]


def progress(samples: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Go through samples and show how far it is."""
    yield from track(samples, what, total, console=console)


def show(figures: Sequence[Figure]) -> None:
    """Print a table and write JSON lines."""
    table = Table(title="Measured, beside what this machine can do at best", box=SIMPLE_HEAD)
    for heading in ("name", "value", "unit", "limit", "ratio", "budget"):
        side: Literal["left", "right"] = "left" if heading in ("name", "unit") else "right"
        table.add_column(heading, justify=side, no_wrap=True)
    for one in figures:
        numbers = (_said(one.value), one.unit, _said(one.limit), f"{one.ratio:,.3f}")
        table.add_row(one.name, *numbers, _verdict(one))
    console.print(table)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text("".join(json.dumps(asdict(one)) + "\n" for one in figures))


def _said(value: float) -> str:
    return f"{value:,.3f}" if value < 1000 else f"{value:,.0f}"


def _verdict(one: Figure) -> str:
    if one.name in RATIOS:
        return _against(AT_LEAST, RATIOS[one.name], one.ratio, " of it")
    if one.name in BUDGETS:
        return _against(*BUDGETS[one.name], one.value)
    return ""


def _against(
    holds: Callable[[float, float], bool], budget: float, value: float, what: str = ""
) -> str:
    sign = "<=" if holds is AT_MOST else ">="
    colour = "green" if holds(value, budget) else "bold red"
    return f"[{colour}]{sign} {budget:g}{what}[/]"
