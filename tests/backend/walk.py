"""A fleet in miniature for walks over the API: two carriers, two lockers that tell the truth.

The lockers are honest edges in a dozen lines: they know the rights that they applied, choose a
compartment as edges do, and journal what happened. What is right is judged here by rules of our
own, not by the code under test.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from sqlalchemy import select

from fellesskap_backend import db, deadlines
from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers import lost
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right
from fellesskap_backend.webhooks import numbering
from fellesskap_protocol import events, messages
from fellesskap_protocol.capacity import Compartment as Box
from tests.backend.api import Api, label
from tests.backend.lockers import HandLocker

DOORS = ((1, 110, 1500), (2, 110, 400), (3, 240, 500))
"""Number, inner height and floor in mm: a high one, a low one, a large low one."""
IN_CUSTODY = ("deposited", "overdue", "recalled", "disputed", "dropped_off")
_read_to: Counter[str] = Counter()
"""How far each carrier has read its feed, by its key."""
_numbers = itertools.count(1)
Json = dict[str, Any]


class Demand(NamedTuple):
    height_mm: int
    is_low: bool


class Promise(NamedTuple):
    """One request for room and what it was answered."""

    carrier: int
    key: str
    body: Json
    status: int
    answer: Json


def boxes() -> tuple[Box, ...]:
    return tuple(
        Box(number, 440, height, 600, floor, floor + height, 20_000)
        for number, height, floor in DOORS
    )


def fits(demand: Demand, number: int) -> bool:
    """Our own rule: every parcel here is as broad as any door; height and reach decide."""
    _, height, floor = DOORS[number - 1]
    return demand.height_mm <= height and (
        not demand.is_low or (floor >= 380 and floor + height <= 1220)
    )


def all_served(demands: Sequence[Demand], doors: Iterable[int]) -> bool:
    """Say whether each demand gets a door of its own, by trying every way."""
    free = tuple(doors)
    if len(demands) > len(free):
        return False
    return any(
        all(fits(one, door) for one, door in zip(demands, chosen, strict=True))
        for chosen in itertools.permutations(free, len(demands))
    )


class Edge:
    """One locker: what it knows, what lies in it, and its journal."""

    def __init__(self, api: Api, locker_id: str) -> None:
        self.api, self.id = api, locker_id
        self.hand = HandLocker(api.secrets.installation, locker_id)
        self.hand.claim(api)
        self.known: dict[str, messages.Right] = {}
        self.inside: dict[int, messages.Right] = {}
        birth = self.hand.birth()
        api.change(lambda session: ledger.born(session, locker_id, birth, moment=_now()))
        self.tell(
            events.StoreCreated(reason="commissioned"),
            events.HardwareDescribed(compartments=boxes(), digest="d"),
        )

    def tell(self, *said: events.Event) -> None:
        """Journal, and let the backend record it."""
        first = len(self.hand.stored) + 1
        self.hand.add(*said)
        batch, secrets = self.hand.batch(first), self.api.secrets
        standing = self.api.change(
            lambda session: ledger.ingest(session, self.id, batch, moment=_now(), secrets=secrets)
        )
        assert standing.acked_seq == len(self.hand.stored)

    def apply(self) -> None:
        """Take over what is wished now, and say so."""
        with db.reader(self.api.engine) as session:
            revision = session.scalars(select(Locker.revision).where(Locker.id == self.id)).one()
            rows = session.scalars(select(Right).where(Right.locker_id == self.id)).all()
        rights = [messages.decode(messages.Right, one.body) for one in rows if not one.removed]
        self.known = {one.id: one for one in rights if not one.revoked and one.hold == "hard"}
        self.tell(events.RightsApplied(generation=1, revision=revision, used={}))

    def waiting(self) -> list[messages.Right]:
        """Return the rights by which something may be put in."""
        held = {one.id for one in self.inside.values()}
        return [one for one in self.known.values() if one.kind == "claim" and one.id not in held]

    def deposit(self, right: messages.Right) -> None:
        """Put a parcel where it costs no other claim its room: the smallest, lowest number."""
        others = [_demand(one) for one in self.waiting() if one.id != right.id]
        free = [number for number, *_ in DOORS if number not in self.inside]
        for number in sorted(free, key=lambda one: (DOORS[one - 1][1], one)):
            left = [one for one in free if one != number]
            if fits(_demand(right), number) and all_served(others, left):
                self.inside[number] = right
                assert right.parcel_id is not None
                assert right.carrier_id is not None
                self.tell(
                    events.Deposited(
                        parcel_id=right.parcel_id,
                        carrier_id=right.carrier_id,
                        label_mac=right.label_macs[0],
                        compartment=number,
                        right_id=right.id,
                        evidence="door",
                    )
                )
                return
        raise AssertionError(f"{self.id}: no room for a claim that the edge knows")

    def collect(self, number: int) -> None:
        """Hand a parcel out."""
        right = self.inside.pop(number)
        self.known.pop(right.id, None)
        assert right.parcel_id is not None
        self.tell(
            events.Collected(
                parcel_id=right.parcel_id, right_id=right.id, compartment=number, evidence="door"
            )
        )


class Walk:
    """One walk: what was asked and answered, on lockers of its own."""

    def __init__(self, api: Api, carriers: Sequence[httpx.Client]) -> None:
        self.api, self.carriers = api, carriers
        number = next(_numbers)
        self.edges = [Edge(api, f"w{number}-{letter}") for letter in "ab"]
        self.promises: list[Promise] = []
        self.replays: list[tuple[Promise, int, Json]] = []

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(edge.id for edge in self.edges)

    def reserve(self, carrier: int, edge: int, demand: Demand) -> Promise:
        number = next(_numbers)
        body = {
            "locker_id": self.edges[edge].id,
            "label": label(number),
            "dimensions": {"w_mm": 420, "h_mm": demand.height_mm, "d_mm": 500, "g": 900},
            "needs": ["low", "upright"] if demand.is_low else ["upright"],
            "deposit_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
            "collect_within": "P3D",
        }
        status, answer = self._post(carrier, f"key-{number}", body)
        assert status in (201, 409), answer
        promise = Promise(carrier, f"key-{number}", body, status, answer)
        self.promises.append(promise)
        return promise

    def again(self, promise: Promise) -> None:
        """Ask the same by the same key, and note what is answered."""
        status, answer = self._post(promise.carrier, promise.key, promise.body)
        self.replays.append((promise, status, answer))

    def _post(self, carrier: int, key: str, body: Json) -> tuple[int, Json]:
        headers = {"Idempotency-Key": key}
        answer = self.carriers[carrier].post("/v1/reservations", json=body, headers=headers)
        return answer.status_code, answer.json()

    def cancel(self, promise: Promise) -> int:
        path = f"/v1/reservations/{promise.answer['id']}"
        return self.carriers[promise.carrier].delete(path).status_code

    def pass_time(self, by: timedelta) -> None:
        """Let the worker's deadlines act as if time had passed, on the rows of this walk."""
        moment = Moment(datetime.now(UTC) + by)
        for find, act in deadlines.all_of(self.api.secrets):
            with db.reader(self.api.engine) as session:
                due = set(find(session, moment.now))
                mine = {
                    one
                    for model in (Reservation, Parcel)
                    for one in session.scalars(
                        select(model.id).where(model.locker_id.in_(self.ids))
                    )
                }
            for one in sorted(due & mine):
                self.api.change(partial(_act, act, one, moment))

    def rows(self, model: Any) -> list[Any]:
        with db.reader(self.api.engine) as session:
            return list(session.scalars(select(model).where(model.locker_id.in_(self.ids))))

    def end(self) -> None:
        """Give the lockers up, so that nothing of this walk is due in the next."""
        for locker_id in self.ids:
            self.api.change(partial(_write_off, locker_id=locker_id))


