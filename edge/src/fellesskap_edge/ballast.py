"""Room on the disk that is set aside for pickups: a file beside the journal, given up when full.

Only `journal` uses it. The room is really taken (`posix_fallocate`), not a sparse file.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

BALLAST_BYTES = 16 * 1024 * 1024
"""SQLite's WAL grows to 4 MiB before it is written back, and a pickup writes 60 KiB of it and adds
4 KiB to the store: 12 MiB are some 3,000 pickups, with the heartbeats of a month."""


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Ballast:
    """One reserve of `size_bytes` at `path`.

    `free_bytes` tells how much room a folder's disk has left; a test of a full disk has its own.
    """

    def __init__(
        self,
        path: Path,
        size_bytes: int = BALLAST_BYTES,
        free_bytes: Callable[[Path], int] = _free_bytes,
    ) -> None:
        self._path = path
        self._size_bytes = size_bytes
        self._free_bytes = free_bytes
        self.held = path.exists() and path.stat().st_size == size_bytes

    def fill(self) -> bool:
        """Take the room if it is there twice, so that the next write is not refused at once."""
        if self.held:
            return True
        try:
            self._path.unlink(missing_ok=True)  # half of one, from a power cut
            if self._free_bytes(self._path.parent) < 2 * self._size_bytes:
                return False
            with self._path.open("wb") as file:
                self._path.chmod(0o600)
                os.posix_fallocate(file.fileno(), 0, self._size_bytes)
        except OSError:
            return False
        self.held = True
        return True

    def release(self) -> bool:
        """Give the room up; say whether there was any to give."""
        if not self.held:
            return False
        self.held = False
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return False
        return True
