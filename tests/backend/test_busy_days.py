"""Over HTTP, at a locker that decides today at a cut-off: 202, and what can be done meanwhile."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from fellesskap_backend import db
from fellesskap_backend.audit.exported import Checked, Export
from fellesskap_backend.cut_offs import deciding
from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions import batches
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.webhooks.numbering import give_positions
from fellesskap_backend.webhooks.rendering import body_of
from fellesskap_backend.worker import Worker
from fellesskap_protocol.signing import b64url
from tests.backend.api import Api, Json, request, reserve
from tests.backend.ruled import put_in_force
from tests.backend.test_audit_decisions import auditor, export
from tests.system.house import wait_for

pytestmark = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)


class Busy:
    """A server, its locker of three doors, two carriers; its cut-off is in an hour."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.one, self.other = api.carrier("Nordpost"), api.carrier("Sydpost")
        self.policy = policy = put_in_force(api.engine, {1: 1, 2: 1})
        now = datetime.now(UTC).replace(microsecond=0)
        self.at = now + timedelta(hours=1)
        api.locker("busy-1", doors=3, floor_mm=1300)
        row = CutOff(
            locker_id="busy-1",
            at=self.at,
            day=policy.local(now).date(),
            begins_at=now - timedelta(minutes=1),
            load_permille=900,
        )
        self.late = instant(self.at + timedelta(days=1))
        api.change(lambda session: session.add(row))

    def ask(self, number: int, client: httpx.Client | None = None, **fields: Any) -> httpx.Response:
        body = request(number, **{"locker_id": "busy-1", "deposit_by": self.late, **fields})
        return reserve(client or self.one, body, f"k{number}")

    def decide(self) -> None:
        heard = update(Locker).values(contact_at=self.at)
        self.api.change(lambda session: session.execute(heard))
        for due in db.read(self.api.engine, lambda session: deciding.due(session, self.at)):
            act = partial(deciding.decide, one=due, moment=Moment(self.at))
            self.api.change(partial(act, secrets=self.api.secrets))


@pytest.fixture
def busy(api: Api) -> Busy:
    return Busy(api)


def test_a_request_is_202_until_the_cut_off_and_201s_equal_then(busy: Busy) -> None:
    answer = busy.ask(1, code_at="reservation")
    body = answer.json()
    assert (answer.status_code, body["state"]) == (202, "requested")
    assert answer.headers["Location"] == f"/v1/reservations/{body['id']}"
    assert body["decided_at"] == body["cut_off"] == instant(busy.at)
    path = answer.headers["Location"]
    assert busy.one.get(path).json() == body
    listed = busy.one.get("/v1/reservations", params={"state": "requested"}).json()
    assert listed["reservations"] == [body]
    assert busy.other.get(path).status_code == 404
    again = busy.ask(1, code_at="reservation")
    assert (again.status_code, again.json()) == (202, body)
    assert again.headers["Idempotent-Replayed"] == "true"
    busy.decide()
    then = busy.one.get(path).json()
    assert (then["state"], then["decided_at"]) == ("confirmed", instant(busy.at))
    assert len(then["pickup_code"]) == 8
    assert busy.one.get(f"/v1/parcels/{then['parcel_id']}").json()["state"] == "expected"
    why = busy.one.get(f"/v1/decisions/{then['decision_id']}").json()
    assert (why["outcome"], why["batch"]["cut_off"]) == ("confirmed", instant(busy.at))
    assert set(why["batch"]) == {"day", "cut_off", "key_hash", "ticket", "lot"}
    assert busy.ask(1, code_at="reservation").json() == body, "its key answers what it answered"


