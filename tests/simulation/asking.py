"""What carriers of a world ask of the backend, all by the services behind the API."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.drop_offs import service as drop_offs
from fellesskap_backend.drop_offs.service import DropOffAsked
from fellesskap_backend.errors import NotFound
from fellesskap_backend.idempotency import Answered, attempt
from fellesskap_backend.manifests import service as manifests
from fellesskap_backend.manifests.service import Manifest
from fellesskap_backend.parcels import acts
from fellesskap_backend.parcels import service as parcels
from fellesskap_backend.pickup_codes import service as pickup_codes
from fellesskap_backend.pickup_codes.service import Of, Office
from fellesskap_backend.reservations import changing, ending
from fellesskap_backend.reservations import service as reservations
from fellesskap_backend.reservations.answering import Counter
from fellesskap_backend.reservations.wishes import ReservationRequest
from fellesskap_backend.webhooks import service as webhooks
from fellesskap_protocol.capacity import Demand
from tests.judge import history
from tests.one_request import reserve
from tests.simulation import features
from tests.simulation.badging import ANY, Badging
from tests.simulation.client import TRIES_MAX
from tests.simulation.replies import Json, Reply
from tests.simulation.rivals import Business
from tests.simulation.shipments import Shipment
from tests.simulation.stand_parts import START
from tests.simulation.world import DAY_S, Going, World


class Asker(Badging):
    """One carrier: `name`, its key, its shipments.

    `to_recipient` sends somebody to the locker; `upon_room` is told of a parcel that was collected.
    """

    def __init__(self, world: World, name: str, own: Business) -> None:
        self.own = own
        moment = world.installation.moment()
        with db.writing(world.installation.engine) as session:
            carrier_id, key = carriers.add_carrier(session, name, moment)
            webhooks.add(
                session,
                carrier_id,
                webhooks.Wish(frozenset({"url"}), url=f"https://{name.lower()}.example/{own.hook}"),
                moment=moment,
            )
        super().__init__(world, name, str(carrier_id), carriers.credentials_of(key))
        world.left.keys.add(key)
        self.shipments: dict[str, Shipment] = {}
        """By parcel id."""
        self.by_label: dict[str, Shipment] = {}
        self.open: dict[str, list[Shipment]] = {}
        """By locker: what a courier still has to bring."""
        self.to_recipient: Callable[[Shipment], None] = lambda _one: None
        self.upon_room: Callable[[str], None] = lambda _locker_id: None
        self.seen: set[str] = set()
        self.refused: dict[str, list[Shipment]] = {}
        """By locker: what was given no room."""

    # Reserving -----------------------------------------------------------------------------------

    def request(self, one: Shipment, days: float) -> ReservationRequest:
        """Return the body of a reservation."""
        width, height, depth = (side - self.own.spare_mm for side in one.box)
        deposit_by = self.world.installation.now + timedelta(days=days)
        return ReservationRequest.model_validate(
            {
                "locker_id": one.locker_id,
                "label": {"kind": "reference", "value": one.label},
                "dimensions": {"w_mm": width, "h_mm": height, "d_mm": depth, "g": self.own.grams},
                "needs": list(one.needs),
                "hold": one.hold,
                "deposit_by": deposit_by.replace(microsecond=0),
                "collect_within": self._collect_within(one)[0],
            }
        )

    def _told(self, one: Shipment, wish: ReservationRequest) -> Json:
        """Return the same for the history."""
        return {
            "locker": one.locker_id,
            "needs": list(one.needs),
            "hold": one.hold,
            "label": one.label,
            "deposit_by_s": (wish.deposit_by - START).total_seconds(),
            "collect_within_s": self._collect_within(one)[1],
        }

    def _collect_within(self, one: Shipment) -> tuple[str, float]:
        """Say how long it may lie: in some worlds so shortly that many are overdue."""
        if features.is_hasty(self.world.seed) and one.number % 3 == 0:
            return "PT3H", 3 * 3600.0
        return ("P1D", DAY_S) if one.number % 9 == 0 else (self.own.collect_within, 3 * DAY_S)

    def reserve(self, one: Shipment, days: float, *, key: str = "") -> Going:
        """Reserve room for one parcel; under a key of its own, if it is no other's."""
        wish = self.request(one, days)
        secrets, text = self.world.installation.secrets, wish.model_dump_json()

        def work(session: Session, key: str) -> Answered:
            asked = wish.asked(attempt("POST /v1/reservations", key, text))
            moment = self.world.installation.moment()
            return reserve(session, self.credentials, asked, secrets=secrets, moment=moment)

        reply = yield from self.insist(
            "reserve",
            work,
            body=self._told(one, wish),
            key=key,
            granted=lambda reply: self._keep(one, reply.body),
        )
        if reply.outcome == "fail":
            self.refused.setdefault(one.locker_id, []).append(one)

    def manifest(self, those: list[Shipment], days: float) -> Going:
        """Reserve room for many."""
        wishes = [self.request(one, days) for one in those]
        text = "".join(one.model_dump_json() for one in wishes)

        def work(session: Session, key: str) -> Answered:
            tried = attempt("POST /v1/manifests", key, text)
            every = [one.asked(tried) for one in wishes]
            counter = self._counter(session)
            return manifests.accept(counter, self.credentials, Manifest(tried, every))

        def granted(reply: Reply) -> None:
            for one, line in zip(those, reply.body["parcels"], strict=True):
                if line["status"] == 201:
                    self._keep(one, line["reservation"])

        body = {"parcels": [self._told(one, wish) for one, wish in zip(those, wishes, strict=True)]}
        reply = yield from self.insist("manifest", work, body=body, granted=granted)
        if reply.ok:
            for one, line in zip(those, reply.body["parcels"], strict=True):
                if line["status"] != 201:
                    self.refused.setdefault(one.locker_id, []).append(one)

    def _give_up(self, stray: Shipment) -> Going:
        """Cancel what was reserved once more."""
        for _ in range(TRIES_MAX):
            if self.cancel(stray).outcome != "unknown":
                return
            yield self.rng.uniform(60, 600)

    def _counter(self, session: Session) -> Counter:
        house = self.world.installation
        return Counter(session, house.secrets, house.moment())

    def _keep(self, one: Shipment, said: Json) -> None:
        if said["parcel_id"] in self.shipments:
            return  # told again
        if one.parcel_id:
            stray = replace(one, parcel_id=said["parcel_id"], reservation_id=said["id"])
            self.world.go(self._give_up(stray))
            return
        one.parcel_id, one.right_id = said["parcel_id"], said["right_id"]
        one.reservation_id, one.state = said["id"], "reserved"
        self.shipments[one.parcel_id] = self.by_label[one.label] = one
        self.open.setdefault(one.locker_id, []).append(one)

    def drop_off(self, one: Shipment) -> Going:
        """Let a person put something in."""
        width, height, depth = one.box
        by = self.world.installation.now + timedelta(days=0.35)
        demand = Demand(width, height, depth, 900, tuple(one.needs))
        secrets = self.world.installation.secrets

        def work(session: Session, key: str) -> Answered:
            asked = DropOffAsked(
                attempt("POST /v1/drop-offs", key, one.label),
                one.locker_id,
                one.label,
                demand,
                by,
                int(DAY_S),
            )
            moment = self.world.installation.moment()
            return drop_offs.authorise_once(
                session, self.credentials, asked, secrets=secrets, moment=moment
            )

        body = {
            "locker": one.locker_id,
            "needs": list(one.needs),
            "drop_off_by_s": (by - START).total_seconds(),
        }

        def granted(reply: Reply) -> None:
            if one.parcel_id:
                return  # told again
            one.parcel_id, one.state = reply.body["parcel_id"], "reserved"
            self.shipments[one.parcel_id] = one
            if "code" in reply.body:
                one.told(reply.body["code"], reply.body["addition"], reply.body["qr"])
                self.to_recipient(one)

        yield from self.insist("drop_off", work, body=body, granted=granted)

    # What else a carrier does --------------------------------------------------------------------

    def cancel(self, one: Shipment) -> Reply:
        """Cancel a reservation."""
        return self.world.ask(
            self.who,
            "cancel",
            lambda session: _done(
                ending.cancel(
                    session,
                    self.credentials,
                    UUID(one.reservation_id),
                    moment=self.world.installation.moment(),
                )
            ),
            target=one.parcel_id,
        )

    def patch(self, one: Shipment, days: float) -> Reply:
        """Let a courier have more time."""
        wish = {
            "deposit_by": (self.world.installation.now + timedelta(days=days)).replace(
                microsecond=0
            )
        }
        return self.world.ask(
            self.who,
            "patch",
            lambda session: changing.change(
                self._counter(session),
                self.credentials,
                UUID(one.reservation_id),
                changing.Wish(dict(wish), ANY),
            ),
            target=one.parcel_id,
            body={"deposit_by_s": (wish["deposit_by"] - START).total_seconds()},
        )

    def upon(self, one: Shipment, act: history.Act, **named: Any) -> Reply:
        """Recall or dispute a parcel."""
        done: dict[str, Callable[..., Any]] = {"recall": acts.recall, "dispute": acts.dispute}
        return self.world.ask(
            self.who,
            act,
            lambda session: _done(
                done[act](
                    session,
                    self.credentials,
                    UUID(one.parcel_id),
                    moment=self.world.installation.moment(),
                    **named,
                )
            ),
            target=one.parcel_id,
        )

    def extend(self, one: Shipment) -> Reply:
        """Let a parcel lie for longer."""
        return self.world.ask(
            self.who,
            "extend",
            lambda session: _done(
                acts.extend(
                    session,
                    self.credentials,
                    UUID(one.parcel_id),
                    collect_within_s=int(5 * DAY_S),
                    moment=self.world.installation.moment(),
                )
            ),
            target=one.parcel_id,
            body={"collect_within_s": 5 * DAY_S},
        )

    def look(self, one: Shipment, former_id: str = "") -> Reply:
        """Read a parcel, or what it was called before."""
        parcel_id = former_id or one.parcel_id
        return self.world.ask(
            self.who,
            "look",
            partial(self._seen, parcel_id, one.reservation_id),
            target=parcel_id,
            reads=True,
        )

    def _seen(self, parcel_id: str, reservation_id: str, session: Session) -> Json:
        parcel = parcels.find(session, self.credentials, UUID(parcel_id))
        self.world.left.tell(self.who, parcel)
        seen = {"parcel_id": parcel["id"], "state": parcel["state"]}
        if reservation_id:
            found = reservations.find(
                self._counter(session), self.credentials, UUID(reservation_id)
            )
            self.world.left.tell(self.who, found)
            seen["reservation"] = found["state"]
        return seen | {"compartment": parcel.get("compartment")}

    def read_code(self, one: Shipment) -> Reply:
        """Read the code of a parcel, and tell its recipient."""
        secrets = self.world.installation.secrets

        def work(session: Session) -> Json:
            every = pickup_codes.list_of(session, self.credentials, UUID(one.parcel_id))
            if not every["pickup_codes"]:
                raise NotFound("It has no code.")
            code_id = every["pickup_codes"][0]["id"]
            of = Of(UUID(one.parcel_id), UUID(code_id))
            return pickup_codes.find(session, self.credentials, of, secrets=secrets)

        return self._coded(one, "read_code", work, reads=True)

    def rotate_code(self, one: Shipment) -> Reply:
        """Give a parcel's code new digits."""
        key = self.key()

        def work(session: Session) -> Answered:
            office = self._office(session)
            of = Of(UUID(one.parcel_id), UUID(one.right_id))
            return pickup_codes.rotate(office, attempt("rotate", key, one.right_id), of)

        return self._coded(one, "rotate_code", work, key=key)

    def _coded(
        self, one: Shipment, act: history.Act, work: Callable[[Session], Any], **named: Any
    ) -> Reply:
        told = self.world.ask(self.who, act, work, target=one.parcel_id, **named)
        if told.ok and "code" in told.body:
            one.told(told.body["code"], told.body["addition"], told.body["qr"])
        return told

    def _office(self, session: Session) -> Office:
        house = self.world.installation
        return Office(session, self.credentials, house.secrets, house.moment())

    def second_code(self, one: Shipment) -> tuple[str, str]:
        """Let somebody else fetch a parcel too; return that code and its QR code, or nothing."""
        key = self.key()

        def work(session: Session) -> Answered:
            office = self._office(session)
            tried = attempt("delegate", key, one.parcel_id)
            return pickup_codes.delegate(office, tried, UUID(one.parcel_id), reference=None)

        told = self.world.ask(self.who, "other", work, target=one.parcel_id, key=key)
        if not told.ok or "code" not in told.body:
            return "", ""
        code, qr = told.body["code"] + told.body["addition"], told.body["qr"]
        one.codes[code] = qr
        return code, qr


def _done(_row: Any) -> Json:
    return {}
