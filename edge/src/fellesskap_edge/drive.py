"""Step, commit, perform: the one synchronous function that the daemon and the simulator call.

`Drive.drive(event, machine)` gives an event to the machine it concerns, commits what the step said
in one transaction, and only then performs its effects, in order; what they cause is stepped and
committed likewise. Nothing here decides whether a door opens. `perform` does what is outward. A
store that refuses a commit is `outage`'s affair: nothing was done, and it is tried again.
"""

import logging
from collections import deque
from dataclasses import replace
from datetime import timedelta

import msgspec

from fellesskap_edge import climate, outage, uplink
from fellesskap_edge import controller as controllers
from fellesskap_edge import inbox as rim
from fellesskap_edge import state as ctl
from fellesskap_edge.clock import Instant
from fellesskap_edge.custody import begin_epoch
from fellesskap_edge.facts import KeysFact
from fellesskap_edge.journal import JournalUnusable
from fellesskap_edge.keeping import Keeping
from fellesskap_edge.lines import Lines
from fellesskap_edge.locks import gpio
from fellesskap_edge.parts import Parts
from fellesskap_edge.reading import Reader
from fellesskap_edge.standing import Standing, standing
from fellesskap_edge.start import start
from fellesskap_edge.telling import WELL, Telling
from fellesskap_edge.wire import Wire, instant_of, snapshot
from fellesskap_protocol.buggify import sometimes
from fellesskap_protocol.events import AnyEvent, ClockChanged, Fault
from fellesskap_protocol.messages import (
    Ack,
    Command,
    MalformedMessage,
    Presence,
    Rights,
    State,
    decode,
    encode,
)
from fellesskap_protocol.topics import Kind

log = logging.getLogger(__name__)
CLOCK_STEP_S = 1.0
EARLY_S = 0.05
"""No answer comes so soon (`buggify`)."""
After = ctl.Effect | uplink.Effect | climate.Effect


