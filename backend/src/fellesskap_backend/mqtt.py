"""The bridge: what lockers say goes into the database, what is owed to them goes out.

paho's thread posts into a bounded inbox; one thread takes from it. A message is one transaction,
committed before it is acknowledged; what cannot be read is counted and let go, for whoever sent it
sends it again. Payloads, codes and keys are never logged.
"""

import logging
import queue
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from fellesskap_backend import db, downlink
from fellesskap_backend.bridge import owed
from fellesskap_backend.bridge.link import Came, Link
from fellesskap_backend.bridge.said import Voice
from fellesskap_backend.db import Moment
from fellesskap_backend.downlink import Downlink, Position
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.service import Standing, UnknownLocker
from fellesskap_backend.rights import service as rights
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Login, Settings
from fellesskap_protocol.messages import (
    Batch,
    Birth,
    MalformedMessage,
    Presence,
    Result,
    Signed,
    decode,
)
from fellesskap_protocol.signing import unseal
from fellesskap_protocol.topics import InvalidTopic, Kind, every_locker, parse, topic

log = logging.getLogger(__name__)
INBOX_MAX = 10_000
"""Messages that wait; further ones are dropped and come again by their senders' timers."""
POLL_S = 0.1
"""The net under `wake`: how often the database is asked what is owed."""
STOP_S_MAX = 15.0
HEARD: tuple[Kind, ...] = ("birth", "journal", "results", "presence")
CLASS_OF: dict[Kind, type[Signed]] = {"birth": Birth, "journal": Batch, "results": Result}


def _birth(session: Session, locker_id: str, birth: Birth, moment: Moment) -> Standing:
    return ledger.born(session, locker_id, birth, moment=moment)


def _batch(session: Session, locker_id: str, batch: Batch, moment: Moment) -> Standing:
    return ledger.ingest(session, locker_id, batch, moment=moment)


def _result(session: Session, locker_id: str, result: Result, moment: Moment) -> None:
    ledger.resulted(session, locker_id, result, moment=moment)


HANDLERS: dict[type[Signed], Callable[[Session, str, Any, Moment], Standing | None]] = {
    Birth: _birth,
    Batch: _batch,
    Result: _result,
}


