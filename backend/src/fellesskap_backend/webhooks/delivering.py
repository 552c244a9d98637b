"""One round of webhooks: number, note what became of what was sent, send what is due.

The worker's thread calls `round`; the sender's says how each attempt ended. That is written by the
round, so that a crash in between sends again rather than never; what is under way is known here
alone.
"""

import queue
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.db import Moment
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.webhooks import keeping, numbering, outbox
from fellesskap_backend.webhooks.lanes import Lanes
from fellesskap_backend.webhooks.outbox import Letter, Outcome, Wanted
from fellesskap_backend.webhooks.sender import Ended
from fellesskap_backend.webhooks.tables import Subscription


class Sends(Protocol):
    """What takes letters and says of each how it ended: `Sender`, or a simulator's postman."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End at once."""

    def send(self, letters: list[Letter]) -> None:
        """Send these."""


OUTCOMES_MAX = 500
"""Attempts whose end is noted in one transaction."""


class Delivering:
    """The webhooks of one worker; `wake` is called when there is something to note."""

    def __init__(
        self,
        engine: Engine,
        secrets: Secrets,
        sender: Callable[[Ended], Sends],
        *,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._secrets = secrets
        self._wake = wake
        self._lanes = Lanes()
        self._flying: dict[UUID, set[UUID]] = {}
        self._said: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._heard: list[Outcome] = []
        self._sender = sender(self._ended)

    def start(self) -> None:
        """Begin to send what a round says."""
        db.run(self._engine, lambda session: keeping.seal_imported(session, self._secrets.k_codes))
        self._sender.start()

    def stop(self, moment: Moment) -> None:
        """End; what is under way stays due, and what was said is noted."""
        self._sender.stop()
        self._note(moment)

    @property
    def under_way(self) -> int:
        """How many attempts have not been noted yet."""
        return sum(map(len, self._flying.values()))

    def round(self, moment: Moment) -> None:
        """Do all that is to be done now; nothing here waits for an endpoint."""
        self._note(moment)
        self._number(moment)
        self._send(moment)

    def _ended(self, outcome: Outcome) -> None:
        self._said.put(outcome)
        self._wake()

    def _note(self, moment: Moment) -> None:
        """Write down how attempts ended; what cannot be written now is kept for the next round."""
        with suppress(queue.Empty):
            while True:
                self._heard.append(self._said.get_nowait())
        while self._heard:
            some = self._heard[:OUTCOMES_MAX]

            def note(session: Session, some: list[Outcome] = some) -> None:
                outbox.note_outcomes(session, some, moment)

            db.run(self._engine, note)
            for outcome in some:
                taken = outcome.status is not None and 200 <= outcome.status < 300
                self._lanes.end(outcome.key.subscription_id, taken=taken)
                self._flying[outcome.key.subscription_id].discard(outcome.key.event_id)
            del self._heard[:OUTCOMES_MAX]

    def _number(self, moment: Moment) -> None:
        """Look before locking: most rounds find nothing."""
        more = db.read(self._engine, numbering.needed)

        def number(session: Session) -> bool:
            numbered = numbering.give_positions(session, moment)
            left = numbering.make_deliveries(session, moment)
            return left or numbered >= numbering.NOTICES_MAX

        while more:
            more = db.run(self._engine, number)

    def _send(self, moment: Moment) -> None:
        for to in db.read(self._engine, lambda session: outbox.ready(session, moment.now)):
            flying = self._flying.setdefault(to.id, set())
            wanted = Wanted(moment.now, self._lanes.room(to.id), frozenset(flying))
            if wanted.limit == 0:
                continue
            found = db.read(self._engine, partial(self._letters, to=to, wanted=wanted))
            for letter in found:
                self._lanes.begin(to.id)
                flying.add(letter.key.event_id)
            if found:
                self._sender.send(found)

    def _letters(self, session: Session, to: Subscription, wanted: Wanted) -> list[Letter]:
        return list(outbox.letters(session, to, wanted, k_codes=self._secrets.k_codes))
