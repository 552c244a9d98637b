"""The OpenAPI documents: what FastAPI derives, and what every operation has in common.

Problems, headers and the 304 follow from an operation's own parameters, so that a new route gets
them by its arguments alone. A document for one audience holds the operations that it may call.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import TypeAdapter
from starlette.routing import BaseRoute

from fellesskap_backend import refusals
from fellesskap_backend.carriers.scopes import ROLES, SCOPES
from fellesskap_backend.errors import PROBLEM_TYPE
from fellesskap_backend.examples import PROBLEM
from fellesskap_backend.problems import kinds
from fellesskap_backend.refusals import REFUSALS
from fellesskap_backend.shapes import Problem
from fellesskap_backend.webhooks import described

Json = dict[str, Any]
_REF = "#/components/schemas/"
_DROPPED = ("HTTPValidationError", "ValidationError")
"""FastAPI's own shape of errors, which this API does not use."""
_TELLS = {
    400: "The body is not JSON",
    401: "No key, or one that is not known",
    403: "The key is good, but not for this",
    404: "Nothing by this id for this caller",
    412: "It has changed since it was read",
    413: "The body is too large",
    415: "The body is not declared as JSON",
    422: "The request is not valid; see `errors`",
    428: "An If-Match is needed",
    429: "Too many requests; see `Retry-After`",
    500: "A bug of ours",
    503: "Too many requests at once, or no database; see `Retry-After`",
}
_TEXT: Json = {"schema": {"type": "string"}}
_ETAG = {"description": "Changes with what is shown; for If-None-Match and If-Match.", **_TEXT}
_LOCATION = {"description": "Where it is read.", "required": True, **_TEXT}
_LINK = {"description": '`rel="next"`: the next page, if there is one.', **_TEXT}
_REPLAYED = {"description": "`true`: this answer was given before.", **_TEXT}
_RETRY = {
    "description": "Seconds to wait.",
    "schema": {"type": "string", "pattern": "^[0-9]+$"},
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag that you have: 304 if nothing has changed.",
    "schema": {"type": "string"},
}


def dress(api: FastAPI) -> None:
    """Let an application describe itself with all that its operations have in common."""
    plain = api.openapi

    def openapi() -> Json:
        if api.openapi_schema is None:
            document = plain()
            _complete_examples(document, api.routes)
            api.openapi_schema = _dressed(document)
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]


def for_audience(document: Json, audience: str) -> Json:
    """Return the document of one audience: what it may call, and what that refers to."""
    if audience == "all":
        return document
    chosen = deepcopy(document)
    chosen["info"]["title"] += f" for {'everybody' if audience == 'public' else f'{audience}s'}"
    for path, method, operation in list(operations(chosen)):
        if not {"public", audience} & audiences(operation):
            del chosen["paths"][path][method]
    chosen["paths"] = {path: item for path, item in chosen["paths"].items() if item}
    kept = {operation["operationId"] for _, _, operation in operations(chosen)}
    for _, _, operation in operations(chosen):
        for answer in operation["responses"].values():
            _drop_links(answer, kept)
    if audience != "carrier":
        del chosen["webhooks"]
    _prune(chosen)
    return chosen


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, verb and description of every operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def audiences(operation: Json) -> set[str]:
    """Say who may call an operation."""
    wanted = [one for way in operation.get("security", ()) for one in way.get("ApiKey", ())]
    if wanted:
        return {role for scope in wanted for role in SCOPES[scope].roles}
    return set(ROLES) if operation.get("security") else {"public"}


def _dressed(document: Json) -> Json:
    schemas = document["components"]["schemas"]
    for name in _DROPPED:
        schemas.pop(name, None)
    shape = TypeAdapter(Problem).json_schema(ref_template=_REF + "{model}")
    schemas.update(shape.pop("$defs", {}))
    shape["properties"]["code"]["examples"] = [*kinds()]
    schemas["Problem"] = shape | {"examples": [PROBLEM]}
    schemas.update(described.schemas(_REF + "{model}"))
    document["webhooks"] = described.webhooks(_REF + "{model}")
    for _, method, operation in operations(document):
        _dress_operation(method, operation)
    _let_answers_grow(document)
    return document