class Bridge:
    """One bridge over all lockers; `served` is called when what was committed is on its way.

    It wakes the worker, and not before: the two share an interpreter, and somebody waits at a door.
    """

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        engine: Engine,
        login: Login,
        *,
        served: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._engine = engine
        self._served = served
        self._inbox: queue.Queue[Came | None] = queue.Queue(INBOX_MAX)
        self._link = Link(login, [every_locker(kind) for kind in HEARD], self._post)
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="bridge", daemon=True)
        self._poll_at = 0.0
        self._lockers: dict[str, Downlink] = {}
        self._due: dict[str, float] = {}
        self._openings: dict[str, owed.Opening] = {}
        self.refused: Counter[str] = Counter()
        """Messages that were let go, by why."""

    def start(self) -> None:
        """Begin to connect and to work; return at once."""
        self._link.start()
        self._thread.start()

    def stop(self) -> None:
        """End after the message in hand."""
        self._stopping.set()
        self._link.stop()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(STOP_S_MAX)

    def wake(self) -> None:
        """Say that rights or commands were committed: they go out at once."""
        self._woken.set()
        with suppress(queue.Full):  # then the thread is awake already
            self._inbox.put_nowait(None)

    @property
    def up(self) -> bool:
        """Whether the broker has taken our subscriptions."""
        return self._link.up

    def _post(self, came: Came) -> None:
        try:
            self._inbox.put_nowait(came)
        except queue.Full:
            self.refused["inbox full"] += 1

    # One thread from here on ---------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stopping.is_set():
            came = self._next()
            try:
                if self._woken.is_set() or time.monotonic() >= self._poll_at:
                    self._poll()
                if came is not None:
                    self._take(came)
                self._tick()
            except Exception as error:  # noqa: BLE001 - the top of the loop; words may be secret
                self.refused[type(error).__name__] += 1
                where = "".join(traceback.format_tb(error.__traceback__))
                log.error(  # noqa: TRY400 - an exception's own words may hold what is secret
                    "a message or poll failed: %s\n%s", type(error).__name__, where
                )

    def _next(self) -> Came | None:
        wait_s = self._poll_at - time.monotonic()
        if self._due:
            wait_s = min(wait_s, min(self._due.values()) - time.time())
        try:
            return self._inbox.get(timeout=max(0.0, wait_s))
        except queue.Empty:
            return None

    def _poll(self) -> None:
        """Ask the database what is owed, and give it to the machines."""
        woken = self._woken.is_set()
        self._woken.clear()
        self._poll_at = time.monotonic() + POLL_S
        with db.reader(self._engine) as session:
            openings = owed.openings(session)
        found = {one.jti: one for one in openings}
        settled = [one for jti, one in self._openings.items() if jti not in found]
        self._openings = found
        for one in settled:
            self._give(one.locker_id, downlink.Settled(one.jti))
        for one in openings:
            self._give(one.locker_id, downlink.Ordered(one.jti, one.exp, one.stage))
        with db.reader(self._engine) as session:
            wishes = owed.wishes(session)
        for wish in wishes:
            self._give(wish.locker_id, downlink.Wished(wish.position))
        if woken:
            self._served()

    def _tick(self) -> None:
        now = time.time()
        for locker_id in [one for one, at in self._due.items() if at <= now]:
            self._give(locker_id, downlink.Tick())

    # In ------------------------------------------------------------------------------------------

    def _take(self, came: Came) -> None:
        try:
            where = parse(came.topic)
            if where.kind == "presence":
                self._presence(where.locker_id, decode(Presence, came.payload))
            else:
                self._signed(where.locker_id, CLASS_OF[where.kind], came)
        except (MalformedMessage, InvalidTopic, UnknownLocker) as error:
            self.refused[type(error).__name__] += 1
            log.warning("a message on %s is let go: %s", came.topic[:100], type(error).__name__)

    def _signed(self, locker_id: str, kind: type[Signed], came: Came) -> None:
        if came.retained:
            raise MalformedMessage("what is signed is never retained")
        with db.reader(self._engine) as session:
            keys = ledger.keys_of(session, locker_id)
        message = unseal(kind, came.payload, keys, aud=self._secrets.installation)
        if message.iss != locker_id:
            raise MalformedMessage("issued by another than its topic says")
        moment = Moment(datetime.now(UTC))
        standing = db.run(
            self._engine, lambda session: HANDLERS[kind](session, locker_id, message, moment)
        )
        if standing is not None:
            self._say(locker_id, "ack", self._voice(locker_id).ack(standing))
        self._heard(locker_id, message, standing)

    def _heard(self, locker_id: str, message: Signed, standing: Standing | None) -> None:
        """Let the machine know what is committed and acknowledged."""
        if isinstance(message, Result):
            self._give(
                locker_id, downlink.Resulted(message.jti, message.outcome, message.challenge)
            )
        if standing is None or not standing.current:
            return
        if isinstance(message, Birth):
            position = Position(message.generation, message.revision)
            self._give(
                locker_id,
                downlink.Born(message.epoch, position, message.session, message.challenge),
            )
        elif isinstance(message, Batch):
            position = Position(message.generation, message.revision)
            self._give(locker_id, downlink.Reported(message.epoch, position))
            if message.events:
                self._served()
        self._give(locker_id, downlink.Wished(Position(*standing.wanted)))

    def _presence(self, locker_id: str, presence: Presence) -> None:
        with db.reader(self._engine) as session:
            changes = owed.presence_changes(session, locker_id, presence)
        if changes:
            db.run(
                self._engine,
                lambda session: owed.set_online(session, locker_id, online=presence.online),
            )
            self._give(locker_id, downlink.PresenceSaid(presence.online))

    # Out -----------------------------------------------------------------------------------------

    def _give(self, locker_id: str, event: downlink.Event) -> None:
        """Step the locker's machine and perform what it says, in order."""
        state = self._lockers.get(locker_id)
        if state is None:
            with db.reader(self._engine) as session:
                state = owed.begun(session, locker_id)
            if state is None:
                return
        state, effects = downlink.step(state, event, time.time())
        self._lockers[locker_id] = state
        if state.wake_at < downlink.NEVER:
            self._due[locker_id] = state.wake_at
        else:
            self._due.pop(locker_id, None)
        for effect in effects:
            self._perform(locker_id, state, effect)

    def _perform(self, locker_id: str, state: Downlink, effect: downlink.Effect) -> None:
        voice = self._voice(locker_id)
        match effect:
            case downlink.SendRights(from_):
                self._send_rights(voice, state, from_)
            case downlink.SendCommand(jti, challenge, again):
                self._send_command(voice, jti, challenge, again=again)
            case downlink.AskChallenge():
                jti = str(Moment(voice.now).new_id())
                self._say(locker_id, "commands", voice.question(jti))
            case downlink.SendKeys():
                self._say(locker_id, "keys", voice.keys())
            case downlink.Expire(jti):
                db.run(self._engine, lambda session: owed.expired(session, jti, now=voice.now))

    def _send_rights(self, voice: Voice, state: Downlink, from_: int) -> None:
        with db.reader(self._engine) as session:
            change = rights.change(session, voice.locker_id, from_)
        generation = state.wanted.generation
        assert state.epoch is not None
        for part in voice.rights(change, epoch=state.epoch, generation=generation, from_=from_):
            self._say(voice.locker_id, "rights", part)
        if change.to != state.wanted.revision:  # it grew since the machine was told
            self._give(voice.locker_id, downlink.Wished(Position(generation, change.to)))

    def _send_command(self, voice: Voice, jti: str, challenge: str, *, again: bool) -> None:
        opening = self._openings.get(jti)
        if opening is None:
            return
        self._say(voice.locker_id, "commands", voice.opening(opening, challenge))
        db.run(self._engine, lambda session: owed.sent(session, jti, again=again, now=voice.now))

    def _voice(self, locker_id: str) -> Voice:
        return Voice(self._secrets, locker_id, datetime.now(UTC))

    def _say(self, locker_id: str, kind: Kind, payload: bytes) -> None:
        self._link.publish(topic(locker_id, kind), payload)
