"""The laboratory: the same seed gives the same figures, and page and picture show them."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from fellesskap_backend.allocation.view import Use
from tests.fairness import hours
from tests.fairness.__main__ import DRAWN, PICTURE, SEED
from tests.fairness.city import BOX, CITIES, FULL, LIGHT, YEAR
from tests.fairness.complaints import Claim, Lent, Lying, is_justified
from tests.fairness.drawing import draw
from tests.fairness.figures import (
    COMMITTED,
    Figures,
    by_city,
    from_lines,
    jobs,
    markdown,
    measure,
)
from tests.fairness.ways import WAYS, Fair, Seen
from tests.golden import assert_golden

ROOT = Path(__file__).parents[2]
FOUND = from_lines((ROOT / COMMITTED).read_text())
SMALL = [replace(one.shortened(6), lockers=1) for one in (FULL, YEAR)]
"""Days enough for every way to lend and refuse."""


PAGES = ("fairness", "fairness-laboratory")


def of(city: str) -> dict[str, Figures]:
    return {one.way: one for one in by_city(FOUND)[city]}


def test_the_same_seed_gives_the_same_figures_whatever_the_hashes() -> None:
    program = (
        "from tests.fairness.test_laboratory import *; from tests.fairness.figures import to_lines;"
        "sys.stdout.write(to_lines(measure(jobs(SMALL, WAYS), 7)))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(from_lines(runs[0].decode())) == len(SMALL) * len(WAYS)
    assert_golden(ROOT / "tests/fairness/short.jsonl", runs[0].decode())


def test_every_way_is_asked_the_same() -> None:
    city = replace(FULL.shortened(3), lockers=1)
    found = measure(jobs([city], WAYS), 7)
    assert {one.locker_days for one in found} == {3}
    roomy = replace(city, doors={"S": 400})
    assert {one.throughput for one in measure(jobs([roomy], WAYS[:1]), 7)} == {1.0}
    other = measure(jobs([city], WAYS), 8)
    assert other != [replace(one, seed=8) for one in found]


@pytest.mark.full
def test_the_full_replay_gives_the_committed_figures() -> None:
    assert measure(jobs(CITIES, WAYS), SEED) == FOUND


@pytest.mark.full
def test_other_hours_give_the_committed_figures() -> None:
    assert list(hours.found()) == from_lines((ROOT / hours.COMMITTED).read_text())


def test_the_page_shows_other_hours() -> None:
    every = from_lines((ROOT / hours.COMMITTED).read_text())
    page = (ROOT / "docs/fairness-laboratory.md").read_text()
    for row in hours.rows(every):
        assert row in page.replace(" (here)", "")


def test_the_picture_is_drawn_from_the_committed_figures() -> None:
    assert (ROOT / PICTURE).read_text() == draw(FOUND, DRAWN)


def drawn_as(name: str) -> list[ET.Element]:
    """Return what the picture is made of, by the name of the element."""
    root = ET.fromstring((ROOT / PICTURE).read_text())
    return root.findall(f"svg:{name}", {"svg": "http://www.w3.org/2000/svg"})


def test_the_picture_shows_every_figure_as_a_bar_of_its_height_and_says_it_in_words() -> None:
    said = drawn_as("desc")[0].text or ""
    bars = [
        (one.get("class"), float(one.get("height", 0)))
        for one in drawn_as("rect")
        if (one.get("class") or "").startswith("w") and one.get("width") != "14"
    ]
    drawn = [
        (f"w{number}", share)
        for city in DRAWN
        for name in [*by_city(FOUND)[city][0].served, None]
        for number, one in enumerate(by_city(FOUND)[city])
        for share in [one.throughput if name is None else one.served[name]]
    ]
    assert [name for name, _ in bars] == [name for name, _ in drawn]
    for (_, height), (_, share) in zip(bars, drawn, strict=True):
        assert height == pytest.approx(200 * share, abs=0.06)
        assert f" {100 * share:.0f} %" in said


def test_the_picture_shows_jains_index_and_complaints_as_rows_of_one_measure() -> None:
    said = drawn_as("desc")[0].text or ""
    rows = [
        (one.get("class"), float(one.get("width", 0)))
        for one in drawn_as("rect")
        if (one.get("class") or "").startswith("row")
    ]
    written = [one.text for one in drawn_as("text") if one.get("class") == "number row"]
    groups = [by_city(FOUND)[city] for city in DRAWN]
    most = max(one.complaints for group in groups for one in group)
    drawn = [
        (f"row w{number}", share, text)
        for group in groups
        for kind in ("jain", "complaints")
        for number, one in enumerate(group)
        for value in [getattr(one, kind)]
        for share, text in [(value / (1 if kind == "jain" else most), f"{value:.2f}")]
    ]
    assert [name for name, _ in rows] == [name for name, *_ in drawn]
    assert written == [text for *_, text in drawn]
    for (_, width), (_, share, text) in zip(rows, drawn, strict=True):
        assert width == pytest.approx(360 * share, abs=0.06)
        assert text in said


def test_the_pages_show_the_committed_figures() -> None:
    pages = {name: (ROOT / f"docs/{name}.md").read_text() for name in PAGES}
    for group in by_city(FOUND).values():
        assert "\n".join(markdown(group)) in pages["fairness-laboratory"], group[0].city
    assert "\n".join(markdown(by_city(FOUND)["full"])) in pages["fairness"]
    batch, first = (of("year")[way.name].throughput for way in (WAYS[-1], WAYS[0]))
    words = f"{100 * batch:.0f} % against {100 * first:.0f} %"
    assert words in " ".join(pages["fairness"].split())
    once = of("year")[WAYS[-2].name]
    words = f"{once.complaints * once.locker_days:.0f} in {once.locker_days:,} crowded locker-days"
    assert words in " ".join(pages["fairness"].split())


def test_the_figures_have_direction_and_size_of_the_small_model_before_them() -> None:
    """Served 87/31/45 % first come, 51/72/85 % partition, 54/76/91 % lending (the page)."""
    first, fixed, _, batch = (of("full")[way.name] for way in WAYS)
    for one, before in ((first, (87, 31, 45)), (fixed, (51, 72, 85)), (batch, (54, 76, 91))):
        for share, percent in zip(one.served.values(), before, strict=True):
            assert 100 * share == pytest.approx(percent, abs=8), one.way
    assert batch.jain - first.jain > 0.05
    assert 0.02 < first.throughput - batch.throughput < 0.05
    assert batch.throughput - fixed.throughput > 0.03
    lighter = of("light")
    assert lighter[batch.way].throughput - lighter[fixed.way].throughput > 0.05


def test_what_is_left_of_complaints_is_what_the_page_explains() -> None:
    for city, most in (("full", 0), ("light", 0), ("year", 10)):
        batch = of(city)[WAYS[-1].name]
        assert round(batch.complaints * batch.locker_days) <= most


# The judge ---------------------------------------------------------------------------------------

EAST, WEST = Use("east", "S"), Use("west", "S")
PARCEL = BOX["S"].demand(1_000)


def judged(*lent: Lent, quota: int = 1, who: Use = WEST) -> bool:
    """A locker of one size, all of its doors taken; is east's complaint justified?"""
    doors = replace(FULL, doors={"S": len(lent)}).compartments()
    seen = Seen(doors, [], [], [who] * len(doors), 8 * 60, {"east": 1, "west": 1}, frozenset())
    lying = [(door, who, one) for door, one in zip(doors, lent, strict=True)]
    entitled = ({("east", "S"): quota}, seen.used())
    return is_justified(PARCEL, "east", seen, entitled, (lying, []))


