"""`make sim`: whole systems in virtual time, with faults; a live table, then the verdict.

`--seed N` lives one seed again and writes its history to `build/`; `--only` these acts of it.
"""

import argparse
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tests.judge import history
from tests.simulation import ending, running, shrinking
from tests.simulation.life import lives
from tests.simulation.verdict import MANY_DAYS, Verdict

BUILD = Path("build")
PYTHON = ".tools/bin/uv run --no-sync --quiet python"
"""As `make` runs it in a checkout."""
SHORTENED_MAX = 3
"""Of so many failing seeds the story is shortened: each takes up to forty lives."""
console = Console(highlight=False)


def main() -> int:
    """Live every seed; 0 if no invariant broke and there was enough to see."""
    asked = _arguments()
    if asked.seed is not None:
        return _again(asked.seed, asked.days, asked.only)
    begun = time.monotonic()
    whole = Verdict()
    with Live(console=console, auto_refresh=False, transient=True) as shown:
        for one in running.each(asked.first_seed, asked.seeds, asked.days, jobs=asked.jobs):
            whole.add(one)
            if console.is_terminal:
                shown.update(_table(whole, time.monotonic() - begun, asked.seeds), refresh=True)
            else:
                told = f"{whole.locker_days:g} locker-days, {len(whole.breaks)} invariant breaks"
                print(f"seed {one.seed}: {one.cpu_s:.1f} s; {told}", file=sys.stderr, flush=True)
    seconds = time.monotonic() - begun
    console.print(_table(whole, seconds, asked.seeds))
    common = whole.not_even()
    for kind, those in common.items():
        console.print(f"never exercised, {kind}: {', '.join(those)}")
    rare = sum(map(len, whole.never().values())) - sum(map(len, common.values()))
    console.print(
        f"never exercised, of what is rare: {rare}; {MANY_DAYS} locker-days must have all"
    )
    complaints = list(whole.complaints())
    for complaint in complaints:
        console.print(f"[bold red]not enough:[/] {complaint}")
    _tell_breaks(whole, asked.days, shrinks=not asked.as_it_is)
    console.print(
        f"{whole.locker_days:g} locker-days, {sum(whole.faults.values())} faults, "
        f"{len(whole.breaks)} invariant breaks"
    )
    return 1 if whole.breaks or complaints else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, help="live this one again; its history goes to build/")
    parser.add_argument("--only", default="", help="with --seed: these acts, 3,17,90")
    parser.add_argument("--as-it-is", action="store_true", help="do not shorten a failure")
    return parser.parse_args()


def _table(whole: Verdict, seconds: float, seeds: int) -> Table:
    table = Table(title=f"{whole.seeds} of {seeds} seeds", show_header=False)
    days = whole.locker_days
    table.add_row("locker-days", f"{days:g}, {days / max(seconds, 1e-9):.2f} a second")
    table.add_row("in a locker-day", ", ".join(f"{v:.1f} {k}" for k, v in whole.averages.items()))
    by_kind = Counter({f"{layer} {kind}": n for (layer, kind), n in whole.faults.items()})
    told = ", ".join(f"{kind} {n}" for kind, n in sorted(by_kind.items()))
    table.add_row("faults by kind", told)
    table.add_row(
        "exercised",
        f"{len(whole.pairs)} pairs of state and event, {len(whole.points)} buggify points, "
        f"{len(whole.passed)} crash points, {len(whole.faults)} kinds of fault",
    )
    table.add_row("judged", ", ".join(f"{name} {n}" for name, n in whole.looks.items()))
    table.add_row("invariant breaks", str(len(whole.breaks)))
    return table


def _tell_breaks(whole: Verdict, days: float, *, shrinks: bool) -> None:
    """Tell the first breach of each seed, shortened, and the command that shows it again."""
    told: set[int] = set()
    for seed, words in whole.breaks:
        if seed in told:
            continue
        told.add(seed)
        console.print(f"[bold red]seed {seed}, commit {_commit()}:[/] {words}", soft_wrap=True)
        command = f"{PYTHON} -m tests.simulation --seed {seed} --days {days:g}"
        invariant = words.split()[0]
        short = None
        if shrinks and len(told) <= SHORTENED_MAX:
            short = shrinking.shrink(seed, days, invariant, tell=console.print)
        if short is not None:
            command += f" --only {','.join(map(str, short.acts))}"
            path = BUILD / f"sim-{seed}-short.jsonl"
            BUILD.mkdir(exist_ok=True)
            with path.open("wb") as file:
                history.write(short.records, file)
            console.print(f"  {', '.join(short.names)}: {short.words}; its history: {path}")
        console.print(f"  again: {command}", soft_wrap=True)


def _again(seed: int, days: float, only: str) -> int:
    acts = frozenset(map(int, only.split(","))) if only else None
    path = BUILD / f"sim-{seed}.jsonl"
    with lives(seed, days, only=acts) as life:
        try:
            life.live()
            breaks = list(ending.breaks(life))
        except Exception as error:  # noqa: BLE001 - told, with the history that led to it
            breaks = [ending.bug(error)]
        chronicle = life.world.chronicle
        chronicle.save(path)
        told = f"{path}: {len(chronicle.records)} records, SHA-256 {chronicle.digest()}"
    for words in breaks:
        console.print(f"[bold red]{words}[/]", soft_wrap=True)
    console.print(told)
    return 1 if breaks else 0


def _commit() -> str:
    asked = ("git", "rev-parse", "--short", "HEAD")
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
