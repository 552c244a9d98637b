"""The webhooks in the OpenAPI documents: each type, its model and an example that keeps to both."""

import json
import re

import pytest

from fellesskap_backend.events.data import DATA
from fellesskap_backend.events.types import TYPES
from fellesskap_backend.shapes import Shown
from fellesskap_backend.webhooks.shapes import WebhookEvent
from tests.backend.api import Api, Json
from tests.backend.event_models import hold
from tests.backend.printed import operations

pytestmark = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)


def _served(api: Api, audience: str) -> Json:
    document: Json = api.client().get(f"/v1/openapi/{audience}.json").json()
    return document


def test_carriers_read_of_every_type_what_it_says_with_an_example_that_is_one(api: Api) -> None:
    document = _served(api, "carrier")
    schemas = document["components"]["schemas"]
    assert list(document["webhooks"]) == list(TYPES)
    for kind, item in document["webhooks"].items():
        operation = item["post"]
        content = operation["requestBody"]["content"]["application/json"]
        whole, narrowed = content["schema"]["allOf"]
        assert whole["$ref"].endswith("/WebhookEvent")
        said = narrowed["properties"]
        assert said["type"] == {"const": kind}
        assert said["data"]["$ref"] == f"#/components/schemas/{DATA[kind].__name__}"
        example = content["example"]
        WebhookEvent.model_validate(example)
        hold(kind, example["data"])
        assert example["type"] == kind
        assert example["timestamp"] == example["occurred_at"]
        assert {"2XX", "410"} < operation["responses"].keys()
    refs = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert refs == schemas.keys(), "what is referred to is there, and nothing else"
    names = [one["operationId"] for _, _, one in operations(document)]
    names += [item["post"]["operationId"] for item in document["webhooks"].values()]
    assert len(set(names)) == len(names)


def test_what_is_told_may_grow(api: Api) -> None:
    schemas = _served(api, "carrier")["components"]["schemas"]
    models: list[type[Shown]] = [WebhookEvent, *DATA.values()]
    told = [schemas[one.__name__] for one in models]
    assert all("additionalProperties" not in one for one in told)
    assert "oneOf" not in json.dumps(schemas["Event"]), "types may come"


def test_who_is_told_nothing_reads_nothing_of_it(api: Api) -> None:
    for audience in ("public", "operator", "auditor"):
        document = _served(api, audience)
        assert "webhooks" not in document
        assert "ParcelDeposited" not in document["components"]["schemas"]
    assert list(_served(api, "all")["webhooks"]) == list(TYPES)
