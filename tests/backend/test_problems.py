"""Problems: each has a page, in the documents and at its own address."""

import re
from pathlib import Path

import pytest

from fellesskap_backend import problems
from fellesskap_backend.errors import BackendError
from tests.backend.api import Api, request
from tests.backend.printed import operations
from tests.golden import assert_golden

ROOT = Path(__file__).parents[2]
PASSING = dict.fromkeys(("date", "ratelimit"))
"""Headers that pass with time."""
OF_MEMBERS = {"where", "what", "locker_id", "address", "distance_m"}
"""What stands in the members of a problem, not beside them."""


def test_page_of_the_documents_names_every_problem() -> None:
    assert_golden(ROOT / "docs/problems.md", problems.markdown())


def test_every_code_is_of_one_kind_and_says_what_to_do() -> None:
    def below(kind: type[BackendError]) -> list[type[BackendError]]:
        return [one for child in kind.__subclasses__() for one in (child, *below(child))]

    named = [kind for kind in below(BackendError) if "code" in vars(kind)]
    assert len(problems.kinds()) == len(named)
    for code, kind in problems.kinds().items():
        assert re.fullmatch("[a-z]+(_[a-z]+)*", code)
        assert 400 <= kind.status <= 599
        assert kind.__doc__, code
        assert kind.remedy.endswith("."), code


def test_a_refusal_carries_what_its_page_says(api: Api) -> None:
    carrier = api.carrier()
    large = {"w_mm": 900, "h_mm": 900, "d_mm": 900, "g": 900}
    assert carrier.post("/v1/reservations", json=request(1)).status_code == 201
    answers = [
        carrier.post("/v1/reservations", json=request(2, dimensions=large)),
        carrier.post("/v1/reservations", json=request(1)),
        carrier.post("/v1/reservations", json=request(3, collect_within="P9Y")),
    ]
    usual = {"type", "title", "status", "code", "detail"}
    for answer in answers:
        problem = answer.json()
        told = problems.kinds()[problem["code"]].members
        assert problem.keys() - usual
        for member in problem.keys() - usual:
            assert f"`{member}`" in told, problem["code"]
    assert [one.json()["code"] for one in answers] == [
        *("no_fitting_compartment", "duplicate_parcel", "invalid_request")
    ]


def test_document_shows_every_code_and_every_member_of_a_problem(api: Api) -> None:
    document = api.client().get("/openapi.json").json()
    shape = document["components"]["schemas"]["Problem"]["properties"]
    assert shape["code"]["examples"] == list(problems.kinds())
    for code, kind in problems.kinds().items():
        told = {one for one in re.findall("`([a-z_]+)`", kind.members) if one not in OF_MEMBERS}
        assert told <= shape.keys(), code


def test_type_leads_to_a_page_that_explains_it(api: Api) -> None:
    public = api.client()
    refused = public.get("/v1/events").json()
    assert refused["type"] == "/problems/unauthorized"
    page = public.get(refused["type"])
    assert page.status_code == 200
    assert "An API key is needed" in page.text
    assert "http" not in page.text
    every = public.get("/problems").text
    for code in problems.kinds():
        assert public.get(f"/problems/{code}").status_code == 200
        assert f'id="{code}"' in every
    assert public.get("/problems/nonsense").json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_body"),
        (b"[" * 60_000, "application/json", 400, "malformed_body"),
        (b'{"a": "\xff"}', "application/json", 400, "malformed_body"),
        (b"\xfe\xff\x00", "application/json", 400, "malformed_body"),
        (b"[" * 900 + b"]" * 900, "application/json", 422, "invalid_request"),
        (b'{"locker_id": NaN}', "application/json", 422, "invalid_request"),
        (b"", "application/json", 422, "invalid_request"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{}", "application/json; charset=utf-8", 422, "invalid_request"),
    ],
)
def test_body_that_cannot_be_read_is_a_problem(
    api: Api, content: bytes, kind: str, status: int, code: str
) -> None:
    headers = {"Content-Type": kind, "Idempotency-Key": "k"}
    answer = api.carrier().post("/v1/reservations", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_verb_that_is_not_offered_is_told_which_are(api: Api) -> None:
    carrier = api.carrier()
    for path, verbs in (
        ("/v1/reservations", "GET, HEAD, POST"),
        ("/v1/api-keys/0123456789ab", "DELETE, GET, HEAD, PATCH"),
        ("/v1/health", "GET, HEAD"),
        ("/v1/quotes", "POST"),
        ("/docs", "GET, HEAD"),
    ):
        answer = carrier.put(path, json={})
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == verbs, path


def test_head_answers_as_get_does_without_its_body(api: Api) -> None:
    carrier = api.carrier()
    for path in ("/v1/reservations", "/v1/lockers", "/v1/nothing", "/docs"):
        got, headed = carrier.get(path), carrier.head(path)
        assert (headed.status_code, headed.content) == (got.status_code, b""), path
        assert {**headed.headers, **PASSING} == {**got.headers, **PASSING}, path
    assert carrier.head("/v1/quotes").status_code == 405


def test_parameter_that_is_not_there_is_named_and_not_passed_over(api: Api) -> None:
    carrier = api.carrier()
    answer = carrier.get("/v1/reservations?stat=expired&limt=3&limit=5")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [one["where"] for one in answer.json()["errors"]] == ["query.limt", "query.stat"]
    for path, verb, operation in operations(api.client().get("/openapi.json").json()):
        filled = re.sub(r"{\w+}", "0190aaaa-0000-7000-8000-000000000001", path)
        named = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
        query = "&".join(f"{name}=1" for name in ("debug", *named))
        answer = carrier.request(verb, f"{filled}?{query}", json={})
        assert answer.status_code == 422, (verb, path)
        assert [one["where"] for one in answer.json()["errors"]] == ["query.debug"], (verb, path)


def test_slash_too_many_is_another_address_and_redirects_nowhere(api: Api) -> None:
    answer = api.carrier().get("/v1/reservations/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "at",
    [
        1_800_000_000,
        "1800000000",
        True,
        "2027-03-01",
        "2027-03-01T08:00:00",
        "2027-03-01 08:00:00Z",
        "2027-02-30T08:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_instant_is_written_as_in_rfc_3339(api: Api, at: object) -> None:
    answer = api.carrier().post("/v1/api-keys", json={"name": "B", "expires_at": at})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text


def test_number_is_no_text_and_text_no_number(api: Api) -> None:
    carrier = api.carrier()
    for box in ({"w_mm": "300"}, {"h_mm": 100.0}, {"d_mm": True}):
        body = request()
        answer = carrier.post(
            "/v1/reservations", json={**body, "dimensions": {**body["dimensions"], **box}}
        )
        assert answer.status_code == 422, answer.text
