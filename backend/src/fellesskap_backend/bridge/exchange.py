"""The bridge's work without its threads: what comes in, what is owed, what goes out.

`take`, `poll` and `tick` are called by one thread (`mqtt`) or by a simulator in virtual time. What
is said is committed before it is acknowledged (`bridge.intake`). What cannot be read is counted and
let go, for whoever sent it sends it again.
Payloads, codes and keys are never logged.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from fellesskap_backend import db, downlink
from fellesskap_backend.bridge import owed
from fellesskap_backend.bridge.intake import LET_GO, Intake, Lockers, Said, Take
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.bridge.said import Voice
from fellesskap_backend.db import Moment
from fellesskap_backend.downlink import Downlink, Position
from fellesskap_backend.ledger.service import Standing
from fellesskap_backend.lockers import servicing
from fellesskap_backend.rights import service as rights
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.buggify import sometimes
from fellesskap_protocol.messages import (
    Batch,
    Birth,
    Presence,
    Result,
    Signed,
)
from fellesskap_protocol.topics import Kind, topic

log = logging.getLogger(__name__)
HEARD: tuple[Kind, ...] = ("birth", "journal", "results", "presence")
QUESTION_S = 30.0
"""How long a locker is given to say what lies where, or to do as wished; then it hears it again."""
NO_DOOR = "no_such_compartment"


@dataclass(frozen=True)
class House:
    """What an exchange works with; `say(topic, payload)` may lose what it is given."""

    secrets: Secrets
    engine: Engine
    say: Callable[[str, bytes], None]
    clock: Callable[[], datetime]
    moment: Callable[[datetime], Moment] = Moment
    served: Callable[[], None] = field(default=lambda: None)
    """Called when what was committed is on its way."""
    spread: Callable[[Take, Lockers], list[Said]] = field(
        default=lambda take, came: take(came) if came else []
    )
    """Who takes in what several lockers said: one lane by itself, or several (`bridge.lanes`), and
    then some of it is returned by a later call."""
    came: Callable[[], int] = field(default=lambda: 0)
    """How many messages came until now, those included that wait to be taken in."""


class Exchange:
    """Everything that is said to and heard from all lockers."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._secrets, self._engine = house.secrets, house.engine
        self._lockers: dict[str, Downlink] = {}
        self._due: dict[str, float] = {}
        self._openings: dict[str, owed.Opening] = {}
        self._questions: dict[str, owed.Opening] = {}
        self._rights: dict[str, int] = {}
        """Which lockers are to be sent their rights, from which revision on."""
        self._intake = Intake(
            self._engine,
            self._secrets,
            lambda: house.moment(house.clock()),
            self._withdraw,
        )
        self.refused: Counter[str] = Counter()
        """Messages that were let go, by why."""
        self._answered: dict[str, int] = {}
        """How many messages had come when a locker's last batch was answered."""

    @property
    def wake_at(self) -> float:
        """When a tick would do something, in seconds since 1970."""
        return min(self._due.values(), default=downlink.NEVER)

    def poll(self) -> None:
        """Ask the database what is owed, and give it to the machines; somebody waits at a door."""
        openings = db.read(self._engine, owed.openings)
        self._openings = self._settle(self._openings, openings)
        self._order(openings)
        held = [one for one, at in self._lockers.items() if at.hold is not downlink.Hold.NOTHING]
        now = self._house.clock()
        wishes, wanted, services = db.read(
            self._engine,
            lambda session: (
                owed.wishes(session, held),
                owed.to_be_asked(session, now),
                owed.services_owed(session, now),
            ),
        )
        fresh = self._know(wish.locker_id for wish in wishes)
        for wish in wishes[:1] if sometimes("bridge.short_poll") else wishes:
            known = None if wish.locker_id in fresh else self._lockers.get(wish.locker_id)
            if known is None or (known.wanted, known.hold) != (wish.position, wish.hold):
                self._give(wish.locker_id, downlink.Wished(wish.position, wish.hold))
            # Else it was told so: a locker that is away differs in each poll, and ticks.
        questions = self._asked([*map(_custody, wanted), *map(_service, services)])
        self._questions = self._settle(self._questions, questions)
        self._order(questions)
        self._send_rights()

    def _order(self, commands: Iterable[owed.Opening]) -> None:
        for one in commands:
            self._give(one.locker_id, downlink.Ordered(one.jti, one.exp, one.stage))

    def _settle(
        self, before: dict[str, owed.Opening], now: Iterable[owed.Opening]
    ) -> dict[str, owed.Opening]:
        """Tell the machines which commands are in hand no more."""
        found = {one.jti: one for one in now}
        for jti, one in before.items():
            if jti not in found:
                self._give(one.locker_id, downlink.Settled(jti))
        return found

    def _asked(self, wanted: Iterable[owed.Opening]) -> list[owed.Opening]:
        """Return one command for each thing that is owed: the one in hand, or a new one."""
        in_hand = {_what(one): one for one in self._questions.values() if one.exp > self._now}
        return [in_hand.get(_what(one)) or self._made(one) for one in wanted]

    def _made(self, wanted: owed.Opening) -> owed.Opening:
        jti = str(self._house.moment(self._house.clock()).new_id())
        return replace(wanted, jti=jti, exp=self._now + QUESTION_S)

    def tick(self) -> None:
        """Do what is due."""
        now = self._now
        for locker_id in [one for one, at in self._due.items() if at <= now]:
            self._give(locker_id, downlink.Tick())
        self._send_rights()

    @property
    def _now(self) -> float:
        return self._house.clock().timestamp()

    # In ------------------------------------------------------------------------------------------

    def take(self, came: Came) -> None:
        """Take one message in."""
        self.take_all([came])

    def take_all(self, came: Sequence[Came]) -> None:
        """Take messages in: those of several lockers together, of each in order.

        With none, finish what was given to another lane and is done by now. A batch that came
        before its locker's last one was answered is let go: only one is in flight, so it repeats
        that one, and the answer is on its way. Else what waits too long would come twice and wait
        longer (docs/decisions/0067).
        """
        each: dict[str, list[Came]] = {}
        for one in came:
            if 0 < one.number <= self._answered.get(one.topic, 0):
                self.refused["answered"] += 1
                continue
            each.setdefault(one.topic.rpartition("/")[0], []).append(one)
        failed: list[Exception] = []
        for said in self._house.spread(self._intake.take, list(each.values())):
            try:
                self._finish(said)
            except LET_GO as error:
                why = type(error).__name__
                self.refused[why] += 1
                log.warning("a message on %s is let go: %s", said.topic[:100], why)
            except Exception as error:  # noqa: BLE001 - the others are not to wait for it
                failed.append(error)
        self._send_rights()
        if failed:
            raise failed[0]

    def _finish(self, said: Said) -> None:
        """Acknowledge what is committed, and let the machine know; or raise why it is not."""
        if said.error is not None:
            raise said.error
        if isinstance(said.message, Presence):
            self._presence(said.locker_id, said.message)
            return
        assert said.message is not None
        if said.standing is not None:
            self._acknowledge(said.locker_id, said.standing)
        if isinstance(said.message, Batch):
            self._answered[said.topic] = self._house.came()
        self._heard(said.locker_id, said.message, said.standing)

    def _withdraw(self, session: Session, locker_id: str, result: Result) -> None:
        """Drop a wish about a door that the locker does not have."""
        known = self._questions.get(result.jti)
        if known is None or known.compartment is None or known.locker_id != locker_id:
            return
        if known.service in ("in", "out") and result.reason == NO_DOOR:
            wish = servicing.Owed(locker_id, known.compartment, known.service)
            servicing.withdraw(session, wish)

    def _acknowledge(self, locker_id: str, standing: Standing) -> None:
        if standing.hold is not downlink.Hold.SIGNATURES:
            self._say(locker_id, "ack", self._voice(locker_id).ack(standing))
            if sometimes("bridge.keys_too"):
                self._say(locker_id, "keys", self._voice(locker_id).keys())
            return
        self.refused["database is behind"] += 1
        known = self._lockers.get(locker_id)
        if known is not None and known.hold is standing.hold:
            return  # said before
        log.error(
            "locker %s has rights that this database never wished: it is an older one, from a "
            "backup. Nothing is signed for this locker until you run: fellesskap-backend restored",
            locker_id,
        )

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
            reported = downlink.Reported(message.epoch, position, standing.repeated)
            self._give(locker_id, reported)
            if message.events:
                self._house.served()
        self._give(locker_id, downlink.Wished(Position(*standing.wanted), standing.hold))

    def _presence(self, locker_id: str, presence: Presence) -> None:
        if db.read(
            self._engine, lambda session: owed.presence_changes(session, locker_id, presence)
        ):
            db.run(
                self._engine,
                lambda session: owed.set_online(session, locker_id, online=presence.online),
            )
            self._give(locker_id, downlink.PresenceSaid(presence.online))

    # Out -----------------------------------------------------------------------------------------

    def _know(self, ids: Iterable[str]) -> Set[str]:
        """Begin the machines of lockers that have none: after a start those of a whole country.

        Return which; they were told nothing yet.
        """
        fresh = [one for one in ids if one not in self._lockers]
        if fresh:
            self._lockers |= db.read(self._engine, partial(owed.begun, ids=fresh))
        return frozenset(fresh)

    def _give(self, locker_id: str, event: downlink.Event) -> None:
        """Step the locker's machine and perform what it says, in order."""
        if sometimes("bridge.lane_lost"):
            self._lockers.pop(locker_id, None)
        self._know([locker_id])
        state = self._lockers.get(locker_id)
        if state is None:
            return
        state, effects = downlink.step(state, event, self._now)
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
                self._rights[locker_id] = from_
            case downlink.SendCommand(jti, challenge, again):
                self._send_command(voice, jti, challenge, again=again)
            case downlink.AskChallenge():
                jti = str(self._house.moment(voice.now).new_id())
                self._say(locker_id, "commands", voice.question(jti))
            case downlink.SendKeys():
                self._say(locker_id, "keys", voice.keys())
            case downlink.Expire(jti) if jti not in self._questions:
                db.run(self._engine, lambda session: owed.expired(session, jti, now=voice.now))

    def _send_rights(self) -> None:
        """Send what the machines said to send of rights, read together."""
        while self._rights:
            due, self._rights = self._rights, {}
            changes = db.read(self._engine, partial(rights.changes, positions=due))
            for locker_id, change in changes.items():
                self._send_change(locker_id, due[locker_id], change)

    def _send_change(self, locker_id: str, from_: int, change: rights.Change) -> None:
        state, voice = self._lockers[locker_id], self._voice(locker_id)
        if state.hold is not downlink.Hold.NOTHING:
            return  # it came with a later message
        generation = state.wanted.generation
        assert state.epoch is not None
        for part in voice.rights(change, epoch=state.epoch, generation=generation, from_=from_):
            self._say(locker_id, "rights", part)
        if change.to != state.wanted.revision:  # it grew since the machine was told
            wish = downlink.Wished(Position(generation, change.to), state.hold)
            self._give(locker_id, wish)

    def _send_command(self, voice: Voice, jti: str, challenge: str, *, again: bool) -> None:
        known = self._openings.get(jti) or self._questions.get(jti)
        if known is None:
            return
        self._say(voice.locker_id, "commands", voice.command(known, challenge))
        if jti in self._openings:
            db.run(
                self._engine, lambda session: owed.sent(session, jti, again=again, now=voice.now)
            )

    def _voice(self, locker_id: str) -> Voice:
        return Voice(self._secrets, locker_id, self._house.clock())

    def _say(self, locker_id: str, kind: Kind, payload: bytes) -> None:
        self._house.say(topic(locker_id, kind), payload)


def _custody(locker_id: str) -> owed.Opening:
    """Ask what lies where."""
    asked = downlink.Stage.ASKED
    return owed.Opening("", locker_id, None, "custody", 0.0, asked, kind="report_custody")


def _service(wish: servicing.Owed) -> owed.Opening:
    """Wish a compartment in or out of service."""
    return owed.Opening(
        "",
        wish.locker_id,
        wish.compartment,
        "operator",
        0.0,
        downlink.Stage.ASKED,
        kind="set_service",
        service=wish.service,
    )


def _what(one: owed.Opening) -> tuple[str, str, int | None, str | None]:
    return (one.locker_id, one.kind, one.compartment, one.service)
