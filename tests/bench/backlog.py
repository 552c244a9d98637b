"""How fast what was journalled offline reaches a backend that acknowledges it, over a real broker.

The daemon is started without a broker; somebody types wrong codes at its kiosk until there are
events enough. Then broker and backend are there, and the time runs from the acknowledged birth to
the acknowledgement of the last event. The limit is the same without a daemon: the same batches
signed, verified, read and acknowledged, one after the other, each with one bare round trip of that
size over the broker.
"""

import os
import time
from pathlib import Path
from statistics import mean, median

from fellesskap_protocol.messages import Ack, Batch, Birth, decode_event
from fellesskap_protocol.signing import SigningKey, seal, unseal
from tests.bench.callers import Caller
from tests.bench.figures import Figure, figure, progress
from tests.bench.limits import ping_pongs_ms
from tests.bench.offline import LOCKER_ID, code
from tests.system.brokers import Broker
from tests.system.house import Json, Locker, locker_toml, wait_for
from tests.system.thin_backend import ThinBackend

PINGS = 100
DRAIN_S_MAX = 120.0


class _Clocked(ThinBackend):
    """Notes when it had recorded how much, as it acknowledges."""

    def __init__(self, login: Json, locker_id: str) -> None:
        self.recorded_at: list[tuple[int, float]] = []
        super().__init__(login, locker_id)

    def ack(
        self, answered: Birth | Batch, *, seq: int | None = None, challenge: str | None = None
    ) -> None:
        """Acknowledge, and note the time."""
        super().ack(answered, seq=seq, challenge=challenge)
        self.recorded_at.append((len(self.events), time.monotonic()))

    def had(self, count: int) -> float | None:
        """Return when it had acknowledged so many events; None if it has not."""
        return next((at for events, at in self.recorded_at if events >= count), None)


def measure(folder: Path, samples: int) -> list[Figure]:
    """Journal so many events offline, and let them drain; return how many a second."""
    locker = Locker(folder / LOCKER_ID, locker_toml(LOCKER_ID))
    broker = Broker("nats", folder / "broker").start()
    backend = _Clocked(broker.login("backend"), LOCKER_ID)
    try:
        locker.provision(backend.provision(locker.identity(), broker.login("locker")))
        broker.stop()
        _journal(locker, samples)
        broker.start()
        locker.start()
        begun = wait_for("an acknowledged birth", lambda: backend.had(0))
        events = backend.births[0].head_seq
        assert events >= samples, events
        ended = wait_for("the whole backlog", lambda: backend.had(events), DRAIN_S_MAX)
        best_s = _best_s(backend, broker)
    finally:
        locker.stop()
        backend.close()
        broker.stop()
    name = "edge.backlog_drain_events_per_s"
    return [figure(name, events / (ended - begun), "1/s", events / best_s)]


def _journal(locker: Locker, count: int) -> None:
    """Let the daemon journal wrong codes, each as it is typed, with nobody to tell of them."""
    edge = locker.start()
    kiosk = Caller(str(locker.kiosk.base_url))
    for number in progress(range(count), "edge: events journalled offline", count):
        answer = kiosk.post("/api/code", {"code": code(number)[:8]})
        assert answer.body["outcome"] in ("refused", "long_code_needed"), answer
    kiosk.close()
    edge.stop()


def _best_s(backend: ThinBackend, broker: Broker) -> float:
    """Return how long the same batches take without a daemon, one after the other."""
    key = SigningKey(os.urandom(32))
    keys = {key.kid: key.public}
    sizes = []
    begun = time.perf_counter()
    for batch in backend.batches:
        token = seal(batch, key)
        sizes.append(len(token))
        for stored in unseal(Batch, token, keys, aud=batch.aud).events:
            decode_event(stored)
        ack = Ack(
            iat=batch.iat,
            iss=batch.aud,
            aud=batch.iss,
            epoch=batch.epoch,
            boot_id=batch.boot_id,
            session=batch.session,
            challenge=None,
            acked_seq=batch.first_seq,
            verdict="ok",
            protocol=1,
        )
        unseal(Ack, seal(ack, key), keys, aud=ack.aud)
    alone_s = time.perf_counter() - begun
    pings = ping_pongs_ms(broker.login("backend"), PINGS, there_bytes=round(mean(sizes)))
    return alone_s + len(sizes) * median(pings) / 1000
