"""What lockers said, verified and committed: what came together of several, in one transaction.

It touches no state of the exchange, so that two of these may run side by side, each for lockers
of its own (`bridge.lanes`). What cannot be committed together is committed alone: nobody waits for
another's fault.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.service import Standing, UnknownLocker
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.messages import (
    Batch,
    Birth,
    MalformedMessage,
    Presence,
    Result,
    Signed,
    decode,
)
from fellesskap_protocol.signing import PublicKey, unseal
from fellesskap_protocol.topics import InvalidTopic, Kind, parse

log = logging.getLogger(__name__)
CLASS_OF: dict[Kind, type[Signed]] = {"birth": Birth, "journal": Batch, "results": Result}
Keys = Mapping[str, Mapping[str, PublicKey]]
LET_GO = (MalformedMessage, InvalidTopic, UnknownLocker)
"""What cannot be read is counted and let go."""


@dataclass(frozen=True)
class Said:
    """A message, and what became of it: it is in the database, or there is an error."""

    topic: str
    locker_id: str = ""
    message: Signed | Presence | None = None
    standing: Standing | None = None
    error: Exception | None = None


Lockers = Sequence[Sequence[Came]]
"""What some lockers said, of each in order."""
Take = Callable[[Lockers], list[Said]]


@dataclass(frozen=True)
class Intake:
    """Where it is written; `resulted` is called in the transaction of a command's result."""

    engine: Engine
    secrets: Secrets
    moment: Callable[[], Moment]
    resulted: Callable[[Session, str, Result], None]

    def take(self, came: Lockers) -> list[Said]:
        """Commit what some lockers said, of each in order."""
        every = [one for each in came for one in each]
        ids = {_sender(one.topic) for one in every}
        try:
            keys = db.read(self.engine, lambda session: ledger.keys_of(session, ids))
        except Exception as error:  # noqa: BLE001 - told in the bridge's own thread
            return [Said(one.topic, error=error) for one in every]
        done = []
        for together in zip_longest(*came):
            read = [self._read(one, keys) for one in together if one is not None]
            done += self._commit(read)
        return done

    def _read(self, came: Came, keys: Keys) -> Said:
        try:
            return self._message(came, keys)
        except Exception as error:  # noqa: BLE001 - told in the bridge's own thread
            return Said(came.topic, error=error)

    def _message(self, came: Came, keys: Keys) -> Said:
        where = parse(came.topic)
        if where.kind == "presence":
            return Said(came.topic, where.locker_id, decode(Presence, came.payload))
        if came.retained:
            raise MalformedMessage("what is signed is never retained")
        known = keys.get(where.locker_id, {})
        message = unseal(CLASS_OF[where.kind], came.payload, known, aud=self.secrets.installation)
        if message.iss != where.locker_id:
            raise MalformedMessage("issued by another than its topic says")
        return Said(came.topic, where.locker_id, message)

    def _commit(self, said: Sequence[Said]) -> list[Said]:
        """Commit a message of each of several lockers."""
        batches = {one.locker_id: one.message for one in said if isinstance(one.message, Batch)}
        if len(batches) < 2:
            return [self._alone(one) for one in said]
        try:
            work = partial(
                ledger.ingest_all,
                batches=batches,
                moment=self.moment(),
                secrets=self.secrets,
            )
            standings = db.run(self.engine, work)
        except Exception as error:  # noqa: BLE001 - which of them it was shows when each is alone
            log.info("%d lockers are not recorded together: %s", len(batches), type(error).__name__)
            standings = {}
        return [
            replace(one, standing=standings[one.locker_id])
            if isinstance(one.message, Batch) and one.locker_id in standings
            else self._alone(one)
            for one in said
        ]

    def _alone(self, said: Said) -> Said:
        if said.error is not None or isinstance(said.message, Presence):
            return said
        try:
            standing = db.run(self.engine, partial(self._record, said=said, moment=self.moment()))
        except Exception as error:  # noqa: BLE001 - told in the bridge's own thread
            return Said(said.topic, error=error)
        return replace(said, standing=standing)

    def _record(self, session: Session, said: Said, moment: Moment) -> Standing | None:
        match said.message:
            case Birth():
                return ledger.born(session, said.locker_id, said.message, moment=moment)
            case Batch():
                return ledger.ingest(
                    session, said.locker_id, said.message, moment=moment, secrets=self.secrets
                )
            case Result():
                ledger.resulted(session, said.locker_id, said.message, moment=moment)
                self.resulted(session, said.locker_id, said.message)
        return None


def _sender(topic: str) -> str:
    """Return the locker that a topic names, in whatever shape."""
    return topic.rpartition("/")[0].rpartition("/")[2]
