"""The thread that reads the probes' files: what it finds is posted, whatever it is."""

import queue
from pathlib import Path

from fellesskap_edge.climate import Read
from fellesskap_edge.inbox import Inward
from fellesskap_edge.probes import Probes, read
from fellesskap_edge.w1 import parse
from fellesskap_firmware_sim.cooling import scratchpad, w1_slave
from fellesskap_firmware_sim.w1_folder import W1Folder

COLD = w1_slave(scratchpad(4.0))


def test_every_probe_is_read_and_posted(tmp_path: Path) -> None:
    W1Folder(tmp_path).write({"28-a": COLD, "28-b": None}, 0.0)
    inbox: queue.Queue[Inward] = queue.Queue()
    probes = Probes(tmp_path, ["28-a", "28-b"], inbox.put)
    probes.start()
    assert inbox.get(timeout=5) == Read("28-a", COLD)
    assert inbox.get(timeout=5) == Read("28-b", None)
    probes.stop()
    assert inbox.empty()


def test_nothing_runs_where_there_is_no_probe(tmp_path: Path) -> None:
    inbox: queue.Queue[Inward] = queue.Queue()
    probes = Probes(tmp_path, [], inbox.put)
    probes.start()
    probes.stop()
    assert inbox.empty()


def test_file_that_is_none_or_is_nonsense_is_said_as_it_is(tmp_path: Path) -> None:
    assert read(tmp_path / "28-gone") is None
    (tmp_path / "28-a" / "w1_slave").mkdir(parents=True)
    assert read(tmp_path / "28-a") is None
    (tmp_path / "28-b").mkdir()
    (tmp_path / "28-b" / "temperature").write_bytes(b"3937\n")
    assert parse(read(tmp_path / "28-b")) == 3.937
    (tmp_path / "28-b" / "w1_slave").write_bytes(b"\xff\x00" * 1000)
    assert parse(read(tmp_path / "28-b")) == "unreadable"
