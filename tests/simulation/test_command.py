"""What `make sim` prints, and that its last words can be trusted: the line, and the command."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import __main__ as command
from tests.simulation.verdict import Verdict

ROOT = Path(__file__).parents[2]
ROWS = ("locker-days", "in a locker-day", "faults by kind", "exercised", "judged")


@pytest.mark.slow
def test_the_command_ends_with_one_line_and_one_seed_again_has_its_history(tmp_path: Path) -> None:
    said = _command(tmp_path, "--seeds", "2", "--days", "0.1").splitlines()
    named = [line.split("  ")[0].strip(" │") for line in said]
    assert [name for name in ROWS if name not in named] == []
    assert re.fullmatch(r"[\d.]+ locker-days, \d+ faults, 0 invariant breaks", said[-1])
    said = _command(tmp_path, "--seed", "1", "--days", "0.1").splitlines()
    told = re.fullmatch(r"(build/sim-1.jsonl): (\d+) records, SHA-256 [0-9a-f]{64}", said[-1])
    assert told is not None
    kept = (tmp_path / told[1]).read_bytes().splitlines()
    assert len(kept) == int(told[2])


def _command(folder: Path, *asked: str) -> str:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
    command = (sys.executable, "-m", "tests.simulation", *asked)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert not done.stderr.startswith("Traceback"), done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_command_that_is_printed_lives_a_seed_again_in_a_checkout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command._tell_breaks(Verdict(breaks=[(1, "I1 as if")]), 0.1, shrinks=False)
    told = re.search(r"again: (.*)", capsys.readouterr().out)
    assert told is not None
    whole, some = (_lives_again(told[1] + only) for only in ("", " --only 0,1"))
    assert 0 < some < whole


def _lives_again(asked: str) -> int:
    done = subprocess.run(shlex.split(asked), cwd=ROOT, capture_output=True, text=True, check=True)
    told = re.search(r"build/sim-1.jsonl: (\d+) records, SHA-256", done.stdout)
    assert told is not None, done.stdout
    return int(told[1])


def test_a_verdict_names_what_is_too_little_and_what_never_was() -> None:
    verdict = Verdict(locker_days=2000.0)
    verdict.counts.update(parcels=50_000, operations=130_000, wrong=19_000)
    verdict.faults.update({("wire", "lost"): 5000})
    told = list(verdict.complaints())
    assert told[0] == "too little in a locker-day: wrong: 9.5, at least 10"
    assert told[1] == "too little in a locker-day: disk: 0.0, at least 1"
    assert any(line.startswith("buggify points never exercised: edge.small_batch") for line in told)
    assert any("crash points never exercised: before_start" in line for line in told)
    rare = next(line for line in told if line.startswith("faults never"))
    assert "disk card lost" in rare
    verdict.locker_days = 100.0
    rare = next(line for line in verdict.complaints() if line.startswith("faults never"))
    assert "disk card lost" not in rare
    assert "disk full" in rare
    assert any(line.startswith("invariants never exercised: I1, I2, ") for line in told)
    verdict.judged["I2", "room_for_new"] = 1
    assert any(
        line.startswith("invariants never exercised: I1, I3, ") for line in verdict.complaints()
    )
