"""The edge alone and offline: from a scan or a code to the unlock frame; its size and start.

The daemon starts with a store of 500 live rights and no broker to reach. 24 doors on one board,
20 of them promised to hard claims of parcels that never come. Each sample finds a quiet bus and
a lock that has cooled: the same one pulsed again within `lock_cooldown_s` waits for that.
"""

import time
from pathlib import Path

import apsw

from fellesskap_edge import facts
from fellesskap_edge.config import Limits
from fellesskap_protocol.codes import mac
from fellesskap_protocol.messages import Right
from tests.bench.callers import Caller
from tests.bench.figures import BUDGETS, Figure, figure, progress, spread
from tests.bench.limits import commits_ms
from tests.bench.watch import Watch, pause_until
from tests.system.brokers import Broker
from tests.system.house import Locker, locker_toml
from tests.system.thin_backend import ThinBackend

LOCKER_ID = "bench-1"
LIVE_RIGHTS, PROMISED = 500, 20
RIGHTS_A_MESSAGE = 50
OPEN_S = 0.2
"""How long a door stands open: just long enough to be seen at 150 ms a poll."""
SHUT_SEEN_S = 0.3
"""A shutting counts when two polls in a row have read it."""
UNLOCK_FRAME_MS = 5 * 10 / 9600 * 1000
"""Five bytes of ten bits at 9600 baud."""
COMMITS = 500


def measure(folder: Path, samples: int) -> list[Figure]:
    """Deposit and collect again and again; return the edge's figures."""
    locker = Locker(folder / LOCKER_ID, locker_toml(LOCKER_ID))
    try:
        coming = _grant(folder, locker, samples)
        edge = locker.start()
        scans, codes = _play(locker, samples)
        rss_mb = _rss_mb(edge.pid)
    finally:
        locker.stop()
    bodies = _authorisation(locker.folder / "state" / "journal.sqlite", coming)
    limits = [ms + UNLOCK_FRAME_MS for ms in commits_ms(folder, bodies, COMMITS)]
    return [
        *spread("edge.scan_to_pulse", scans, limits),
        *spread("edge.code_to_pulse", codes, limits),
        figure("edge.rss_mb", rss_mb, "MB", BUDGETS["edge.rss_mb"][1]),
        figure("edge.ready_s", edge.ready_s, "s", BUDGETS["edge.ready_s"][1]),
    ]


def _grant(folder: Path, locker: Locker, samples: int) -> Right:
    """Give the daemon its rights over a real broker, then take both away; return one right."""
    broker = Broker("nats", folder / "broker").start()
    backend = ThinBackend(broker.login("backend"), LOCKER_ID)
    try:
        locker.provision(backend.provision(locker.identity(), broker.login("locker")))
        edge = locker.start()
        coming = [
            backend.claim(number, f"opaque:{_label(number)}", _code(number), hold="soft")
            for number in range(samples)
        ]
        promised = [
            backend.claim(number, f"opaque:{_label(number)}", _code(number))
            for number in range(samples, samples + PROMISED)
        ]
        others = [_collect(backend, number) for number in range(LIVE_RIGHTS - PROMISED)]
        rights = [_allowance(samples), *coming, *promised, *others]
        for at in range(0, len(rights), RIGHTS_A_MESSAGE):
            backend.grant(*rights[at : at + RIGHTS_A_MESSAGE])
        edge.stop()
    finally:
        backend.close()
        broker.stop()
    return coming[0]


def _allowance(units: int) -> Right:
    """What the soft claims draw on."""
    return Right(
        id="01930000-0000-7000-d000-000000000001", kind="allowance", size_class="S", granted=units
    )


def _label(number: int) -> str:
    return f"BENCH-{number:06d}"


def _code(number: int) -> str:
    """Return the twelve digits of a parcel."""
    return f"{(number * 7_919_000_773 + 12_345_678_901) % 10**12:012d}"


def _collect(backend: ThinBackend, number: int) -> Right:
    """Make a live collect right that nobody uses."""
    return Right(
        id=f"01930000-0000-7000-b000-{number:012d}",
        kind="collect",
        carrier_id="01930000-0000-7000-9000-000000000001",
        parcel_id=f"01930000-0000-7000-c000-{number:012d}",
        code_mac=mac(backend.k_locker, "code", f"{number:08d}"),
        long_code_mac=mac(backend.k_locker, "long_code", f"{number:012d}"),
        label_macs=(mac(backend.k_locker, "label", f"opaque:OTHER-{number}"),),
    )


def _play(locker: Locker, samples: int) -> tuple[list[float], list[float]]:
    """Put in and take out, each when the bus is quiet; return scans and codes to pulse, in ms."""
    watch = Watch(locker.hardware)
    scans: list[float] = []
    codes: list[float] = []
    watch.quiet(0.0)
    for number in progress(range(samples), "edge: scans and codes", samples):
        locker.hardware.person("put_in", open_s=OPEN_S)
        held = time.monotonic()
        locker.hardware.scan(_label(number))
        scans.append(_pulse_ms(watch, watch.after("scanned", held)))
        locker.hardware.person("take_out", open_s=OPEN_S)
        # The kiosk keeps an idle connection for 5 s: less than two coolings.
        kiosk = Caller(str(locker.kiosk.base_url))
        answer = kiosk.post("/api/code", {"code": _code(number)[:8]})
        kiosk.close()
        assert answer.body["outcome"] == "opens", answer
        codes.append(_pulse_ms(watch, answer.begun))
    return scans, codes


def _pulse_ms(watch: Watch, begun: float) -> float:
    """Return how long after `begun` the board had the frame, once everything is quiet again."""
    pulsed = watch.after("pulse_started", begun)
    watch.quiet(watch.after("door_shut", pulsed) + SHUT_SEEN_S)
    pause_until(pulsed + Limits().lock_cooldown_s)
    return (pulsed - begun) * 1000


def _rss_mb(pid: int) -> float:
    """Return a process's resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def _authorisation(journal: Path, right: Right) -> list[bytes]:
    """Return what one authorisation commits: its two events as stored, its operation as a fact."""
    database = apsw.Connection(str(journal))
    stored = [bytes(body) for (body,) in database.execute("SELECT body FROM events ORDER BY seq")]
    database.close()
    events = [next(body for body in stored if kind in body) for kind in (b"presented", b"pulsed")]
    operation = facts.Operation("01930000-0000-7000-d000-000000000000", "deposit", right)
    return [*events, facts.encode(operation)]
