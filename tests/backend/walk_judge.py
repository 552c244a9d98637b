"""What must hold of a walk over the API; each check raises `AssertionError`.

By rules of our own, not by the code under test.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial

import httpx

from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right
from fellesskap_backend.webhooks import numbering
from fellesskap_protocol import messages
from tests.backend.honest_edge import Demand, Edge, all_served, demand_of
from tests.backend.walk import PATHS, Made, Walk, now, read_to

IN_CUSTODY = ("deposited", "overdue", "recalled", "disputed", "dropped_off")
CODES = {"code", "addition", "qr"}
LISTS = ("/v1/reservations", "/v1/parcels", "/v1/drop-offs")


def one_parcel_per_compartment(walk: Walk) -> None:
    """I1."""
    held = [one for one in walk.rows(Parcel) if one.state in IN_CUSTODY]
    twice = Counter((one.locker_id, one.compartment) for one in held)
    assert max(twice.values(), default=1) == 1, f"I1: {twice}"
    inside = {
        (edge.id, number): one.parcel_id
        for edge in walk.edges
        for number, one in edge.inside.items()
    }
    assert {(one.locker_id, one.compartment): str(one.id) for one in held} == inside, "I1"


def every_claim_can_be_served(walk: Walk) -> None:
    """I2, and I13: a low one by a low one; with all that the locker may give away meanwhile."""
    compartments = walk.rows(Compartment)
    claims = [one for one in walk.rows(Claim) if not one.released]
    wished = [one for one in walk.rows(Right) if not one.removed]
    for edge in walk.edges:
        free = [
            one.number
            for one in compartments
            if one.locker_id == edge.id and one.parcel_id is None and one.content != "parcel"
        ]
        demands = [
            Demand(one.h_mm, "low" in one.needs) for one in claims if one.locker_id == edge.id
        ]
        units = _units(edge, [one.body for one in wished if one.locker_id == edge.id])
        assert all_served([*demands, *units], free), f"I2: {demands} and {units} in {free}"


def _units(edge: Edge, wished: list[str]) -> list[Demand]:
    """Return what a locker may give away by itself: by what it knows, or by what it is to hear."""
    rights = [messages.decode(messages.Right, body) for body in wished]
    left: dict[str | None, int] = {}
    found: list[Demand] = []
    for one in (*rights, *edge.known.values()):
        if one.kind == "allowance":
            more = one.granted - edge.used[one.size_class or ""] - left.get(one.size_class, 0)
            found += [demand_of(one)] * more
            left[one.size_class] = left.get(one.size_class, 0) + max(more, 0)
    return found


def low_is_never_high(walk: Walk) -> None:
    """I13: what was asked for within reach is promised so, and lies so."""
    asked = {one.answer["parcel_id"]: one for one in walk.made}
    for parcel in walk.rows(Parcel):
        made = asked.get(str(parcel.id))
        if made is not None and "low" in made.body["needs"]:
            assert "low" in made.answer.get("needs", ["low"]), "I13: promised without it"
            assert parcel.compartment in (None, 2, 3), f"I13: lies in {parcel.compartment}"


def acknowledged_stays(walk: Walk) -> None:
    """I8: what was answered 201 is there, and what was acknowledged is in the ledger."""
    there = {str(one.id) for model in (Reservation, DropOff) for one in walk.rows(model)}
    missing = {one.answer["id"] for one in walk.made} - there
    assert not missing, f"I8: {missing}"
    recorded = {(one.locker_id, one.seq): one.body for one in walk.rows(Entry)}
    told = {(e.id, n): body for e in walk.edges for n, body in enumerate(e.hand.stored, start=1)}
    assert recorded == told, "I8: the ledger is not the journal"


def comes_back_as_it_was(walk: Walk) -> None:
    """I8: what was told before the power went is told after it, and each key has its answer."""
    _number(walk)
    before = _told(walk)
    walk.lose_power()
    after = _told(walk)
    changed = [path for path, said in before.items() if after[path] != said]
    assert not changed, f"I8: {changed}"
    for request in walk.requests:
        walk.again(request)
    one_key_one_effect(walk)


def _told(walk: Walk) -> dict[str, tuple[str, str]]:
    """Ask for everything that was ever acknowledged; return each answer with its ETag."""
    paths = [(one.carrier, path) for one in walk.made for path in (one.path, one.parcel_path)]
    paths += [(number, path) for number in (0, 1) for path in (*LISTS, walk.feed_from(number))]
    answers = {f"{path} of {who}": walk.carriers[who].get(path) for who, path in paths}
    assert all(one.status_code == 200 for one in answers.values()), "I8"
    return {path: (one.text, one.headers["etag"]) for path, one in answers.items()}


def one_key_one_effect(walk: Walk) -> None:
    """I9; codes are stored nowhere, so a repeated answer has those that are of use then."""
    for request, status, answer, written in walk.replays:
        first = request.answer | {name: answer.get(name) for name in CODES}
        assert status == request.status, f"I9: {request.key}"
        assert answer | dict.fromkeys(CODES - set(answer)) == first, f"I9: {request.key}"
        assert written == 0, f"I9: {request.path} acted again"
    done = Counter(one.label_value for one in walk.rows(Reservation))
    done.update(one.reference for one in walk.rows(DropOff))
    assert done == Counter(map(_name, walk.made)), "I9: effects and answers differ"


def newest_is_unseen(walk: Walk) -> None:
    """I10: the other's id answers as one that never was, and the feed holds one's own alone."""
    unknown = "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"
    for made in walk.made[-1:]:
        other = walk.carriers[1 - made.carrier]
        for path, folder in ((made.path, PATHS[made.kind]), (made.parcel_path, "/v1/parcels")):
            foreign, nothing = other.get(path), other.get(f"{folder}/{unknown}")
            assert foreign.status_code == nothing.status_code == 404, "I10"
            assert foreign.json() == nothing.json(), "I10"
    _number(walk)
    for number, carrier in enumerate(walk.carriers):
        foreign_ids = _foreign_ids(walk, number)
        for said in _news(carrier):
            assert not [one for one in foreign_ids if one in said], "I10: in the feed"


def lists_are_ones_own(walk: Walk) -> None:
    """I10, of all that there is."""
    for number, carrier in enumerate(walk.carriers):
        foreign_ids = _foreign_ids(walk, number)
        for path in LISTS:
            said = carrier.get(path, params={"limit": 200}).text
            assert not [one for one in foreign_ids if one in said], f"I10: in {path}"


def _foreign_ids(walk: Walk, carrier: int) -> set[str]:
    """Return the ids of what is another's, also of parcels that nobody told of before."""
    names = ("id", "parcel_id", "right_id", "decision_id")
    foreigners = [one.answer for one in walk.made if one.carrier != carrier]
    ids = {one[name] for one in foreigners for name in names if name in one}
    own = walk.carrier_ids[carrier]
    return ids | {str(one.id) for one in walk.rows(Parcel) if one.carrier_id != own}


def _number(walk: Walk) -> None:
    walk.api.change(partial(numbering.give_positions, moment=now()))


def _news(carrier: httpx.Client) -> Iterator[str]:
    """Read what the feed says since it was read last, in whichever walk."""
    key = carrier.headers["authorization"]
    while True:
        answer = carrier.get("/v1/events", params={"after": read_to[key]})
        if not answer.json()["events"]:
            return
        read_to[key] = answer.json()["next"]
        yield answer.text


AFTER_EACH_STEP = (
    one_parcel_per_compartment,
    every_claim_can_be_served,
    low_is_never_high,
    acknowledged_stays,
    one_key_one_effect,
    newest_is_unseen,
)


def _name(made: Made) -> str:
    """Return what its carrier calls it."""
    name: str = made.body["reference"] if made.kind == "drop_off" else made.body["label"]["value"]
    return name
