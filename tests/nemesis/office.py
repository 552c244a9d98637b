"""Carriers and operators at the API's front door: real HTTP, a key for every wish.

What is not known to have happened is asked again under the same key until it is known. Every
attempt stands in the chronicle with what came of it.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx

from tests.judge import history
from tests.nemesis.chronicle import Chronicle
from tests.system.house import NeverHappened

Json = dict[str, Any]
Via = Literal["feed", "webhook"]
ASK_S_MAX = 5.0
"""How long a client waits for an answer before it counts it as unknown."""
AGAIN_S = 0.2
KNOWN_S_MAX = 240.0
"""How long somebody asks again before the campaign fails: nothing is down for so long."""
IDS = ("id", "state", "hold", "parcel_id", "right_id", "locker_id", "size_class", "created_at")
"""What of a reservation must not change when it is asked for again."""


@dataclass(eq=False)
class Parcel:
    """One parcel from its reservation to its end, as people know it."""

    carrier: "Caller"
    locker: str
    label: str
    number: int
    reservation_id: str = ""
    id: str = ""
    code: str = ""
    """All twelve digits; the first eight are enough until the keypad asks for more."""
    compartment: int | None = None
    """Behind which door the courier put it."""
    cancelled: bool = False


@dataclass(eq=False)
class Caller:
    """Somebody with an API key."""

    who: str
    name: str
    """Before the numbers of its Idempotency-Keys; nobody else's."""
    client: httpx.Client
    chronicle: Chronicle
    ending: threading.Event = field(default_factory=threading.Event)
    position: int = 0
    """How far the feed was read."""
    operations: list[tuple[str, str]] = field(default_factory=list)
    """Door operations that were asked for: locker and id."""
    _keys: int = 0

    def ask(
        self,
        act: history.Act,
        method: str,
        path: str,
        *,
        target: str = "",
        tells: Callable[[Json], Json] = lambda _: {},
        said: Json | None = None,
        **asked: Any,
    ) -> tuple[int, Json]:
        """Ask until it is known what came of it; return status and body.

        `said` goes into the chronicle, and of the answer what `tells` makes of it.
        """
        key = ""
        if method == "POST":
            self._keys += 1
            key = f"{self.name}-{self._keys}"
            asked["headers"] = {"Idempotency-Key": key}
        until = time.monotonic() + KNOWN_S_MAX
        while time.monotonic() < until:
            op = self.chronicle.ask(self.who, act, target=target, key=key, **(said or {}))
            try:
                answer = self.client.request(method, path, timeout=ASK_S_MAX, **asked)
            except httpx.HTTPError:
                self.chronicle.answer(op, "unknown")
            else:
                body: Json = answer.json() if answer.content else {}
                if answer.status_code < 400:
                    self.chronicle.answer(op, "ok", answer.status_code, tells(body))
                    return answer.status_code, body
                if answer.status_code < 500:
                    refused = {"type": body.get("type")}
                    self.chronicle.answer(op, "fail", answer.status_code, refused)
                    return answer.status_code, body
                self.chronicle.answer(op, "unknown", answer.status_code)
            self.ending.wait(AGAIN_S)
        raise NeverHappened(f"{self.who}: no answer to {method} {path} in {KNOWN_S_MAX:.0f} s")

    # Carriers ------------------------------------------------------------------------------------

    def reserve(self, locker: str, number: int, chance: random.Random) -> Parcel | None:
        """Reserve room for a small parcel; None if there is none."""
        label = f"N-{number:05d}"
        deposit_by = datetime.now(UTC) + timedelta(days=1)
        low = chance.random() < 0.2
        status, body = self.ask(
            "reserve",
            "POST",
            "/v1/reservations",
            tells=lambda body: {name: body[name] for name in IDS},
            said={
                "locker": locker,
                "label": f"opaque:{label}",
                "needs": ["low"] if low else [],
                "hold": "hard",
                "deposit_by_s": self.chronicle.now + 86_400,
                "collect_within_s": 3 * 86_400,
            },
            json={
                "locker_id": locker,
                "label": {"kind": "reference", "value": label},
                "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
                "needs": ["low"] if low else [],
                "deposit_by": deposit_by.isoformat(),
                "collect_within": "P3D",
                "code_at": "reservation",
            },
        )
        if status == 409:
            return None
        assert status == 201, body
        code = body["pickup_code"] + body["addition"]
        return Parcel(self, locker, label, number, body["id"], body["parcel_id"], code)

    def delivered(self, parcel: Parcel) -> bool:
        """Say whether the locker knows of a parcel."""
        _, body = self.ask("other", "GET", f"/v1/reservations/{parcel.reservation_id}")
        return bool(body["delivered_to_locker"])

    def cancel(self, parcel: Parcel) -> None:
        """Take a reservation back."""
        status, body = self.ask(
            "cancel",
            "DELETE",
            f"/v1/reservations/{parcel.reservation_id}",
            target=parcel.id,
            said={"parcel_id": parcel.id, "locker": parcel.locker},
            tells=lambda body: {"parcel_id": body["parcel_id"], "state": body["state"]},
        )
        assert status == 200, body
        parcel.cancelled = True

    def look(self, parcel: Parcel) -> str:
        """Return the state of a parcel."""
        _, body = self.ask(
            "look",
            "GET",
            f"/v1/parcels/{parcel.id}",
            target=parcel.id,
            tells=lambda body: {
                "parcel_id": body["id"],
                "state": body["state"],
                "compartment": body["compartment"],
            },
        )
        return str(body["state"])

    def read_feed(self) -> None:
        """Read what is new in the carrier's feed."""
        while True:
            _, body = self.ask("other", "GET", f"/v1/events?after={self.position}")
            for event in body["events"]:
                self.position = event["position"]
                self._told(self.chronicle.now, event["id"], event["position"], event)
            if not body["events"]:
                return

    def subscribe(self, url: str) -> str:
        """Have every event sent to an endpoint; return the secret that signs it."""
        path = "/v1/webhook-subscriptions"
        status, body = self.ask("other", "POST", path, json={"url": url})
        assert status == 201, body
        return str(body["secret"])

    def was_told(self, deliveries: list[Json]) -> None:
        """Note what came by webhook, when it came."""
        for one in deliveries:
            at = one["received_at"].timestamp() - self.chronicle.began_wall
            self._told(at, one["headers"]["webhook-id"], one["position"], one, "webhook")

    def _told(
        self, at: float, event_id: str, position: int, event: Json, via: Via = "feed"
    ) -> None:
        self.chronicle.add(
            history.Delivered(
                at=at,
                carrier=self.who.removeprefix("carrier:"),
                position=position,
                event_id=event_id,
                parcel_id=event["data"].get("parcel_id", ""),
                type=event["type"],
                via=via,
            )
        )

    # Operators -----------------------------------------------------------------------------------

    def open_door(self, locker: str, compartment: int) -> str:
        """Ask for a door to be opened; return the operation's id."""
        status, body = self.ask(
            "open_door",
            "POST",
            f"/v1/lockers/{locker}/door-operations",
            target=locker,
            said={"locker": locker, "compartment": compartment},
            tells=lambda body: {"operation_id": body["id"], "jti": body["id"]},
            json={"compartment": compartment, "reason_code": "test", "reason": "The campaign."},
        )
        assert status == 202, body
        self.operations.append((locker, body["id"]))
        return str(body["id"])

    def outcome(self, locker: str, operation_id: str) -> str:
        """Return the state of a door operation."""
        _, body = self.ask(
            "look",
            "GET",
            f"/v1/lockers/{locker}/door-operations/{operation_id}",
            target=operation_id,
            tells=lambda body: {"operation_id": body["id"], "state": body["state"]},
        )
        return str(body["state"])
