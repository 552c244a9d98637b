"""Whatever happens in whatever order, the invariants of docs/architecture.md hold at the locker.

A walk gives a locker any events, lets time pass with and without ticks, and restarts it. A ledger
of its own, made of nothing but what was said to the outside, judges every pulse.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fellesskap_edge import state as ctl
from fellesskap_edge.commanding import CONSUMED_KEPT
from fellesskap_edge.door import Reading
from fellesskap_edge.state import Effect
from fellesskap_protocol.events import (
    Collected,
    Deposited,
    DoorOpened,
    Presented,
    Pulsed,
    Removed,
)
from fellesskap_protocol.messages import CommandKind, Right
from tests.edge.little_locker import (
    DOORS,
    START,
    SUPPLY_OF,
    LittleLocker,
    allowance,
    code,
    command,
    right,
)

NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
HARD = ("one", "two")
"""The others are served if there is room: nobody confirms more than a locker holds."""
ALLOWANCE = allowance("L", 10**6)
"""Enough for every soft claim: what it limits is walked in `test_visit_walk`."""
NUMBERS = st.sampled_from(sorted(DOORS))
READINGS = st.sampled_from(["shut", "open", "unknown"])
EPSILON_S = 1e-6


@dataclass
class Authorised:
    """One accepted presentation, as the journal tells it."""

    presented: Presented
    at: float
    pulses: int = 0
    opened: bool = False
    cut_off: bool = False


@dataclass
class Ledger:
    """What somebody knows who only reads the journal, the rights and the clock."""

    rights: dict[str, Right] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    parcels: dict[int, str] = field(default_factory=dict)
    reopenable: dict[int, tuple[frozenset[str], datetime]] = field(default_factory=dict)
    authorised: dict[str, Authorised] = field(default_factory=dict)
    remote: list[datetime] = field(default_factory=list)
    jtis: dict[str, datetime] = field(default_factory=dict)
    fired_at: dict[str, float] = field(default_factory=dict)
    pulsed_not_fired: list[Pulsed] = field(default_factory=list)
    scanned: set[str] = field(default_factory=set)


def claim(name: str, carrier: str = "red", *, large: bool = False) -> Right:
    """A claim of the backend."""
    hold: Literal["hard", "soft"] = "hard" if name in HARD else "soft"
    return msgspec.structs.replace(right(name, carrier=carrier, large=large), hold=hold)


class Locker(RuleBasedStateMachine):
    """The walk: rules are what can happen, `_judge` is what must hold of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.locker = LittleLocker()
        self.ledger = Ledger()
        for bank in ("a", "b"):
            self.give(ctl.BankContact(bank, answering=True))
        for number in DOORS:
            self.give(ctl.DoorSensed(number, "shut"))
        self.ledger.rights = {name: claim(name) for name in NAMES}
        put = (ALLOWANCE, *self.ledger.rights.values())
        self.give(ctl.RightsArrived(1, 1, False, put, ()))

    # What can happen -----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 0.4, 1.0, 8.0, 20.0, 31.0, 299.0, 1000.0, 90_000.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.locker.mono_s + seconds
        while self.locker.wake_at <= until:
            self.locker.mono_s = max(self.locker.mono_s, self.locker.wake_at)
            self.give(ctl.Tick())
        self.locker.mono_s = until

    @rule(seconds=st.sampled_from([0.5, 9.0, 25.0, 40.0]))
    def the_machine_stalls(self, seconds: float) -> None:
        """Time passes and nobody ticks: what comes next comes late."""
        self.locker.mono_s += seconds

    @rule(number=NUMBERS, reading=READINGS)
    def a_door_is_read(self, number: int, reading: Reading) -> None:
        self.give(ctl.DoorSensed(number, reading))

    @rule(number=NUMBERS)
    def a_person_opens_and_shuts(self, number: int) -> None:
        readings: tuple[Reading, ...] = ("open", "shut")
        for reading in readings:
            self.time_passes(1.0)
            self.a_door_is_read(number, reading)

    @rule(number=NUMBERS)
    def a_board_does_not_answer(self, number: int) -> None:
        self.give(ctl.PulseUnacknowledged(number))

    @rule(bank=st.sampled_from(["a", "b"]), answering=st.sampled_from([True, True, False]))
    def a_bank_is_lost_or_found(self, bank: str, answering: bool) -> None:
        self.give(ctl.BankContact(bank, answering=answering))

    @rule(
        names=st.lists(st.sampled_from([*NAMES, "none"]), min_size=1, max_size=2),
        repeated=st.booleans(),
    )
    def a_label_is_scanned(self, names: list[str], repeated: bool) -> None:
        macs = tuple(f"label-{name}" for name in names)
        self.ledger.scanned.update(macs)
        self.give(ctl.LabelScanned(macs, self.locker.new_id(), repeated))

    @rule(kind=st.sampled_from(["code", "long", "qr"]), name=st.sampled_from([*NAMES, "none"]))
    def a_code_is_entered(self, kind: str, name: str) -> None:
        self.give(code(f"{kind}-{name}", self.locker.new_id()))

    @rule(name=st.sampled_from(NAMES), seconds=st.sampled_from([0.0, 1.0, 5.0]))
    def a_courier_deposits(self, name: str, seconds: float) -> None:
        """Do it as couriers mostly do, so that a walk gets far."""
        self.a_label_is_scanned([name], repeated=False)
        self._use_the_door_of(name, seconds)

    @rule(
        kind=st.sampled_from(["code", "long", "qr"]),
        turn=st.integers(0, 4),
        seconds=st.sampled_from([0.0, 1.0, 5.0]),
    )
    def a_recipient_collects(self, kind: str, turn: int, seconds: float) -> None:
        """Present the code of a parcel that lies here."""
        names = sorted(self.ledger.parcels.values())
        if names:
            name = names[turn % len(names)]
            self.a_code_is_entered(kind, name)
            self._use_the_door_of(name, seconds)

    def _use_the_door_of(self, name: str, seconds: float) -> None:
        for number, operation in list(self.locker.controller.operations.items()):
            if operation.right is not None and operation.right.id == name:
                self.time_passes(seconds)
                self.a_person_opens_and_shuts(number)

    @rule(
        kind=st.sampled_from(["open_door", "open_door", "set_service", "report_custody"]),
        number=st.sampled_from([None, 0, *sorted(DOORS)]),
        jti=st.integers(0, 15),
        fresh=st.sampled_from([True, True, True, False]),
        for_s=st.sampled_from([30, 30, 30, 30, 30, 0, -10]),
    )
    def a_command_comes(
        self, kind: CommandKind, number: int | None, jti: int, fresh: bool, for_s: int
    ) -> None:
        event = command(kind, f"j{jti}", number, self.locker, fresh=fresh, for_s=for_s)
        self.give(event)

    @rule(
        puts=st.lists(
            st.tuples(
                st.sampled_from(NAMES),
                st.booleans(),
                st.sampled_from(["red", "red", "blue"]),
                st.sampled_from([False, False, False, True]),
                st.sampled_from([None, None, -5, 60]),
            ),
            max_size=3,
            unique_by=lambda put: put[0],
        ),
        remove=st.sets(st.sampled_from(NAMES), max_size=1),
        from_empty=st.sampled_from([False, False, False, True]),
    )
    def rights_come(
        self,
        puts: list[tuple[str, bool, str, bool, int | None]],
        remove: set[str],
        from_empty: bool,
    ) -> None:
        put = tuple(
            msgspec.structs.replace(
                claim(name, carrier=carrier, large=large),
                revoked=revoked,
                deposit_by=None
                if deposit_s is None
                else self.locker.now.wall + timedelta(seconds=deposit_s),
            )
            for name, large, carrier, revoked, deposit_s in puts
        )
        position = self.locker.controller.position
        gone = tuple(remove - {one.id for one in put})
        event = ctl.RightsArrived(1, position.revision + 1, from_empty, (ALLOWANCE, *put), gone)
        holding = set(self.ledger.parcels.values())
        kept = {} if from_empty else dict(self.ledger.rights)
        for name in gone:
            kept.pop(name, None)
        for name in holding & set(self.ledger.rights):
            kept[name] = self.ledger.rights[name]
        put_ids = {one.id for one in put}
        # Taken away and sent anew, it is a new right of the backend, which knows what was used.
        self.ledger.used -= set(NAMES) - put_ids if from_empty else set(gone)
        fresh = {one.id: one for one in put if one.id not in self.ledger.used}
        self.ledger.rights = kept | fresh
        self.give(event)

    @rule(name=st.sampled_from(NAMES))
    def a_door_jams(self, name: str) -> None:
        self.a_label_is_scanned([name], repeated=False)
        self.time_passes(31.0)

    @rule(name=st.sampled_from(NAMES))
    def a_right_is_revoked_and_used_all_the_same(self, name: str) -> None:
        if name in self.ledger.rights:
            self.rights_come([(name, False, "red", True, None)], set(), from_empty=False)
            self.a_courier_deposits(name, 1.0)
            self.a_code_is_entered("long", name)

    @rule(kind=st.sampled_from(["long", "qr"]), seconds=st.sampled_from([0.0, 10.0, 285.0, 301.0]))
    def an_old_code_is_tried_again(self, kind: str, seconds: float) -> None:
        """It opens what it emptied for five minutes, unless that was given to somebody else."""
        self.time_passes(seconds)
        for name in sorted(self.ledger.used):
            self.a_code_is_entered(kind, name)

    @rule(gap_s=st.sampled_from([1.0, 9.0, 11.0, 60.0]), again=st.booleans())
    def an_operator_opens_many(self, gap_s: float, again: bool) -> None:
        for turn in range(8):
            number = turn % len(DOORS) + 1
            jti = "again" if again else self.locker.new_id()
            self.give(command("open_door", jti, number, self.locker))
            self.a_person_opens_and_shuts(number)
            self.time_passes(gap_s)

    @rule(names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=2))
    def the_daemon_is_killed_between_two_couriers(self, names: list[str]) -> None:
        self.a_label_is_scanned(names[:1], repeated=False)
        self.the_daemon_is_killed()
        for bank in ("a", "b"):
            self.give(ctl.BankContact(bank, answering=True))
        self.a_label_is_scanned(names[1:], repeated=False)

    @rule()
    def the_daemon_is_killed(self) -> None:
        for one in self.ledger.authorised.values():
            one.cut_off = True
        # Nobody remembers a coil whose operation is over; a start takes longer than its pulse.
        held = {SUPPLY_OF[int(key)] for kind, key in self.locker.facts if kind == "operation"}
        self.ledger.fired_at = {s: at for s, at in self.ledger.fired_at.items() if s in held}
        self.locker.restart()
        self.ledger.reopenable.clear()

    # What must hold ------------------------------------------------------------------------------

    def give(self, event: ctl.Event) -> None:
        for effect in self.locker.give(event):
            self._judge(event, effect)
        assert not self.ledger.pulsed_not_fired, "a pulse was written down and never fired"

    def _judge(self, event: ctl.Event, effect: Effect) -> None:
        match effect:
            case ctl.Record(Presented() as presented) if presented.outcome == "authorised":
                self._authorised(event, presented)
            case ctl.Record(Pulsed() as pulsed):
                self.ledger.pulsed_not_fired.append(pulsed)
            case ctl.Record(DoorOpened(authorisation_id=str() as name)):
                self.ledger.authorised[name].opened = True
            case ctl.Record(Deposited() as deposited):
                assert deposited.compartment not in self.ledger.parcels, "I1"
                assert deposited.right_id is not None
                self.ledger.parcels[deposited.compartment] = deposited.right_id
                known = self.ledger.rights.get(deposited.right_id, right(deposited.right_id))
                self.ledger.rights[deposited.right_id] = known
            case ctl.Record(Collected() | Removed() as taken):
                assert self.ledger.parcels.pop(taken.compartment) == taken.right_id
                self.ledger.used.add(taken.right_id)
                until = self.locker.now.wall + timedelta(minutes=5)
                macs = frozenset(f"{kind}-{taken.right_id}" for kind in ("code", "long", "qr"))
                self.ledger.reopenable[taken.compartment] = (macs, until)
                self.ledger.rights.pop(taken.right_id, None)
            case ctl.Pulse():
                self._pulse(effect)
            case _:
                pass

    def _authorised(self, event: ctl.Event, presented: Presented) -> None:
        """I5: only what is good at this moment is accepted."""
        number, name = presented.compartment, presented.right_id
        assert number is not None
        assert presented.authorisation_id is not None
        assert presented.authorisation_id not in self.ledger.authorised
        wall = self.locker.now.wall
        if presented.kind == "label":  # scanned now, or queued and gone on with
            assert name is not None
            wanted = self.ledger.rights[name]
            assert not wanted.revoked, "I5: revoked"
            assert name not in self.ledger.used, "I5: used up"
            assert name not in self.ledger.parcels.values(), "I5: deposited already"
            assert wanted.deposit_by is None or wall < wanted.deposit_by, "I5: expired"
            assert number not in self.ledger.parcels, "I1: a parcel lies there"
        match event:
            case _ if presented.kind == "label":
                assert f"label-{name}" in self.ledger.scanned
            case ctl.CodeEntered() if name is not None:
                assert self.ledger.parcels[number] == name
                assert not self.ledger.rights[name].revoked, "I5: revoked"
                assert event.mac.split("-", maxsplit=1)[1] == name
            case ctl.CodeEntered():
                macs, until = self.ledger.reopenable[number]
                assert event.mac in macs
                assert wall < until, "I5: the time to open it again is over"
            case ctl.CommandArrived():
                assert event.fresh
                seen_at = self.ledger.jtis.get(event.command.jti, START - timedelta(days=9))
                assert wall - seen_at > CONSUMED_KEPT, "I5: seen before"
                assert wall.timestamp() < event.command.exp, "I5: expired"
                self._remote(wall)
            case _:
                raise AssertionError(f"{event} authorises nothing")
        if isinstance(event, ctl.CommandArrived):
            self.ledger.jtis[event.command.jti] = wall
        again = isinstance(event, ctl.CodeEntered) and name is None
        if not again:
            self.ledger.reopenable.pop(number, None)
        one = Authorised(presented, self.locker.mono_s)
        self.ledger.authorised[presented.authorisation_id] = one

    def _remote(self, wall: datetime) -> None:
        """I6: no more than one in 10 s and six in 10 min."""
        self.ledger.remote.append(wall)
        recent = [at for at in self.ledger.remote if wall - at < timedelta(minutes=10)]
        assert len(recent) <= 6, "I6: six in ten minutes"
        assert len(recent) < 2 or recent[-1] - recent[-2] >= timedelta(seconds=10), "I6: too soon"

    def _pulse(self, pulse: ctl.Pulse) -> None:
        """I3 and I4, and one coil at a time per supply."""
        one = self.ledger.authorised[pulse.authorisation_id]
        written = self.ledger.pulsed_not_fired.pop(0)
        one.pulses += 1
        assert written.authorisation_id == pulse.authorisation_id, "I3"
        assert written.compartment == pulse.compartment == one.presented.compartment, "I3"
        assert written.attempt == one.pulses <= 3, "I4: three pulses"
        assert self.locker.mono_s - one.at <= 30 + EPSILON_S, "I4: within 30 s"
        assert not one.opened, "I4: seen open"
        assert not one.cut_off, "I4: after a restart"
        supply = SUPPLY_OF[pulse.compartment]
        since = self.locker.mono_s - self.ledger.fired_at.get(supply, float("-inf"))
        assert since >= 0.8 - EPSILON_S, "two coils at once"
        self.ledger.fired_at[supply] = self.locker.mono_s

    @invariant()
    def parcels_are_where_the_journal_says(self) -> None:
        places = self.locker.controller.places
        held = {n: place.right_id for n, place in places.items() if place.content == "parcel"}
        assert held == self.ledger.parcels

    @invariant()
    def everything_that_decides_is_in_the_store(self) -> None:
        """I8: what a restart would find is what decides now."""
        mine = self.locker.controller
        found = LittleLocker()
        found.facts, found.mono_s = dict(self.locker.facts), self.locker.mono_s
        found.restart()
        stored = found.controller
        assert stored.places == mine.places
        assert stored.rights == mine.rights
        assert stored.operations == mine.operations
        assert stored.consumed == mine.consumed
        assert (stored.keypad, stored.labels) == (mine.keypad, mine.labels)
        assert len(stored.opened_remotely_at) == len(mine.opened_remotely_at)
        assert stored.position == mine.position


Locker.TestCase.settings = settings(
    stateful_step_count=60, max_examples=3 * settings().max_examples
)
TestLocker = Locker.TestCase