def test_who_asked_for_the_code_at_reservation_is_told_it_when_it_is_confirmed(
    busy: Busy,
) -> None:
    busy.ask(1, code_at="reservation")
    busy.ask(2)
    busy.decide()
    busy.api.change(partial(give_positions, moment=Moment(busy.at)))

    def bodies(session: Any) -> list[bytes]:
        rows = session.query(Notice).filter_by(type="reservation.confirmed")
        return [body_of(session, row, busy.api.secrets.k_codes) for row in rows]

    with db.reader(busy.api.engine) as session:
        sent = bodies(session)
    assert sorted(b"pickup_code" in one for one in sent) == [False, True]


def test_times_may_be_changed_while_it_waits_but_not_to_before_the_cut_off(busy: Busy) -> None:
    path = busy.ask(1).headers["Location"]

    def change(**to: str) -> httpx.Response:
        tag = busy.one.get(path).headers["ETag"]
        return busy.one.patch(path, json=to, headers={"If-Match": tag})

    early = change(deposit_by=instant(busy.at))
    assert (early.status_code, early.json()["code"]) == (422, "invalid_request")
    assert instant(busy.at) in early.json()["detail"]
    later = instant(busy.at + timedelta(days=2))
    assert change(deposit_by=later, collect_within="P4D").json()["deposit_by"] == later
    busy.decide()
    then = busy.one.get(path).json()
    assert (then["state"], then["deposit_by"], then["collect_within"]) == (
        "confirmed",
        later,
        "P4D",
    )


def test_what_is_rejected_says_why_and_where_there_is_room(busy: Busy) -> None:
    busy.api.locker("busy-2", doors=1, floor_mm=1300)
    for number in range(6):
        assert busy.ask(number, busy.other if number == 5 else busy.one).status_code == 202
    busy.decide()
    every = busy.one.get("/v1/reservations").json()["reservations"]
    refused = [one for one in every if one["state"] == "rejected"]
    assert len(every) - len(refused) == 2, "the third door is the other's"
    for one in refused:
        assert (one["reject_reason"], one["parcel_id"]) == ("locker_full", None)
        assert [other["locker_id"] for other in one["alternatives"]] == ["busy-2", "oslo-1"]
        assert busy.one.delete(f"/v1/reservations/{one['id']}").status_code == 409
        why = busy.one.get(f"/v1/decisions/{one['decision_id']}").json()
        assert why["outcome"] == "locker_full"
    (mine,) = busy.other.get("/v1/reservations").json()["reservations"]
    assert mine["state"] == "confirmed"


def test_rows_of_a_manifest_wait_like_single_requests(busy: Busy) -> None:
    busy.api.locker("busy-2", doors=1, floor_mm=1300)
    parcels: list[Json] = [
        request(1, locker_id="busy-1"),
        request(1, locker_id="busy-1"),
        request(2, locker_id="busy-1", hold="soft"),
        request(3, locker_id="busy-2"),
        request(4, locker_id="busy-1", deposit_by=instant(busy.at)),
    ]
    key = {"Idempotency-Key": "van"}
    sent = busy.one.post("/v1/manifests", json={"parcels": parcels}, headers=key).json()
    assert [line["status"] for line in sent["parcels"]] == [202, 409, 201, 201, 422]
    assert (sent["confirmed"], sent["requested"], sent["refused"]) == (2, 1, 2)
    assert busy.one.post("/v1/manifests", json={"parcels": parcels}, headers=key).json() == sent
    waiting = sent["parcels"][0]["reservation"]
    assert busy.one.get(f"/v1/reservations/{waiting['id']}").json() == waiting
    busy.decide()
    assert busy.one.get(f"/v1/reservations/{waiting['id']}").json()["state"] == "confirmed"


def test_the_worker_decides_what_is_due(busy: Busy) -> None:
    path = busy.ask(1).headers["Location"]
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)

    def let_it_come(session: Any) -> None:
        session.execute(update(CutOff).values(at=past))
        session.execute(update(Reservation).values(cut_off=past))

    busy.api.change(let_it_come)
    worker = Worker(busy.api.settings, busy.api.secrets, busy.api.engine)
    worker.start()
    try:
        wait_for("the answer", lambda: busy.one.get(path).json()["state"] == "confirmed")
    finally:
        worker.stop()
    then = busy.one.get(path).json()
    assert then["decided_at"] > then["cut_off"] == instant(past), "late, and it says so"


