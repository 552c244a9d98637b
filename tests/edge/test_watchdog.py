"""What systemd is told: only what a restart would mend withholds the word that all is well."""

import os
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.inbox import Inward
from fellesskap_edge.notify import Systemd
from fellesskap_edge.ports import Ports
from fellesskap_edge.watchdog import STALE_S, Beat, alive, dead
from tests.system.house import wait_for

NOW = 1000.0


@pytest.mark.parametrize(
    ("beat", "well"),
    [
        (Beat("port a", runs=True, at=NOW), True),
        (Beat("port a", runs=True, at=NOW - STALE_S), True),
        (Beat("port a", runs=True, at=NOW - STALE_S - 0.1), False),
        (Beat("port a", runs=False, at=NOW), False),
        (Beat("link", runs=True), True),
        (Beat("link", runs=False), False),
    ],
)
def test_one_beat(beat: Beat, well: bool) -> None:
    assert alive([beat], NOW) == well
    assert dead([beat], NOW) == (() if well else (beat.part,))


@given(st.lists(st.tuples(st.booleans(), st.none() | st.floats(NOW - 60, NOW)), max_size=6))
def test_one_dead_part_is_enough(parts: list[tuple[bool, float | None]]) -> None:
    beats = [Beat(str(at), runs, last) for at, (runs, last) in enumerate(parts)]
    assert alive(beats, NOW) == all(alive([beat], NOW) for beat in beats)
    assert set(dead(beats, NOW)) == {beat.part for beat in beats if not alive([beat], NOW)}


def test_a_port_that_is_not_there_beats_and_one_whose_thread_died_does_not(tmp_path: Path) -> None:
    died: list[str] = []
    hook = threading.excepthook
    threading.excepthook = lambda what: died.append(what.thread.name if what.thread else "")
    posted: list[Inward] = []
    absent, impossible = str(tmp_path / "absent"), str(tmp_path / "impossible")
    # A baud rate that no C integer holds: an error that the thread does not know.
    ports = Ports({absent: 9600, impossible: "fast"}, posted.append)  # type: ignore[dict-item]
    try:
        ports.start()
        wait_for("the thread gone", lambda: not ports.beats[1].runs)
        first = ports.beats[0].at
        assert first is not None
        wait_for("another round", lambda: (ports.beats[0].at or 0) > first)
        last = ports.beats[0].at
        assert last is not None
        assert dead(ports.beats, last) == (f"port {impossible}",)
        assert died == [f"port {impossible}"]
    finally:
        threading.excepthook = hook
        ports.stop()


@pytest.mark.parametrize("abstract", [False, True])
def test_words_arrive_at_the_socket(tmp_path: Path, abstract: bool) -> None:
    address = f"\0{tmp_path}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        listening.settimeout(5)
        environ = {"NOTIFY_SOCKET": address.replace("\0", "@"), "WATCHDOG_USEC": "3000000"}
        systemd = Systemd({**environ, "WATCHDOG_PID": str(os.getpid())})
        systemd.say("READY=1", "STATUS=well")
        assert listening.recv(1000) == b"READY=1\nSTATUS=well"
        assert systemd.feed_s == 1.0
        systemd.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "/nowhere/notify"},
    ],
)
def test_without_a_supervisor_nothing_is_owed(environ: dict[str, str]) -> None:
    systemd = Systemd(environ)
    assert systemd.feed_s == float("inf")
    systemd.say("READY=1")
    systemd.close()