# What must hold; each raises `AssertionError` --------------------------------------------------


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
    """I2, and I13: a low one by a low one."""
    compartments = walk.rows(Compartment)
    claims = [one for one in walk.rows(Claim) if not one.released]
    for edge in walk.edges:
        free = [
            one.number
            for one in compartments
            if one.locker_id == edge.id and one.parcel_id is None and one.content != "parcel"
        ]
        demands = [
            Demand(one.h_mm, "low" in one.needs) for one in claims if one.locker_id == edge.id
        ]
        assert all_served(demands, free), f"I2: {demands} in {free}"


def low_is_never_high(walk: Walk) -> None:
    """I13: what was asked for within reach is promised so, and lies so."""
    asked = {one.answer["parcel_id"]: one for one in walk.promises if one.status == 201}
    for parcel in walk.rows(Parcel):
        promise = asked[str(parcel.id)]
        if "low" in promise.body["needs"]:
            assert "low" in promise.answer["needs"], "I13: promised without it"
            assert parcel.compartment in (None, 2, 3), f"I13: lies in {parcel.compartment}"


def acknowledged_stays(walk: Walk) -> None:
    """I8: what was answered 201 is there, and what was acknowledged is in the ledger."""
    there = {str(one.id) for one in walk.rows(Reservation)}
    missing = {one.answer["id"] for one in walk.promises if one.status == 201} - there
    assert not missing, f"I8: {missing}"
    recorded = {(one.locker_id, one.seq): one.body for one in walk.rows(Entry)}
    told = {(e.id, n): body for e in walk.edges for n, body in enumerate(e.hand.stored, start=1)}
    assert recorded == told, "I8: the ledger is not the journal"


