"""Judges a locker on a stand from outside: the journal's bytes, the plant's record, what was shown.

Knows no controller. What may be opened it derives anew from the rights that were sent, the events
that were committed and the moments at which something was presented; `I…` as in design 8.
"""

from datetime import UTC, datetime, timedelta

from fellesskap_protocol.capacity import Demand, served
from fellesskap_protocol.events import (
    AnyEvent,
    Collected,
    Deposited,
    DoorClosed,
    DoorOpened,
    DroppedOff,
    Jammed,
    NotOpened,
    Overcommitted,
    Presented,
    Pulsed,
    Removed,
    Reported,
    RightsApplied,
    ServiceChanged,
    Upsized,
)
from fellesskap_protocol.messages import (
    Ack,
    Badge,
    Command,
    Rights,
    decode_event,
    event_hash,
)
from fellesskap_protocol.signing import signer, unseal
from tests.edge.outside_judge import (
    AUTHORISATION_S,
    CHALLENGE_S,
    COIL_S_MAX,
    EPSILON_S,
    IAT_S,
    OVER_S,
    PULSE_S_MAX,
    PULSES_MAX,
    SIGNERS,
    WELDED_S_MAX,
    Authorised,
)
from tests.edge.power_judge import PowerJudge
from tests.simulation.installed import INSTALLATION
from tests.simulation.office import HELP, STRANGER
from tests.simulation.stand_parts import START


