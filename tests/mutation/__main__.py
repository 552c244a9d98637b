"""Change the guards of doors and capacity in one small way at a time; see that tests notice.

A module takes from some seconds to some minutes. The result is written to `build/mutants.json`;
`--write` renews the listing in `docs/evidence/mutants.md` too.
"""

import argparse
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from tests.mutation.campaign import SCORE_MIN, SURVIVED, Score, campaign
from tests.mutation.guarded import GUARDED
from tests.mutation.listing import PAGE, UNEXPLAINED, explained, written

OUT = Path("build/mutants.json")


def main() -> int:
    """Try the mutants of the modules that are named; say which survive without a reason."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="MODULE", help="which ones (default: all)")
    parser.add_argument("--list", action="store_true", help="only say what there is to try")
    parser.add_argument("--write", action="store_true", help=f"renew {PAGE.name}, with all modules")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(GUARDED)
    if unknown or (asked.write and asked.names):
        parser.error(f"one of {', '.join(GUARDED)}; --write goes with all of them")
    names = asked.names or list(GUARDED)
    console = Console(highlight=False)
    if asked.list:
        console.print(_overview(names))
        return 0
    scores = _tried(names)
    whys = explained(PAGE.read_text()) if PAGE.exists() else {}
    if asked.write:
        PAGE.write_text(written(scores, whys))
    console.print(_table(scores))
    new = [key for score in scores for key in score.survivors if whys.get(key, "?") == UNEXPLAINED]
    for key in new:
        console.print(f"  {key}", markup=False)
    console.print(f"{len(new)} survive without a reason in {PAGE.name}")
    OUT.parent.mkdir(exist_ok=True)
    found = {
        one.name: {**one.figures(), "verdicts": {v.key: v.verdict for v in one.verdicts}}
        for one in scores
    }
    OUT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return int(bool(new) or any(one.score < SCORE_MIN for one in scores))


def _tried(names: list[str]) -> list[Score]:
    """Try the modules, as many at once as there are processors."""
    columns = (TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, TextColumn("{task.fields[survived]} survive")) as progress,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):

        def tried(name: str, task: TaskID) -> Score:
            score = Score(name)
            for verdict in campaign(name):
                score.verdicts.append(verdict)
                progress.update(task, advance=1, survived=len(score.survivors))
            return score

        tasks = [progress.add_task(name, total=_total(name), survived=0) for name in names]
        return list(pool.map(tried, names, tasks))


def _total(name: str) -> int:
    return len(GUARDED[name].mutants(name))


def _overview(names: Iterable[str]) -> Table:
    table = Table("name", "module", "mutants", "tests")
    for name in names:
        guarded = GUARDED[name]
        tests = " ".join(Path(one).stem.removeprefix("test_") for one in guarded.tests)
        table.add_row(name, guarded.source, str(_total(name)), tests)
    return table


def _table(scores: Iterable[Score]) -> Table:
    table = Table("name", "mutants", "killed", "timed out", SURVIVED, "noticed", "processor")
    for one in scores:
        told = one.figures()
        counts = (str(told[name]) for name in ("mutants", "killed", "timed_out", "survived"))
        table.add_row(one.name, *counts, f"{one.score:.1%}", f"{told['cpu_s']:.0f} s")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
