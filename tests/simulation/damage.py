"""Damages what a life left, and puts it back: for tests of what is judged at its end."""

import copy
import sqlite3
from contextlib import closing

from tests.simulation.life import Life


class Healed:
    """Puts back, after a `with`, what a life left and what its database says."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def __enter__(self) -> None:
        world = self._life.world
        self._left, self._said = copy.deepcopy(world.left), list(self._life.logs.said)
        self._records = list(world.chronicle.records)
        self._rows = sqlite3.connect(":memory:")
        world.installation.eye.backup(self._rows)

    def __exit__(self, *_error: object) -> None:
        world = self._life.world
        world.left, self._life.logs.said[:] = self._left, self._said
        world.chronicle.records[:] = self._records
        with closing(self._rows):
            self._rows.backup(world.installation.eye)


def changes(life: Life, sql: str, *values: object) -> int:
    """Change rows; return how many."""
    return life.world.installation.eye.execute(sql, values).rowcount
