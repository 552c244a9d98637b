"""What systemd is told: only what a restart would mend withholds the word that all is well."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.chilled import ClimateTable, ProbeTable
from fellesskap_edge.clock import Instant
from fellesskap_edge.config import EdgeTable, KioskTable, LockerConfig
from fellesskap_edge.daemon import Daemon
from fellesskap_edge.inbox import Inward, PortUp, Tick
from fellesskap_edge.notify import Systemd
from fellesskap_edge.ports import Ports
from fellesskap_edge.watchdog import STALE_S, Beat, alive, dead
from tests.edge.little_locker import CONFIG
from tests.edge.provisioned import provisioned
from tests.system.house import wait_for

NOW = 1000.0
IMPOSSIBLE_BAUD = 2**40
"""No C integer holds it: an error that a port's thread does not know."""
"""A port's thread ends by it: an error that it does not know."""


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


@pytest.fixture
def died() -> Iterator[list[str]]:
    """The names of the threads that ended by an error of their own."""
    names: list[str] = []
    hook = threading.excepthook
    threading.excepthook = lambda what: names.append(what.thread.name if what.thread else "")
    yield names
    threading.excepthook = hook


Laid = Callable[[str], None]


@pytest.fixture
def lay_line(tmp_path: Path) -> Iterator[Laid]:
    """Let there be lines that can be opened, by their names."""
    laid: list[int] = []

    def lay(name: str) -> None:
        laid.extend(os.openpty())
        (tmp_path / name).symlink_to(os.ttyname(laid[-1]))

    yield lay
    for one in laid:
        os.close(one)


def test_a_port_that_is_not_there_beats_and_one_whose_thread_died_does_not(
    tmp_path: Path, died: list[str], lay_line: Laid
) -> None:
    posted: list[Inward] = []
    absent, impossible = str(tmp_path / "absent"), str(tmp_path / "impossible")
    lay_line("impossible")
    ports = Ports({absent: 9600, impossible: IMPOSSIBLE_BAUD}, posted.append)
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
        ports.stop()


class Watched:
    """A daemon with all its threads, and systemd's end of its socket; the test feeds by hand."""

    def __init__(self, folder: Path, config: LockerConfig) -> None:
        replace = msgspec.structs.replace
        state, probe = folder / "state", ProbeTable(device="28-1", compartments=(1,))
        self.config = replace(
            config,
            edge=EdgeTable(state=str(state)),
            kiosk=KioskTable(port=0),
            scanner=replace(config.scanner, port=str(folder / "scanner")),
            banks=tuple(replace(bank, port=str(folder / "lock-bus")) for bank in config.banks),
            probes=config.probes or (probe,),
            climate=ClimateTable(devices=str(folder)),
        )
        state.mkdir()
        known, _ = provisioned(config.locker.id)
        (state / "provision.json").write_bytes(msgspec.json.encode(known.provision))
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listening.bind(os.environ["NOTIFY_SOCKET"])
        self._listening.setblocking(False)
        self.daemon = Daemon(self.config)
        self.daemon._ports.start()
        self.daemon._probes.start()
        self.daemon._be_reachable()

    def fed(self) -> bool:
        """Let the daemon do what its loop does now and then; say whether systemd was told."""
        self.daemon._feed_at = 0.0
        self.daemon._feed()
        words = b""
        try:
            while True:
                words = self._listening.recv(4096)
        except BlockingIOError:
            return words.startswith(b"WATCHDOG=1")

    def close(self) -> None:
        """End all threads."""
        for part in (self.daemon._kiosk, self.daemon._link, self.daemon._ports):
            part.stop()
        self.daemon._probes.stop()
        self.daemon.drive.parts.journal.close()
        self.daemon._systemd.close()
        self._listening.close()


Watch = Callable[[LockerConfig], Watched]


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Make a daemon that systemd watches."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    running: list[Watched] = []

    def make(config: LockerConfig) -> Watched:
        running.append(Watched(tmp_path, config))
        return running[-1]

    yield make
    for one in running:
        one.close()


def test_a_daemon_whose_plugs_are_all_pulled_and_whose_broker_is_away_is_fed(watch: Watch) -> None:
    watched = watch(CONFIG)
    assert all(watched.fed() for _ in range(3))


@pytest.mark.parametrize("part", ["port scanner", "port lock-bus", "probes"])
def test_a_thread_that_ended_by_an_error_starves_the_watchdog(
    watch: Watch, tmp_path: Path, died: list[str], lay_line: Laid, part: str
) -> None:
    replace = msgspec.structs.replace
    banks = tuple(replace(bank, baud=IMPOSSIBLE_BAUD) for bank in CONFIG.banks)
    ending = {
        "port scanner": replace(CONFIG, scanner=replace(CONFIG.scanner, baud=IMPOSSIBLE_BAUD)),
        "port lock-bus": replace(CONFIG, banks=banks),
        # No file can have such a name.
        "probes": replace(CONFIG, probes=(ProbeTable(device="28-\0", compartments=(1,)),)),
    }
    lay_line("scanner")
    lay_line("lock-bus")
    watched = watch(ending[part])
    wait_for("starved", lambda: not watched.fed())
    assert not any(watched.fed() for _ in range(3))
    name = part.replace("port ", f"port {tmp_path}/")
    assert (watched.daemon._dead, died) == ((name,), [name])


@pytest.mark.parametrize("part", ["kiosk", "link"])
def test_without_the_thread_of_a_part_the_watchdog_starves(watch: Watch, part: str) -> None:
    watched = watch(CONFIG)
    assert watched.fed()
    {"kiosk": watched.daemon._kiosk.stop, "link": watched.daemon._link.stop}[part]()
    assert not any(watched.fed() for _ in range(3))
    assert watched.daemon._dead == (part,)


@pytest.mark.parametrize("part", ["lock lines", "scanner"])
def test_a_deadline_that_is_long_past_starves_the_watchdog_until_it_is_met(
    watch: Watch, part: str
) -> None:
    watched = watch(CONFIG)
    drive, config = watched.daemon.drive, watched.config
    ports = {"lock lines": config.banks[0].port, "scanner": config.scanner.port}
    long_ago = Instant(time.monotonic() - 2 * STALE_S, datetime.now(UTC), trusted=True)
    drive.drive(PortUp(ports[part]), long_ago)
    due = {"lock lines": drive.lines.wake_at, "scanner": drive.reader.wake_at}
    assert due[part] < time.monotonic() - STALE_S
    assert not any(watched.fed() for _ in range(3))
    assert watched.daemon._dead == (part,)
    drive.drive(Tick(), watched.daemon._clock.now())
    assert watched.fed()


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
