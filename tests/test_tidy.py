"""The house rules that a formatter does not know, over every tracked Python file."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINES_MAX = 400
FUNCTION_LINES_MAX = 70
BANNED = {
    r"\btime\.sleep\(": "wait for a state, not for time",
    r"\b(TODO|FIXME|XXX)\b": "what is not done is an issue, not a comment",
    r"\bdatetime\.utcnow\(": "times are aware",
    r"pytest\.(mark\.)?(skip|xfail)": "a test that does not run is no test",
    r"\bunittest\.mock\b": "mock nothing that is ours",
    r"#\s*type: ignore\s*$": "say which error is ignored, and why",
}


def tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return [ROOT / name for name in listed if (ROOT / name).exists()]


FILES = [path for path in tracked("*.py") if path != Path(__file__)]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_file_is_tidy(path: Path) -> None:
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= LINES_MAX, f"{len(lines)} lines: split it at a joint"
    for pattern, why in BANNED.items():
        for number, line in enumerate(lines, start=1):
            assert not re.search(pattern, line), f"line {number}: {why}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{node.name} has {length} lines"


def test_three_files_to_the_sql_only_the_rim_commits() -> None:
    for path in tracked("backend/src/*service.py"):
        assert ".commit()" not in path.read_text(), f"{named(path)}: the rim commits"


def test_only_topics_writes_a_topic() -> None:
    for path in FILES:
        if path.name == "topics.py" or "tests" in path.parts:
            continue
        assert "fellesskap/v1/" not in path.read_text(), named(path)


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("setup", "demo", "test", "test-quick", "test-full", "check", "bench", "sim"):
        assert re.search(rf"^{target}:.*## \S", makefile, re.MULTILINE), target


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text()
    for page in tracked("docs/decisions/0*.md"):
        assert page.name in index, page.name
