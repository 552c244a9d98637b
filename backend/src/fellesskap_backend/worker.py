"""The worker: positions in the feeds, webhooks, deadlines, what is kept and for how long.

One loop decides and writes; a thread beside it waits for other people's endpoints.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from fellesskap_backend import db, deadlines, idempotency
from fellesskap_backend.cut_offs import announcing
from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import months
from fellesskap_backend.neutrality import closing as month_closing
from fellesskap_backend.pace import Pace
from fellesskap_backend.policies import standings
from fellesskap_backend.receipts import closing
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks import outbox
from fellesskap_backend.webhooks.delivering import Delivering, Sends
from fellesskap_backend.webhooks.sender import TIMEOUT_S, Ended, Sender
from fellesskap_protocol.buggify import sometimes

log = logging.getLogger(__name__)
POLL_S = 0.1
DEADLINES_S = 1.0
"""How often deadlines are looked at."""
CLOSING_S = 15.0
"""How often it is asked whether an hour is over, or a day."""
PRUNING_S = 60.0
"""How often answers and deliveries that were kept long enough are forgotten."""
RESTS = 9
"""How many times as long as a round took none begins after it (`pace`): more than the bridge's, for
nobody waits at a door for a webhook."""
STOP_S_MAX = 15.0


@dataclass(frozen=True)
class Machine:
    """What the worker asks of the machine; a simulator has its own."""

    monotonic: Callable[[], float] = time.monotonic
    moment: Callable[[], Moment] = lambda: Moment(datetime.now(UTC))
    sender: Callable[[Ended], Sends] | None = None
    """What delivers webhooks, if it is not `webhooks.sender`."""


class Worker:
    """One worker over the whole database."""

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        engine: Engine,
        *,
        timeout_s: float = TIMEOUT_S,
        machine: Machine = Machine(),
    ) -> None:
        self._deadlines = deadlines.all_of(secrets)
        self._engine = engine
        loopback = settings.allow_loopback_webhooks
        sender = machine.sender or partial(Sender, allow_loopback=loopback, timeout_s=timeout_s)
        self._webhooks = Delivering(engine, secrets, sender, wake=self.wake)
        self._machine = machine
        self._announce = partial(announcing.announce, secrets=secrets)
        self._close = partial(closing.close_next, secrets=secrets)
        self._deadlines_at = self._pruning_at = self._months_at = self._closing_at = 0.0
        self._pace = Pace(RESTS)
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to work; return at once."""
        self._webhooks.start()
        self._thread.start()

    def stop(self) -> None:
        """End after what is in hand; what is not delivered stays due."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S_MAX)
        self._webhooks.stop(self._machine.moment())

    def wake(self) -> None:
        """Say that something was committed that others must hear."""
        self._woken.set()

    def _work(self) -> None:
        while not self._stopping.is_set():
            if self._woken.wait(POLL_S):
                self._stopping.wait(self._pace.wait_s)
            self._woken.clear()
            try:
                with self._pace.round():
                    self.round()
            except Exception as error:  # noqa: BLE001 - the top of the loop; words may be secret
                where = "".join(traceback.format_tb(error.__traceback__))
                log.error(  # noqa: TRY400 - an exception's own words may hold what is secret
                    "a round failed: %s\n%s", type(error).__name__, where
                )

    def round(self) -> None:
        """Do what is due now: called by the worker's own thread, or by a simulator."""
        moment = self._machine.moment()
        self._webhooks.round(moment)
        if self._machine.monotonic() >= self._deadlines_at:
            self._deadlines_at = self._machine.monotonic() + DEADLINES_S
            self._keep_deadlines(moment)
        if self._machine.monotonic() >= self._months_at:
            self._months_at = self._machine.monotonic() + months.AHEAD_S
            db.run(self._engine, months.make_ahead)
        if self._machine.monotonic() >= self._pruning_at:
            self._pruning_at = self._machine.monotonic() + PRUNING_S
            for kept in (idempotency, outbox):
                forget = partial(_forget, kept.prune, moment.now)
                while db.run(self._engine, forget) >= kept.PRUNED_MAX:
                    pass
        if self._machine.monotonic() >= self._closing_at:
            self._closing_at = self._machine.monotonic() + CLOSING_S
            db.run(self._engine, lambda session: standings.make(session, moment))
            db.run(self._engine, lambda session: self._announce(session, moment))
            # One after another, each in a round of its own: webhooks need not wait for a year.
            if db.run(self._engine, lambda session: self._close(session, moment)):
                self._closing_at = 0.0
            if self._close_month(moment):
                self._closing_at = 0.0

    def _close_month(self, moment: Moment) -> bool:
        """Count the next month that is due; nobody waits for it, for nothing is written so long."""
        found = db.read(self._engine, lambda session: month_closing.count_due(session, moment))
        if found is None:
            return False
        db.run(self._engine, lambda session: month_closing.keep(session, found, moment))
        return True

    def _keep_deadlines(self, moment: Moment) -> None:
        """Find in one reading what deadlines ask for; do each in a transaction of its own."""
        asked = [one for one in self._deadlines if not sometimes("worker.late")]

        def find(session: Session) -> list[Sequence[Any]]:
            return [one.find(session, moment.now) for one in asked]

        for deadline, found in zip(asked, db.read(self._engine, find), strict=True):
            for one in found:
                db.run(self._engine, partial(_of, deadline.act, one, moment))


def _of(
    act: Callable[[Session, Any, Moment], None], one: Any, moment: Moment, session: Session
) -> None:
    act(session, one, moment)


def _forget(prune: Callable[[Session, datetime], int], now: datetime, session: Session) -> int:
    return prune(session, now)
