"""ETags: 304 to who has it, 412 to who has it no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from fellesskap_backend.errors import PreconditionFailed, PreconditionRequired
from fellesskap_backend.etag import Match, Tagger, tags, unchanged
from fellesskap_backend.lockers.tables import Locker
from tests.backend.api import Api, request, reserve
from tests.backend.printed import operations, printed

TAGGER = Tagger(b"k" * 32)
PLAN = {"collect_within": "P9D"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_what_has_not_changed_is_not_sent_again(api: Api) -> None:
    carrier = api.carrier()
    path = reserve(carrier, request(code_at="reservation"), "k").headers["location"]
    first = carrier.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = carrier.get(path, headers={"If-None-Match": header})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    assert carrier.get(path, headers={"If-None-Match": '"other"'}).json() == first.json()
    applied = update(Locker).values(applied_generation=1, applied_revision=1)
    api.change(lambda session: session.execute(applied))
    changed = carrier.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["delivered_to_locker"]) == (200, True)
    assert changed.headers["etag"] != tag


def test_every_get_has_a_tag_and_only_what_was_found(api: Api) -> None:
    carrier = api.carrier()
    reserve(carrier, request(), "k")
    parcel = carrier.get("/v1/parcels").json()["parcels"][0]["id"]
    availability = "/v1/lockers/oslo-1/availability"
    for path in ("/v1/parcels", f"/v1/parcels/{parcel}", "/v1/events", availability):
        tag = carrier.get(path).headers["etag"]
        assert carrier.get(path, headers={"If-None-Match": tag}).status_code == 304
    missing = carrier.get("/v1/parcels/01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f")
    assert "etag" not in missing.headers


@pytest.mark.parametrize("code_at", ["deposit", "reservation"])
def test_what_was_made_or_changed_has_the_tag_that_a_get_gives(api: Api, code_at: str) -> None:
    carrier = api.carrier()
    made = reserve(carrier, request(code_at=code_at), "k")
    path = made.headers["location"]
    assert made.headers["etag"] == carrier.get(path).headers["etag"]
    changed = carrier.patch(path, json=PLAN, headers={"If-Match": made.headers["etag"]})
    assert changed.status_code == 200, changed.text
    assert changed.headers["etag"] == carrier.get(path).headers["etag"] != made.headers["etag"]
    same = {"If-Match": changed.headers["etag"], "If-None-Match": changed.headers["etag"]}
    again = carrier.patch(path, json=PLAN, headers=same)
    assert (again.status_code, again.json()) == (200, changed.json())
    stale = carrier.patch(path, json=PLAN, headers={"If-Match": made.headers["etag"]})
    assert (stale.status_code, "etag" in stale.headers) == (412, False)
    for number in range(2, 5):
        last = reserve(carrier, request(number), f"k{number}")
    assert (last.status_code, "etag" in last.headers) == (409, False)


def test_every_patch_says_its_tag_and_the_document_says_so(api: Api) -> None:
    document = printed(api, "all")
    carrier = api.carrier()
    hook = {"url": "https://carrier.example/hook", "types": ["parcel.deposited"]}
    key = {"Idempotency-Key": "k"}
    subscription = carrier.post("/v1/webhook-subscriptions", json=hook, headers=key).json()
    prefix = carrier.headers["authorization"].split("_")[1]
    paths = {
        "change_webhook": (f"/v1/webhook-subscriptions/{subscription['id']}", {"state": "paused"}),
        "change_api_key": (f"/v1/api-keys/{prefix}", {"name": "spring"}),
        "change_reservation": (reserve(carrier, request(), "k").headers["location"], PLAN),
    }
    seen = set()
    for _, verb, operation in operations(document):
        if verb != "patch":
            continue
        assert set(operation["responses"]["200"]["headers"]) == {"ETag"}
        path, body = paths[operation["operationId"]]
        tag = carrier.get(path).headers["etag"]
        changed = carrier.patch(path, json=body, headers={"If-Match": tag})
        assert changed.status_code == 200, changed.text
        assert changed.headers["etag"] == carrier.get(path).headers["etag"] != tag
        seen.add(operation["operationId"])
    assert seen == set(paths)


def test_tag_of_other_content_does_not_match() -> None:
    tag = TAGGER.of({"state": "confirmed"})
    Match(TAGGER, tag).check({"state": "confirmed"})
    Match(TAGGER, f'"x", {tag}').check({"state": "confirmed"})
    Match(TAGGER, "*").check({"state": "anything"})
    for header in (f"W/{tag}", '"x"', "", tag.strip('"')):
        with pytest.raises(PreconditionFailed):
            Match(TAGGER, header).check({"state": "confirmed"})
    with pytest.raises(PreconditionFailed):
        Match(TAGGER, tag).check({"state": "expired"})
    with pytest.raises(PreconditionRequired):
        Match(TAGGER, None).check({"state": "confirmed"})


def test_tag_depends_on_the_installation() -> None:
    assert TAGGER.of({}) != Tagger(b"j" * 32).of({})


@given(json_values, json_values)
def test_content_alone_makes_the_tag(one: object, other: object) -> None:
    assert (TAGGER.of(one) == TAGGER.of(other)) == (one == other and repr(one) == repr(other))


@given(st.text())
def test_any_header_can_be_read(header: str) -> None:
    assert tags(header)
    assert unchanged(header, "never") is (header.strip() == "*" or "never" in header)
