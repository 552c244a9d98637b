"""The folder that stands for `/sys/bus/w1/devices`: a file a probe, written anew every few seconds.

`locker.toml` names it as `[climate] devices`; the daemon reads it as it reads the kernel's.
"""

from collections.abc import Mapping
from pathlib import Path

WRITE_S = 1.0


class W1Folder:
    """`<path>/28-…/w1_slave`; `wake_at` is when it is written next, in monotonic seconds."""

    def __init__(self, path: Path) -> None:
        self.wake_at = 0.0
        self._path = path

    def write(self, texts: Mapping[str, str | None], now: float) -> None:
        """Write what each probe says; None takes it off the bus."""
        self.wake_at = now + WRITE_S if texts else float("inf")
        for device, text in texts.items():
            file = self._path / device / "w1_slave"
            if text is None:
                file.unlink(missing_ok=True)
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh = file.with_suffix(".new")
            fresh.write_text(text, encoding="latin-1")
            fresh.replace(file)  # a reader sees the old text or the new one, never half
