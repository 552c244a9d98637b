"""Where the stores lie: in memory if the machine has room there, for the cuts are our own."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder that is gone after the test."""
    folder = MEMORY if MEMORY.is_dir() else None
    with TemporaryDirectory(prefix="fellesskap-durability-", dir=folder) as name:
        yield Path(name)
