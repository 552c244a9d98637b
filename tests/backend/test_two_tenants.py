"""Every operation x a foreign id x every verb answers as for an id that does not exist.

What it names was just made, lies in a locker, or has ended; the answer is the same to the header.
Made from the OpenAPI document: what an operation's example makes, its links name; so a new noun is
included by its example and its links.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import Moment
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels import moving
from fellesskap_backend.parcels.moving import Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.settings import Settings
from tests.backend.api import Api, Json
from tests.backend.printed import (
    LOCKER_ID,
    example_body,
    operations,
    printed,
    printed_for_carriers,
)

pytestmark = pytest.mark.slow

PUBLIC = {"locker_id": LOCKER_ID, "site_id": "01977c1e-5a44-7f4d-8077-8192a3b4c5d6"}
"""What is nobody's secret."""
EVERYBODY = {
    *("check_health", "see_availability", "read_roots", "read_policy", "read_lots"),
    *("search_lockers", "find_locker", "list_sites", "find_site"),
}
WITHOUT_EFFECT = ("quote",)
"""A POST that only asks, and so needs no key."""
UNKNOWN = "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"
_keys = itertools.count()


@pytest.fixture
def wide(settings: Settings) -> Iterator[Api]:
    """A server at whose locker every example finds room; its limit is told, and never near."""
    house = Api(settings.model_copy(update={"rate_per_s": 1e6}))
    try:
        house.locker(LOCKER_ID, doors=20, height_mm=240)
        yield house
    finally:
        house.stop()


