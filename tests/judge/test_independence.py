"""The judge knows neither what it judges nor who tells it: its imports say so."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
OURS = ("fellesskap_protocol", "tests.judge", "msgspec")
OF_TESTS = ("pytest", "hypothesis")
OF_THE_TABLE = ("rich",)
CAPACITY = "fellesskap_protocol.capacity"
"""Of this it knows what a door is, as the messages say it, and no more."""
SOURCES = sorted(FOLDER.glob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a file names in an import."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: say in full what is imported"
            yield from (f"{node.module}.{one.name}" for one in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_judge_imports_nothing_that_it_judges(path: Path) -> None:
    allowed: tuple[str, ...] = OURS
    if path.name.startswith("test_"):
        allowed += OF_TESTS
    if path.name == "__main__.py":
        allowed += OF_THE_TABLE
    if path.name != "test_matching.py":  # it holds the judge's own way to the product's
        given = set(imported(path)) - {f"{CAPACITY}.Compartment"}
        assert not [name for name in given if name.startswith(CAPACITY)], "it judges that too"
    for name in imported(path):
        known = name.split(".")[0] in sys.stdlib_module_names
        assert known or any(f"{name}.".startswith(f"{one}.") for one in allowed), name
