"""The HTTP application: routes, one handler for refusals, and the gate around it all.

Built by `__main__` and by tests; it knows nothing of brokers and asks nobody for settings.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy import Engine, text
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from fellesskap_backend import __version__, docs_page, documents, problems
from fellesskap_backend.audit import routes as audit
from fellesskap_backend.badges import deposit_routes as deposit_auth
from fellesskap_backend.badges import routes as badges
from fellesskap_backend.carriers import routes as api_keys
from fellesskap_backend.cut_offs import routes as cut_offs
from fellesskap_backend.delegations import routes as delegations
from fellesskap_backend.door_operations import routes as door_operations
from fellesskap_backend.drop_offs import routes as drop_offs
from fellesskap_backend.errors import (
    PROBLEM_TYPE,
    BackendError,
    BadRequest,
    Broken,
    InvalidRequest,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
)
from fellesskap_backend.events import routes as events
from fellesskap_backend.gate import INSTANCE, RETRY_AFTER_S, Gate
from fellesskap_backend.lockers import routes as lockers
from fellesskap_backend.manifests import routes as manifests
from fellesskap_backend.neutrality import routes as neutrality
from fellesskap_backend.operators import routes as operators
from fellesskap_backend.operators import work_routes as operators_work
from fellesskap_backend.parcels import routes as parcels
from fellesskap_backend.pickup_codes import routes as pickup_codes
from fellesskap_backend.policies import routes as policies
from fellesskap_backend.quotes import routes as quotes
from fellesskap_backend.rates import Rate, RateLimit
from fellesskap_backend.receipts import routes as receipts
from fellesskap_backend.reservations import routes as reservations
from fellesskap_backend.rim import House, Reading, RetryingRoute, Wake
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Settings
from fellesskap_backend.shapes import Shown
from fellesskap_backend.webhooks import routes as webhooks

DESCRIPTION = (
    "Carrier-neutral parcel lockers. Carriers reserve room, follow their parcels and read their "
    "events; operators open doors from afar. Refusals are problem details (RFC 9457); webhooks "
    "are Standard Webhooks."
)
health = APIRouter(tags=["Health"], route_class=RetryingRoute)


class Health(Shown):
    """That all is well; else the answer is a problem."""

    status: str


@health.get(
    "/v1/health",
    operation_id="check_health",
    summary="See whether the API and its database answer",
    response_model=Health,
    responses={200: {"content": {"application/json": {"example": {"status": "ok"}}}}},
)
def healthy(session: Reading) -> dict[str, str]:
    """Ask the database for one row."""
    session.execute(text("SELECT 1"))
    return {"status": "ok"}


def create_api(settings: Settings, secrets: Secrets, engine: Engine, *, wake: Wake) -> FastAPI:
    """Build the application without its gate."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = settings.pool_size
        yield

    api = FastAPI(
        title="Fellesskap",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.house = House(settings, secrets, engine, wake)
    for nouns in (
        *(reservations, parcels, pickup_codes, drop_offs, events),
        *(quotes, manifests, badges, deposit_auth, delegations, receipts, policies, cut_offs),
        *(lockers, door_operations, api_keys, webhooks),
        *(operators, operators_work, neutrality, audit),
    ):
        api.include_router(nouns.router)
    api.include_router(health)
    api.add_exception_handler(BackendError, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _no_route)
    api.add_exception_handler(Exception, _broken)
    _add_pages(api)
    return api


def _add_pages(api: FastAPI) -> None:
    """Put up what people and their tools read."""
    documents.dress(api)

    @api.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page.page(api.openapi()))

    @api.get("/v1/openapi/{audience}.json", include_in_schema=False)
    async def document(audience: str) -> JSONResponse:
        if audience not in docs_page.AUDIENCES:
            raise NotFound("No document for such an audience.")
        return JSONResponse(documents.for_audience(api.openapi(), audience))

    @api.get("/problems", include_in_schema=False)
    @api.get("/problems/{code}", include_in_schema=False)
    async def about(code: str | None = None) -> HTMLResponse:
        page = problems.page(code)
        if page is None:
            raise NotFound("No problem by this code.")
        return HTMLResponse(page)


def create_app(settings: Settings, secrets: Secrets, engine: Engine, *, wake: Wake) -> ASGIApp:
    """Build the application as it is served: behind its gate, and no caller too often.

    `wake` is called after each commit: bridge and worker need not wait for their poll.
    """
    api = create_api(settings, secrets, engine, wake=wake)
    gate = Gate(api, places=settings.pool_size, wait_s=settings.gate_wait_s)
    if settings.rate_per_s == 0:
        return gate
    return RateLimit(gate, Rate(settings.rate_per_s, settings.rate_burst))


def _answer(body: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, body["status"], headers, PROBLEM_TYPE)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BackendError)
    return _answer(error.problem(), _TOLD_WITH.get(error.status))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Say where and what, never what was sent: it may be confidential."""
    assert isinstance(error, RequestValidationError)
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return _answer(MalformedBody("It cannot be read as JSON.").problem())
    found = [
        {"where": ".".join(str(part) for part in one["loc"]), "what": one["msg"]}
        for one in error.errors()
    ]
    return _answer(InvalidRequest("See `errors`.", errors=found).problem())


async def _no_route(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = _KINDS.get(error.status_code, BadRequest)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_verbs(request, headers.get("Allow", "")))
    return _answer(kind(str(error.detail)).problem(), headers)


def _verbs(request: Request, said: str) -> list[str]:
    """Return what an address has; the framework names the verbs of one of its routes alone."""
    paths = request.app.openapi()["paths"]
    route = request.scope.get("route")
    operations = paths.get(getattr(route, "path", ""), {})
    found = {verb.upper() for verb in operations or said.split(", ")}
    return sorted(found | {"HEAD"} if "GET" in found else found)


async def _broken(request: Request, _error: Exception) -> JSONResponse:
    """Answer; Starlette raises the error again, and the gate logs it under the same name."""
    instance = request.scope[INSTANCE] = uuid4().urn
    return _answer(Broken("It is in our log.", instance=instance).problem())


_TOLD_WITH = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(RETRY_AFTER_S)}}
_KINDS = {400: MalformedBody, 404: NotFound, 405: MethodNotAllowed}
"""What the framework's own refusals are; it says 400 of a body alone."""
