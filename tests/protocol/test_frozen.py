"""A frozen golden file is created once and never overwritten."""

from pathlib import Path

import pytest

from tests.golden import assert_golden


def test_frozen_file_is_created_and_then_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "v1" / "birth.json"
    monkeypatch.setenv("FELLESSKAP_GOLDEN", "write")
    assert_golden(path, "shipped", frozen=True)
    with pytest.raises(AssertionError, match="new version"):
        assert_golden(path, "changed", frozen=True)
    assert path.read_text() == "shipped"


def test_missing_frozen_file_is_not_created_by_a_mere_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FELLESSKAP_GOLDEN", raising=False)
    with pytest.raises(AssertionError, match="missing"):
        assert_golden(tmp_path / "birth.json", "shipped", frozen=True)
    assert not (tmp_path / "birth.json").exists()


def test_file_that_is_not_frozen_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "door.txt"
    monkeypatch.setenv("FELLESSKAP_GOLDEN", "write")
    assert_golden(path, "before")
    assert_golden(path, "after")
    assert path.read_text() == "after"
