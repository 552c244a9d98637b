"""Which refusals an operation knows is said in its document, and every test holds it to that."""

import httpx
import pytest

from fellesskap_backend.errors import DuplicateParcel, NoRoom, QuotaExceeded
from fellesskap_backend.refusals import REFUSALS
from tests.backend import refused
from tests.backend.api import Api, request, reserve
from tests.backend.printed import operations, printed


def test_every_operation_that_refuses_is_one_of_the_document(api: Api) -> None:
    every = {one["operationId"]: one for _, _, one in operations(printed(api, "all"))}
    assert {name for name, one in every.items() if "409" in one["responses"]} == set(REFUSALS)
    for name, kinds in REFUSALS.items():
        answer = every[name]["responses"]["409"]
        (content,) = answer["content"].values()
        assert [*content["examples"]] == [one.code for one in kinds]
        assert all(f"`{one.code}`" in answer["description"] for one in kinds)
        for code, example in content["examples"].items():
            assert example["value"]["code"] == code
            assert example["value"]["status"] == 409


def test_every_example_of_room_refused_says_why_and_what_instead(api: Api) -> None:
    of_decisions = set()
    for _, _, one in operations(printed(api, "all")):
        for kind in REFUSALS.get(one["operationId"], ()):
            (content,) = one["responses"]["409"]["content"].values()
            example = content["examples"][kind.code]["value"]
            if not issubclass(kind, NoRoom):
                assert example.keys().isdisjoint(("reason", "alternatives", "decision_id"))
                continue
            assert example["reason"] == example["code"] == kind.code
            assert bool(example["alternatives"]) == (kind is not DuplicateParcel)
            assert ("quota" in example) == (kind is QuotaExceeded)
            if "decision_id" in example:
                of_decisions.add(one["operationId"])
    assert of_decisions == {"reserve"}


def test_a_refusal_that_is_not_named_is_found(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here: that a parcel is under way already, which the table is made to forget."""
    monkeypatch.setitem(REFUSALS, "reserve", REFUSALS["cancel_reservation"])
    carrier = api.carrier()
    assert reserve(carrier, request(1), "a").status_code == 201
    with pytest.raises(AssertionError, match="reserve may not say duplicate_parcel"):
        reserve(carrier, request(1), "b")


def test_an_operation_is_known_by_its_address() -> None:
    asked = httpx.Request("PATCH", "http://x/v1/reservations/0192?a=b")
    assert refused.operation_of(asked) == "change_reservation"
