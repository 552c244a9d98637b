"""I10 at cut-offs: a carrier learns nothing of a rival but by its own answers."""

from pathlib import Path
from typing import Any

import msgspec

from fellesskap_backend import db
from fellesskap_backend.receipts import service as receipts
from fellesskap_backend.receipts.closing import close_next
from fellesskap_backend.receipts.hours import HOUR, WAIT
from fellesskap_backend.reservations.tables import Reservation
from tests.backend.crowd import CUT_OFF, NOON, SECOND, Town, two_alike
from tests.backend.worlds import masked

WEIGHTS = {"north": 3, "south": 2, "west": 1}


def seen(town: Town, who: str, locker_id: str) -> list[str]:
    """Return all that a carrier is told of a locker: notices, and its decisions with receipts.

    Without ids that are given by chance, hashes and places: each as a text.
    """
    given = {
        str(getattr(row, name)): f"{name} of {row.label_value}"
        for row in town.rows(Reservation)
        for name in ("parcel_id", "right_id", "decision_id", "id")
    }
    notices = [one for one in town.told(who) if one[1]["locker_id"] == locker_id]
    texts = [
        msgspec.json.encode(one).decode() for one in (*notices, *_decisions(town, who, locker_id))
    ]
    for one, name in given.items():
        texts = [text.replace(one, name) for text in texts]
    return sorted(texts)


def _decisions(town: Town, who: str, locker_id: str) -> list[Any]:
    """Read as `/v1/decisions` shows them, before their hour's tree is made and after it."""
    rows = [row for row in town.rows(Reservation) if row.locker_id == locker_id]
    own = [row.decision_id for row in rows if row.carrier_id == town.ids[who]]
    found: list[Any] = []
    for _ in range(2):
        with db.reader(town.engine) as session:
            found += [receipts.find(session, town.keys[who], one) for one in own]
        at = town.moment(CUT_OFF + HOUR + WAIT)
        town.run(lambda session, at=at: close_next(session, at, secrets=town.secrets))
    return [masked(one) for one in found]


def test_a_carrier_learns_nothing_of_a_rival_but_by_its_own_answers(
    tmp_path: Path, migrated: Path
) -> None:
    """Two worlds that differ in a rival's requests alone: how many, when, and how they ended."""
    states = [tmp_path / name for name in ("one", "other")]
    with two_alike(states, migrated, WEIGHTS) as twins:
        for town, rivals in zip(twins, (0, 9), strict=True):
            _ask(town, rivals)
        one, other = (seen(town, "south", "worlds") for town in twins)
    assert one == other
    assert len(one) == 4 + 4
    assert sum('"receipt":null' in text for text in one) == 2
    assert all('"batch":{' in text for text in one if '"receipt"' in text)


def _ask(town: Town, rivals: int) -> None:
    town.put_up("worlds", 10)
    for number in range(rivals):
        town.ask("north", f"R-{number}", "worlds", NOON - SECOND)
    town.ask("south", "mine-0", "worlds")
    for number in range(rivals, 2 * rivals):
        town.ask("north", f"R-{number}", "worlds", NOON + SECOND)
    town.ask("south", "mine-1", "worlds", NOON + 2 * SECOND)
    town.cut()
