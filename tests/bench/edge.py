"""The edge alone and offline, on a quiet bus: from a scan or a code to the unlock frame; its size.

The daemon starts with a store of 500 live rights and no broker to reach. 24 doors on one board,
20 of them promised to hard claims of parcels that never come. Each sample finds a quiet bus and
a lock that has cooled: the same one pulsed again within `lock_cooldown_s` waits for that.
"""

import time
from pathlib import Path

from fellesskap_edge.config import Limits
from tests.bench.callers import Caller
from tests.bench.figures import BUDGETS, Figure, figure, progress, spread
from tests.bench.offline import LOCKER_ID, best_to_pulse_ms, code, grant, label
from tests.bench.watch import Watch, pause_until
from tests.system.house import Locker, locker_toml

PROMISED = 20
OPEN_S = 0.2
"""How long a door stands open: just long enough to be seen at 150 ms a poll."""
SHUT_SEEN_S = 0.3
"""A shutting counts when two polls in a row have read it."""


def measure(folder: Path, samples: int) -> list[Figure]:
    """Deposit and collect again and again; return the edge's figures."""
    locker = Locker(folder / LOCKER_ID, locker_toml(LOCKER_ID))
    try:
        coming = grant(folder, locker, soft=samples, hard=PROMISED)
        edge = locker.start()
        scans, codes = _play(locker, samples)
        rss_mb = _rss_mb(edge.pid)
    finally:
        locker.stop()
    limits = best_to_pulse_ms(folder, locker, coming)
    return [
        *spread("edge.scan_to_pulse", scans, limits),
        *spread("edge.code_to_pulse", codes, limits),
        figure("edge.rss_mb", rss_mb, "MB", BUDGETS["edge.rss_mb"][1]),
        figure("edge.ready_s", edge.ready_s, "s", BUDGETS["edge.ready_s"][1]),
    ]


def _play(locker: Locker, samples: int) -> tuple[list[float], list[float]]:
    """Put in and take out, each when the bus is quiet; return scans and codes to pulse, in ms."""
    watch = Watch(locker.hardware)
    scans: list[float] = []
    codes: list[float] = []
    watch.quiet(0.0)
    for number in progress(range(samples), "edge: scans and codes", samples):
        locker.hardware.person("put_in", open_s=OPEN_S)
        held = time.monotonic()
        locker.hardware.scan(label(number))
        scans.append(_pulse_ms(watch, watch.after("scanned", held)))
        locker.hardware.person("take_out", open_s=OPEN_S)
        # The kiosk keeps an idle connection for 5 s: less than two coolings.
        kiosk = Caller(str(locker.kiosk.base_url))
        answer = kiosk.post("/api/code", {"code": code(number)[:8]})
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
