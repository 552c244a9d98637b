"""Which modules guard doors and capacity, and which quick tests guard each of them."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Guarded:
    """A module by its place in the repository, and the files of tests that run it in process."""

    source: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Return where it lies."""
        return ROOT / self.source

    def mutants(self, name: str) -> list[Mutant]:
        """Return all that is to be tried, in the order of its lines."""
        return mutants(self.path.read_text(), name, os.fspath(self.path))


def _guarded(part: str, module: str, *tests: str) -> Guarded:
    files = tuple(f"tests/{part}/test_{one}.py" for one in tests)
    return Guarded(f"{part}/src/fellesskap_{part}/{module}.py", files)


FAIR = ("fair_view", "fair_share", "fair_low", "fair_more", "fair_commons")
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
    "throttle": _guarded("edge", "throttle", "throttle", "controller", "lock_out"),
    "uplink": _guarded("edge", "uplink", "uplink"),
    "auth": _guarded("backend", "auth", "auth", "api_keys", "policy", "delegations"),
    "scopes": _guarded("backend", "carriers/scopes", "callers"),
    "carriers": _guarded("backend", "carriers/service", "callers"),
    "policy": _guarded("backend", "decisions/policy", "first_come"),
    "view": _guarded("backend", "allocation/view", *FAIR),
    "deciding": _guarded("backend", "allocation/deciding", *FAIR),
    "downlink": _guarded("backend", "downlink", "downlink"),
    "door_operations": _guarded("backend", "door_operations/service", "door_operations"),
}
