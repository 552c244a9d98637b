"""Try the mutants of a module in a process of their own, and reckon how many were noticed."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.mutation.guarded import GUARDED, ROOT

SCORE_MIN = 0.85
SURVIVED = "survived"


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant, and the seconds of processor that it took."""

    key: str
    verdict: str
    cpu_s: float


@dataclass
class Score:
    """What became of the mutants of one module."""

    name: str
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def survivors(self) -> list[str]:
        """Return the keys of those that no test noticed, in the order in which they were tried."""
        return [one.key for one in self.verdicts if one.verdict == SURVIVED]

    @property
    def score(self) -> float:
        """Return which part was noticed."""
        return 1 - len(self.survivors) / len(self.verdicts)

    def figures(self) -> dict[str, float]:
        """Return it for machines."""
        count = Counter(one.verdict for one in self.verdicts)
        return {
            "mutants": len(self.verdicts),
            "killed": count["killed"],
            "timed_out": count["timed out"],
            "survived": len(self.survivors),
            "score": round(self.score, 4),
            "cpu_s": round(sum(one.cpu_s for one in self.verdicts), 1),
        }


def campaign(name: str) -> Iterator[Verdict]:
    """Yield each verdict as it is found; raise `RuntimeError` if the tests fail as they are."""
    assert name in GUARDED, name
    command = [sys.executable, "-m", "tests.mutation.stem", name]
    surroundings = {**os.environ, "PYTHONHASHSEED": "0", "FELLESSKAP_TIER": "quick"}
    for one in ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "FELLESSKAP_GOLDEN"):
        surroundings.pop(one, None)
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(
            command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, stderr=said, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield Verdict(*json.loads(line))
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{name}: {said.read()[-4000:]}")


def whole(name: str) -> Score:
    """Return what became of all of them."""
    return Score(name, list(campaign(name)))
