"""The page at the locker: a recipient types a code, a courier sees what became of a scan.

A small Starlette app on 127.0.0.1 in a thread of its own: the only place of the edge with asyncio,
so that a slow disk never freezes the page. It posts codes and keys and waits for answers; it
decides nothing and keeps no code. `daemon` starts it and hands answers and the status over.
"""

import asyncio
import json
import logging
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import uvicorn
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fellesskap_edge.config import LockerConfig
from fellesskap_edge.inbox import CodeTyped, KeyPressed
from fellesskap_edge.kiosk.picture import spots
from fellesskap_edge.spoken import Key
from fellesskap_edge.state import Answer, TellAtDoor, TellCourier
from fellesskap_edge.watchdog import Beat
from fellesskap_protocol.codes import QR_PREFIX, normalise_code

log = logging.getLogger(__name__)
HERE = Path(__file__).parent
LANGUAGES = ("nb", "nn", "se", "en")
ANSWER_S_MAX = 5.0
BODY_BYTES_MAX = 1024
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Json = dict[str, Any]


class Kiosk:
    """The web server; `post` puts what was typed or pressed into the inbox."""

    def __init__(
        self, config: LockerConfig, post: Callable[[CodeTyped | KeyPressed], None]
    ) -> None:
        self._post = post
        self._scan: Json = {"turn": 0}
        self._shown: Json = {"in_service": False, "scan": self._scan}
        self._locker: Json = {
            "id": config.locker.id,
            "name": config.locker.name,
            "doors": msgspec.to_builtins(spots(config.compartments)),
        }
        self._answers: list[Answer] = []
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket = socket.create_server(("127.0.0.1", config.kiosk.port))
        # Head and body of an answer are two writes: Nagle against delayed ACK costs 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._texts = {
            language: json.loads((HERE / "locales" / f"{language}.json").read_text())
            for language in LANGUAGES
        }
        serving = uvicorn.Config(
            self._app(),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            loop="asyncio",
        )
        self._server = uvicorn.Server(serving)
        self._thread = threading.Thread(target=self._run, name="kiosk", daemon=True)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{self._host}/"

    @property
    def beat(self) -> Beat:
        """Whether the thread of the web server runs."""
        return Beat("kiosk", self._thread.is_alive())

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(5)

    def answer(self, answer: Answer) -> None:
        """Keep an answer for whoever waits, until the status that goes with it is set."""
        self._answers.append(answer)

    def show(self, said: Answer | TellCourier | TellAtDoor) -> None:
        """Keep what became of a scan or a door, or what comes next, until its status is set."""
        self._scan = {"turn": self._scan["turn"] + 1, **_told(said)}

    def set_status(self, status: Json) -> None:
        """Show how things stand, then hand over what was told: a page never sees half a change.

        Like `answer` and `show` called from the driving thread, after each event.
        """
        self._shown = {**status, "scan": self._scan}
        answers, self._answers = self._answers, []
        for answer in answers:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._resolve, answer)

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve(sockets=[self._socket])

        asyncio.run(serve())

    def _resolve(self, answer: Answer) -> None:
        waiting = self._waiting.get(answer.ticket)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _app(self) -> Starlette:
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape()
        )
        page = environment.get_template("kiosk.html")

        async def show_page(_request: Request) -> Response:
            return HTMLResponse(page.render(language=LANGUAGES[0], texts=self._texts))

        async def show_status(_request: Request) -> Response:
            return JSONResponse(msgspec.to_builtins(self._shown))

        async def show_locker(_request: Request) -> Response:
            return JSONResponse(self._locker)

        return Starlette(
            routes=[
                Route("/", show_page),
                Route("/api/status", show_status),
                Route("/api/locker", show_locker),
                Route("/api/code", self._enter_code, methods=["POST"]),
                Route("/api/key", self._press_key, methods=["POST"]),
                Mount("/static", StaticFiles(directory=HERE / "static")),
            ],
            middleware=[
                # A page elsewhere that names us must not reach us (DNS rebinding).
                Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
                Middleware(_Headers),
            ],
        )

    async def _enter_code(self, request: Request) -> Response:
        value = _value(await self._asked(request))
        if value is None:
            return JSONResponse({"outcome": "unreadable", "compartment": None}, status_code=422)
        return await self._answered(lambda ticket: CodeTyped(value, ticket))

    async def _press_key(self, request: Request) -> Response:
        try:
            pressed = msgspec.json.decode(await self._asked(request), type=_Pressed)
        except msgspec.DecodeError as error:
            return JSONResponse({"error": f"no key: {error}"}, status_code=422)
        return await self._answered(lambda ticket: KeyPressed(pressed.key, pressed.value, ticket))

    async def _asked(self, request: Request) -> bytes:
        """Return a request's body; raise `HTTPException` if it is not from our own page."""
        if request.headers.get("origin", f"http://{self._host}") != f"http://{self._host}":
            raise HTTPException(403, "asked from another page")
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            raise HTTPException(415, "send application/json")
        return await _body(request)

    async def _answered(self, made: Callable[[str], CodeTyped | KeyPressed]) -> Response:
        """Post what was typed or pressed, and wait for the answer."""
        ticket = secrets.token_hex(8)
        waiting = self._waiting[ticket] = asyncio.get_running_loop().create_future()
        self._post(made(ticket))
        try:
            return JSONResponse(_told(await asyncio.wait_for(waiting, ANSWER_S_MAX)))
        except TimeoutError:
            return JSONResponse({"outcome": "no_answer", "compartment": None}, status_code=503)
        finally:
            del self._waiting[ticket]


class _Pressed(msgspec.Struct, forbid_unknown_fields=True):
    key: Key
    value: Annotated[str, msgspec.Meta(max_length=64)] = ""


def _told(said: Answer | TellCourier | TellAtDoor) -> Json:
    courier = said.courier if isinstance(said, TellAtDoor) else isinstance(said, TellCourier)
    return {
        "outcome": ("courier_" if courier else "") + said.outcome,
        "compartment": said.compartment,
        "options": [] if isinstance(said, TellAtDoor) else list(said.options),
    }


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return b""
    return body


def _value(body: bytes) -> str | None:
    """Return the digits (or the QR value) of a request, None if it is neither."""
    try:
        code = json.loads(body)["code"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(code, str) or len(code) > 64 or not code.isascii():
        return None
    return code if code.startswith(QR_PREFIX) else normalise_code(code)


class _Headers:
    """Put the security headers on every answer."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(
        self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *headers]}
            await send(message)

        await self._app(scope, receive, sending)
