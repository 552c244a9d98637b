"""A disk of real files that refuses: the n-th act, all acts, or what does not fit any more."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import apsw

_turn = count(1)


class BadDisk(apsw.VFS):
    """A file system for APSW over the real one; `name` opens it."""

    def __init__(self) -> None:
        self.name = f"bad-disk-{next(_turn)}"
        self.acts = 0
        self.refusals = 0
        self.error: type[apsw.Error] = apsw.IOError
        """What a refusal is called: a card that turned read-only may say so, or just fail."""
        self._from: float = float("inf")
        self._to: float = float("inf")
        self.size_bytes: float = float("inf")
        """How large its folder may grow."""
        super().__init__(self.name, base="")

    def fail(self, after: int = 0, times: float = float("inf")) -> None:
        """Refuse so many writes, truncations and syncs, after so many more that succeed."""
        self._from = self.acts + after
        self._to = self._from + times

    def heal(self) -> None:
        """Refuse nothing any more."""
        self._from = self._to = self.size_bytes = float("inf")

    def act(self) -> None:
        """Count one act; refuse it if it is its turn."""
        self.acts += 1
        if self._from < self.acts <= self._to:
            self.refusals += 1
            raise self.error

    def grow(self, path: str, end: int) -> None:
        """Refuse a write that makes a file larger than there is room for."""
        here = Path(path)
        if end > here.stat().st_size and end - here.stat().st_size > self.free(here.parent):
            self.refusals += 1
            raise apsw.FullError

    def free(self, folder: Path) -> int:
        """How much room is left."""
        if self.size_bytes == float("inf"):
            return 1 << 40
        return int(self.size_bytes) - sum(one.stat().st_size for one in folder.iterdir())

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "BadFile":  # noqa: N802
        return BadFile(self, name, flags)


class BadFile(apsw.VFSFile):
    """One open file of it."""

    def __init__(
        self, disk: BadDisk, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        self._path = name if isinstance(name, str) else name.filename() if name else ""
        self._act: Callable[[], None] = disk.act
        self._grow = disk.grow

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._grow(self._path, offset + len(data))
        try:
            self._act()
        except (apsw.IOError, apsw.ReadOnlyError):
            super().xWrite(bytes(data)[: len(data) // 2], offset)  # it breaks in the middle
            raise
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._act()
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._act()
        super().xSync(flags)
