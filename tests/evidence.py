"""What a run at full numbers has shown, kept as it goes: one that was cut goes on where it stopped.

`build/full-<commit>.jsonl` has a line for each test that passed at a commit without changes beside
it; at the same commit it is not run again. All of them together are the evidence.
"""

import json
import platform
import subprocess
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Shown:
    """A test: its id, how long it ran with what it set up, what it measured."""

    id: str
    seconds: float = 0.0
    outcome: str = "passed"
    figures: dict[str, Any] = field(default_factory=dict)


class Evidence:
    """What is known of each test at this commit; `path` is where to it is written at the end."""

    def __init__(self, path: Path, build: Path = Path("build")) -> None:
        self.path, self.commit = path, _git("rev-parse", "HEAD")
        is_clean = not _git("status", "--porcelain", "--untracked-files=no")
        self._kept = build / f"full-{self.commit}.jsonl" if is_clean else None
        self.tests: dict[str, Shown] = {}
        if self._kept is not None and self._kept.exists():
            lines = self._kept.read_text(encoding="utf-8").splitlines(keepends=True)
            whole = [json.loads(line) for line in lines if line.endswith("\n")]
            self.tests = {one["id"]: Shown(**one) for one in whole}

    def not_shown(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """Return the tests that have not passed yet."""
        return [one for one in items if one.nodeid not in self.tests]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in a part of a test; keep the whole once it has passed. Called by pytest."""
        test = self.tests.setdefault(report.nodeid, Shown(report.nodeid))
        test.seconds = round(test.seconds + report.duration, 2)
        test.figures |= dict(report.user_properties)
        if report.outcome != "passed":
            test.outcome = report.outcome
        if report.when == "teardown" and test.outcome == "passed" and self._kept is not None:
            self._kept.parent.mkdir(exist_ok=True)
            with self._kept.open("a", encoding="utf-8") as kept:
                kept.write(json.dumps(asdict(test)) + "\n")

    def write(self, *, passed: bool, combinations: dict[str, int]) -> None:
        """Write what is known of all tests."""
        figures: dict[str, Any] = {}
        for test in self.tests.values():
            figures |= test.figures
        told = {
            "commit": self.commit,
            "passed": passed,
            "python": platform.python_version(),
            "test_seconds": round(sum(test.seconds for test in self.tests.values())),
            "outcomes": dict(Counter(test.outcome for test in self.tests.values())),
            "combinations": combinations,
            "figures": figures,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _git(*asked: str) -> str:
    done = subprocess.run(["git", *asked], capture_output=True, text=True, check=False)
    return done.stdout.strip()
