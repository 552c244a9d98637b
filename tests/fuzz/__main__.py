"""`python -m tests.fuzz NAME --runs N`: one target under atheris, led by coverage.

Ends with status 0 after N inputs; with another, and the input, at the first that breaks the parser.
"""

import argparse
import sys
from pathlib import Path
from random import Random

import atheris  # type: ignore[import-untyped]

from tests.fuzz.harness import RSS_MB_MAX, fuzz_of, give, limited, mutated

STALLED_S_MAX = 60
"""The harness ends an input by the processor's time; this is for a parser stuck outside Python."""


def main() -> None:
    """Instrument what the target covers, then fuzz it; atheris ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="as in: labels, codecs.8a")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="corpus, findings")
    parser.add_argument("--rss", type=int, default=RSS_MB_MAX, help="memory it may take, in MB")
    asked = parser.parse_args()
    with atheris.instrument_imports(include=["fellesskap_protocol", "fellesskap_edge"]):
        fuzz = fuzz_of(asked.name)

    def one_input(data: bytes) -> None:
        give(fuzz.one_input, data)

    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        return mutated(Random(seed), data, fuzz.mutate)[:max_size]

    corpus = asked.folder / asked.name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(fuzz.seeds):
        (corpus / f"seed-{number:04}").write_bytes(seed)
    with limited():
        flags = [
            f"-runs={asked.runs}",
            f"-timeout={STALLED_S_MAX}",
            f"-rss_limit_mb={asked.rss}",
            f"-max_len={fuzz.bytes_max}",
            "-seed=1",
            f"-artifact_prefix={asked.folder}/",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *flags, str(corpus)], one_input, custom_mutator=mutator)
        atheris.Fuzz()


main()
