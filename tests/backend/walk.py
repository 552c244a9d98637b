"""A fleet in miniature for walks over the API: two carriers, two lockers that tell the truth.

What is right is judged here by rules of our own, not by the code under test.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal, NamedTuple
from uuid import UUID

import httpx
from sqlalchemy import select

from fellesskap_backend import db, deadlines
from fellesskap_backend.db import Moment
from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers import lost
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.webhooks import numbering
from tests.backend.api import Api, label
from tests.backend.honest_edge import Demand, Edge, all_served

IN_CUSTODY = ("deposited", "overdue", "recalled", "disputed", "dropped_off")
PATHS = {"reservation": "/v1/reservations", "drop_off": "/v1/drop-offs"}
CODES = {"code", "addition", "qr"}
Hold = Literal["hard", "turns soft", "soft"]
Json = dict[str, Any]
_read_to: Counter[str] = Counter()
"""How far each carrier has read its feed, by its key."""
_numbers = itertools.count(1)


class Request(NamedTuple):
    """What was posted once and what it was answered."""

    carrier: int
    path: str
    key: str
    body: Json | None
    status: int
    answer: Json


class Made(NamedTuple):
    """One thing that was promised: what was asked for and what was answered."""

    carrier: int
    kind: Literal["reservation", "drop_off"]
    body: Json
    answer: Json

    @property
    def path(self) -> str:
        """Where it is read."""
        return f"{PATHS[self.kind]}/{self.answer['id']}"


class Walk:
    """One walk: what was asked and answered, on lockers of its own."""

    def __init__(self, api: Api, carriers: Sequence[httpx.Client]) -> None:
        self.api, self.carriers = api, carriers
        number = next(_numbers)
        self.edges = [Edge(api, f"w{number}-{letter}") for letter in "ab"]
        self.requests: list[Request] = []
        self.made: list[Made] = []
        self.replays: list[tuple[Request, int, Json]] = []

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(edge.id for edge in self.edges)

    def reserve(self, carrier: int, edge: int, demand: Demand, hold: Hold = "hard") -> Request:
        body = self._wish(edge, demand, hold)
        request = self._post(carrier, PATHS["reservation"], body)
        assert request.status in (201, 409), request.answer
        if request.status == 201:
            self.made.append(Made(carrier, "reservation", body, request.answer))
        return request

    def send_manifest(self, carrier: int, wishes: Sequence[tuple[int, Demand, Hold]]) -> None:
        """Ask for room for a van's parcels at once."""
        bodies = [self._wish(*one) for one in wishes]
        request = self._post(carrier, "/v1/manifests", {"parcels": bodies})
        assert request.status == 200, request.answer
        for body, line in zip(bodies, request.answer["parcels"], strict=True):
            assert line["status"] in (201, 409), line
            if line["status"] == 201:
                self.made.append(Made(carrier, "reservation", body, line["reservation"]))

    def authorise(self, carrier: int, edge: int, demand: Demand) -> None:
        """Let a person put something in."""
        body = {
            "locker_id": self.edges[edge].id,
            "reference": f"RETURN-{next(_numbers)}",
            **_box(demand),
            "drop_off_by": _in_a_day(),
            "pick_up_within": "P3D",
        }
        request = self._post(carrier, PATHS["drop_off"], body)
        assert request.status in (201, 409), request.answer
        if request.status == 201:
            self.made.append(Made(carrier, "drop_off", body, request.answer))

    def again(self, request: Request) -> None:
        """Ask the same by the same key, and note what is answered."""
        headers = {"Idempotency-Key": request.key}
        answer = self.carriers[request.carrier].post(
            request.path, json=request.body, headers=headers
        )
        self.replays.append((request, answer.status_code, answer.json()))

    def cancel(self, made: Made) -> None:
        answer = self.carriers[made.carrier].delete(made.path)
        assert answer.status_code in (200, 409), answer.text

    def change(self, made: Made, hours: int) -> None:
        """Give a reservation other times; whoever changed it between is told so."""
        client = self.carriers[made.carrier]
        shown = client.get(made.path)
        tag, soft_at = {"If-Match": shown.headers["etag"]}, shown.json()["reserve_until"]
        until = datetime.now(UTC) + timedelta(hours=hours)
        body = {"deposit_by": until.isoformat(), "collect_within": "P5D"}
        if shown.json()["hold"] == "hard" and soft_at is not None:
            body["reserve_until"] = min(datetime.fromisoformat(soft_at), until).isoformat()
        answers = [client.patch(made.path, json=body, headers=tag) for _ in range(2)]
        statuses = [one.status_code for one in answers]
        assert statuses in ([200, 412], [200, 200], [409, 409]), [one.text for one in answers]

    def wish(self, made: Made, act: Literal["extend", "recall", "dispute"]) -> None:
        """Have something done about a parcel."""
        body = {"extend": {"collect_within": "P5D"}, "dispute": {"reason": "said to be empty"}}
        path = f"/v1/parcels/{made.answer['parcel_id']}/{act}"
        request = self._post(made.carrier, path, body.get(act))
        assert request.status in (200, 409), request.answer

    def _wish(self, edge: int, demand: Demand, hold: Hold) -> Json:
        """Return a request for room."""
        soft_at = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
        return {
            "locker_id": self.edges[edge].id,
            "label": label(next(_numbers)),
            **_box(demand),
            "hold": "soft" if hold == "soft" else "hard",
            "reserve_until": soft_at if hold == "turns soft" else None,
            "deposit_by": _in_a_day(),
            "collect_within": "P3D",
        }

    def _post(self, carrier: int, path: str, body: Json | None) -> Request:
        key = f"key-{next(_numbers)}"
        answer = self.carriers[carrier].post(path, json=body, headers={"Idempotency-Key": key})
        request = Request(carrier, path, key, body, answer.status_code, answer.json())
        self.requests.append(request)
        return request

    def pass_time(self, by: timedelta) -> None:
        """Let the worker's deadlines act as if time had passed, on the rows of this walk."""
        moment = Moment(datetime.now(UTC) + by)
        for find, act in deadlines.all_of(self.api.secrets):
            with db.reader(self.api.engine) as session:
                due = set(find(session, moment.now))
                mine = {
                    one
                    for model in (Reservation, Parcel, DropOff)
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
    asked = {one.answer["parcel_id"]: one for one in walk.made}
    for parcel in walk.rows(Parcel):
        made = asked[str(parcel.id)]
        if "low" in made.body["needs"]:
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


def one_key_one_effect(walk: Walk) -> None:
    """I9; codes are stored nowhere, so a repeated answer has those that are of use then."""
    for request, status, answer in walk.replays:
        first = request.answer | {name: answer.get(name) for name in CODES}
        assert status == request.status, f"I9: {request.key}"
        assert answer | dict.fromkeys(CODES - set(answer)) == first, f"I9: {request.key}"
    done = Counter(one.label_value for one in walk.rows(Reservation))
    done.update(one.reference for one in walk.rows(DropOff))
    assert done == Counter(map(_name, walk.made)), "I9: effects and answers differ"


def nobody_sees_anothers(walk: Walk) -> None:
    """I10: another's id answers as one that never was; lists and feed hold one's own alone."""
    unknown = "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"
    for made in walk.made[-2:]:
        other = walk.carriers[1 - made.carrier]
        foreign, nothing = other.get(made.path), other.get(f"{PATHS[made.kind]}/{unknown}")
        assert foreign.status_code == nothing.status_code == 404, "I10"
        assert foreign.json() == nothing.json(), "I10"
    walk.api.change(partial(numbering.give_positions, moment=_now()))
    names = ("id", "parcel_id", "right_id", "decision_id")
    for number, carrier in enumerate(walk.carriers):
        foreigners = [one for one in walk.made if one.carrier != number]
        ids = {one.answer[name] for one in foreigners for name in names if name in one.answer}
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


def _name(made: Made) -> str:
    """Return what its carrier calls it."""
    name: str = made.body["reference"] if made.kind == "drop_off" else made.body["label"]["value"]
    return name


def _box(demand: Demand) -> Json:
    return {
        "dimensions": {"w_mm": 420, "h_mm": demand.height_mm, "d_mm": 500, "g": 900},
        "needs": ["low", "upright"] if demand.is_low else ["upright"],
    }


def _in_a_day() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


def _act(act: Any, one: UUID, moment: Moment, session: Any) -> None:
    act(session, one, moment)


def _write_off(session: Any, *, locker_id: str) -> None:
    lost.write_off(session, locker_id, reason="the walk is over", moment=_now())


def _now() -> Moment:
    return Moment(datetime.now(UTC))
