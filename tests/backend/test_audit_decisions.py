"""An auditor reads every decision over HTTP, and derives them all again from the file alone."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from fellesskap_backend.audit.exported import Checked, Export
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.receipts.tables import AuditRoot
from fellesskap_protocol.audit import published_roots
from tests.backend.api import Api, Json, request, reserve
from tests.backend.receipts import after, close

PATH = "/v1/audit/decisions"
SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
PROGRAM = str(Path(sys.executable).with_name("fellesskap-backend"))


def auditor(api: Api) -> httpx.Client:
    def add(session: Session) -> str:
        return carriers.add_operator(session, "Revisor", Moment(datetime.now(UTC)), "auditor")

    return api.client(api.change(add))


def mixed(api: Api) -> int:
    """Have two carriers ask at two lockers over some hours; return for how much."""
    carriers_two = (api.carrier(), api.carrier("Sydpost"))
    api.locker("oslo-2", doors=4)
    asked = 0
    for hour in (1, 2):
        for number in range(4):
            for who, client in enumerate(carriers_two):
                wish = request(100 * hour + 10 * who + number, locker_id=f"oslo-{1 + number % 2}")
                needs = {"needs": ["low"]} if number == 3 else {}
                hold = "soft" if number == 2 and who else "hard"
                reserve(client, wish | needs | {"hold": hold}, f"k{hour}-{who}-{number}")
                asked += 1
        reserve(carriers_two[0], request(100 * hour), f"twice-{hour}")
        asked += 1
        if hour == 1:
            close(api, after(api))
    return asked


def export(client: httpx.Client, **asked: object) -> list[str]:
    """Fetch all pages, each a line."""
    path, lines = f"{PATH}?{httpx.QueryParams(asked)}", []  # type: ignore[arg-type]
    while path:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        lines.append(answer.text)
        path = answer.links["next"]["url"] if "next" in answer.links else ""
        assert (json.loads(answer.text)["next"] is None) == (not path)
    return lines


def checked(lines: list[str]) -> Checked:
    return Export().run(lines)


def test_what_was_decided_is_derived_again_from_the_file_to_the_byte(api: Api) -> None:
    asked = mixed(api)
    lines = export(auditor(api), limit=5)
    assert len(lines) == 4
    found = checked(lines)
    assert found["altered"] == []
    assert (found["lockers"], found["decisions"], found["receipts"]) == (2, asked, asked // 2)
    assert found["hours"] == 1
    public = api.client().get("/v1/audit/roots")
    assert found["keys"] == public.json()["keys"]
    roots = {hour: said["root"] for hour, (said, _) in published_roots(public.content).items()}
    assert Export(roots).run(lines) == found
    outcomes = {json.loads(row.body)["outcome"] for row in api.rows(Decision)}
    assert {"confirmed", "locker_full", "duplicate_parcel"} <= outcomes


def test_pages_are_in_the_order_of_chains_and_say_what_is_stored(api: Api) -> None:
    mixed(api)
    pages = [json.loads(line) for line in export(auditor(api), limit=4)]
    shown = [one for page in pages for one in page["decisions"]]
    rows = sorted(api.rows(Decision), key=lambda row: (row.locker_id, row.number))
    assert [(one["locker_id"], one["number"], one["body"]) for one in shown] == [
        (row.locker_id, row.number, row.body) for row in rows
    ]
    for earlier, later in pairwise(shown):
        if later["number"] > 1:
            assert json.loads(later["body"])["prev"] == earlier["hash"]
    (only,) = [json.loads(line) for line in export(auditor(api), locker_id="oslo-2", limit=200)]
    assert only["decisions"] == [one for one in shown if one["locker_id"] == "oslo-2"]
    assert only["chains"] == [
        {"locker_id": "oslo-2", "decided": 8, "hash": only["decisions"][-1]["hash"]}
    ]


@SQLITE
def test_one_lockers_file_is_checked_too(api: Api) -> None:
    mixed(api)
    found = checked(export(auditor(api), locker_id="oslo-2", limit=3))
    assert (found["lockers"], found["decisions"], found["altered"]) == (1, 8, [])


def _body(page: Json) -> None:
    row = page["decisions"][1]
    row["body"] = row["body"].replace('"is_duplicate":false', '"is_duplicate":true')


def _hash(page: Json) -> None:
    page["decisions"][1]["hash"] = "0" * 64


def _told(page: Json) -> None:
    receipt = page["decisions"][1]["receipt"]
    receipt["decision"] = receipt["decision"].replace("confirmed", "locker_full")


def _leaf(page: Json) -> None:
    page["decisions"][1]["receipt"]["leaf"] = page["decisions"][0]["receipt"]["leaf"]


def _carrier(page: Json) -> None:
    page["decisions"][1]["carrier_id"] = page["decisions"][0]["id"]


def _gone(page: Json) -> None:
    del page["decisions"][1]


def _untold(page: Json) -> None:
    page["decisions"][1]["receipt"] = None


SPOILT: dict[str, tuple[Callable[[Json], None], str]] = {
    "body": (_body, "altered"),
    "hash": (_hash, "altered"),
    "told": (_told, "told otherwise, not under its root"),
    "leaf": (_leaf, "not under its root"),
    "carrier": (_carrier, "altered"),
    "gone": (_gone, "gone"),
}


@SQLITE
def test_one_altered_line_is_found_and_named(api: Api) -> None:
    mixed(api)
    lines = export(auditor(api), limit=3)
    for spoil, why in SPOILT.values():
        page = json.loads(lines[0])
        spoil(page)
        first, *_ = checked([json.dumps(page), *lines[1:]])["altered"]
        assert re.match("line [14]: oslo-1: decision 2: ", first), first
        assert why in first
    page = json.loads(lines[0])
    _untold(page)
    (why,) = checked([json.dumps(page), *lines[1:]])["altered"]
    assert why.endswith("not the tree of its receipts")


@SQLITE
def test_a_file_that_is_not_whole_is_told(api: Api) -> None:
    mixed(api)
    lines = export(auditor(api), limit=3)
    assert checked(lines[:-1])["altered"][-1] == "the last page is missing"
    lost = checked([*lines[:1], *lines[2:]])["altered"]
    assert "line 3: oslo-1: decision 4: gone" in lost
    for wrong in ("", "{}", "[]", lines[1][:-1]):
        assert "line 2: not a page as it came" in checked([lines[0], wrong])["altered"]
    assert "line 7: oslo-1: again" in checked([*lines, lines[0]])["altered"]
    roots = {json.loads(line)["roots"][0]["hour"]: "other" for line in lines[:1]}
    assert Export(roots).run(lines)["altered"][0].endswith("not what was signed")
    page = json.loads(lines[0])
    page["roots"][0]["size"] = 2_048
    assert checked([json.dumps(page), *lines[1:]])["altered"][0].endswith("not what was signed")


def test_a_chain_whose_rows_are_all_gone_is_told(api: Api) -> None:
    mixed(api)
    gone = delete(Decision).where(Decision.locker_id == "oslo-2")
    api.change(lambda session: session.execute(gone))
    found = checked(export(auditor(api), limit=4))["altered"]
    assert [one.partition(": ")[2] for one in found if ": gone" in one] == [
        f"oslo-2: decision {number}: gone" for number in range(1, 9)
    ]


@SQLITE
def test_what_is_closed_while_pages_are_read_is_no_fault(api: Api) -> None:
    mixed(api)
    client = auditor(api)
    first = client.get(PATH, params={"limit": 12})
    close(api, after(api, 9))
    rest = export(client, limit=50, cursor=first.json()["next"])
    found = checked([first.text, *rest])
    assert found["altered"] == []
    assert found["hours"] == 2 <= api.count(AuditRoot)


@SQLITE
def test_nobody_but_an_auditor_reads_them(api: Api) -> None:
    mixed(api)
    for client in (api.carrier("Vestpost"), api.operator()):
        assert client.get(PATH).status_code == 403
    assert api.client().get(PATH).status_code == 401
    own = auditor(api)
    for wrong in ({"cursor": "oslo-1"}, {"cursor": "."}, {"limit": 201}, {"locker_id": "Æ"}):
        assert own.get(PATH, params=wrong).status_code == 422, wrong
    tag = own.get(PATH).headers["etag"]
    assert own.get(PATH, headers={"If-None-Match": tag}).status_code == 304
    nothing = own.get(PATH, params={"locker_id": "oslo-9"}).json()
    assert (nothing["decisions"], nothing["chains"], nothing["next"]) == ([], [], None)


@pytest.mark.slow
@SQLITE
def test_the_command_needs_the_file_alone(api: Api, tmp_path: Path) -> None:
    asked = mixed(api)
    lines = export(auditor(api))
    (tmp_path / "export.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "roots.json").write_bytes(api.client().get("/v1/audit/roots").content)
    line = [PROGRAM, "decisions", "replay", "--from-export", "export.jsonl"]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        state = ["--state", "elsewhere"]
        return subprocess.run(
            [*line, *more, *state], cwd=tmp_path, check=False, capture_output=True, text=True
        )

    good = run("--roots", "roots.json")
    assert (good.returncode, json.loads(good.stdout)["decisions"]) == (0, asked), good.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []
    spoilt = lines[0].replace('\\"hold\\":\\"hard\\"', '\\"hold\\":\\"soft\\"', 1)
    (tmp_path / "export.jsonl").write_text(spoilt)
    bad = run()
    assert bad.returncode == 1
    assert bad.stderr.startswith("altered: line 1: oslo-1: decision 1: altered")
    assert run("--roots", "export.jsonl").returncode == 1
