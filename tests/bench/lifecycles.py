"""Whole parcels on PostgreSQL: manifests, thin signed edges, webhooks delivered and verified.

Reserved over HTTP, the rights sent to the lockers, put in, collected as soon as the backend lets
it, told to the carrier. The clock runs from the first manifest to the last webhook. The limit is
the same rows of all tables by COPY, with nothing around it.
"""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from standardwebhooks.webhooks import Webhook

from tests.backend.receivers import Endpoint, Receivers, takes
from tests.bench.callers import per_second
from tests.bench.cluster import LIMIT, Cluster, cluster
from tests.bench.figures import Figure, console, figure
from tests.bench.fleet import Fleet
from tests.bench.limits import copied_per_s
from tests.bench.manifests import AT_A_LOCKER, OF_PARCELS, PARCELS, manifest
from tests.bench.thin_edge import ThinEdge
from tests.system.brokers import Broker
from tests.system.house import Installation, wait_for

WARM = 1
WEBHOOKS = ("parcel.deposited", "parcel.collected")
WEBHOOKS_S_MAX = 300.0
WRITTEN = (
    *("carriers", "webhook_subscriptions", *OF_PARCELS, "answers"),
    *("ledger", "authorisations", "deliveries"),
)
"""Where rows come, what refers to others after them."""


def measure(folder: Path, calls: int) -> list[Figure]:
    """Lead the parcels of so many manifests through their lives; return how many a second."""
    parcels = (WARM + calls) * PARCELS
    broker = Broker("nats", folder / "broker").start()
    receivers = Receivers([("nordpost", takes)])
    try:
        with cluster(folder) as made:
            fleet = Fleet(made.settings, broker, parcels // AT_A_LOCKER)
            try:
                with made.house(broker) as house:
                    spent = _lead(made, house, fleet, receivers)
                    _check(made, parcels)
            finally:
                fleet.close()
            made.empty_copy()
            best = copied_per_s(made.dsn(), made.dsn(LIMIT), WRITTEN, PARCELS, of=parcels)
    finally:
        receivers.close()
        broker.stop()
    return [figure("backend.lifecycles_per_s", calls * PARCELS / spent, "1/s", best)]


def _lead(made: Cluster, house: Installation, fleet: Fleet, receivers: Receivers) -> float:
    """Lead all lives; return how long those after the warm-up took, in s."""
    _, added = house.carrier("Nordpost", receivers.url("nordpost"))
    verified = _Verified(receivers["nordpost"], added["webhook_secret"])
    fleet.each(ThinEdge.connect)
    fleet.run("every locker is commissioned", lambda: fleet.owes == 0)
    for one in fleet.edges.values():
        one.collects = True
    calls = len(fleet.edges) * AT_A_LOCKER // PARCELS
    load = [manifest(house.url, added["api_key"], number) for number in range(calls)]
    console.print(f"backend: {(calls - WARM) * PARCELS} whole lives")
    begun = 0.0
    for some, parcels in ((load[:WARM], WARM * PARCELS), (load[WARM:], calls * PARCELS)):
        with made.connect() as connection:
            connection.execute("VACUUM ANALYZE")
        begun = time.monotonic()
        with ThreadPoolExecutor(1) as caller:
            posting = caller.submit(per_second, house.url, some, 1, 200)
            fleet.run("every parcel is collected", _collected(fleet, parcels))
            posting.result()
        wait_for("every webhook", partial(verified.have, parcels), WEBHOOKS_S_MAX)
    return time.monotonic() - begun


def _collected(fleet: Fleet, parcels: int) -> Callable[[], bool]:
    def are() -> bool:
        return sum(one.collected for one in fleet.edges.values()) == parcels and not fleet.owes

    return are


class _Verified:
    """What an endpoint got, each signature checked: how many parcels of each type."""

    def __init__(self, endpoint: Endpoint, secret: str) -> None:
        self._endpoint, self._webhook = endpoint, Webhook(secret)
        self._seen = 0
        self._told: set[tuple[str, str]] = set()

    def have(self, parcels: int) -> bool:
        """Check what came since; say whether each parcel was told of by both types."""
        came = self._endpoint.came[self._seen :]
        for one in came:
            told = self._webhook.verify(one.body, one.headers)
            self._told.add((told["type"], told["data"]["parcel_id"]))
        self._seen += len(came)
        types = Counter(kind for kind, _ in self._told)
        return all(types[kind] == parcels for kind in WEBHOOKS)


def _check(made: Cluster, parcels: int) -> None:
    assert made.count("SELECT count(*) FROM parcels WHERE state = 'collected'") == parcels
    assert made.count("SELECT count(*) FROM parcels") == parcels
    assert made.count("SELECT count(*) FROM ledger WHERE unapplied IS NOT NULL") == 0
