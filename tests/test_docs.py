"""What the documents name exists: files, folders, links, make targets; and the index quotes."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DECISIONS = ROOT / "docs/decisions"
TOP = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")]
PAGES = [*TOP, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "deploy/edge/README.md"]
FOLDERS = "protocol|edge|backend|firmware-sim|tests|deploy|docs|scripts"
LINE_MAX = 110
WORDS_OF_TWO_PAGES = 950
WIDE = ("protocol.md", "failures.md", "decisions/")
"""Pages whose sentences, or rows, stand each on a line of its own."""


def tracked() -> set[str]:
    """Every file of the repository, also those that are not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return {name for name in listed if (ROOT / name).is_file()}


FILES = tracked()


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), f"no such page: {link}"
    for name in re.findall(r"`([\w./-]+\.(?:py|js))`", text):
        assert any(file == name or file.endswith(f"/{name}") for file in FILES), name
    for name in re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", text):
        assert (ROOT / name).exists(), name
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert target in targets, f"make {target}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_lines_can_be_read_in_a_terminal(page: Path) -> None:
    if any(part in named(page) for part in WIDE):
        return
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        assert len(line) <= LINE_MAX, f"line {number} has {len(line)} characters"


def test_who_puts_up_lockers_reads_the_rule_on_two_pages() -> None:
    text = (ROOT / "docs/fairness.md").read_text()
    words = [word for word in re.split(r"[\s|]+", text) if re.search(r"\w", word)]
    assert len(words) <= WORDS_OF_TWO_PAGES, len(words)


@pytest.mark.parametrize("page", sorted(DECISIONS.glob("0*.md")), ids=named)
def test_a_decision_has_its_parts_and_the_index_quotes_it(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.name[:4]} ")
    for part in ("Context", "Decision", "Consequences", "Not chosen"):
        assert f"**{part}.**" in text, part
    quoted = " ".join(re.findall(r"^> (.+)$", text, re.MULTILINE))
    row = f"| [{page.name[:4]}]({page.name}) | {quoted} |"
    assert row in (DECISIONS / "README.md").read_text().splitlines()


@pytest.mark.parametrize(
    "folder",
    [
        "edge/src/fellesskap_edge",
        "backend/src/fellesskap_backend",
        "backend/src/fellesskap_backend/bridge",
        "firmware-sim/src/fellesskap_firmware_sim",
    ],
)
def test_every_file_stands_somewhere_in_the_architecture(folder: str) -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    for path in sorted((ROOT / folder).glob("*.py")):
        if path.name != "__init__.py":
            assert f"{path.name}`" in text, f"{named(path)} is nowhere in the picture"