class Drive:
    """One locker's mind with its store; `commissioned` says that this is its very first start."""

    def __init__(self, parts: Parts, machine: Instant, *, commissioned: bool) -> None:
        self.parts = parts
        self._journal = parts.journal
        begun = start(parts, machine, commissioned=commissioned)
        self.controller, self.uplink = begun.controller, begun.uplink
        self.wire = Wire(parts.identity, begun.keyring, parts.config.digest)
        self._floor = begun.floor
        self.now = self._floor.now(machine)
        self._offset = machine.wall - timedelta(seconds=machine.mono_s)
        self._telling = Telling(self._snapshot)
        self.lines = Lines(parts, begun.buses, self._control, self._fault)
        self.climate = begun.climate
        self._events: list[AnyEvent] = []
        self.reader = Reader(
            parts, self.wire, self._control, self._fault, badges_unsure=begun.badges_unsure
        )
        self._changes: list[ctl.Keep | ctl.Forget] = []
        self._effects: deque[After] = deque()
        self.keeping = Keeping(parts, self.controller, self.now)
        self._timed: ctl.Controller | None = None
        self._due = float("inf")
        self._will()

    @property
    def standing(self) -> Standing:
        """What goes on at the kiosk."""
        return standing(self.controller, self.now)

    @property
    def wake_at(self) -> float:
        """When a tick would do something, in monotonic seconds."""
        return min(
            self.keeping.wake_at(self._judgement_due),
            self.uplink.wake_at,
            self.climate.wake_at,
            self.reader.wake_at,
            self._state_due,
            self.lines.wake_at,
        )

    @property
    def _judgement_due(self) -> float:
        """When the controller wants a tick; found anew only when there is another controller."""
        if self.controller is not self._timed:
            self._timed, self._due = self.controller, controllers.wake_at(self.controller)
        return self._due

    def drive(self, event: rim.Inward, machine: Instant) -> None:
        """Take one event in, and every deadline that is due; commit; perform."""
        self.now = self._floor.now(machine)
        self.lines.switch_off(self.now.mono_s)
        self._try_again()
        self._mind_steps(machine)
        self._take(event)
        self._settle()
        self._tick()
        self._settle()
        self._tidy()
        self._tell_operators()

    def _mind_steps(self, machine: Instant) -> None:
        """Write down that somebody set the wall clock."""
        offset = machine.wall - timedelta(seconds=machine.mono_s)
        by_s = (offset - self._offset).total_seconds()
        if abs(by_s) > CLOCK_STEP_S:
            self._offset = offset
            self._events.append(ClockChanged(by_s=by_s))

    # What comes in -------------------------------------------------------------------------------

    def _take(self, event: rim.Inward) -> None:
        match event:
            case rim.PortBarred(port, why):
                self._fault(_of_port(port), why)
            case rim.PortUp(port) if self._telling.stands(_of_port(port)):
                self._fault(_of_port(port), WELL)
                self._take_bytes(event)
            case rim.PortUp() | rim.PortDown() | rim.PortBytes():
                self._take_bytes(event)
            case gpio.PinLevels() | gpio.PinEdge() | gpio.PinsFailed() | rim.PinsHeld():
                self.lines.take(event, self.now.mono_s)
            case rim.CodeTyped():
                self.reader.take(event, self.now)
            case climate.Read():
                self._temperature(event)
            case rim.KeyPressed(key, value, ticket):
                self._control(ctl.KeyPressed(key, value, self.parts.new_id(), ticket))
            case rim.LinkUp():
                self._uplink(uplink.Connected())
                self._will()
                self._say_presence()
            case rim.LinkDown():
                self._uplink(uplink.Disconnected())
            case rim.LinkMessage():
                self._message(event)
            case rim.InboxOverflowed(lost):
                what = f"{lost} events lost: the inbox was full"
                self._events.append(Fault(part="inbox", what=what, since=self.now.wall))
            case rim.Tick():
                pass

    def _take_bytes(self, event: rim.PortUp | rim.PortDown | rim.PortBytes) -> None:
        if self.lines.has(event.port):
            self.lines.take(event, self.now.mono_s)
        else:
            self.reader.take(event, self.now)

    def _tick(self) -> None:
        if sometimes("edge.late_wake"):
            return
        mono_s = self.now.mono_s
        self.lines.tick(mono_s)
        self.reader.tick(self.now)
        if self.climate.wake_at <= mono_s:
            self._temperature(climate.Tick())
        if self.uplink.wake_at <= mono_s:
            self._uplink(uplink.Tick())
        if not self.keeping.outage and self._judgement_due <= mono_s:
            self._control(ctl.Tick())

    def _message(self, message: rim.LinkMessage) -> None:
        try:
            if message.kind == "presence":
                seen = decode(Presence, message.payload)
                if seen != self._presence:
                    self._say_presence()
            elif message.kind == "keys":
                self.wire.keyring = self.wire.keyring.taken(message.payload)
                self._changes.append(ctl.Keep("keys", "newest", KeysFact(message.payload)))
            elif message.retained:
                log.warning("a retained message on %s was refused", message.kind)
            else:
                self._downlink(self.wire.read(message.kind, message.payload))
        except MalformedMessage as error:
            log.warning("a message on %s was refused: %s", message.kind, error)

    def _downlink(self, message: Ack | Rights | Command) -> None:
        self._floor = self._floor.raised(instant_of(message.iat), self.now.mono_s)
        match message:
            case Ack():
                self._uplink(uplink.AckCame(message))
            case Rights():
                self._uplink(uplink.RightsCame(message))
            case Command():
                self._uplink(uplink.CommandCame(message))

    # Step ----------------------------------------------------------------------------------------

    def _fault(self, part: str, what: str) -> None:
        """Write a fault, and show it to operators until it is over."""
        fault = Fault(part=part, what=what, since=self.now.wall)
        self._telling.note(fault)
        self._events.append(fault)

    def _control(self, event: ctl.Event) -> None:
        if isinstance(event, ctl.LabelScanned) and not self.keeping.roomy:
            # The room set aside is for those whose parcels lie here.
            self.parts.perform(ctl.TellCourier("no_deposits"))
            return
        self.controller, effects = controllers.step(self.controller, event, self.now)
        self._heard(effects)

    def _uplink(self, event: uplink.Event) -> None:
        draw = self.parts.draw()
        self.uplink, effects = uplink.step(self.uplink, event, self.now.mono_s, draw)
        self._heard(effects)

    def _temperature(self, event: climate.Event) -> None:
        self.climate, effects = climate.step(self.climate, event, self.now)
        self._telling.doubt()  # operators see temperatures too
        self._heard(effects)

    def _heard(self, effects: tuple[After, ...]) -> None:
        """Sort what a step said: to be committed, or to be performed after the commit."""
        for effect in effects:
            match effect:
                case ctl.Record(event):
                    self._events.append(event)
                case ctl.Keep() | ctl.Forget():
                    self._changes.append(effect)
                case _:
                    self._effects.append(effect)

    # Commit, perform -----------------------------------------------------------------------------

    def _settle(self) -> None:
        while self._events or self._changes or self._effects:
            try:
                self._commit()
                for turn in range(len(self._effects)):
                    if turn:
                        self.parts.crash_at("between_effects")
                    self._perform(self._effects.popleft())
            except JournalUnusable as error:
                self._set_back(error)

    def _commit(self, new_epoch: str | None = None) -> None:
        events, changes = self._events, self._changes
        self.keeping.commit(events, changes, self.now, new_epoch=new_epoch)
        self._events, self._changes = [], []
        self.keeping.kept = self.controller
        if events and new_epoch is None:
            head = self._journal.head_seq
            self._uplink(uplink.Journalled(head, self.controller.position))

    def _set_back(self, error: JournalUnusable) -> None:
        """The store refused: undo the steps since the last commit, and tell whoever waits."""
        self.controller = self.keeping.set_back(
            error, self._events, self._changes, tried=self.controller, now=self.now
        )
        self._events, self._changes = [], []
        self._effects = deque(outage.instead(self._effects))
        self._telling.doubt()

    def _try_again(self) -> None:
        """Go on when the store takes commits again: hear what the boards said meanwhile."""
        if self.keeping.works_again(self.now):
            self.controller = self.keeping.kept
            self._telling.doubt()
            self.climate = climate.untold(self.climate)
            self._uplink(uplink.Journalled(self._journal.head_seq, self.controller.position))
            heard, powers = self.lines.heard(), self.lines.powers
            for event in outage.unheard(self.controller, *heard, powers=powers):
                self._control(event)
            self._settle()

    def _tidy(self) -> None:
        """Look after the store; say when its disk got full, or has room again."""
        try:
            faults = self.keeping.tidy(self.uplink.acked_seq, self.now)
        except JournalUnusable as error:
            self._set_back(error)
            return
        if faults:
            self._events.extend(faults)
            self._telling.doubt()
            self._settle()

    def _perform(self, effect: After) -> None:
        match effect:
            case ctl.Pulse(number, attempt=attempt):
                self.parts.crash_at("after_commit_before_pulse")
                mono_s = self.parts.mono_s
                at_s = mono_s() if mono_s else self.now.mono_s
                self.lines.pulse(number, at_s, again=attempt > 1)
            case ctl.WatchDoor(number, fast):
                self.lines.watch(number, self.now.mono_s, fast=fast)
            case ctl.Answer() | ctl.TellCourier() | ctl.TellAtDoor() | ctl.WarnOfTemperature():
                self.parts.perform(effect)
            case ctl.Reply():
                self._publish("results", self.wire.result(effect, self.now))
            case uplink.SendBirth():
                birth = self.wire.birth(self.uplink, self._journal, effect, self.now)
                self._publish("birth", birth)
            case uplink.SendBatch():
                self._send_batch(effect)
            case uplink.GiveCommand(command, fresh, challenge):
                authorisation_id = self.parts.new_id()
                self._control(
                    ctl.CommandArrived(
                        command, fresh=fresh, challenge=challenge, authorisation_id=authorisation_id
                    )
                )
            case ctl.RightsArrived() | ctl.TemperatureJudged():
                self._control(effect)
            case ctl.GoOn():
                self._control(ctl.Proceed(self.parts.new_id()))
            case uplink.HeardFresh(iat):
                self._floor = self._floor.told(instant_of(iat), self.now.mono_s)
            case uplink.StartEpoch():
                self._start_epoch()

    def _send_batch(self, effect: uplink.SendBatch) -> None:
        if sometimes("edge.small_batch"):
            effect = replace(effect, limit=min(effect.limit, 2))
        if sometimes("edge.early_resend"):
            self.uplink = replace(self.uplink, wake_at=self.now.mono_s + EARLY_S)
        batch = self.wire.batch(self.uplink, self._journal, effect, self.now)
        self._publish("journal", batch)

    def _start_epoch(self) -> None:
        """The backend knows another past: begin anew, and tell what lies where."""
        log.warning("the backend knows another past of this store: a new epoch begins")
        self._commit()
        draft = ctl.Draft(self.controller, self.now)
        begin_epoch(draft, self.parts.config, "went_back")
        self.controller = draft.c
        self._heard(tuple(draft.effects))
        epoch = self.parts.draw().challenge
        self.parts.crash_at("before_new_epoch")
        self._commit(new_epoch=epoch)
        self.parts.crash_at("after_new_epoch")
        self.uplink = replace(self.uplink, position=self.controller.position)
        self._uplink(uplink.EpochBegan(epoch, self._journal.head_seq))

    # Towards people ------------------------------------------------------------------------------

    @property
    def _presence(self) -> Presence:
        return Presence(session=self.uplink.session, online=True)

    def _say_presence(self) -> None:
        self.parts.perform(rim.Publish("presence", encode(self._presence), retained=True))

    def _will(self) -> None:
        """The next connection's last will bears the next session."""
        gone = Presence(session=self.uplink.session + 1, online=False)
        self.parts.perform(rim.SetWill(encode(gone)))

    def _publish(self, kind: Kind, payload: bytes) -> None:
        self.parts.perform(rim.Publish(kind, payload))

    def _snapshot(self) -> State:
        state = snapshot(self.controller, self.climate, self.now)
        faults = (*state.faults, *self._telling.faults, *self.keeping.faults)
        return msgspec.structs.replace(state, faults=faults)

    @property
    def _state_due(self) -> float:
        if self.uplink.phase is uplink.Phase.OFFLINE:
            return float("inf")
        return self._telling.due(self.controller)

    def _tell_operators(self) -> None:
        if self.now.mono_s >= self._state_due:
            state = self._telling.told(self.now.mono_s)
            self.parts.perform(rim.Publish("state", encode(state), retained=True))


def _of_port(port: str) -> str:
    return f"port {port}"
