"""What a route is given, and the transaction around it: committed before the answer leaves.

Everything that commits for HTTP is here. A handler has no effect but on its session, so that it
can be run again when its transaction lost a race. Every GET answers with an ETag, and 304 to who
has it already; a PATCH answers with that of what it made.
"""

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Sequence, Set
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property, partial
from hashlib import sha256
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Depends, Request, Response, params
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.carriers.service import note_use
from fellesskap_backend.errors import (
    BackendError,
    Busy,
    DatabaseAway,
    InvalidRequest,
    UnsupportedMediaType,
)
from fellesskap_backend.etag import Tagger, unchanged
from fellesskap_backend.gathering import Gathering
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Settings
from fellesskap_backend.trouble import is_away, retryable

log = logging.getLogger(__name__)


W = TypeVar("W", bound=Hashable)
A = TypeVar("A")
T = TypeVar("T")
Work = Callable[[Session, "House", W, Sequence[A]], Sequence[T | BackendError]]


class Wake(Protocol):
    """Tells bridge and worker that something was committed."""

    def __call__(self, *, at_once: bool = True) -> None:
        """Let them look for it: at once, or with the bridge's next poll."""


@dataclass(frozen=True)
class House:
    """What the application was built with."""

    settings: Settings
    secrets: Secrets
    engine: Engine
    wake: Wake
    """Called after a commit: rows may wait for the bridge or the worker."""
    used: dict[str, date] = field(default_factory=dict, repr=False)
    """On which day each key was last seen here: it is written down once a day."""
    gatherings: dict[Any, Gathering[Any, Any, Any]] = field(default_factory=dict, repr=False)
    """Of each kind of request that shares transactions, by its work."""

    def moment(self) -> db.Moment:
        """Return the time and the chance of one request."""
        return db.Moment(datetime.now(UTC))

    @cached_property
    def for_writers(self) -> Engine:
        """Return the engine of the sessions that write, made once."""
        return db.for_writers(self.engine)

    async def together(self, work: Work[W, A, T], who: W, asked: A) -> T:
        """Answer a request with those of the same caller that came at the same moment.

        `work` answers some of them in one transaction, each for itself: what it tells of one
        (`BackendError`) is raised for that one, what it raises for all. Nobody stands at a door
        for it: what it tells a locker goes out with the bridge's next poll.
        """
        gathering = self.gatherings.setdefault(work, Gathering(partial(self._do, work)))
        told = await gathering.ask(who, asked)
        if isinstance(told, BackendError):
            raise told
        answered: T = told
        return answered

    def _do(self, work: Work[W, A, T], who: W, every: Sequence[A]) -> Sequence[T | BackendError]:
        with Session(self.for_writers, expire_on_commit=False) as session:
            told = work(session, self, who, every)
            session.commit()
        self.wake(at_once=False)
        return told

    @cached_property
    def tagger(self) -> Tagger:
        """Return what makes the ETags: alike in every process of the installation."""
        return Tagger(hmac.digest(self.secrets.k_codes, b"entity tags", sha256))


def house_of(request: Request) -> House:
    """Return what the application was built with."""
    found: House = request.app.state.house
    return found


async def house(request: Request) -> House:
    """Give a route what the application was built with.

    What has the request in hand asks `house_of`: the framework takes some 50 us to solve each of
    the dependencies of a route, found before or not.
    """
    return house_of(request)


TheHouse = Annotated[House, Depends(house)]


async def transaction(request: Request) -> AsyncIterator[Session]:
    """Give a session that writes; commit when the handler is through, then wake the senders."""
    inside = house_of(request)
    session = Session(inside.for_writers, expire_on_commit=False)
    try:
        yield session
    except BaseException:
        await run_in_threadpool(session.close)
        raise
    if session.in_transaction():
        await run_in_threadpool(end, session)
    inside.wake()


def end(session: Session) -> None:
    """Commit and close: one way to another thread and back, not two."""
    try:
        session.commit()
    finally:
        session.close()


