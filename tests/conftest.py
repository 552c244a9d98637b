"""What holds for every run of the tests: nothing left out unseen, evidence on request.

`make test` and `make test-full` fail when one of several combinations (brokers, databases) ran no
test at all: a combination that is never run is a fake.
"""

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

COMBINATIONS = {"broker": ("nats", "mosquitto"), "database": ("sqlite", "postgresql")}
"""Each name stands in square brackets in the id of a test that runs on it."""

TIER = os.environ.get("FELLESSKAP_TIER", "")

settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile("standard", max_examples=100, deadline=None)
settings.register_profile(
    "full", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(TIER if TIER in ("standard", "full") else "quick")

_ran: Counter[str] = Counter()
_figures: dict[str, Any] = {}
_outcomes: Counter[str] = Counter()
_started = time.monotonic()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--evidence", metavar="FILE", help="write what was run and measured as JSON")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count what ran, in the process that sees all reports."""
    if report.when != "call" and report.outcome == "passed":
        return
    if report.failed and TIER == "full":  # it lasts over an hour: say now what will be read then
        print(f"\nFAILED {report.nodeid}\n{report.longreprtext}", file=sys.__stderr__, flush=True)
    _outcomes[report.outcome] += 1
    _figures.update(dict(report.user_properties))
    if report.outcome != "skipped":
        inside = re.findall(r"\[(.*)\]", report.nodeid)
        _ran.update(re.split(r"[-_]", inside[0]) if inside else ())


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a whole run that left a combination out; write the evidence."""
    if hasattr(session.config, "workerinput"):
        return
    path = session.config.getoption("--evidence")
    if path:
        _write_evidence(Path(path), exitstatus)
    if TIER not in ("standard", "full") or exitstatus:
        return
    for what, names in COMBINATIONS.items():
        ran = {name: _ran[name] for name in names}
        if any(ran.values()) and not all(ran.values()):
            print(f"\n{what}: a combination ran no test: {ran}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _write_evidence(path: Path, exitstatus: int) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    evidence = {
        "commit": commit,
        "passed": exitstatus == 0,
        "python": platform.python_version(),
        "seconds": round(time.monotonic() - _started),
        "outcomes": dict(_outcomes),
        "combinations": {name: _ran[name] for names in COMBINATIONS.values() for name in names},
        "figures": _figures,
    }
    path.write_text(json.dumps(evidence, indent=2, sort_keys=True) + "\n")
