"""The OpenAPI document as it is served, with examples that are good today."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.backend.api import Api, Json, label

LOCKER_ID = "fornebu-1"
"""Where the examples want their room."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
VERBS = ("get", "post", "put", "patch", "delete")


def printed(api: Api, audience: str) -> Json:
    """Return the document of an audience; every instant in its examples is tomorrow.

    What is printed lets answers grow; here a member that it does not name is a fault of ours.
    """
    served = api.client().get(f"/v1/openapi/{audience}.json").json()
    document: Json = _today(served, inside=False)
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


def printed_for_carriers(api: Api) -> Json:
    """Return what carriers read; its delegation code is that of a consolidator who is there."""
    document = printed(api, "carrier")
    code = api.carrier("Samlast").get("/v1/delegation-code").json()["code"]
    document["components"]["schemas"]["DelegationRequest"]["examples"][0]["code"] = code
    return document


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, verb and description of every operation."""
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            assert verb in VERBS
            yield path, verb, operation


def example_body(document: Json, operation: Json) -> Any:
    """Return the example of what an operation is sent; None if it is sent nothing."""
    if "requestBody" not in operation:
        return None
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    assert "examples" in schema, f"{operation['operationId']} has no example of its body"
    return schema["examples"][0]


def with_good_bodies(document: Json, variants: int) -> Json:
    """Return the document with nothing to send but what is good: for walks from call to call.

    Each body is the example of its operation; where it has a label, some that differ in it.
    """
    walked: Json = json.loads(json.dumps(document))
    for _, _, operation in operations(walked):
        body = example_body(document, operation)
        if body is None:
            continue
        labels = range(variants) if "label" in body else ()
        bodies = [body | {"label": label(number)} for number in labels] or [body]
        operation["requestBody"]["content"]["application/json"]["schema"] = {"enum": bodies}
    return walked


def with_ids(document: Json, ids: Mapping[str, Sequence[str]]) -> Json:
    """Return the document with examples of what its paths name: ids of what there is.

    Of several in one path, those of one place belong together. What ends something has none, and a
    locker only where it is named with what belongs to it.
    """
    told: Json = json.loads(json.dumps(document))
    for path, verb, operation in operations(told):
        named = set(re.findall(r"{(\w+)}", path)) & ids.keys()
        if verb == "delete" or not named - {"locker_id"}:
            continue
        for one in operation["parameters"]:
            if one["in"] == "path" and one["name"] in named:
                values = enumerate(ids[one["name"]])
                one["examples"] = {f"of {place}": {"value": value} for place, value in values}
    return told


def linked(document: Json) -> list[str]:
    """Return the ids of the operations from which a link leads, or to which one does."""
    found: set[str] = set()
    for _, _, operation in operations(document):
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                found |= {operation["operationId"], link["operationId"]}
    return sorted(found)


def _today(part: Any, *, inside: bool) -> Any:
    if isinstance(part, dict):
        return {
            name: _today(one, inside=inside or name in ("example", "examples"))
            for name, one in part.items()
        }
    if isinstance(part, list):
        return [_today(one, inside=inside) for one in part]
    if inside and isinstance(part, str) and _INSTANT.fullmatch(part):
        return (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
    return part
