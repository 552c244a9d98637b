"""Every parser takes ten thousand mutated inputs, a million in the full run; see `harness`.

A line of lock boards lives some twenty seconds with each input, a millisecond of ours: it gets a
hundred thousand in the full run, its parser, the codec, gets the million.
"""

import re
import resource
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import codecs, lines
from tests.fuzz.harness import RSS_MB_MAX, Failed, fuzz_of, run

PARSERS = ["labels", "scanners", *codecs.FUZZES, "wire", "config"]
NAMES = [*PARSERS, *lines.FUZZES]
INPUTS = 10_000
INPUTS_FULL = dict.fromkeys(PARSERS, 1_000_000) | dict.fromkeys(lines.FUZZES, 100_000)
COVERED_MIN = 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_ten_thousand_inputs_break_nothing_and_reach_the_branches(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    fuzz = fuzz_of(name)
    report = run(fuzz.one_input, fuzz.seeds, INPUTS, fuzz.modules, mutate=fuzz.mutate)
    record_property(f"fuzz.{name}.branches", report.branches)
    record_property(f"fuzz.{name}.slowest_s", report.slowest_s)
    assert report.inputs == INPUTS
    assert report.covered >= COVERED_MIN, report.branches


@pytest.mark.full
@pytest.mark.parametrize(("name", "inputs"), INPUTS_FULL.items())
def test_many_more_break_nothing(
    name: str, inputs: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """With atheris where there is a wheel of it, else with the seeded mutator."""
    record_property(f"fuzz.{name}.inputs", inputs)
    record_property(f"fuzz.{name}.atheris", find_spec("atheris") is not None)
    if find_spec("atheris") is None:
        fuzz = fuzz_of(name)
        run(fuzz.one_input, fuzz.seeds, inputs, (), mutate=fuzz.mutate)
        return
    # What a process used at most counts on from the one that started it.
    ours_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    options = [f"--runs={inputs}", f"--folder={tmp_path}", f"--rss={ours_mb + RSS_MB_MAX}"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    assert re.search(rf"Done {inputs} runs", said), said[-4000:]


@pytest.mark.slow
def test_a_parser_that_breaks_is_shown_with_its_input() -> None:
    def breaks(data: bytes) -> None:
        if b"\x00" in data:
            raise ValueError("no zero")

    with pytest.raises(Failed, match=r"no zero.*00"):
        run(breaks, [b"abc"], 10_000, (), mutate=lambda _, data: data)


@pytest.mark.slow
def test_a_parser_that_hangs_is_shown_with_its_input() -> None:
    def hangs(data: bytes) -> None:
        while data == b"abc":
            pass

    with pytest.raises(Failed, match=r"TooSlow.*616263"):
        run(hangs, [b"abd", b"abc"], 3, (), mutate=lambda _, data: data)


@pytest.mark.slow
def test_a_branch_that_is_not_taken_counts() -> None:
    fuzz = fuzz_of("labels")
    few = run(fuzz.one_input, fuzz.seeds[:1], 1, fuzz.modules, mutate=fuzz.mutate)
    assert 0 < few.covered < COVERED_MIN


@pytest.mark.parametrize("name", NAMES)
def test_the_same_number_is_the_same_mutation(name: str) -> None:
    fuzz = fuzz_of(name)
    for number, seed in enumerate(fuzz.seeds):
        assert fuzz.mutate(Random(number), seed) == fuzz.mutate(Random(number), seed)
