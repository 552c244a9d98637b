"""Compare a text with its reviewed file; `FELLESSKAP_GOLDEN=write` writes the file anew."""

import os
from pathlib import Path


def assert_golden(path: Path, text: str) -> None:
    """Fail, showing where, if `text` is not what was reviewed."""
    if os.environ.get("FELLESSKAP_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"{path} is missing: make it with FELLESSKAP_GOLDEN=write and review it"
    assert text == path.read_text(), f"differs from the reviewed {path}"
