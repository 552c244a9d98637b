"""A disk in memory that can lose its power: what was not synced is dropped, torn and reordered.

`Disk` is a file system for APSW. Each file has an image that is safe, and the writes since its last
sync. At a cut any of those writes reach the image, by sectors, in any order; so do creations and
deletions of files whose folder entry was not synced. `doom` chooses the moment: after so many more
writes, truncations, syncs and deletions the machine is dead, and whatever it does is in vain.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import apsw

SECTOR = 512
SHARES = (0.0, 0.3, 0.7, 1.0)
"""How much of what was not synced reaches the disk: one of these for each cut."""
_turn = count(1)


@dataclass
class Image:
    """One file: what is safe, what the machine sees, and the writes between."""

    safe: bytearray = field(default_factory=bytearray)
    seen: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(offset, bytes), or (size, None) for a truncation."""
    exists: bool = True
    exists_safely: bool = False

    def apply(self, at: int, data: bytes | None, image: bytearray) -> None:
        """Write or truncate."""
        if data is None:
            del image[at:]
            return
        if len(image) < at:
            image.extend(bytes(at - len(image)))
        image[at : at + len(data)] = data

    def sync(self) -> None:
        """All that was written is safe."""
        for at, data in self.pending:
            self.apply(at, data, self.safe)
        self.exists_safely = True
        self.pending.clear()


class Disk(apsw.VFS):
    """The disk of one machine; `name` opens it: `apsw.Connection(path, vfs=disk.name)`."""

    def __init__(self, rng: random.Random) -> None:
        self.name = f"power-cut-{next(_turn)}"
        self.rng = rng
        self.files: dict[str, Image] = {}
        self.dead = False
        self.acts = 0
        self._left: int | None = None
        super().__init__(self.name, base="")

    # The power ---------------------------------------------------------------------------------

    def doom(self, acts: int) -> None:
        """Let the power go after so many more acts."""
        self._left = acts

    def alive(self) -> bool:
        """Count one act; say whether it still happens."""
        if self._left is not None and not self.dead:
            self._left -= 1
            self.dead = self._left < 0
        self.acts += not self.dead
        return not self.dead

    def power_up(self) -> None:
        """Let what was not synced come to rest by chance; the machine may start again."""
        share = self.rng.choice(SHARES)
        for path, image in list(self.files.items()):
            kept = image.exists if self.rng.random() < share else image.exists_safely
            if not kept:
                del self.files[path]
                continue
            self._tear(image, share)
            image.seen, image.exists, image.exists_safely = bytearray(image.safe), True, True
        self.dead, self._left = False, None

    def _tear(self, image: Image, share: float) -> None:
        pieces: list[tuple[int, bytes | None]] = []
        for at, data in image.pending:
            if data is None:
                pieces.append((at, None))
                continue
            start = at
            while start < at + len(data):
                end = min((start // SECTOR + 1) * SECTOR, at + len(data))
                pieces.append((start, data[start - at : end - at]))
                start = end
        pieces = [piece for piece in pieces if self.rng.random() < share]
        if self.rng.random() < 0.5:
            self.rng.shuffle(pieces)
        for at, piece in pieces:
            image.apply(at, piece, image.safe)
        image.pending.clear()

    # APSW's side -------------------------------------------------------------------------------

    def xAccess(self, path: str, flags: int) -> bool:  # noqa: N802
        return path in self.files and self.files[path].exists

    def xDelete(self, path: str, sync: bool) -> None:  # noqa: N802
        if not self.alive():
            return
        image = self.files.get(path)
        if image is None or not image.exists:
            raise apsw.IOError
        image.exists = False
        if sync:
            image.exists_safely = False
            del self.files[path]

    def xOpen(  # type: ignore[override]  # noqa: N802
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> "File":
        path = f"temporary-{next(_turn)}" if name is None else str(_path(name))
        image = self.files.get(path)
        if image is None or not image.exists:
            if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                raise apsw.CantOpenError
            image = Image() if image is None else image
            image.exists = True
            if self.alive():
                self.files[path] = image
        flags[1] = flags[0]
        return File(image, self.alive)


def _path(name: str | apsw.URIFilename) -> str:
    return name if isinstance(name, str) else name.filename()


class File:
    """An open file, with the methods that APSW calls."""

    def __init__(self, image: Image, alive: Callable[[], bool]) -> None:
        self._image = image
        self._alive = alive

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return bytes(self._image.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._alive():
            written = bytes(data)
            self._image.pending.append((offset, written))
            self._image.apply(offset, written, self._image.seen)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        if self._alive():
            self._image.pending.append((size, None))
            self._image.apply(size, None, self._image.seen)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._alive():
            self._image.sync()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._image.seen)

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE  # as SQLite believes of every Unix disk

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xLock(self, level: int) -> None:  # noqa: N802
        pass

    def xUnlock(self, level: int) -> None:  # noqa: N802
        pass

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xClose(self) -> None:  # noqa: N802
        pass
