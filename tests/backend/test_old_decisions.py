"""I15: what was decided once is derived for ever, to the byte (`golden/decisions.jsonl`, frozen).

Two lockers: who came first, then two versions of `fair-share`, with a reviewed quota in one; one
through the hours in which less and less is kept; three that decided two days at cut-offs. If this
test fails, a version that is in force decides otherwise than it did: that is a new version of the
policy, never a new file.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions.desk import Desk, Live, Place, Wanted
from fellesskap_backend.decisions.policy import Request
from fellesskap_backend.decisions.record import Head, Link, altered, digest
from fellesskap_backend.decisions.replay import Fold, runs
from fellesskap_backend.decisions.rules import Rules
from fellesskap_backend.receipts.checking import derived
from tests.backend import decided, decided_days
from tests.backend.decided_days import STANDINGS
from tests.backend.fair import BOX, locker
from tests.backend.ruled import row_of
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden/decisions.jsonl"
SINCE = datetime(2027, 3, 1, 8, tzinfo=UTC)
EACH, ASKED = 50, 17
SEEDS = (4, 5, 19)
"""Such that every round of a batch gives something."""
KEYS = {date(2027, 3, day): bytes([day]) * 32 for day in (2, 3)}
"""Of the days of cut-offs."""


class Row(NamedTuple):
    """One line of the file."""

    locker_id: str
    number: int
    body: str


def rows() -> list[Row]:
    return [Row(**json.loads(line)) for line in GOLDEN.read_text().splitlines()]


def made() -> Iterator[Row]:
    """Make the file: it is written once."""
    policies = [
        FairShare(version=n, in_force_from=SINCE + timedelta(hours=n), guaranteed_permille=500 + n)
        for n in (1, 2)
    ]
    for locker_id in ("city-1", decided.REVIEWED):
        log = decided.log(locker_id, policies, SINCE, timedelta(hours=4) / (EACH + 1))
        for row, _ in islice(log, EACH):
            yield Row(locker_id, row["number"], row["body"])
    yield from noon(policies[0])
    for seed in SEEDS:
        rng = random.Random(seed)
        for one in decided_days.days(f"busy-{seed}", rng, ASKED, list(KEYS), KEYS.__getitem__):
            yield Row(f"busy-{seed}", one.number, one.row["body"])


def noon(policy: FairShare) -> Iterator[Row]:
    """Let who is entitled to nothing ask each hour, while less and less is kept for the others."""
    every = list(locker("S" * 16))
    head = Head()
    claims: list[Live] = []
    for hour in range(10, 15):
        now = datetime(2027, 3, 2, hour - 1, 30, tzinfo=UTC)
        rules = Rules(row_of(policy).body, "2027-03-02", STANDINGS)
        place = Place("noon", every=every, usable=every, head=head, claims=[*claims], rules=rules)
        desk, rng = Desk(place, now), random.Random(hour)
        for _ in range(4):
            wanted = Wanted(decided.CARRIERS[4], Request(BOX["S"].demand(900), "hard"), {}, 5)
            made = desk.decide(wanted, Moment(now, rng.randbytes))
            yield Row("noon", made.number, made.row["body"])
            if made.use is not None:
                claims.append(Live(made.number, wanted.request.demand, made.use, chained=True))
        head = desk.head


def test_decisions_of_old_are_derived_again_to_the_byte() -> None:
    if not GOLDEN.exists():
        text = "".join(json.dumps(row._asdict()) + "\n" for row in made())
        assert_golden(GOLDEN, text, frozen=True)
    count = 0
    for locker_id, chain in groupby(rows(), key=lambda row: row.locker_id):
        links = list(chain)
        head = Head(links[-1].number, digest(links[-1].body.encode()))
        beside = {"locker_id": locker_id}
        assert not list(altered((Link(*row[1:], beside) for row in reversed(links)), head))
        fold = Fold(KEYS.__getitem__)
        for run in runs(links):
            assert derived(fold, run, ()) == [[] for _ in run.links], (locker_id, run.first)
            count += len(run.links)
    assert count == 2 * EACH + 20 + 2 * ASKED * len(SEEDS)


def test_they_are_of_every_kind() -> None:
    said = [json.loads(row.body) for row in rows()]
    outcomes = Counter(one["outcome"] for one in said)
    assert outcomes.keys() == {
        *("confirmed", "locker_full", "quota_exceeded", "duplicate_parcel"),
        *("no_fitting_compartment", "no_accessible_compartment"),
    }
    assert {one["policy"] for one in said} == {"first-come v0", "fair-share v1", "fair-share v2"}
    parts = {one["part"] for one in said if "part" in one}
    assert parts == {None, "guaranteed", "commons", "lent", "accessible"}
    assert any("held_for_s" in one for one in said)
    assert {len(one["basis"]["lying"]) > 0 for one in said if "batch" in one} == {True, False}
