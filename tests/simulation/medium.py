"""The disk of a simulated locker: in memory; it may be full, refuse, lose its power, be copied."""

import random
from copy import deepcopy
from pathlib import Path

import apsw

from fellesskap_edge.ballast import Ballast
from fellesskap_edge.journal import Journal
from tests.durability.power_cut import Disk, File, Image

ROOM_BYTES = 8 * 1024 * 1024
BALLAST_BYTES = 256 * 1024


class Medium(Disk):
    """One card."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.room_bytes: float = ROOM_BYTES
        self.set_aside_bytes = 0
        self.refuses = False
        self.slow_s = 0.0

    @property
    def used_bytes(self) -> int:
        """How much of it is taken."""
        return self.set_aside_bytes + sum(len(image.seen) for image in self.files.values())

    @property
    def free_bytes(self) -> float:
        """How much room is left."""
        return self.room_bytes - self.used_bytes

    def fill(self) -> None:
        """Let another program take all that is left."""
        self.room_bytes = self.used_bytes

    def clear(self) -> None:
        """Let it give the room back."""
        self.room_bytes = ROOM_BYTES

    def heal(self) -> None:
        """It works, and has room."""
        self.refuses, self._left = False, None
        self.clear()

    def revive(self) -> None:
        """The process died, not the machine: what was written is there."""
        self.dead, self._left = False, None

    def copied(self) -> dict[str, Image]:
        """Return a copy of all files, as a technician takes it of a machine that is off."""
        return deepcopy(self.files)

    def put_back(self, files: dict[str, Image]) -> None:
        """Put a copy in the place of the card."""
        self.files = deepcopy(files)

    def set_file_aside(self, path: str) -> None:
        """Rename what cannot be read."""
        self.files[f"{path}.damaged"] = self.files.pop(path)
        for tail in ("-wal", "-journal"):
            self.files.pop(f"{path}{tail}", None)

    def xOpen(  # type: ignore[override]  # noqa: N802
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> "MediumFile":
        opened = super().xOpen(name, flags)
        return MediumFile(self, opened)


class MediumFile(File):
    """An open file of it."""

    def __init__(self, medium: Medium, opened: File) -> None:
        super().__init__(opened._image, opened._alive)
        self._medium = medium

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        medium = self._medium
        if not medium.dead:  # else its writes are in vain, and nobody is told anything
            if medium.refuses:
                raise apsw.IOError
            grows = offset + len(data) - len(self._image.seen)
            if grows > 0 and grows > medium.free_bytes:
                raise apsw.FullError
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._medium.refuses and not self._medium.dead:
            raise apsw.IOError
        super().xSync(flags)


class SetAside(Ballast):
    """The room for pickups on such a disk."""

    def __init__(self, medium: Medium) -> None:
        self._medium = medium
        self.held = medium.set_aside_bytes > 0

    def fill(self) -> bool:
        """Take the room if it is there twice."""
        if not self.held and self._medium.free_bytes >= 2 * BALLAST_BYTES:
            self._medium.set_aside_bytes = BALLAST_BYTES
            self.held = True
        return self.held

    def release(self) -> bool:
        """Give the room up."""
        was_held, self.held = self.held, False
        self._medium.set_aside_bytes = 0
        return was_held


class CardJournal(Journal):
    """A journal on such a disk."""

    def __init__(self, path: Path, medium: Medium) -> None:
        self._medium = medium
        super().__init__(path, SetAside(medium), vfs=medium.name)

    def _set_file_aside(self) -> None:
        self._db.close(True)
        self._medium.set_file_aside(str(self.path))
