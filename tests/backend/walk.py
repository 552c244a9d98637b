"""A fleet in miniature for walks over the API: two carriers, two lockers that tell the truth.

What is right is judged by `walk_judge`.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal, NamedTuple
from uuid import UUID

import httpx
from sqlalchemy import select

from fellesskap_backend import db, deadlines
from fellesskap_backend.allowances import service as allowances
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import Moment
from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.lockers import lost
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.rights.tables import Right
from tests.backend.api import Api, label
from tests.backend.honest_edge import Demand, Edge
from tests.backend.postgres import Postgres

PATHS = {"reservation": "/v1/reservations", "drop_off": "/v1/drop-offs"}
Hold = Literal["hard", "turns soft", "soft"]
Json = dict[str, Any]
read_to: Counter[str] = Counter()
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


class Replay(NamedTuple):
    """What was answered when the same was asked by the same key, and how much was written then."""

    request: Request
    status: int
    answer: Json
    written: int


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

    @property
    def parcel_path(self) -> str:
        """Where its parcel is read."""
        return f"/v1/parcels/{self.answer['parcel_id']}"


class Walk:
    """One walk: what was asked and answered, on lockers of its own."""

    def __init__(
        self, api: Api, carriers: Sequence[httpx.Client], cluster: Postgres | None = None
    ) -> None:
        self.api, self.carriers, self._cluster = api, carriers, cluster
        rows = sorted(api.rows(Carrier), key=lambda one: one.number)
        self.carrier_ids = [one.id for one in rows]
        self._from = [read_to[one.headers["authorization"]] for one in carriers]
        number = next(_numbers)
        self.edges = [Edge(api, f"w{number}-{letter}") for letter in "ab"]
        self.requests: list[Request] = []
        self.made: list[Made] = []
        self.replays: list[Replay] = []

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(edge.id for edge in self.edges)

    def feed_from(self, carrier: int) -> str:
        """Return where a carrier reads what it was told in this walk."""
        return f"/v1/events?after={self._from[carrier]}&limit=200"

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
        """Ask the same by the same key, and note what is answered and what was written."""
        before, headers = self._written(), {"Idempotency-Key": request.key}
        answer = self.carriers[request.carrier].post(
            request.path, json=request.body, headers=headers
        )
        written = self._written() - before
        self.replays.append(Replay(request, answer.status_code, answer.json(), written))

    def _written(self) -> int:
        """Count what an effect leaves: lines of histories, notices, revisions of lockers."""
        revisions = [int(one.revision) for one in self.rows(Right)]
        return self.api.count(ParcelEntry) + self.api.count(Notice) + sum(revisions)

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

    def allow(self, edge: int, size_class: str, target: int) -> None:
        """Let a locker give away so much by itself."""
        self.api.change(
            partial(
                allowances.set_targets,
                locker_id=self.edges[edge].id,
                wanted={size_class: target},
                moment=now(),
            )
        )

    def lose_power(self) -> None:
        """End the server, and on PostgreSQL the database, as a power cut would; begin again."""
        self.api.come_back(self._cluster)

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
    lost.write_off(session, locker_id, reason="the walk is over", moment=now())


def now() -> Moment:
    """Return the moment of whoever works for all."""
    return Moment(datetime.now(UTC))