def test_quotes_and_the_locker_say_when_it_decides(busy: Busy) -> None:
    box = request()["dimensions"]
    asked = [{"locker_id": "busy-1", "dimensions": box, "hold": hold} for hold in ("hard", "soft")]
    hard, soft = busy.one.post("/v1/quotes", json={"parcels": asked}).json()["quotes"]
    told = ("would_confirm", "reason", "cut_off")
    assert [hard[name] for name in told] == [False, None, instant(busy.at)]
    assert [soft[name] for name in told] == [True, None, None]
    shown = busy.api.client().get("/v1/lockers/busy-1").json()["allocation"]
    assert (shown["mode"], shown["next_cut_off"]) == ("batch", instant(busy.at))
    lots = busy.api.client().get("/v1/audit/lots")
    assert (lots.status_code, lots.json()) == (200, {"lots": [], "next": None})
    for since, status in (("2027-02-28", 200), ("2027-02-29", 422), ("0", 422), ("today", 422)):
        answer = busy.api.client().get("/v1/audit/lots", params={"since": since})
        assert answer.status_code == status, since


def of_decisions(found: Checked) -> Checked:
    """Leave out what is named of the day: it is over, and decided in an hour, by no policy."""
    named = [one for one in found["altered"] if one.startswith("line ")]
    assert all(one.startswith(("day ", "cut-off ")) for one in {*found["altered"]} - {*named})
    return {**found, "altered": named}


def test_an_auditor_draws_the_lots_again_when_the_day_is_over(busy: Busy) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    day = busy.policy.local(busy.at - timedelta(hours=1)).date()
    key = batches.key_of(busy.api.secrets.k_master, day)
    announced = AnnouncedDay(
        day=day,
        policy=str(busy.policy),
        key_hash=batches.hash_of(key),
        announced_at=soon - timedelta(days=2),
        ends_at=soon,
    )
    busy.api.change(lambda session: session.add(announced))
    for number in range(5):
        busy.ask(number, busy.other if number % 2 else busy.one)
    busy.decide()
    client = auditor(busy.api)
    lines = export(client, limit=3)
    assert [json.loads(line)["lots"][0]["key"] for line in lines] == [None, None]
    found = of_decisions(Export().run(lines))
    assert (found["decisions"], found["secret"], found["altered"]) == (5, [day.isoformat()], [])
    over = update(AnnouncedDay).values(ends_at=soon - timedelta(hours=2))
    busy.api.change(lambda session: session.execute(over))
    lines = export(client, limit=3)
    found = of_decisions(Export().run(lines))
    assert (found["decisions"], found["secret"], found["altered"]) == (5, [], [])
    other = [line.replace(b64url(key), b64url(bytes(32))) for line in lines]
    assert of_decisions(Export().run(other))["altered"] == [
        *(f"line {line}: lots of {day}: not the key that was announced" for line in (1, 2)),
        *(f"line {1 + (n > 3)}: busy-1: decision {n}: decided otherwise" for n in range(1, 6)),
    ]


def test_an_altered_answer_of_a_batch_is_named_in_the_file(busy: Busy) -> None:
    for number in range(5):
        busy.ask(number, busy.other if number % 2 else busy.one)
    busy.decide()
    (line,) = export(auditor(busy.api), limit=50)
    page = json.loads(line)
    assert page["lots"] == [], "the day was never announced"
    row = page["decisions"][2]
    row["body"] = row["body"].replace('"hold":"hard"', '"hold":"soft"')
    found = of_decisions(Export().run([json.dumps(page)]))
    assert found["altered"] == ["line 1: busy-1: decision 3: altered"]
    del page["decisions"][2]
    found = Export().run([json.dumps(page)])
    assert "line 1: busy-1: decision 3: gone" in found["altered"]