def parameters(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def headers_of(operation: Json) -> set[str]:
    """Name the headers that an operation takes."""
    return {one["name"] for one in operation["parameters"] if one["in"] == "header"}


def send(
    client: httpx.Client,
    verb: str,
    path: str,
    operation: Json,
    body: Any,
    *,
    tag: str | None = '"anything"',
) -> httpx.Response:
    """Call an operation with all that its document wants; `tag` None: without If-Match."""
    names = headers_of(operation)
    headers = {"Idempotency-Key": f"k{next(_keys)}"} if "Idempotency-Key" in names else {}
    if tag is not None and "If-Match" in names:
        headers["If-Match"] = tag
    return client.request(verb, path, json=body, headers=headers)


def every_verb(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield all that may be asked: HEAD too, wherever there is a GET."""
    for path, verb, operation in operations(document):
        yield path, verb, operation
        if verb == "get":
            yield path, "head", operation


def run(owner: httpx.Client, document: Json) -> Iterator[tuple[Json, httpx.Response, Json]]:
    """Run the example of every POST; yield it, its answer, and the ids that its links name."""
    found: dict[str, str] = {}
    waiting = [(path, one) for path, verb, one in operations(document) if verb == "post"]
    while ready := [one for one in waiting if set(parameters(one[0])) <= {*found, *PUBLIC}]:
        for path, operation in ready:
            waiting.remove((path, operation))
            body = example_body(document, operation)
            answer = send(owner, "post", path.format(**PUBLIC, **found), operation, body)
            links = operation["responses"].get(str(answer.status_code), {}).get("links", {})
            named = {
                name: answer.json()[expression.removeprefix("$response.body#/")]
                for link in links.values()
                for name, expression in link["parameters"].items()
            }
            found = named | found
            yield operation, answer, named


def owned(owner: httpx.Client, document: Json) -> dict[str, str]:
    """Run the example of every POST; return the ids that their links name, by parameter."""
    found: dict[str, str] = {}
    for _, _, named in run(owner, document):
        found = named | found
    return found


def of_nobody(identifier: str) -> str:
    """Return an id of the same shape that was never given."""
    try:
        UUID(identifier)
    except ValueError:
        return re.sub("[0-9a-f]", lambda hit: f"{int(hit[0], 16) ^ 5:x}", identifier)
    return UNKNOWN


def told(answer: httpx.Response, identifier: str) -> tuple[int, Any, str]:
    """Return status, headers but Date, and body but for the id asked for."""
    headers = sorted((name, one) for name, one in answer.headers.items() if name != "date")
    return answer.status_code, headers, answer.text.replace(identifier, "ID")


def hold_alike(answers: list[tuple[int, Any, str]], what: str, *, unmatched: bool = False) -> None:
    """Hold that a foreign id was answered as one that was never given: there is nothing."""
    foreign, nothing = answers
    assert foreign == nothing, what
    assert foreign[0] in ((404, 428) if unmatched else (404,)), what
    assert "ratelimit" in dict(foreign[1]), what


def as_made(house: Api, owner: httpx.Client, document: Json, mine: dict[str, str]) -> None:
    """Leave everything as it was made."""
    del house, owner, document, mine


def lying(house: Api, owner: httpx.Client, document: Json, mine: dict[str, str]) -> None:
    """Put in all that was announced."""
    del owner, document, mine
    move(house, {"last_mile": "deposited", "drop_off": "dropped_off"})
    assert {one.state for one in house.rows(Parcel)} == {"deposited", "dropped_off"}


def ended(house: Api, owner: httpx.Client, document: Json, mine: dict[str, str]) -> None:
    """Take it out again, and let the owner end all that can be ended."""
    lying(house, owner, document, mine)
    move(house, {"last_mile": "collected", "drop_off": "removed"})
    assert {one.state for one in house.rows(Parcel)} == {"collected", "picked_up"}
    said = [
        send(owner, verb, path.format(**PUBLIC, **mine), operation, None).status_code
        for path, verb, operation in operations(document)
        if verb == "delete"
    ]
    assert {200, 409} <= set(said) <= {200, 204, 409}


def move(house: Api, acts: dict[str, str]) -> None:
    """Let this happen to every parcel, by its kind, each behind a door of its own."""

    def work(session: Session) -> None:
        locker = session.get_one(Locker, LOCKER_ID)
        cause = Cause.now(session, locker, Moment(datetime.now(UTC)))
        for number, one in enumerate(session.scalars(select(Parcel).order_by(Parcel.id)), 1):
            assert moving.move(cause, one, acts[one.kind], Facts(number, "door")) is not None

    house.change(work)


@pytest.mark.parametrize("stage", [as_made, lying, ended])
def test_foreign_id_answers_like_one_that_does_not_exist(
    wide: Api, stage: Callable[[Api, httpx.Client, Json, dict[str, str]], None]
) -> None:
    document = printed_for_carriers(wide)
    owner, other = wide.carrier(), wide.carrier("Sydpost")
    mine = owned(owner, document)
    stage(wide, owner, document, mine)
    asked, unmatched = set(), 0
    for path, verb, operation in every_verb(document):
        for name in parameters(path):
            if name in PUBLIC:
                continue
            assert name in mine, f"no example makes a {name}, and no link names it"
            for tag in ('"anything"', None)[: 1 + ("If-Match" in headers_of(operation))]:
                body = example_body(document, operation)
                answers = []
                for identifier in (mine[name], of_nobody(mine[name])):
                    whole = path.format(**PUBLIC, **{**mine, name: identifier})
                    answer = send(other, verb, whole, operation, body, tag=tag)
                    answers.append(told(answer, identifier))
                hold_alike(answers, f"{verb} {path} {tag}", unmatched=tag is None)
                unmatched += tag is None
            asked.add(verb)
    assert asked >= {"get", "head", "post", "patch", "delete"}
    assert unmatched


def test_foreign_id_below_an_own_one_answers_like_one_that_does_not_exist(wide: Api) -> None:
    document = printed_for_carriers(wide)
    owner, other = wide.carrier(), wide.carrier("Sydpost")
    theirs, mine = owned(owner, document), owned(other, document)
    asked = set()
    for path, verb, operation in every_verb(document):
        first, *below = [name for name in parameters(path) if name not in PUBLIC] or [""]
        for name in below:
            body = example_body(document, operation)
            answers = []
            for identifier in (theirs[name], of_nobody(theirs[name])):
                whole = path.format(**PUBLIC, **{**mine, name: identifier})
                answers.append(told(send(other, verb, whole, operation, body), identifier))
            hold_alike(answers, f"{verb} {path}")
            own = send(other, "get", path.format(**PUBLIC, **mine), operation, None)
            assert own.status_code in (200, 405), f"{first} is not one's own"
            asked.add(operation["operationId"])
    assert asked >= {"find_pickup_code", "revoke_pickup_code", "redeliver_webhook"}


def test_foreign_id_in_what_is_sent_answers_like_one_that_does_not_exist(wide: Api) -> None:
    owner, other = wide.carrier(), wide.carrier("Sydpost")
    document = printed_for_carriers(wide)
    mine = owned(owner, document)
    (rival,) = [str(one.id) for one in wide.rows(Carrier) if one.name == "Nordpost"]
    cases = 0
    for path, verb, operation in operations(document):
        if "On-Behalf-Of" not in headers_of(operation):
            continue
        whole, body = path.format(**PUBLIC, **mine), example_body(document, operation)
        answers = []
        for identifier in (rival, UNKNOWN):
            other.headers["On-Behalf-Of"] = identifier
            answers.append(told(send(other, verb, whole, operation, body), identifier))
        del other.headers["On-Behalf-Of"]
        hold_alike(answers, f"{verb} {path}")
        cases += 1
    assert cases >= 5
    badge = {"lockers": [LOCKER_ID], "may": ["deposit"]}
    sent = [
        other.post("/v1/courier-badges", json={**badge, "carriers": [one]})
        for one in (rival, UNKNOWN)
    ]
    assert told(sent[0], rival) == told(sent[1], UNKNOWN)
    assert sent[0].status_code in (404, 422)


def test_each_answer_that_made_something_says_where_and_it_is_there(wide: Api) -> None:
    carrier, document = wide.carrier(), printed_for_carriers(wide)
    followed = set()
    for operation, answer, _ in run(carrier, document):
        made = {"201", "202"} & operation["responses"].keys()
        if made:
            assert str(answer.status_code) in made, answer.text
            assert all(
                operation["responses"][one]["headers"]["Location"]["required"] for one in made
            )
            assert carrier.get(answer.headers["location"]).status_code == 200
            followed.add(operation["operationId"])
    wanted = {
        operation["operationId"]
        for _, verb, operation in operations(document)
        if verb == "post" and {"201", "202"} & operation["responses"].keys()
    }
    assert followed == wanted


def test_whoever_asks_for_foreign_ids_changes_nothing(wide: Api) -> None:
    document = printed_for_carriers(wide)
    owner, other = wide.carrier(), wide.carrier("Sydpost")
    mine = owned(owner, document)
    mine["prefix"] = owner.headers["Authorization"].split("_")[1]
    readable = [
        path.format(**PUBLIC, **mine)
        for path, verb, _ in operations(document)
        if verb == "get" and parameters(path)
    ]
    before = [owner.get(path).text for path in readable]
    for path, verb, operation in operations(document):
        if set(parameters(path)) - PUBLIC.keys():
            whole = path.format(**PUBLIC, **mine)
            send(other, verb, whole, operation, example_body(document, operation))
    assert [owner.get(path).text for path in readable] == before


def test_every_operation_is_named_typed_and_for_somebody(wide: Api) -> None:
    document = printed(wide, "all")
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for path, verb, operation in operations(document):
        name = operation["operationId"]
        assert re.fullmatch("[a-z]+(_[a-z]+){0,3}", name), f"{verb} {path}: name it shortly"
        for way in operation.get("security", ()):
            assert way["ApiKey"], f"{name} wants no scope"
        good = {status: one for status, one in operation["responses"].items() if status < "3"}
        for status, answer in good.items():
            if status == "204":
                continue
            content = answer["content"]["application/json"]
            assert "$ref" in content["schema"], f"{name} {status} is not typed"
            assert "example" in content, f"{name} {status} has no example"
        if verb == "post" and name not in WITHOUT_EFFECT:
            assert any(one["name"] == "Idempotency-Key" for one in operation["parameters"]), name


@pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
def test_each_audience_reads_of_what_it_may_call_alone(wide: Api) -> None:
    seen = {
        audience: {one["operationId"] for _, _, one in operations(printed(wide, audience))}
        for audience in ("public", "carrier", "operator", "auditor", "all")
    }
    assert seen["public"] < seen["carrier"] < seen["all"]
    assert seen["public"] == EVERYBODY | (
        seen["carrier"] & seen["operator"] & seen["auditor"] & seen["public"]
    )
    assert "open_door" in seen["operator"] - seen["carrier"]
    assert "reserve" in seen["carrier"] - seen["operator"]
    assert "make_api_key" in seen["auditor"] & seen["operator"] & seen["carrier"]
    public = printed(wide, "public")
    assert "Reservation" not in public["components"]["schemas"]
    assert wide.client().get("/v1/openapi/rivals.json").status_code == 404
