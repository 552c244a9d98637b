"""What `python -m tests.judge` says of a file."""

from pathlib import Path

import msgspec
import pytest

from tests.judge import history
from tests.judge.__main__ import Verdict, main
from tests.judge.stories import a_parcel
from tests.judge.wrong_coils import a_coil_that_is_let_go_late


def written(path: Path, records: list[history.AnyRecord]) -> str:
    with path.open("wb") as file:
        history.write(records, file)
    return str(path)


def test_a_true_history_has_a_clean_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([written(tmp_path / "history", a_parcel()), "--json"]) == 0
    verdict = msgspec.json.decode(capsys.readouterr().out, type=Verdict)
    assert (verdict.lockers, verdict.breaches) == (1, ())
    assert verdict.kinds["coil"] == 6
    assert verdict.judged["I14"] == 7  # three alone on a supply, and let go; the end
    assert verdict.judged["I12"] == 0


def test_a_breach_is_named_by_its_line_and_the_exit_code_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = a_coil_that_is_let_go_late()
    assert main([written(tmp_path / "history", records), "--json"]) == 1
    [breach] = msgspec.json.decode(capsys.readouterr().out, type=Verdict).breaches
    assert breach.invariant == "I14"
    assert isinstance(records[breach.line - 1], history.Coil)


def test_the_table_names_every_invariant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([written(tmp_path / "history", a_coil_that_is_let_go_late())])
    told = capsys.readouterr().out
    assert "I14 at" in told
    assert all(name in told for name in ("I1 ", "I16", "liveness", "1 breaches"))
