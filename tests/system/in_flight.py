"""What a client may have in flight when the database dies: what it heard, and what is there of it.

Every kind of request that changes something. What it did is counted over the API, so that no answer
is taken at its word. Prepared before anything is held; sent and judged by `test_postgres_killed`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import httpx

from tests.backend.api import Json, request

DONE_ALREADY = 412
"""What is changed has another ETag: so answers a PATCH that is sent again."""
UNKNOWN = (503, "RemoteProtocolError", "ReadError", "ReadTimeout")
"""No answers: whether it was done is not known. That a connection dies is allowed, if unlikely."""


class Heard(NamedTuple):
    """What a client heard: the status (or what went wrong), the body, and its headers."""

    status: int | str
    body: Any
    headers: httpx.Headers


@dataclass
class Operation:
    """One request of a client and what it heard, in its own words."""

    step: str
    verb: str
    path: str
    body: Json | None
    key: str
    traces: Callable[[httpx.Client], list[Json]]
    """Reads what there is of its effect, over the API."""
    told: str
    """The type of the event that tells of it."""
    times: int = 1
    """How many traces and events it leaves."""
    tag: str | None = None
    prepared: list[Json] = field(default_factory=list)
    """What was reserved for it before."""
    heard: list[Heard] = field(default_factory=list)

    def send(self, client: httpx.Client) -> None:
        headers = {"Idempotency-Key": self.key} if self.verb == "POST" else {}
        headers |= {"If-Match": self.tag} if self.tag else {}
        try:
            answer = client.request(self.verb, self.path, json=self.body, headers=headers)
        except httpx.HTTPError as error:
            self.heard.append(Heard(type(error).__name__, None, httpx.Headers()))
            return
        self.heard.append(Heard(answer.status_code, answer.json(), answer.headers))

    @property
    def answers(self) -> list[Heard]:
        """What said that it was done."""
        return [one for one in self.heard if one.status in (200, 201)]

    @property
    def is_answered(self) -> bool:
        """Whether the last attempt heard what became of it."""
        done = (200, 201) if self.verb != "PATCH" else (200, DONE_ALREADY)
        return bool(self.heard) and self.heard[-1].status in done

    @property
    def confirmed(self) -> list[Json]:
        """What was reserved for it and by it."""
        bodies = [one.body for one in self.answers[:1]]
        lines = [line for body in bodies for line in body.get("parcels", ())]
        own = [line["reservation"] for line in lines] or bodies
        return self.prepared + (own if self.told == "reservation.confirmed" else [])

    def judge(self, client: httpx.Client, *, was_durable: bool) -> None:
        """Hold it to its word: one effect, one answer, and all else it heard was no answer."""
        assert len(self.traces(client)) == self.times, f"{self.step}: {self.verb} {self.path}"
        bodies = [one.body for one in self.answers]
        assert all(one == bodies[0] for one in bodies), self.heard
        done = [one for one in self.heard if one.status not in UNKNOWN]
        if self.verb == "PATCH":
            again = done if self.answers == [] else done[1:]
            assert {one.status for one in again} == {DONE_ALREADY}, self.heard
            assert (not bodies) == (was_durable and self.step != "free"), self.heard
            return
        assert done == self.answers, self.heard
        if self.verb == "POST":
            replayed = ["idempotent-replayed" in one.headers for one in done]
            began = was_durable and self.step != "free"
            assert replayed == [began, *[True] * len(done[1:])], f"{self.step}: {self.path}"


def _reserve(step: str, client: httpx.Client, locker_id: str, number: int) -> Operation:
    body = request(10 * number, locker_id=locker_id)
    traces = partial(_listed, "reservations", [{"label": body["label"]["value"]}])
    return Operation(
        step, "POST", "/v1/reservations", body, f"key-{number}", traces, "reservation.confirmed"
    )


def _send_manifest(step: str, client: httpx.Client, locker_id: str, number: int) -> Operation:
    bodies = [request(10 * number + one, locker_id=locker_id) for one in (1, 2)]
    traces = partial(_listed, "reservations", [{"label": one["label"]["value"]} for one in bodies])
    body, told = {"parcels": bodies}, "reservation.confirmed"
    return Operation(step, "POST", "/v1/manifests", body, f"key-{number}", traces, told, times=2)


def _cancel(step: str, client: httpx.Client, locker_id: str, number: int) -> Operation:
    made = _made(client, locker_id, number)
    traces = partial(_history, made["parcel_id"], "cancelled")
    path, told = f"/v1/reservations/{made['id']}", "reservation.cancelled"
    return Operation(step, "DELETE", path, None, "", traces, told, prepared=[made])


def _change(step: str, client: httpx.Client, locker_id: str, number: int) -> Operation:
    made = _made(client, locker_id, number)
    path, told = f"/v1/reservations/{made['id']}", "reservation.changed"
    tag = client.get(path).headers["etag"]
    body = {"deposit_by": (datetime.now(UTC) + timedelta(days=2)).isoformat()}
    traces = partial(_history, made["parcel_id"], "changed")
    return Operation(step, "PATCH", path, body, "", traces, told, tag=tag, prepared=[made])


def _authorise(step: str, client: httpx.Client, locker_id: str, number: int) -> Operation:
    reference = f"RETURN-{number}"
    body = {
        "locker_id": locker_id,
        "reference": reference,
        "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
        "drop_off_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    traces = partial(_listed, "drop-offs", [{"reference": reference}])
    return Operation(
        step, "POST", "/v1/drop-offs", body, f"key-{number}", traces, "drop_off.authorised"
    )


def _rotate(step: str, client: httpx.Client, locker_id: str, number: int) -> Operation:
    made = _made(client, locker_id, number)
    path = f"/v1/parcels/{made['parcel_id']}/pickup-codes/{made['right_id']}/rotate"
    traces = partial(_history, made["parcel_id"], "code_rotated")
    key, told = f"key-{number}", "pickup_code.rotated"
    return Operation(step, "POST", path, None, key, traces, told, prepared=[made])


RESERVE = _reserve
KINDS = (_reserve, _send_manifest, _cancel, _change, _authorise, _rotate)


def _made(client: httpx.Client, locker_id: str, number: int) -> Json:
    body = request(10 * number, locker_id=locker_id)
    answer = client.post("/v1/reservations", json=body)
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def _listed(what: str, every: list[dict[str, str]], client: httpx.Client) -> list[Json]:
    """Find what was made, by the names that its client gave."""
    pages = [client.get(f"/v1/{what}", params=one).json() for one in every]
    return [one for page in pages for one in page[what.replace("-", "_")]]


def _history(parcel_id: str, what: str, client: httpx.Client) -> list[Json]:
    """Find what was done to a parcel."""
    history = client.get(f"/v1/parcels/{parcel_id}").json()["history"]
    return [one for one in history if one["what"] == what]
