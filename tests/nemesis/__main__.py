"""`python -m tests.nemesis --seed 1 --kills 5 --broker nats`: one campaign, told as it goes."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.judge import history
from tests.nemesis.campaign import UNFINISHED, Result, campaign
from tests.system.brokers import NAMES

console = Console(highlight=False)


def show(result: Result) -> None:
    """Print kills by part and step, faults, and what people got done."""
    table = Table("part", "killed in which step", "times", title="Kills by part and step")
    for (part, step), times in sorted(result.hit.items()):
        table.add_row(part, step, str(times))
    console.print(table)
    others = Table("fault", "times", title="Faults")
    for fault, times in sorted(result.faults.items()):
        if "SIGKILL" not in fault:
            others.add_row(fault, str(times))
    for what, times in sorted(result.packets.items()):
        others.add_row(f"packets {what}", str(times))
    console.print(others)
    asked = Table("asked", "ok", "fail", "unknown", title="What people asked")
    for act in sorted({name.split()[0] for name in result.outcomes}):
        asked.add_row(
            act, *(str(result.outcomes[f"{act} {how}"]) for how in ("ok", "fail", "unknown"))
        )
    console.print(asked)


def _no_sockets(folder: str, names: list[str]) -> list[str]:
    """Leave out what is no file: the simulator's lines."""
    return [
        name
        for name in names
        if not (Path(folder) / name).is_file() and not (Path(folder) / name).is_dir()
    ]


def main() -> int:
    """Run one campaign; 0 if nothing was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=5, help="SIGKILLs of each kind of part")
    parser.add_argument("--broker", choices=NAMES, default="nats")
    asked = parser.parse_args()
    begun = time.monotonic()

    def tell(what: str) -> None:
        console.print(f"[bold]{time.monotonic() - begun:6.1f} s[/]  {what}")

    path = Path("build") / f"nemesis-{asked.seed}.jsonl"
    path.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fellesskap-nemesis-") as name:
        root = Path(name)
        try:
            result = campaign(
                root, seed=asked.seed, kills=asked.kills, broker=asked.broker, tell=tell
            )
        finally:
            if (root / UNFINISHED).exists():
                shutil.copytree(root, path.with_suffix(""), dirs_exist_ok=True, ignore=_no_sockets)
    with path.open("wb") as file:
        lines = history.write(result.history, file)
    show(result)
    console.print(f"{lines} lines of history in {path}")
    console.print(
        f"{result.parcels} parcels, {result.collected} collected, {result.cancelled} cancelled, "
        f"{result.rescues} fetched back; {sum(result.kills.values())} kills, "
        + ", ".join(f"{name} after {took_s:.0f} s" for name, took_s in result.took_s.items())
    )
    for one in result.breaches:
        console.print(
            f"[bold red]{one.invariant}[/] at {one.at:.1f} s, line {one.line}: {one.words}"
        )
    colour = "red" if result.breaches else "green"
    console.print(f"[bold {colour}]Verdict: {len(result.breaches)} invariant breaks[/]")
    return 1 if result.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
