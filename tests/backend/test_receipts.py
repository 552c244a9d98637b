"""Each hour one tree: every decision is in one of them, and silence looks like speech."""

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from fellesskap_backend import db, secrets
from fellesskap_backend.db import Moment, instant, table_of
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.receipts.closing import close_next
from fellesskap_backend.receipts.hours import HOUR, LOOK_BACK, WAIT, due, hour_of, told_at
from fellesskap_backend.receipts.tables import AuditRoot, Receipt
from fellesskap_backend.receipts.told import committed, is_of, shown
from fellesskap_backend.worker import Worker
from fellesskap_protocol.audit import NotProven, verify
from tests.backend.api import Api, Json, request, reserve
from tests.backend.neutral import Writer, doors
from tests.backend.receipts import JUST, after, close

pytestmark = pytest.mark.slow

TEN = datetime(2027, 3, 1, 10, tzinfo=UTC)
TOLD = {
    *("id", "locker_id", "carrier_id", "at", "policy"),
    *("request", "outcome", "because"),
}
ASKED = {
    *("dimensions", "needs", "hold", "is_duplicate"),
    *("deposit_by", "reserve_until", "collect_within_s"),
}
"""What a receipt may say: nothing of a place in a chain, nothing that depends on others."""


def decision(client: httpx.Client, identifier: str) -> Json:
    answer = client.get(f"/v1/decisions/{identifier}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def proven(shown: Json, published: Json) -> Json:
    return verify(json.dumps(shown).encode(), json.dumps(published).encode())


# Which hour, and when ----------------------------------------------------------------------------


def test_an_hour_is_closed_ten_minutes_after_its_end() -> None:
    assert due(TEN - HOUR, TEN + HOUR + WAIT - JUST) is None
    assert due(TEN - HOUR, TEN + HOUR + WAIT) == TEN
    assert due(None, TEN + HOUR + WAIT) == TEN, "an installation begins with the last hour"


def test_a_server_that_was_down_goes_on_where_it_stopped() -> None:
    assert due(TEN - 30 * HOUR, TEN + HOUR + WAIT) == TEN - 29 * HOUR


def test_a_receipt_is_promised_for_the_next_tree_that_can_hold_it() -> None:
    at = TEN + timedelta(minutes=59)
    assert told_at(at, None) == told_at(at, TEN - HOUR) == TEN + HOUR + WAIT
    assert told_at(at, TEN) == TEN + 2 * HOUR + WAIT, "committed late"
    assert told_at(TEN, TEN + LOOK_BACK) is None


# Closing -----------------------------------------------------------------------------------------


def test_every_answer_has_a_receipt_that_is_proven(api: Api) -> None:
    carrier = api.carrier()
    first = reserve(carrier, request(1), "k1").json()
    for number in (2, 3):
        reserve(carrier, request(number), f"k{number}")
    refused = reserve(carrier, request(4), "k4").json()
    ids = [first["id"], refused["decision_id"]]
    waiting = [decision(carrier, one) for one in ids]
    assert [one["receipt"] for one in waiting] == [None, None]
    assert close(api, after(api) - JUST) <= 1, "the hour before, if anything"
    for one in waiting:
        at = hour_of(datetime.fromisoformat(one["at"])) + HOUR + WAIT
        assert one["receipt_at"] == instant(at)
    assert close(api, after(api)) == 1
    published = api.client().get("/v1/audit/roots").json()
    for before, one in zip(waiting, ids, strict=True):
        shown = decision(carrier, one)
        said = json.loads(proven(shown, published)["decision"])
        assert len(said.pop("record")) == 43
        assert said == {name: shown[name] for name in TOLD}
        assert shown == before | {"receipt": shown["receipt"], "receipt_at": None}
    assert (shown["outcome"], shown["because"]) == (refused["reason"], refused["detail"])
    assert api.count(Receipt) == 4


def test_what_a_receipt_says_is_reviewed(api: Api) -> None:
    carrier = api.carrier()
    made = reserve(carrier, request(1), "k1").json()
    close(api, after(api))
    receipt = decision(carrier, made["id"])["receipt"]
    assert receipt.keys() == {"hour", "decision", "salt", "place", "path"}
    said = json.loads(receipt["decision"])
    assert said.keys() == TOLD | {"record"}
    assert said["request"].keys() == ASKED
    assert said["because"] == "There is room for it, and it is given."
    (root,) = [one for one in api.rows(AuditRoot) if instant(one.hour) == receipt["hour"]]
    assert root.seed not in api.client().get("/v1/audit/roots").text


def test_an_hour_of_silence_has_a_tree_like_any_other(api: Api) -> None:
    carrier = api.carrier()
    reserve(carrier, request(1), "k1")
    close(api, after(api))
    assert close(api, after(api, 5)) == 4, "one after the other"
    rows = sorted(api.rows(AuditRoot), key=lambda row: row.hour)
    assert {row.size for row in rows} == {1_024}
    assert len({row.root for row in rows}) == len(rows)
    assert {b.hour - a.hour for a, b in pairwise(rows)} == {HOUR}


def test_closing_again_does_nothing(api: Api) -> None:
    reserve(api.carrier(), request(1), "k1")
    close(api, after(api))
    before = [row.jws for row in api.rows(AuditRoot)]
    assert close(api, after(api)) == 0
    assert [row.jws for row in api.rows(AuditRoot)] == before


def test_what_was_committed_late_goes_into_the_next_tree(api: Api) -> None:
    carrier = api.carrier()
    made = reserve(carrier, request(1), "k1").json()
    (row,) = api.rows(Decision)
    first, second = after(api), after(api, 2)
    columns = {one.name: getattr(row, one.name) for one in table_of(Decision).columns}
    api.change(lambda session: session.execute(delete(Decision)))
    close(api, first)
    api.change(lambda session: session.add(Decision(**columns)))
    late = decision(carrier, made["id"])
    assert (late["receipt"], late["receipt_at"]) == (None, instant(second))
    close(api, second)
    shown = decision(carrier, made["id"])
    assert shown["receipt"]["hour"] == instant(hour_of(row.decided_at) + HOUR)
    proven(shown, api.client().get("/v1/audit/roots").json())


def test_what_was_altered_before_its_hour_ended_takes_no_receipt_from_others(api: Api) -> None:
    carrier = api.carrier()
    bad, good = (reserve(carrier, request(n), f"k{n}").json()["id"] for n in (1, 2))
    spoilt = update(Decision).where(Decision.number == 1).values(body="{}")
    api.change(lambda session: session.execute(spoilt))
    close(api, after(api))
    assert [str(row.decision_id) for row in api.rows(Receipt)] == [good] != [bad]


def test_two_workers_at_once_make_one_tree(api: Api) -> None:
    reserve(api.carrier(), request(1), "k1")
    close(api, after(api) - HOUR)
    together = threading.Barrier(4)
    made: list[bool] = []

    at = after(api)

    def work(session: Session) -> bool:
        return close_next(session, Moment(at), secrets=api.secrets)

    def run() -> None:
        together.wait(10)
        made.append(db.run(api.engine, work))

    workers = [threading.Thread(target=run) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    assert sorted(made) == [False, False, False, True]
    assert api.count(Receipt) == 1


def test_the_worker_closes_what_is_due(api: Api) -> None:
    worker = Worker(api.settings, api.secrets, api.engine)
    before = datetime.now(UTC)
    worker.round()
    (row,) = api.rows(AuditRoot)
    assert row.hour in {hour_of(at - WAIT) - HOUR for at in (before, datetime.now(UTC))}


def test_words_may_be_put_better_later(api: Api) -> None:
    reserve(api.carrier(), request(1), "k1")
    (row,) = api.rows(Decision)
    seed = b"s" * 32
    text = committed(row.body, seed)
    assert is_of(text, row.body, seed)
    assert is_of(committed(row.body, seed, {"because": "Older words."}), row.body, seed)
    assert not is_of(text, row.body.replace('"acked_seq":0', '"acked_seq":1'), seed), "`record`"
    assert not is_of(text.replace('"confirmed"', '"locker_full"'), row.body, seed)
    assert not is_of(text, row.body, b"t" * 32)
    for other in ("", "[]", "{}"):
        assert not is_of(other, row.body, seed)


def test_which_of_two_parts_it_was_is_told_no_more_and_what_was_told_of_it_still_stands() -> None:
    log = Writer(doors(1), weights={1: 1}, quota={1: 0})
    body, seed = log.say(1, part="lent"), b"s" * 32
    text = committed(body, seed)
    assert '"part":"beyond"' in text
    assert "lent" not in text
    older = committed(body, seed, {"part": "lent", "because": "Of what others did not ask for."})
    assert '"part":"lent"' in older
    assert is_of(text, body, seed)
    assert is_of(older, body, seed)
    assert not is_of(older.replace('"part":"lent"', '"part":"commons"'), body, seed)
    assert shown(older)["part"] == shown(text)["part"] == "beyond"


# Who sees what -----------------------------------------------------------------------------------


def test_another_carriers_decision_answers_like_one_that_does_not_exist(api: Api) -> None:
    made = reserve(api.carrier(), request(1), "k1").json()
    other = api.carrier("Sydpost")
    for _ in range(2):
        foreign = other.get(f"/v1/decisions/{made['id']}")
        unknown = other.get("/v1/decisions/01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f")
        assert (foreign.status_code, foreign.json()) == (404, unknown.json())
        close(api, after(api))
    assert api.operator().get(f"/v1/decisions/{made['id']}").status_code == 403


def test_roots_are_read_in_pages(api: Api) -> None:
    reserve(api.carrier(), request(1), "k1")
    close(api, after(api, 5))
    public = api.client()
    whole = public.get("/v1/audit/roots").json()
    assert (len(whole["roots"]), whole["next"]) == (1, None)
    close(api, after(api, 9))
    path, seen = "/v1/audit/roots?limit=2", []
    while path:
        answer = public.get(path)
        seen += answer.json()["roots"]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == public.get("/v1/audit/roots").json()["roots"]
    assert len(seen) == 5
    newest = {"since": instant(after(api, 9) - WAIT - HOUR)}
    assert public.get("/v1/audit/roots", params=newest).json()["roots"] == seen[-1:]
    assert public.get("/v1/audit/roots?since=2027-03-01").status_code == 422


def test_a_key_that_was_replaced_still_proves_what_it_signed(api: Api) -> None:
    carrier = api.carrier()
    before = reserve(carrier, request(1), "k1").json()["id"]
    close(api, after(api))
    rotated = secrets.rotate(api.settings.state)
    later = Moment(after(api, 2))
    db.run(api.engine, lambda session: close_next(session, later, secrets=rotated))
    published = api.client().get("/v1/audit/roots").json()
    assert len(published["keys"]) == 2
    said = proven(decision(carrier, before), published)
    assert said["key"] == published["keys"][0] != published["keys"][1]


def test_a_rival_changes_nothing_in_a_receipt_but_hashes(api: Api) -> None:
    """Two worlds that differ in what a rival asked for: number and length of all are equal."""
    worlds = []
    carrier, rival = api.carrier(), api.carrier("Sydpost")
    for hour, asked in enumerate((0, 40), start=1):
        reservation = reserve(carrier, request(hour), f"own{hour}").json()
        for number in range(asked):
            reserve(rival, request(100 + number, locker_id="oslo-2"), f"k{number}")
        close(api, after(api, hour))
        shown = decision(carrier, reservation["id"])
        shown["request"].pop("deposit_by")
        receipt = shown.pop("receipt")
        assert 0 <= receipt["place"] < 1_024
        lengths = [len(one) for one in receipt["path"]]
        worlds.append((shown.keys(), shown["request"], shown["because"], lengths, receipt.keys()))
        assert reservation["state"] == "confirmed"
        if hour == 1:
            api.locker("oslo-2", doors=20)
    assert worlds[0] == worlds[1]
    assert api.count(Decision) == 42
    assert {row.size for row in api.rows(AuditRoot)} == {1_024}
    files = [len(one) for one in api.client().get("/v1/audit/roots").json()["roots"]]
    assert len(set(files)) == 1


# End to end --------------------------------------------------------------------------------------


def test_a_carrier_proves_it_alone_and_is_told_if_a_byte_differs(api: Api, tmp_path: Path) -> None:
    carrier = api.carrier()
    made = reserve(carrier, request(1), "k1").json()
    close(api, after(api))
    receipt, roots = tmp_path / "receipt.json", tmp_path / "roots.json"
    receipt.write_bytes(carrier.get(f"/v1/decisions/{made['id']}").content)
    roots.write_bytes(api.client().get("/v1/audit/roots").content)

    def audit() -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("fellesskap-audit")
        line = [str(one) for one in (program, "verify", receipt, roots)]
        return subprocess.run(line, check=False, capture_output=True, text=True)

    good = audit()
    assert (good.returncode, good.stderr) == (0, "")
    assert made["id"] in good.stdout
    text = receipt.read_text()
    receipt.write_text(text.replace('\\"confirmed\\"', '\\"Confirmed\\"'))
    assert receipt.read_text() != text
    bad = audit()
    assert bad.returncode == 1
    assert bad.stderr == "not proven: the path does not lead to the published root\n"


@pytest.mark.parametrize("name", ["salt", "place", "path", "hour"])
def test_no_other_member_of_a_receipt_can_be_altered(api: Api, name: str) -> None:
    carrier = api.carrier()
    made = reserve(carrier, request(1), "k1").json()
    close(api, after(api))
    published = api.client().get("/v1/audit/roots").json()
    shown = decision(carrier, made["id"])
    receipt = shown["receipt"]
    other = {
        "salt": receipt["path"][0],
        "place": receipt["place"] ^ 1,
        "path": receipt["path"][::-1],
        "hour": instant(after(api, 7) - WAIT),
    }
    with pytest.raises(NotProven):
        proven({"receipt": receipt | {name: other[name]}}, published)
