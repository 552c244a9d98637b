"""`python -m tests.fuzz NAME --runs N`: one target under atheris, led by coverage.

Ends with status 0 after N inputs; with another, and the input, at the first that breaks the parser.
"""

import argparse
import importlib
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import atheris  # type: ignore[import-untyped]

from tests.fuzz.harness import INPUT_S_MAX, Fuzz, mutated

INPUT_BYTES_MAX = 4096


def main() -> None:
    """Instrument what the target covers, then fuzz it; atheris ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="of a module of tests.fuzz, as in: labels")
    parser.add_argument("--runs", type=int, default=1_000_000)
    asked = parser.parse_args()
    with atheris.instrument_imports(include=["fellesskap_protocol", "fellesskap_edge"]):
        fuzz: Fuzz = importlib.import_module(f"tests.fuzz.{asked.name}").FUZZ

    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        return mutated(Random(seed), data, fuzz.mutate)[:max_size]

    with TemporaryDirectory() as folder:
        for number, seed in enumerate(fuzz.seeds):
            (Path(folder) / f"{number:04}").write_bytes(seed)
        flags = [
            f"-runs={asked.runs}",
            f"-timeout={INPUT_S_MAX:.0f}",
            f"-max_len={INPUT_BYTES_MAX}",
            "-seed=1",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *flags, folder], fuzz.one_input, custom_mutator=mutator)
        atheris.Fuzz()


main()