async def snapshot(request: Request) -> AsyncIterator[Session]:
    """Give a session that only reads."""
    session = db.reader(house_of(request).engine)
    try:
        yield session
    finally:
        await run_in_threadpool(session.close)


Writing = Annotated[Session, Depends(transaction, scope="function")]
Reading = Annotated[Session, Depends(snapshot, scope="function")]


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class RetryingRoute(APIRoute):
    """A route that runs its handler again (at most 3 times) when its transaction lost a race.

    It takes JSON and the parameters that it names, nothing else, and gives what it read or changed
    an ETag.
    """

    def get_route_handler(self) -> Handler:
        """Wrap the handler so that its transaction ends inside each attempt."""
        handle = super().get_route_handler()
        elsewhere = (params.Path, params.Header, params.Cookie)
        every = get_flat_params(self.dependant)
        named = {one.alias for one in every if not isinstance(one.field_info, elsewhere)}

        async def attempts(request: Request) -> Response:
            _want_named(request, named)
            if self.body_field is not None:
                _want_json(request)
            answer = await _until_done(handle, request)
            # What was committed is never done again, whatever becomes of the rest.
            await _note_use(request)
            return _tagged(request, answer)

        return attempts


async def _until_done(handle: Handler, request: Request) -> Response:
    """Run a handler, again after a retryable error; raise `Busy` or `DatabaseAway` at last."""
    for attempt in range(db.ATTEMPTS_MAX):
        if attempt:
            await asyncio.sleep(db.pause_s(attempt - 1))
        try:
            async with AsyncExitStack() as stack:
                # FastAPI closes `scope="function"` with the stack that it finds here;
                # its own would be closed outside, where nothing can be tried again.
                request.scope["fastapi_function_astack"] = stack
                return await handle(request)
        except DBAPIError as error:
            if is_away(error):
                raise DatabaseAway("Whether this was done is not known.") from error
            if not retryable(error):
                raise
            lost = error
    raise Busy("It lost every race; nothing was done.") from lost


def _want_named(request: Request, named: Set[str]) -> None:
    """Raise `InvalidRequest` for a parameter that is not there: passed over, it would show more."""
    if unknown := sorted(request.query_params.keys() - named):
        told = [
            {"where": f"query.{one}", "what": "There is no such parameter here"} for one in unknown
        ]
        raise InvalidRequest("See `errors`.", errors=told)


def _want_json(request: Request) -> None:
    """Raise `UnsupportedMediaType` for a body that does not say that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = request.headers.get("content-length", "0") != "0" or (
        "transfer-encoding" in request.headers
    )
    if has_body and kind != "application/json":
        raise UnsupportedMediaType("Send `Content-Type: application/json`.")


async def _note_use(request: Request) -> None:
    """Write down, once a day, that a key came in; its request is through and committed.

    A database that fails at this fails nobody's request: the next use is written down.
    """
    prefix = getattr(request.state, "key_prefix", None)
    inside = house_of(request)
    today = inside.moment().now.date()
    if prefix is None or inside.used.get(prefix) == today:
        return
    inside.used[prefix] = today
    try:
        await run_in_threadpool(
            db.run, inside.engine, lambda session: note_use(session, prefix, today)
        )
    except DBAPIError as error:
        inside.used.pop(prefix, None)
        log.warning("the use of a key was not written down: %s", type(error).__name__)


def _tagged(request: Request, answer: Response) -> Response:
    """Give what was read or changed its ETag; answer 304 to who read it and has it already."""
    if request.method not in ("GET", "PATCH") or answer.status_code != 200:
        return answer
    inside = house_of(request)
    tag = inside.tagger.of_bytes(bytes(answer.body))
    answer.headers["ETag"] = tag
    if request.method == "PATCH":
        return answer
    answer.headers.setdefault("Cache-Control", "private, no-cache")
    if not unchanged(request.headers.get("if-none-match"), tag):
        return answer
    kept = {name: one for name, one in answer.headers.items() if not name.startswith("content-")}
    return Response(status_code=304, headers=kept)