def test_a_complaint_is_justified_by_what_others_were_lent_first() -> None:
    assert judged("early", "")
    assert not judged("early", quota=0), "no entitlement, no complaint"
    assert not judged("", ""), "what lay there in the morning explains it"
    assert not judged("late", ""), "and so does the published hour"
    assert not judged("late", "early"), "who came late was refused by the rule"
    assert not judged("early", who=EAST, quota=2), "it was lent the room itself"


def test_who_asks_for_a_low_one_has_no_reason_to_complain_of_a_high_one() -> None:
    doors = replace(FULL, doors={"S": 1}).compartments()
    seen = Seen(doors, [], [], [WEST], 8 * 60, {"east": 1, "west": 1}, frozenset())
    entitled = ({("east", "S"): 1}, seen.used())
    low = BOX["S"].demand(1_000, ("low",))
    there: tuple[list[Lying], list[Claim]] = ([(doors[0], WEST, "early")], [])
    assert not is_justified(low, "east", seen, entitled, there)
    assert is_justified(PARCEL, "east", seen, entitled, there)


def test_a_shortened_city_has_its_entrant_too() -> None:
    shown = measure(jobs([replace(YEAR.shortened(4), lockers=1)], [Fair("fair")]), 1)
    assert shown[0].served["entrant"] > 0
    assert LIGHT.shortened(5).days == 5
