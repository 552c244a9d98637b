"""Compare a text with its reviewed file; `FELLESSKAP_GOLDEN=write` writes the file anew.

A frozen file holds what was shipped: it may be created, never overwritten.
"""

import os
from pathlib import Path


def assert_golden(path: Path, text: str, *, frozen: bool = False) -> None:
    """Fail, showing where, if `text` is not what was reviewed."""
    writes = os.environ.get("FELLESSKAP_GOLDEN") == "write"
    if writes and not (frozen and path.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"{path} is missing: make it with FELLESSKAP_GOLDEN=write and review it"
    advice = "shipped and frozen: make a new version" if frozen else "reviewed"
    assert text == path.read_text(), f"differs from {path}, which is {advice}"
