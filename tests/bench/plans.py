"""How PostgreSQL finds what carriers ask: `python -m tests.bench.plans --lockers N`.

A table for each thing that is asked: its statements in order, with how each table was read, the
rows that were looked at, pages touched and milliseconds, planning left out.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tests.backend import country
from tests.backend.api import Api
from tests.backend.plans import Plan, plans_of
from tests.bench.cluster import cluster

WRITES = ("Insert", "Update", "Delete")


def main() -> None:
    """Fill a database, ask, and show the plans."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lockers", type=int, default=10_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder)) as made:
        made.settings.state.mkdir(parents=True, mode=0o700)
        api = Api(made.settings)
        try:
            with made.connect() as owner:
                owner.autocommit = False
                carrier = country.fill(owner, api, asked.lockers)
            for what, ask in country.ASKED.items():
                with plans_of(api.callers) as plans:
                    ask(carrier)
                Console().print(_shown(f"{what}, among {asked.lockers:,} lockers", plans))
        finally:
            api.stop()


def _shown(title: str, plans: list[Plan]) -> Table:
    table = Table("statement", "reads and writes: rows", "pages", "ms", title=title, box=box.SIMPLE)
    for plan in plans:
        begun = " ".join(plan.statement.split())[:18]
        table.add_row(begun, _steps(plan), f"{plan.pages:,}", f"{plan.spent_ms:.2f}")
    return table


def _steps(plan: Plan) -> str:
    """Return what a plan does, a line for each way of reading or writing that found rows."""
    written = [step.table for step in plan.steps if step.how in WRITES]
    read: Counter[str] = Counter()
    for step in plan.steps:
        read[f"{step.how}: {step.index or step.table}"] += step.rows
    lines = [f"{way} {rows:,}" for way, rows in read.items() if rows]
    return "\n".join([*lines, *[f"writes {', '.join(written)}"] * bool(written)])


if __name__ == "__main__":
    main()