class Outsider(PowerJudge):
    """Takes in what happened, in order, and what must hold between two steps."""

    # What it is told -----------------------------------------------------------------------------

    def booted(self) -> None:
        """A restart finds what was committed."""
        assert self.stand.journal.head_seq >= len(self._bytes), "I8: a committed event is gone"
        self.looked(alive=True)

    def see_badge(self, jti: str, token: str) -> None:
        """Somebody shows a badge, from now on."""
        by_kid = SIGNERS | {STRANGER.public.kid: STRANGER.public}
        said = unseal(Badge, token.encode(), by_kid, aud=INSTALLATION)
        self.shown.badges[jti] = (said, signer(token.encode()) in SIGNERS, self.stand.now_s)

    def coil_asked(self, number: int) -> None:
        """I3: its pulse must be in the journal, and each is one."""
        self.looked(alive=True)
        self._coils[number] = self._coils.get(number, 0) + 1
        assert self._coils[number] <= self._pulsed.get(number, 0), "I3: a pulse without its record"

    def looked(self, *, alive: bool = False) -> None:
        """Read what was committed since."""
        stand = self.stand
        if stand.drive is not None or alive:
            journal = stand.journal
            self.follow_epoch()
            grown = journal.head_seq - len(self._bytes)
            for stored in journal.read(len(self._bytes) + 1, grown) if grown > 0 else ():
                event = decode_event(stored)
                assert event.seq == len(self._bytes) + 1, "the journal has a hole"
                assert event.prev == self._hash, "the chain holds"
                self._hash = event_hash(stored)
                self._bytes.append(stored)
                self.sound = False
                self._judge(event)
                self.sound = True
                if event.clock == "trusted":
                    self._trusted_at = event.at
                self.events.append(event)
        self._look_at_the_plant()

    def comes(self, payload: bytes) -> Ack | Rights | Command | None:
        """A message is about to come in; return it, if the backend signed it for this locker."""
        message = self.office.signed.get(payload)
        if isinstance(message, Rights) and message.epoch == self.office.epoch:
            key = (message.from_, message.to)
            self._parts.setdefault((*key, message.parts), set()).add(message.part)
            if len(self._parts[*key, message.parts]) == message.parts:
                self.sent_whole.add(key)
        return message

    def has_come(self, message: Ack | Rights | Command) -> None:
        """From then on time is not before its `iat`; a fresh answer sets it, down as well as up."""
        at, floor = datetime.fromtimestamp(message.iat, UTC), self._floor_at(self.stand.now_s)
        fresh = isinstance(message, Ack) and self._is_fresh(message.challenge)
        if fresh or floor is None or at > floor:
            self._floor = (at, self.stand.now_s)

    def _is_fresh(self, challenge: str | None) -> bool:
        _, at = self.office.challenges.get(challenge or "", ("", START - timedelta(days=1)))
        return self.stand.wall - at <= timedelta(seconds=CHALLENGE_S + EPSILON_S)

    def _floor_at(self, now_s: float) -> datetime | None:
        if self._floor is None:
            return None
        at, since_s = self._floor
        return at + timedelta(seconds=now_s - since_s)

    def _new_boot(self, event: AnyEvent) -> None:
        """Time is not before the newest trusted moment; nobody may open again any more."""
        self._boot_id = event.boot_id
        known = self._trusted_at
        self._floor = (known, self.at_s(event)) if known else None
        self._reopenable.clear()
        died_s = self.stand.lives[-2][1] if len(self.stand.lives) > 1 else 0.0
        cut_off = self.in_hand(died_s)
        self.cut_off |= {one.presented.compartment or 0 for one in cut_off}
        self._resumed = {one.presented.authorisation_id for one in cut_off}
        self._booted_s = self.at_s(event)

    def _look_at_the_plant(self) -> None:
        facts = self.stand.plant.facts
        while self._facts < len(facts):
            fact = facts[self._facts]
            self._facts += 1
            if fact.name == "pulse_started":
                assert self._coils.get(fact.compartment, 0), "I3: a coil that nobody asked for"

    # Events --------------------------------------------------------------------------------------

    def _judge(self, event: AnyEvent) -> None:
        if event.boot_id != self._boot_id:
            self._new_boot(event)
        floor = self._floor_at(self.at_s(event))
        if floor is not None:
            assert event.at >= floor - timedelta(seconds=IAT_S), "the clock is behind its floor"
        self.judge_epoch(event)
        self.judge_cold(event)
        self.judge_power(event)
        match event:
            case Presented(outcome="authorised", authorisation_id=str()):
                self._authorised(event)
            case Presented(outcome="authorised", badge_jti=str()):
                self._session += 1
            case Deposited() | DroppedOff():
                self._put_in(event)
            case Collected() | Removed():
                self._taken(event)
            case RightsApplied():
                self._applied(event)
                self.believe()
            case ServiceChanged():
                assert event.from_ == self.service[event.compartment]
                self.service[event.compartment] = event.to
                self._service_ms.add(event.mono_ms)
                self._looked_into(event)
            case Reported(what="empty", compartment=number):
                self._disputed.add(number)
            case Overcommitted():
                self._short(event)
            case Upsized():
                self._low_enough(self.force.get(event.right_id), event.to)
            case _:
                self._judge_door(event)

    def _looked_into(self, event: ServiceChanged) -> None:
        """An operator looked: if a parcel still lies there whose right is revoked is not known.

        Whoever stands there with it in hand may still be seen to take it.
        """
        lying = self.lies_in.get(event.compartment)
        right = self.force.get(lying.right_id or "") if lying else None
        if (event.to, event.cause) == ("in", HELP) and right is not None and right.revoked:
            self._perhaps[event.compartment] = self.lies_in.pop(event.compartment)
            self.unknown.add(event.compartment)

    def _judge_door(self, event: AnyEvent) -> None:
        match event:
            case (
                DoorClosed(compartment=left)
                | Jammed(compartment=left)
                | NotOpened(compartment=left)
            ) if self.service[left] != "in":
                self._service_ms.add(event.mono_ms)  # who leaves it has lost its room
            case _:
                pass
        match event:
            case Pulsed():
                self._pulse(event)
            case DoorOpened(authorisation_id=str(given)):
                self.authorised[given].opened = True
            case DoorClosed(authorisation_id=str(given)) | Jammed(authorisation_id=given):
                self.authorised[given].ended = True
            case NotOpened(authorisation_id=given):
                one = self.authorised[given]
                one.ended = one.boot_id != event.boot_id
            case _:
                pass

    def _short(self, event: Overcommitted) -> None:
        self._short_ms.add(event.mono_ms)
        in_use = [one.presented.compartment or 0 for one in self.in_hand()]
        if any(self.service[number] != "in" for number in in_use):
            self._service_ms.add(event.mono_ms)  # a courier may leave that door

    def _pulse(self, event: Pulsed) -> None:
        one = self.authorised.get(event.authorisation_id)
        assert one is not None, "I3: a pulse without an authorisation"
        one.pulses += 1
        assert one.presented.compartment == event.compartment, "I3: another door"
        assert event.attempt == one.pulses <= PULSES_MAX, "I4: three pulses"
        late_s = self.at_s(event) - one.at_s
        assert late_s <= AUTHORISATION_S + EPSILON_S, "I4: within 30 s"
        assert not one.opened, "I4: seen open"
        assert one.boot_id == event.boot_id, "I4: after a restart"
        self._pulsed[event.compartment] = self._pulsed.get(event.compartment, 0) + 1

    # What holds between steps --------------------------------------------------------------------

    def settled(self) -> None:
        """Assert what holds whenever nothing is going on."""
        self.looked()
        self._coils_are_off_in_time()
        self.cold_is_watched()
        self.power_is_off()
        if not self.in_hand():
            self._promises_are_kept()

    def in_hand(self, at_s: float | None = None) -> list[Authorised]:
        """Return the operations that may still go on, now or at another moment."""
        now_s = self.stand.now_s if at_s is None else at_s
        resumed = self._resumed if 0 <= now_s - self._booted_s < OVER_S else ()
        return [
            one
            for given, one in self.authorised.items()
            if not one.ended and (one.opened or now_s - one.at_s < OVER_S or given in resumed)
        ]

    def _coils_are_off_in_time(self) -> None:
        """I14."""
        for number in self.doors:
            on_s = self.stand.plant.longest_on_s(number, self.stand.now_s)
            limit_s = COIL_S_MAX.get(self.family[number], PULSE_S_MAX)
            if number in self.welded:
                limit_s = WELDED_S_MAX
            assert on_s <= limit_s + EPSILON_S, f"I14: {number} was on for {on_s} s"

    def _promises_are_kept(self) -> None:
        """I2: only the physical world takes room from a claim, and that is said at once."""
        lying = {one.right_id for one in self.lies_in.values()}
        claims = [
            Demand(one.w_mm, one.h_mm, one.d_mm, one.g, one.needs)
            for one in self.force.values()
            if one.kind == "claim" and one.hold == "hard" and not one.revoked
            if one.id not in lying and one.id not in self.used
        ]
        room = [
            one
            for number, one in self.doors.items()
            if self.service[number] == "in" and number not in self.lies_in
        ]
        lost = len(claims) - served(claims, room)
        if self._lost is not None and lost > self._lost:
            assert self._short_ms & self._service_ms, "I2: a claim lost its room, and nobody said"
        self._lost = lost
        self._short_ms.clear()
        self._service_ms.clear()
