"""A full run that was cut goes on where it stopped, at the same commit only."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from tests.evidence import Evidence

When = Literal["setup", "call", "teardown"]
WHENS: tuple[When, ...] = ("setup", "call", "teardown")


def _git(*asked: str) -> None:
    who = ("-c", "user.name=n", "-c", "user.email=e@example.com")
    subprocess.run(["git", *who, *asked], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one file."""
    monkeypatch.chdir(tmp_path)
    _git("init", "--quiet")
    (tmp_path / "file").write_text("1")
    _git("add", "file")
    _git("commit", "--quiet", "--message", "1")
    return tmp_path


def _run(evidence: Evidence, test_id: str, outcome: Literal["passed", "failed"]) -> None:
    for when in WHENS:
        measured = [("figure", test_id)] if when == "call" else []
        told = outcome if when == "call" else "passed"
        evidence.pytest_runtest_logreport(
            pytest.TestReport(
                test_id, ("", 0, ""), {}, told, None, when, user_properties=measured, duration=0.5
            )
        )


def _left(evidence: Evidence, *test_ids: str) -> list[str]:
    items: list[Any] = [SimpleNamespace(nodeid=one) for one in test_ids]
    return [one.nodeid for one in evidence.not_shown(items)]


def test_what_passed_is_not_run_again_and_is_in_the_evidence(commit: Path) -> None:
    cut = Evidence(commit / "one.json")
    _run(cut, "a", "passed")
    _run(cut, "b", "failed")
    again = Evidence(commit / "evidence" / "two.json")
    assert _left(again, "a", "b", "c") == ["b", "c"]
    _run(again, "b", "passed")
    again.write(passed=True, combinations={})
    told = json.loads((commit / "evidence" / "two.json").read_text())
    assert told["outcomes"] == {"passed": 2}
    assert told["test_seconds"] == 3
    assert told["figures"] == {"figure": "b"}


def test_a_line_that_was_cut_is_no_test(commit: Path) -> None:
    _run(Evidence(commit / "one.json"), "a", "passed")
    (kept,) = (commit / "build").iterdir()
    kept.write_text(kept.read_text() + '{"id": "b')
    assert _left(Evidence(commit / "two.json"), "a", "b") == ["b"]


def test_another_commit_or_a_change_begins_anew(commit: Path) -> None:
    _run(Evidence(commit / "one.json"), "a", "passed")
    (commit / "file").write_text("2")
    changed = Evidence(commit / "two.json")
    assert _left(changed, "a") == ["a"]
    _run(changed, "b", "passed")
    _git("commit", "--quiet", "--all", "--message", "2")
    assert _left(Evidence(commit / "three.json"), "a", "b") == ["a", "b"]
