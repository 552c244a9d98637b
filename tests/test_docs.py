"""What the documents name exists: files, links, make targets."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FILES = {
    str(path.relative_to(ROOT))
    for folder in ("protocol", "edge", "backend", "firmware-sim", "tests", "deploy", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.is_file()
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), f"no such page: {link}"
    for name in re.findall(r"`([\w./-]+\.py)`", text):
        assert any(file == name or file.endswith(f"/{name}") for file in FILES), name
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert target in targets, f"make {target}"