def one_key_one_effect(walk: Walk) -> None:
    """I9."""
    for promise, status, answer in walk.replays:
        assert (status, answer) == (promise.status, promise.answer), f"I9: {promise.key}"
    labels = Counter(one.label_value for one in walk.rows(Reservation))
    confirmed = Counter(one.body["label"]["value"] for one in walk.promises if one.status == 201)
    assert labels == confirmed, "I9: effects and answers differ"


def nobody_sees_anothers(walk: Walk) -> None:
    """I10: another's id answers as one that never was; lists and feed hold one's own alone."""
    unknown = "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"
    made = [one for one in walk.promises if one.status == 201]
    for promise in made[-2:]:
        other = walk.carriers[1 - promise.carrier]
        path, never = f"/v1/reservations/{promise.answer['id']}", f"/v1/reservations/{unknown}"
        foreign, nothing = other.get(path), other.get(never)
        assert foreign.status_code == nothing.status_code == 404, "I10"
        assert foreign.json() == nothing.json(), "I10"
    walk.api.change(partial(numbering.give_positions, moment=_now()))
    names = ("id", "parcel_id", "right_id", "decision_id")
    for number, carrier in enumerate(walk.carriers):
        ids = {one.answer[name] for one in made if one.carrier != number for name in names}
        for path in ("/v1/reservations", "/v1/parcels", "/v1/drop-offs"):
            said = carrier.get(path, params={"limit": 200}).text
            assert not [one for one in ids if one in said], f"I10: in {path}"
        for said in _news(carrier):
            assert not [one for one in ids if one in said], "I10: in the feed"


def _news(carrier: httpx.Client) -> Iterator[str]:
    """Read what the feed says since it was read last, in whichever walk."""
    key = carrier.headers["authorization"]
    while True:
        answer = carrier.get("/v1/events", params={"after": _read_to[key]})
        if not answer.json()["events"]:
            return
        _read_to[key] = answer.json()["next"]
        yield answer.text


IN_ROWS = (
    one_parcel_per_compartment,
    every_claim_can_be_served,
    low_is_never_high,
    acknowledged_stays,
    one_key_one_effect,
)


def _demand(right: messages.Right) -> Demand:
    return Demand(right.h_mm, "low" in right.needs)


def _act(act: Any, one: UUID, moment: Moment, session: Any) -> None:
    act(session, one, moment)


def _write_off(session: Any, *, locker_id: str) -> None:
    lost.write_off(session, locker_id, reason="the walk is over", moment=_now())


def _now() -> Moment:
    return Moment(datetime.now(UTC))
