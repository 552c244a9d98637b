"""Every way in which the backend opens a transaction, prepared so that it can be walked again."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import func, select, update

from fellesskap_backend import db
from fellesskap_backend.bridge import exchange
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.schema import metadata
from fellesskap_backend.webhooks import service
from fellesskap_backend.webhooks.outbox import Key, Outcome
from fellesskap_backend.webhooks.tables import Delivery, Subscription
from fellesskap_backend.worker import Worker
from fellesskap_protocol.messages import Presence, Signed, encode
from fellesskap_protocol.signing import seal
from fellesskap_protocol.topics import Kind, topic
from tests.backend.api import Api, request, reserve
from tests.backend.lives import Lives
from tests.backend.lockers import HandLocker, deposit

Act = Callable[[], Any]


class World(Lives):
    """A house with room, and what a bridge and a worker do without their threads."""

    def __init__(self, api: Api) -> None:
        super().__init__(api, doors=80)
        self.number = 100
        self.person = api.operator()
        self.person.get("/v1/api-keys")  # that a key is used is noted once a day: not here
        self.client.get("/v1/health")
        self.client.get("/v1/events")
        self.said: list[str] = []
        self.exchange = exchange.Exchange(
            exchange.House(api.secrets, api.engine, self._say, lambda: datetime.now(UTC))
        )
        self.worker = Worker(api.settings, api.secrets, api.engine)
        self.worker.round()

    def _say(self, where: str, _payload: bytes) -> None:
        self.said.append(where)

    def fresh(self) -> int:
        self.number += 1
        return self.number

    def reserved(self, **fields: Any) -> dict[str, Any]:
        number = self.fresh()
        answer = reserve(self.client, request(number, **fields), f"key-{number}")
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def lying(self) -> dict[str, Any]:
        answer = self.reserved()
        self.tell(*deposit(answer, self.number % 80 + 1))
        return answer

    def acknowledged(self, kind: Kind, message: Signed, by: HandLocker | None = None) -> int:
        """Take a message in; return how often it was acknowledged."""
        locker = by or self.locker
        payload = seal(message, locker.key)
        self.said.clear()
        self.exchange.take(Came(topic(locker.locker_id, kind), payload, retained=False))
        return sum(where.endswith("/ack") for where in self.said)

    def state(self) -> Counter[tuple[str, str]]:
        """Count what there is: rows of each table, and the states that they are in."""
        found: Counter[tuple[str, str]] = Counter()
        with db.reader(self.api.engine) as session:
            for table in metadata.sorted_tables:
                rows = session.scalar(select(func.count()).select_from(table)) or 0
                found["rows", table.name] = rows
            for model in (Parcel, Reservation):
                states = select(model.state, func.count()).group_by(model.state)
                found.update({(model.__name__, state): n for state, n in session.execute(states)})
            found["sum", "revisions"] = session.scalar(select(func.sum(Locker.revision))) or 0
            found["sum", "attempts"] = session.scalar(select(func.sum(Delivery.attempts))) or 0
            online = select(func.count()).where(Locker.online)
            found["sum", "online"] = session.scalar(online) or 0
            unapplied = select(func.count()).where(Entry.unapplied.is_not(None))
            found["sum", "unapplied"] = session.scalar(unapplied) or 0
            numbered = select(func.count()).where(Notice.position.is_not(None))
            found["sum", "positions"] = session.scalar(numbered) or 0
        return found


def posted(client: httpx.Client, path: str, body: Any, number: int) -> Any:
    """Send under a key of its own; return the status and whether it was answered before."""
    answer = client.post(path, json=body, headers={"Idempotency-Key": f"post-{number}"})
    return answer.status_code, answer.headers.get("idempotent-replayed")


def _reserve(world: World) -> Act:
    number = world.fresh()
    return lambda: posted(world.client, "/v1/reservations", request(number), number)


def _refused(world: World) -> Act:
    number = world.fresh()
    body = request(number, dimensions={"w_mm": 900, "h_mm": 900, "d_mm": 900, "g": 1})
    return lambda: posted(world.client, "/v1/reservations", body, number)


def _cancel(world: World) -> Act:
    path = f"/v1/reservations/{world.reserved()['id']}"
    return lambda: world.client.delete(path).json()["state"]


def _drop_off_body(number: int) -> dict[str, Any]:
    by = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    asked = {"locker_id": "oslo-1", "reference": f"D-{number}", "size_class": "S"}
    return asked | {"drop_off_by": by}


def _authorise(world: World) -> Act:
    number = world.fresh()
    return lambda: posted(world.client, "/v1/drop-offs", _drop_off_body(number), number)


def _cancel_drop_off(world: World) -> Act:
    made = world.client.post("/v1/drop-offs", json=_drop_off_body(world.fresh())).json()
    return lambda: world.client.delete(f"/v1/drop-offs/{made['id']}").json()["state"]


def _open_door(world: World) -> Act:
    number = world.fresh()
    body = {"compartment": 2, "reason_code": "inspection", "reason": "It did not spring open."}
    return lambda: posted(world.person, "/v1/lockers/oslo-1/door-operations", body, number)


def _make_key(world: World) -> Act:
    # Each of another operator: one owner has a limited number.
    person, number = world.api.operator(), world.fresh()
    person.get("/v1/api-keys")
    return lambda: posted(person, "/v1/api-keys", {"name": "a new one"}, number)


def _change_key(world: World) -> Act:
    prefix = world.person.get("/v1/api-keys").json()["api_keys"][0]["prefix"]
    path, name = f"/v1/api-keys/{prefix}", f"name {world.fresh()}"
    tag = {"If-Match": world.person.get(path).headers["etag"]}
    return lambda: world.person.patch(path, json={"name": name}, headers=tag).json()["name"] == name


def _act_on_parcel(verb: str, body: Any) -> Callable[[World], Act]:
    def prepare(world: World) -> Act:
        parcel, number = world.lying()["parcel_id"], world.fresh()
        return lambda: posted(world.client, f"/v1/parcels/{parcel}/{verb}", body, number)

    return prepare


def _read(world: World) -> Act:
    found = world.reserved()["id"]
    return lambda: world.client.get(f"/v1/reservations/{found}").json()["id"] == found


def _journal(world: World) -> Act:
    first = len(world.locker.stored) + 1
    world.locker.add(*deposit(world.reserved(), world.number % 80 + 1))
    batch = world.locker.batch(first)

    return lambda: world.acknowledged("journal", batch)


def _birth(world: World) -> Act:
    locker = HandLocker(world.locker.installation, f"oslo-{world.fresh()}")
    locker.claim(world.api)

    return lambda: world.acknowledged("birth", locker.birth(), locker)


def _presence(world: World) -> Act:
    world.set(lambda session: session.execute(update(Locker).values(online=False)))
    payload = encode(Presence(session=world.locker.session, online=True))
    came = Came(topic("oslo-1", "presence"), payload, retained=True)
    return lambda: world.exchange.take(came)


def _poll(world: World) -> Act:
    world.reserved()
    return world.exchange.poll


def _round(world: World) -> Act:
    """Number notices, end one reservation and soften another by time."""
    ends = {world.reserved()["id"]: "deposit_by"}
    ends[world.reserved(reserve_until=in_days(0.5).isoformat())["id"]] = "reserve_until"

    def pass_time(session: Any) -> None:
        for row in session.scalars(select(Reservation)):
            if str(row.id) in ends:
                setattr(row, ends[str(row.id)], in_days(-1))

    world.worker.round()
    world.set(lambda session: session.execute(update(Claim).values(released=True)))
    world.set(pass_time)
    world.worker._deadlines_at = 0.0
    return world.worker.round


def _delivered(world: World) -> Act:
    """Write down that an endpoint took what it was sent."""
    webhooks = world.worker._webhooks
    key = db.run(world.api.engine, lambda session: _delivery(session, UUID(int=world.fresh())))
    webhooks._flying.setdefault(key.subscription_id, set())
    webhooks._lanes.begin(key.subscription_id)
    webhooks._said.put(Outcome(key, 204))
    return lambda: webhooks._note(_now())


def _delivery(session: Any, event_id: UUID) -> Key:
    carrier_id = session.scalars(select(Carrier.id)).first()
    endpoint = session.scalars(select(Subscription.id)).first()
    if endpoint is None:
        wish = service.Wish(frozenset(), "https://c.example/", types=None)
        endpoint = service.add(session, carrier_id, wish, moment=_now()).id
    due = Delivery(
        subscription_id=endpoint,
        event_id=event_id,
        carrier_id=carrier_id,
        type="webhook.test",
        state="due",
        attempts=0,
        made_at=_now().now,
        due_at=in_days(1),
    )
    session.add(due)
    return Key(endpoint, event_id)


def in_days(days: float) -> Any:
    """Return when it is so many days from now."""
    return datetime.now(UTC) + timedelta(days=days)


def _now() -> db.Moment:
    return db.Moment(datetime.now(UTC))


WAYS: dict[str, Callable[[World], Act]] = {
    "reserve": _reserve,
    "be refused": _refused,
    "cancel_reservation": _cancel,
    "authorise_drop_off": _authorise,
    "cancel_drop_off": _cancel_drop_off,
    "open_door": _open_door,
    "make_api_key": _make_key,
    "change_api_key": _change_key,
    "extend_parcel": _act_on_parcel("extend", {"collect_within": "P5D"}),
    "recall_parcel": _act_on_parcel("recall", None),
    "dispute_parcel": _act_on_parcel("dispute", {"reason": "found empty"}),
    "read": _read,
    "journal": _journal,
    "birth": _birth,
    "presence": _presence,
    "poll of the bridge": _poll,
    "round of the worker": _round,
    "answer of an endpoint": _delivered,
}
"""Those of the API bear their operation's id."""
