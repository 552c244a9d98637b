"""What the simulated hardware of a locker did, as it did it: for scenes that wait for it."""

import contextlib
import threading
from typing import Any

from tests.system.house import Locker, wait_for

Json = dict[str, Any]


class Facts:
    """What the simulated hardware did, in order, with its own monotonic times."""

    def __init__(self, locker: Locker) -> None:
        self.rows: list[Json] = []
        self._rows = locker.hardware.watch()
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.rows.extend(self._rows)

    def wait(self, fact: str, after: float, **wanted: object) -> Json:
        """Return the first such fact after a monotonic time."""

        def probe() -> Json | None:
            for row in list(self.rows):
                as_wanted = all(row.get(key) == value for key, value in wanted.items())
                if row["fact"] == fact and row["mono_s"] > after and as_wanted:
                    return row
            return None

        return wait_for(f"the locker's {fact}", probe)
