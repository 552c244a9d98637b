"""The edge alone: from a scan or a code to the unlock frame, journal on disk, 500 live rights."""

import threading
import time
from pathlib import Path

from fellesskap_protocol.codes import mac
from fellesskap_protocol.messages import Right
from tests.bench.figures import UNLOCK_FRAME_S, Figure, commits_ms, console, figure, p50_p99
from tests.system.brokers import Broker
from tests.system.house import Json, Locker, locker_toml, wait_for
from tests.system.thin_backend import ThinBackend

LOCKER_ID = "bench-1"
LIVE_RIGHTS = 500
READY_S_BUDGET, RSS_MB_BUDGET = 2.0, 80.0


class Watch:
    """What the hardware did, with its monotonic times."""

    def __init__(self, locker: Locker) -> None:
        self.rows: list[Json] = []
        self._facts = locker.hardware.watch()
        threading.Thread(target=self._keep, daemon=True).start()
        wait_for("the watch", lambda: self.rows)

    def _keep(self) -> None:
        for row in self._facts:
            self.rows.append(row)

    def after(self, fact: str, since: float) -> float:
        """Return when a fact came first after a time."""

        def probe() -> float | None:
            return next(
                (
                    row["mono_s"]
                    for row in reversed(self.rows)
                    if row["fact"] == fact and row["mono_s"] > since
                ),
                None,
            )

        return wait_for(fact, probe)


def code_of(number: int) -> str:
    """Return the twelve digits of a parcel."""
    return f"{(number * 7_919_000_773 + 12_345_678_901) % 10**12:012d}"


def collects(backend: ThinBackend, count: int) -> tuple[Right, ...]:
    """Make live collect rights that nobody uses."""
    return tuple(
        Right(
            id=f"01930000-0000-7000-b000-{number:012d}",
            kind="collect",
            carrier_id="01930000-0000-7000-9000-000000000001",
            parcel_id=f"01930000-0000-7000-c000-{number:012d}",
            code_mac=mac(backend.k_locker, "code", f"{number:08d}"),
            label_macs=(mac(backend.k_locker, "label", f"opaque:OTHER-{number}"),),
        )
        for number in range(count)
    )


def rss_mb(pid: int) -> float:
    """Return a process's resident memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def measure(folder: Path, samples: int) -> list[Figure]:
    """Deposit and collect again and again; return the edge's figures."""
    broker = Broker("nats", folder / "broker").start()
    locker = Locker(folder / LOCKER_ID, locker_toml(LOCKER_ID))
    backend = ThinBackend(broker.login("backend"), LOCKER_ID)
    locker.provision(backend.provision(locker.identity(), broker.login("locker")))
    edge = locker.start()
    scans, codes = [], []
    try:
        others = collects(backend, LIVE_RIGHTS - 1)
        for at in range(0, len(others), 60):
            backend.grant(*others[at : at + 60])
        watch = Watch(locker)
        for number in range(samples):
            console.print(f"edge: {number + 1} of {samples}", end="\r")
            label = f"BENCH-{number:06d}"
            backend.grant(backend.claim(number, f"opaque:{label}", code_of(number)))
            scans.append(_one(locker, watch, "put_in", label))
            codes.append(_one(locker, watch, "take_out", None, code_of(number)[:8]))
        memory = rss_mb(edge.pid)
    finally:
        locker.stop()
        backend.close()
        broker.stop()
    best50, best99 = p50_p99([ms + UNLOCK_FRAME_S * 1000 for ms in commits_ms(folder, 300)])
    figures = []
    for name, values in (("scan", scans), ("code", codes)):
        p50, p99 = p50_p99(values)
        figures.append(figure(f"edge.{name}_to_pulse_p50_ms", p50, "ms", best50))
        figures.append(figure(f"edge.{name}_to_pulse_p99_ms", p99, "ms", best99))
    figures.append(figure("edge.rss_mb", memory, "MB", RSS_MB_BUDGET))
    figures.append(figure("edge.ready_s", edge.ready_s, "s", READY_S_BUDGET))
    return figures


def _one(
    locker: Locker, watch: Watch, act: str, label: str | None, code: str | None = None
) -> float:
    """Cause one opening; return the time from cause to pulse in ms, after the door is shut."""
    locker.hardware.person(act, open_s=0.3)
    begun = time.monotonic()
    if label is not None:
        locker.hardware.scan(label)
        begun = watch.after("scanned", begun)
    else:
        assert locker.enter(code or "")["outcome"] == "opens"
    pulsed = watch.after("pulse_started", begun)
    shut = watch.after("door_shut", begun)
    # The board is asked every 150 ms, and a shutting counts when it is read twice.
    _settled(watch, shut)
    return (pulsed - begun) * 1000


def _settled(watch: Watch, shut: float) -> None:
    """Wait until the supply has rested and the daemon has seen the door shut."""
    wait_for(
        "polls after the shutting",
        lambda: sum(row["fact"] == "reply" and row["mono_s"] > shut for row in watch.rows) >= 2,
    )
    wait_for("the supply's rest", lambda: time.monotonic() > shut + 0.6)
