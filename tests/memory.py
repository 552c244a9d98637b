"""Where a test's files may lie in memory: those whose bytes need not outlive a power cut."""

import shutil
from pathlib import Path

SHARED = Path("/dev/shm")


def in_memory(mib: int) -> str | None:
    """Return a folder in memory with so much room; None where there is none: then on the disk.

    In a container there is often as little as 64 MiB.
    """
    has_room = SHARED.is_dir() and shutil.disk_usage(SHARED).free > mib << 20
    return str(SHARED) if has_room else None
