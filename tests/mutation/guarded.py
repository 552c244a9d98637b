"""Which modules guard doors and capacity, and which quick tests guard each of them."""

import os
import random
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
SEED = 1
"""Chooses the sample, where one is taken."""


@dataclass(frozen=True)
class Guarded:
    """A module by its place in the repository, and the files of tests that run it in process."""

    source: str
    tests: tuple[str, ...]
    sample: int | None = None
    """How many of its mutants `make test-full` takes; None: all."""

    @property
    def path(self) -> Path:
        """Return where it lies."""
        return ROOT / self.source

    def mutants(self, name: str, sample: int | None = None) -> list[Mutant]:
        """Return what is to be tried in the order of lines: all, or a sample by `SEED`."""
        every = mutants(self.path.read_text(), name, os.fspath(self.path))
        if sample is None or sample >= len(every):
            return every
        chosen = random.Random(SEED).sample(range(len(every)), sample)
        return [every[at] for at in sorted(chosen)]


def _guarded(part: str, module: str, *tests: str, sample: int | None = None) -> Guarded:
    files = tuple(f"tests/{part}/test_{one}.py" for one in tests)
    return Guarded(f"{part}/src/fellesskap_{part}/{module}.py", files, sample)


GUARDED: dict[str, Guarded] = {
    "capacity": _guarded("protocol", "capacity", "capacity", "capacity_exhaustively"),
    "signing": _guarded("protocol", "signing", "signing"),
    "codes": _guarded("protocol", "codes", "codes"),
    "commanding": _guarded(
        "edge",
        "commanding",
        *("controller_table", "command_limits", "service_mode", "inspected", "after_damage"),
        "controller_walk",
    ),
    "collecting": _guarded(
        "edge",
        "collecting",
        *("controller_table", "controller", "resident", "second_codes", "controller_walk"),
    ),
    "granting": _guarded(
        "edge",
        "granting",
        *("granting", "controller_table", "second_codes", "after_damage", "controller_walk"),
    ),
    "throttle": _guarded("edge", "throttle", "throttle", "controller"),
    "uplink": _guarded("edge", "uplink", "uplink"),
    "auth": _guarded("backend", "auth", "auth", "policy", "delegations"),
    "scopes": _guarded("backend", "carriers/scopes", "callers"),
    "carriers": _guarded("backend", "carriers/service", "callers"),
    "policy": _guarded("backend", "decisions/policy", "first_come", "decisions", "fair_share"),
    "view": _guarded("backend", "allocation/view", "fair_view", "fair_share"),
    "deciding": _guarded("backend", "allocation/deciding", "fair_view", "fair_share"),
    "downlink": _guarded("backend", "downlink", "downlink"),
    "door_operations": _guarded("backend", "door_operations/service", "door_operations"),
}
