"""Every refusal that any test provokes is one that the document names for its operation."""

import re
from functools import cache
from typing import Any, cast

import httpx

from fellesskap_backend.app import create_api
from fellesskap_backend.documents import operations
from fellesskap_backend.refusals import REFUSALS
from fellesskap_backend.settings import Settings

Nothing = cast("Any", None)


def hold(response: httpx.Response) -> None:
    """Hold a 409 to the codes of its operation."""
    if response.status_code == 409:
        response.read()
        operation, code = operation_of(response.request), response.json()["code"]
        named = [one.code for one in REFUSALS.get(operation, ())]
        assert code in named, f"{operation} may not say {code}"


def operation_of(request: httpx.Request) -> str:
    """Return the id of the operation that a request asks for."""
    return next(
        operation_id
        for verb, pattern, operation_id in _routes()
        if verb == request.method and pattern.fullmatch(request.url.path)
    )


@cache
def _routes() -> list[tuple[str, re.Pattern[str], str]]:
    document = create_api(Settings(), Nothing, Nothing, wake=lambda **_: None).openapi()
    return [
        (verb.upper(), re.compile(re.sub(r"{[a-z_]+}", "[^/]+", path)), one["operationId"])
        for path, verb, one in operations(document)
    ]
