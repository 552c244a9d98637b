"""Rare paths are taken in a simulated world alone: nothing in the product can make them likely."""

import ast
import re
from pathlib import Path
from timeit import timeit

from fellesskap_protocol import buggify

ROOT = Path(__file__).parents[2]
SOURCES = sorted(ROOT.glob("*/src/**/*.py"))
CALLS = 100_000
COST_S_MAX = 1e-6


def test_nothing_in_the_product_installs_a_chance() -> None:
    named = [path for path in SOURCES if "buggify" in path.read_text()]
    assert len(named) > 5
    for path in named:
        if path.name == "buggify.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "fellesskap_protocol.buggify":
                assert [one.name for one in node.names] == ["sometimes"], path
            elif isinstance(node, ast.Import | ast.ImportFrom):
                assert all("buggify" not in one.name for one in node.names), path


def test_every_point_stands_at_one_place_and_no_other_does() -> None:
    at = re.compile(r'sometimes\("([^"]+)"\)')
    found = [name for path in SOURCES for name in at.findall(path.read_text())]
    found.remove("a point")  # its own docstring
    assert sorted(found) == sorted(buggify.POINTS)


def test_no_point_is_taken_where_nobody_simulates() -> None:
    assert not any(buggify.sometimes(point) for point in buggify.POINTS)
    with buggify.installed(lambda point: point == "db.lost_race"):
        assert buggify.sometimes("db.lost_race")
        assert not buggify.sometimes("worker.late")
    assert not buggify.sometimes("db.lost_race")


def test_a_point_that_is_off_costs_less_than_a_microsecond() -> None:
    call = "sometimes('edge.late_wake')"
    spent = min(
        timeit(call, globals={"sometimes": buggify.sometimes}, number=CALLS) for _ in range(5)
    )
    assert spent / CALLS < COST_S_MAX
