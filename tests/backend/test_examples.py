"""The example of each answer in the documents is one that may be given: it keeps to its schema."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.core.failures import Failure

from fellesskap_backend.app import create_api
from fellesskap_backend.docs_page import AUDIENCES
from fellesskap_backend.documents import for_audience
from fellesskap_backend.settings import Settings
from tests.backend.api import Json
from tests.backend.printed import operations
from tests.backend.refused import Nothing

pytestmark = pytest.mark.slow


def _document(audience: str) -> Json:
    whole = create_api(Settings(), Nothing, Nothing, wake=lambda **_: None).openapi()
    document = for_audience(whole, audience)
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


def _examples(operation: Json) -> Iterator[tuple[int, str, Any]]:
    """Yield status, kind and body of every example of an operation's answers."""
    for status, answer in operation["responses"].items():
        for kind, content in answer.get("content", {}).items():
            found = [content["example"]] if "example" in content else []
            for body in found + [one["value"] for one in content.get("examples", {}).values()]:
                yield int(status), kind, body


def _hold(document: Json) -> int:
    """Raise a `Failure` for an example that its schema refuses; return how many there are."""
    schema, count = schemathesis.openapi.from_dict(document), 0
    for path, verb, operation in operations(document):
        for status, kind, body in _examples(operation):
            asked = httpx.Request(verb, f"http://localhost{path}")
            headers = {"content-type": kind}
            answer = httpx.Response(status, json=body, headers=headers, request=asked)
            answer.elapsed = timedelta(0)
            schema.find_operation_by_id(operation["operationId"]).validate_response(answer)
            count += 1
    return count


@pytest.mark.parametrize("audience", AUDIENCES)
def test_each_example_of_an_answer_is_one(audience: str) -> None:
    assert _hold(_document(audience)) > 5


def test_an_example_that_lacks_a_member_is_found() -> None:
    document = _document("carrier")
    answers = document["paths"]["/v1/parcels/{parcel_id}"]["get"]["responses"]
    del answers["200"]["content"]["application/json"]["example"]["drop_off_id"]
    with pytest.raises(Failure, match="drop_off_id"):
        _hold(document)
