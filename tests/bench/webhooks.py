"""Webhooks to a hundred endpoints of which ten are bad: from the record to the receipt.

The real server, reservations over HTTP, SQLite. What is timed begins with `recorded_at`, which lies
a little before the commit, and ends when the endpoint has read the request. The limit is a bare
POST of the same size to the same endpoints.
"""

import http.client
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fellesskap_backend import db
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.db import Moment
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks import service
from tests.backend.receivers import (
    Behaviour,
    Receivers,
    answers,
    drips,
    floods,
    hangs,
    redirects,
    takes,
)
from tests.bench.backend import LOCKERS, put_up_lockers
from tests.bench.callers import Caller
from tests.bench.figures import Figure, figure, p50_p99, progress
from tests.bench.watch import pause_until
from tests.system.house import installation, wait_for

BAD: tuple[Behaviour, ...] = (hangs, hangs, drips, drips, redirects, floods) + (answers,) * 4
GOOD = 90
EVERY_S = 0.02
"""Between two reservations; each is one webhook."""
POSTS = 300
BODY_BYTES = 500


def measure(folder: Path, events: int) -> list[Figure]:
    """Reserve for all carriers in turn; return how soon the good endpoints hear of it."""
    root = folder / "house"
    settings = Settings(state=root / "backend")
    put_up_lockers(settings)
    kinds = [(f"bad-{number}", kind) for number, kind in enumerate(BAD)]
    receivers = Receivers([*kinds, *((f"good-{number}", takes) for number in range(GOOD))])
    try:
        keys = _subscribe(settings, receivers)
        with installation(root) as house:
            for number in progress(range(events), "webhooks: ten bad among a hundred", events):
                begun = time.monotonic()
                _reserve(house.url, keys[number % len(keys)], number)
                pause_until(begun + EVERY_S)
            expected = sum(number % len(keys) >= len(BAD) for number in range(events))
            good = [one for name, one in receivers.endpoints.items() if name.startswith("good")]
            wait_for("the good ones", lambda: sum(len(one.came) for one in good) >= expected, 120)
        late = [
            (came.at - datetime.fromisoformat(came.told["recorded_at"])).total_seconds()
            for one in good
            for came in one.came
        ]
        bare = _posts_s(receivers)
    finally:
        receivers.close()
    return [figure("webhook.healthy_p99_s", p50_p99(late)[1], "s", p50_p99(bare)[1])]


def _subscribe(settings: Settings, receivers: Receivers) -> list[str]:
    """Make a carrier for each endpoint; return their API keys, those of the bad ones first."""
    engine = db.engine(settings)
    keys = []
    with db.writing(engine) as session:
        for name in receivers.endpoints:
            moment = Moment(datetime.now(UTC))
            carrier_id, key = carriers.add_carrier(session, name, moment)
            wish = service.Wish(frozenset(), receivers.url(name))
            service.add(session, carrier_id, wish, moment=moment)
            keys.append(key)
    engine.dispose()
    return keys


def _reserve(url: str, key: str, number: int) -> None:
    caller = Caller(url, {"Authorization": f"Bearer {key}"})
    asked = {
        "locker_id": f"bench-{number % LOCKERS}",
        "label": {"kind": "reference", "value": f"BENCH-{number:06d}"},
        "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
        "deposit_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        "collect_within": "P3D",
    }
    answered = caller.post("/v1/reservations", asked)
    assert answered.status == 201, answered.body
    caller.close()


def _posts_s(receivers: Receivers) -> list[float]:
    """Time bare POSTs on kept connections, in s."""
    body = b'{"filler":"' + b"x" * BODY_BYTES + b'"}'
    lines = [
        http.client.HTTPConnection("127.0.0.1", receivers.port(f"good-{number}"))
        for number in range(10)
    ]
    spent = []
    for number in range(POSTS):
        line = lines[number % len(lines)]
        begun = time.perf_counter()
        line.request("POST", "/hook", body)
        line.getresponse().read()
        spent.append(time.perf_counter() - begun)
    for line in lines:
        line.close()
    return spent
