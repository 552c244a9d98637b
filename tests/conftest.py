"""What holds for every run of the tests: nothing left out unseen, evidence on request.

`make test` and `make test-full` fail when one of several combinations (brokers, databases) ran no
test at all: a combination that is never run is a fake.
"""

import gc
import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.evidence import Evidence

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
_evidence = pytest.StashKey[Evidence]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--evidence", metavar="FILE", help="write what was run and measured as JSON")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--evidence")
    if path:
        evidence = config.stash[_evidence] = Evidence(Path(path))
        if not hasattr(config, "workerinput"):  # the process that sees all reports
            config.pluginmanager.register(evidence)
            for test_id in evidence.tests:
                _count(test_id)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has passed at this commit before a run was cut."""
    evidence = config.stash.get(_evidence, None)
    if evidence is not None:
        items[:] = evidence.not_shown(items)


def pytest_collection_finish() -> None:
    """Keep thousands of collected tests out of the garbage collector's way."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count what ran, in the process that sees all reports."""
    if report.when != "call" and report.outcome == "passed":
        return
    if report.failed and TIER != "quick":  # it lasts: say now what will be read at its end
        print(f"\nFAILED {report.nodeid}\n{report.longreprtext}", file=sys.__stderr__, flush=True)
    if report.outcome != "skipped":
        _count(report.nodeid)


def _count(test_id: str) -> None:
    inside = re.findall(r"\[(.*)\]", test_id)
    _ran.update(re.split(r"[-_]", inside[0]) if inside else ())


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a whole run that left a combination out; write the evidence."""
    if hasattr(session.config, "workerinput"):
        return
    evidence = session.config.stash.get(_evidence, None)
    if evidence is not None:
        combinations = {name: _ran[name] for names in COMBINATIONS.values() for name in names}
        nothing_left = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and evidence.tests
        evidence.write(passed=exitstatus == 0 or bool(nothing_left), combinations=combinations)
    if TIER not in ("standard", "full") or exitstatus:
        return
    for what, names in COMBINATIONS.items():
        ran = {name: _ran[name] for name in names}
        if any(ran.values()) and not all(ran.values()):
            print(f"\n{what}: a combination ran no test: {ran}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
