"""A bridge's lanes alone, for a test to kill: prints the id of the other process, and waits."""

import multiprocessing
import signal
import sys
from pathlib import Path

from fellesskap_backend.bridge.lanes import BURST, Lanes
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.settings import Settings
from tests.system.house import wait_for


def main(folder: str, url: str) -> None:
    """Let the other process begin, tell who it is, and wait to be killed."""
    lanes = Lanes(Settings(state=Path(folder), database_url=url))
    lanes.spread(lambda _: [], [[Came("x/journal", b"", False)]] * BURST)
    wait_for("the other process", lambda: lanes.apart)
    (process,) = multiprocessing.active_children()
    print(process.pid, flush=True)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