def _complete_examples(document: Json, routes: Sequence[BaseRoute]) -> None:
    """Put each answer's example as its route has it: FastAPI leaves out the members that are null.

    Its schema requires them, and whoever tries against a mock made of the document misses them.
    """
    answers = {one["operationId"]: one["responses"] for _, _, one in operations(document)}
    for route in iter_route_contexts(routes):
        name = getattr(route, "operation_id", None)
        if name not in answers:
            continue
        for status, told in route.responses.items():
            for kind, content in told.get("content", {}).items():
                answers[name][str(status)]["content"][kind].update(deepcopy(content))


def _let_answers_grow(document: Json) -> None:
    """Forbid unknown members in what is sent to us alone: answers get new ones in time."""
    schemas = document["components"]["schemas"]
    bodies = [operation.get("requestBody", {}) for _, _, operation in operations(document)]
    for name in schemas.keys() - _reached(schemas, bodies):
        if schemas[name].get("additionalProperties") is False:
            del schemas[name]["additionalProperties"]


def _dress_operation(method: str, operation: Json) -> None:
    parameters = operation.setdefault("parameters", [])
    headers = {one["name"] for one in parameters if one["in"] == "header"}
    queries = {one["name"] for one in parameters if one["in"] == "query"}
    responses = operation["responses"]
    responses.pop("422", None)
    for status, answer in responses.items():
        told = answer.setdefault("headers", {})
        if method == "get":
            told["ETag"] = _ETAG
        if method == "get" and "limit" in queries:
            told["Link"] = _LINK
        if status in ("201", "202"):
            told["Location"] = _LOCATION
        if "Idempotency-Key" in headers:
            told["Idempotent-Replayed"] = _REPLAYED
    if method == "get":
        parameters.append(_IF_NONE_MATCH)
        responses["304"] = {"description": "Nothing has changed", "headers": {"ETag": _ETAG}}
    for status in _problems_of(operation, headers):
        responses[str(status)] = _problem(status, operation["operationId"])
    operation["responses"] = dict(sorted(responses.items()))


def _problems_of(operation: Json, headers: set[str]) -> list[int]:
    parameters = operation["parameters"]
    found = [422, 429, 500, 503]
    if operation.get("security"):
        found += [401, 403]
    if "On-Behalf-Of" in headers or any(one["in"] == "path" for one in parameters):
        found.append(404)
    if "requestBody" in operation:
        found += [400, 404, 413, 415]
    if operation["operationId"] in REFUSALS:
        found.append(409)
    if "If-Match" in headers:
        found += [412, 428]
    return found


def _problem(status: int, operation_id: str) -> Json:
    content: Json = {"schema": {"$ref": f"{_REF}Problem"}}
    told: Json = {"description": _TELLS.get(status), "content": {PROBLEM_TYPE: content}}
    if status == 409:
        told["description"] = refusals.told(REFUSALS[operation_id])
        content["examples"] = refusals.examples(operation_id)
        told["headers"] = {"Idempotent-Replayed": _REPLAYED}
    if status in (429, 503):
        told["headers"] = {"Retry-After": _RETRY}
    return told


def _drop_links(answer: Json, kept: set[str]) -> None:
    links = answer.get("links", {})
    for name in [name for name, link in links.items() if link["operationId"] not in kept]:
        del links[name]
    if not links:
        answer.pop("links", None)


def _prune(document: Json) -> None:
    """Drop the schemas that nothing refers to."""
    schemas = document["components"]["schemas"]
    needed = _reached(schemas, [document["paths"], document.get("webhooks")])
    document["components"]["schemas"] = {
        name: schema for name, schema in schemas.items() if name in needed
    }


def _reached(schemas: Json, part: Any) -> set[str]:
    """Name the schemas that a part of a document refers to, and those that these refer to."""
    found: set[str] = set()
    waiting: list[Any] = [part]
    while waiting:
        for name in _referred(waiting.pop()) - found:
            found.add(name)
            waiting.append(schemas[name])
    return found


def _referred(part: Any) -> set[str]:
    if isinstance(part, list):
        return set().union(*map(_referred, part))
    if not isinstance(part, dict):
        return set()
    found = {part["$ref"].removeprefix(_REF)} if isinstance(part.get("$ref"), str) else set()
    return found.union(*map(_referred, part.values()))
