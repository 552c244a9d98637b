"""The worker: positions in the feeds, webhooks, deadlines, answers that are old enough.

One loop decides and writes; a few threads wait for other people's endpoints. What a thread was
told is written by the loop, so that a crash in between sends again rather than never.
"""

import logging
import queue
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from fellesskap_backend import db, deadlines, idempotency
from fellesskap_backend.db import Moment
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks import service as webhooks
from fellesskap_backend.webhooks.sender import TIMEOUT_S, Sender
from fellesskap_backend.webhooks.service import Outgoing

log = logging.getLogger(__name__)
POLL_S = 0.1
DEADLINES_S = 1.0
"""How often deadlines are looked at."""
PRUNING_S = 60.0
"""How often answers that were kept long enough are forgotten."""
SENDERS = 8
PER_ENDPOINT_MAX = 2
"""A slow endpoint holds at most this many senders."""
STOP_S_MAX = 15.0


class Worker:
    """One worker over the whole database."""

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        engine: Engine,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._secrets = secrets
        self._deadlines = deadlines.all_of(secrets)
        self._engine = engine
        self._sender = Sender(allow_loopback=settings.allow_loopback_webhooks, timeout_s=timeout_s)
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="webhook")
        self._flying: dict[UUID, UUID] = {}
        self._answers: queue.SimpleQueue[tuple[UUID, int | None]] = queue.SimpleQueue()
        self._deadlines_at = self._pruning_at = 0.0
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to work; return at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is in hand; what is not delivered stays due."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S_MAX)
        self._pool.shutdown(cancel_futures=True)
        self._note_answers()
        self._sender.close()

    def wake(self) -> None:
        """Say that something was committed that others must hear."""
        self._woken.set()

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(POLL_S)
            self._woken.clear()
            try:
                self._round()
            except Exception as error:  # noqa: BLE001 - the top of the loop; words may be secret
                where = "".join(traceback.format_tb(error.__traceback__))
                log.error(  # noqa: TRY400 - an exception's own words may hold what is secret
                    "a round failed: %s\n%s", type(error).__name__, where
                )

    def _round(self) -> None:
        self._note_answers()
        moment = Moment(datetime.now(UTC))
        if self._unnumbered():
            while (
                db.run(self._engine, lambda session: webhooks.give_positions(session, moment))
                >= webhooks.NOTICES_MAX
            ):
                pass
        self._send_due(moment.now)
        if time.monotonic() >= self._deadlines_at:
            self._deadlines_at = time.monotonic() + DEADLINES_S
            for deadline in self._deadlines:
                self._keep(deadline.find, deadline.act, moment)

        if time.monotonic() >= self._pruning_at:
            self._pruning_at = time.monotonic() + PRUNING_S
            while self._forget(moment.now) >= idempotency.PRUNED_MAX:
                pass

    def _forget(self, now: datetime) -> int:
        return db.run(self._engine, lambda session: idempotency.prune(session, now))

    def _unnumbered(self) -> bool:
        """Look before locking: most rounds find nothing."""
        return db.read(self._engine, webhooks.unnumbered)

    def _send_due(self, now: datetime) -> None:
        for outgoing, body in db.read(self._engine, lambda session: self._due(session, now)):
            self._fly(outgoing, body, now)

    def _due(self, session: Session, now: datetime) -> list[tuple[Outgoing, bytes]]:
        """Return what is sent next, with its body, as far as its endpoints are not busy."""
        held = Counter(self._flying.values())
        busy = [one for one, flying in held.items() if flying >= PER_ENDPOINT_MAX]
        found = []
        for outgoing in webhooks.due(session, now, SENDERS * 8, busy=busy):
            endpoint = outgoing.subscription_id
            flying = outgoing.delivery_id in self._flying
            if flying or held[endpoint] >= PER_ENDPOINT_MAX:
                continue
            held[endpoint] += 1
            body = webhooks.body_of(session, outgoing.notice, self._secrets.k_codes)
            found.append((outgoing, body))
        return found

    def _fly(self, outgoing: Outgoing, body: bytes, now: datetime) -> None:
        self._flying[outgoing.delivery_id] = outgoing.subscription_id
        delivery_id = outgoing.delivery_id

        def landed(future: Future[int | None]) -> None:
            if not future.cancelled():
                status = None if future.exception() else future.result()
                self._answers.put((delivery_id, status))
                self.wake()

        self._pool.submit(self._sender.send, outgoing, body, now).add_done_callback(landed)

    def _note_answers(self) -> None:
        while not self._answers.empty():
            delivery_id, status = self._answers.get()
            self._flying.pop(delivery_id, None)
            db.run(self._engine, self._note(delivery_id, status))

    def _note(self, delivery_id: UUID, status: int | None) -> Callable[[Session], None]:
        now, jitter = datetime.now(UTC), random.random()  # noqa: S311 - jitter

        def note(session: Session) -> None:
            webhooks.note_outcome(session, delivery_id, status, now=now, jitter=jitter)

        return note

    def _keep(
        self,
        find: Callable[[Session, datetime], Sequence[UUID]],
        act: Callable[[Session, UUID, Moment], None],
        moment: Moment,
    ) -> None:
        """Do what a deadline asks for, one transaction each."""
        found = db.read(self._engine, lambda session: find(session, moment.now))
        for one in found:
            db.run(self._engine, partial(_of, act, one, moment))


def _of(
    act: Callable[[Session, UUID, Moment], None], one: UUID, moment: Moment, session: Session
) -> None:
    act(session, one, moment)
