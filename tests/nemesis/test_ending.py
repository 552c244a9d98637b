"""What the end of a campaign looks for in its logs, it finds."""

from pathlib import Path

from tests.judge.canaries import Secret
from tests.nemesis.ending import leaks


def test_a_code_and_a_key_in_any_log_are_found_and_silence_is_no_proof(tmp_path: Path) -> None:
    hidden: dict[str, Secret] = {"code of A": "40718265", "K_locker of oslo-1": bytes(range(32))}
    (tmp_path / "broker").mkdir()
    edge, broker = tmp_path / "edge.log", tmp_path / "broker" / "nats.log"
    edge.touch()
    assert [words for _, words in leaks(tmp_path, hidden)] == ["nobody logged anything in 1 files"]
    edge.write_text("connected to the broker\n")
    assert list(leaks(tmp_path, hidden)) == []
    edge.write_text("somebody typed 4071 8265\n")
    broker.write_text(f"a key {bytes(range(32)).hex()}\n")
    found = {(where, words.split(" stands")[0]) for where, words in leaks(tmp_path, hidden)}
    assert found == {("I11", "code of A"), ("I11", "K_locker of oslo-1")}
