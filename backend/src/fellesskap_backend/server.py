"""`serve`: API, bridge and worker in one process, with a broker of its own where none is set.

Or the API alone, beside such a process: what it commits is found there by the next poll.
"""

import logging
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import Any

import uvicorn
from sqlalchemy import Engine
from starlette.types import ASGIApp

from fellesskap_backend import db, interpreter, roles
from fellesskap_backend.app import create_app
from fellesskap_backend.broker import EmbeddedBroker
from fellesskap_backend.mqtt import Bridge
from fellesskap_backend.rim import Wake
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Login, Settings
from fellesskap_backend.worker import Worker

log = logging.getLogger(__name__)
Ready = dict[str, Any]
BACKLOG = 2_048
"""Connections that may wait for the event loop; the gate, not the kernel, says no."""
GOODBYE_S = 5
"""How long requests under way may take to end at a stop."""


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then say so."""
        await super().startup(sockets)
        self._ready()


def serve(
    settings: Settings,
    secrets: Secrets,
    engine: Engine,
    *,
    tell: Callable[[Ready], None],
    api_only: bool = False,
) -> None:
    """Run until SIGTERM or SIGINT; `tell` is called once everything is up."""
    signal.signal(signal.SIGTERM, _end)
    interpreter.take_turns()
    with ExitStack() as running:
        told, wake = ({}, _not_here) if api_only else _senders(settings, secrets, engine, running)
        listening = socket.create_server((settings.host, settings.port), backlog=BACKLOG)
        running.callback(listening.close)
        host, port = listening.getsockname()[:2]

        def ready() -> None:
            interpreter.look_for_cycles_seldom()
            tell({"ready": True, "api": f"http://{host}:{port}", **told})

        callers = db.for_callers(settings, engine)
        powers = db.read(callers, lambda session: roles.powers_of(session.connection()))
        if powers:
            log.warning("the database's role is %s: row security is off", " and ".join(powers))
        app = create_app(settings, secrets, callers, wake=wake)
        _Server(_config(app), ready).run(sockets=[listening])


def _senders(
    settings: Settings, secrets: Secrets, engine: Engine, running: ExitStack
) -> tuple[Ready, Wake]:
    """Start bridge and worker; return what is told of the broker, and what wakes them."""
    backend, operator = _logins(settings, running)
    worker = Worker(settings, secrets, engine)
    bridge = Bridge(settings, secrets, engine, backend, served=worker.wake)
    for part in (worker, bridge):
        part.start()
        running.callback(part.stop)
    told = {
        "broker": {name: operator[name] for name in ("host", "port", "tls")},
        "operator": {name: operator[name] for name in ("username", "password")},
    }
    return told, bridge.wake


def _not_here(*, at_once: bool = True) -> None:
    """Wake nobody: bridge and worker are another process's, and look by themselves."""
    del at_once


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GOODBYE_S,
    )


def _logins(settings: Settings, running: ExitStack) -> tuple[Login, Login]:
    """Return the backend's and the operators' login; start a broker if none is configured."""
    backend, operator = settings.external_login("backend"), settings.external_login("operator")
    if backend is not None and operator is not None:
        return backend, operator
    broker = EmbeddedBroker(settings.state)
    broker.start()
    running.callback(broker.stop)
    return broker.login("backend"), broker.login("operator")


def _end(_number: int, _frame: FrameType | None) -> None:
    """Leave in order: uvicorn raises the signal again when it has closed its connections."""
    raise SystemExit(0)
