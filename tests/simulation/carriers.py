"""Carriers of a world: they reserve, change their minds, tell recipients their codes.

What they are told comes by webhook, from their couriers or by asking.
"""

import msgspec
from sqlalchemy.orm import Session

from fellesskap_backend.events import service as events
from tests.judge import history
from tests.simulation.asking import Asker
from tests.simulation.client import TRIES_MAX
from tests.simulation.replies import Json
from tests.simulation.shipments import BOXES, Shipment
from tests.simulation.world import Going

READS_S = 4 * 3600.0
"""How often a carrier reads on in its feed; it acts upon webhooks, and keeps books by this."""
PAGE = 200
PRIES_S, PRIED, TOO_TALL = 1200.0, 3, (200, 2000, 300)


class Carrier(Asker):
    """One carrier, and what it makes of what it hears."""

    read_to = 0
    """How far it has read in its feed."""

    def reads(self) -> Going:
        """Read on in its feed now and then."""
        while self.world.faulty:
            yield READS_S * self.rng.uniform(0.5, 1.5)
            self._read_on()

    def pries(self) -> Going:
        """Look at what is one's own, and ask for what nobody has, as often as one likes to."""
        for turn in range(self.own.pries):
            yield PRIES_S
            for one in list(self.shipments.values())[-PRIED:]:
                self.look(one)
            self._read_on()
            tall = Shipment(0, self, "skap-1", f"{self.own.prefix}-{turn}", TOO_TALL)
            yield from self.reserve(tall, 0.5)

    def read_all(self) -> None:
        """Read on to the end of the feed."""
        while self._read_on():
            pass

    def _read_on(self) -> bool:
        """Read one page; return whether there may be another."""
        page: list[Json] = []

        def work(session: Session) -> Json:
            told = events.feed(session, self.credentials, after=self.read_to, limit=PAGE)
            page[:] = told["events"]
            return {"next": told["next"]}

        reply = self.world.ask(self.who, "other", work, reads=True)
        if not reply.ok:
            return False
        self.read_to = reply.body["next"]
        for one in page:
            self.world.left.tell(self.who, one)
            self.world.chronicle.note(
                history.Delivered,
                carrier=self.id,
                position=one["position"],
                event_id=one["id"],
                parcel_id=one["data"].get("parcel_id") or "",
                type=one["type"],
                via="feed",
            )
        return len(page) == PAGE

    def hear(self, event_id: str, body: bytes) -> None:
        """Take a webhook in: recipients are told their codes."""
        said: Json = msgspec.json.decode(body)
        data = said["data"]
        self.world.left.tell(self.who, said)
        parcel_id = data.get("parcel_id") or ""
        self.world.chronicle.note(
            history.Delivered,
            carrier=self.id,
            position=said["position"],
            event_id=event_id,
            parcel_id=parcel_id,
            type=said["type"],
            via="webhook",
        )
        if event_id in self.seen:
            return
        self.seen.add(event_id)
        one = self.shipments.get(parcel_id) or self._found(data)
        if one is not None:
            self._happened(one, said["type"], data)
        elif said["type"] == "parcel.adopted":
            self.world.go(self._take_back(parcel_id))

    def _found(self, data: Json) -> Shipment | None:
        """Find the shipment of a parcel that came unannounced, by its label or what it replaces."""
        one = self.shipments.get(data.get("replaces") or "")
        if one is None and "replaces" in data and data["label"] is not None:
            one = self.by_label.get(data["label"]["value"])
            if one is not None and data["replaces"] is None:
                one.reservation_id = ""  # if it had one, a restored database forgot it
        if one is not None:
            if one.parcel_id:
                one.former_ids.append(one.parcel_id)
            one.parcel_id = data["parcel_id"]
            one.right_id = data.get("right_id") or one.right_id
            self._lies_at(one, data["locker_id"])
            self.shipments[one.parcel_id] = one
        return one

    def _lies_at(self, one: Shipment, locker_id: str) -> None:
        """Note that a courier brought it to another locker than was asked to have room."""
        if one.locker_id != locker_id:
            waiting = self.open.get(one.locker_id, [])
            if one in waiting:
                waiting.remove(one)
            one.locker_id = locker_id

    def _adopted(self, one: Shipment) -> None:
        """A locker reported what a restored database forgot, the reservation with it."""
        one.state, one.reservation_id = "lies", ""
        if one.kind == "drop_off":  # nobody is told the code of one that is on its way back
            self.upon(one, "recall")
        else:
            self._send_recipient(one)

    def _take_back(self, parcel_id: str) -> Going:
        """Have a parcel back of which a locker says that it is one's own, and no more."""
        stray = Shipment(0, self, "", parcel_id, BOXES[0], parcel_id=parcel_id)
        for _ in range(TRIES_MAX):
            if self.upon(stray, "recall").outcome != "unknown":
                return
            yield self.rng.uniform(60, 600)

    def put_in(self, one: Shipment) -> None:
        """Hear from the courier that a parcel lies there: the locker may tell it much later."""
        if one.right_id:
            self._send_recipient(one)

    def _send_recipient(self, one: Shipment) -> None:
        if not one.recipient_goes and self.read_code(one).ok:
            one.recipient_goes = True
            self.to_recipient(one)

    def _happened(self, one: Shipment, what: str, data: Json) -> None:
        if what == "parcel.adopted":
            self._adopted(one)
        elif what in ("parcel.deposited", "parcel.dropped_off"):
            one.state = "lies"
            mine = self.open.get(one.locker_id, [])
            if one in mine:
                mine.remove(one)
            if "pickup_code" in data:
                one.told(data["pickup_code"], data["addition"])
            if what == "parcel.deposited" and not one.recipient_goes:
                one.recipient_goes = True
                self.to_recipient(one)
        elif what in ("parcel.collected", "parcel.removed", "parcel.picked_up", "parcel.lost"):
            one.state = "gone"
            self.upon_room(one.locker_id)
        elif what in ("parcel.overdue", "parcel.recalled"):
            one.state = "back"
        elif what.startswith("reservation.") and what.split(".")[1] in (
            "cancelled",
            "expired",
            "diverted",
        ):
            one.state = "ended"
