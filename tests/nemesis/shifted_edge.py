"""The real edge daemon on a machine whose wall clock a campaign can set: `python -m …` PATH ARGS.

`machine_clock` is the only place of the daemon that asks what time it is, by `time.time`; that is
replaced before the daemon is imported, and so is what the kernel says of its being synchronised.
PATH holds 8 bytes, the offset in seconds as a double, and one that says whether it is. The
monotonic clock is the machine's.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

LAYOUT = struct.Struct("=d?")


def set_clock(path: Path, offset_s: float, *, synchronised: bool) -> None:
    """Set the clock of the daemon that runs on `path`; without one, of the next."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.write(LAYOUT.pack(offset_s, synchronised))


def main() -> int:
    """Run the daemon as `fellesskap-edge` would."""
    path = Path(sys.argv.pop(1))
    with path.open("rb") as file:
        shared = mmap.mmap(file.fileno(), LAYOUT.size, access=mmap.ACCESS_READ)
    true_time = time.time
    time.time = lambda: true_time() + LAYOUT.unpack(shared[: LAYOUT.size])[0]

    from fellesskap_edge import machine_clock  # noqa: PLC0415 (the clock is set first)
    from fellesskap_edge.__main__ import main as edge  # noqa: PLC0415

    machine_clock.synchronised = lambda: bool(LAYOUT.unpack(shared[: LAYOUT.size])[1])
    return edge()


if __name__ == "__main__":
    sys.exit(main())
