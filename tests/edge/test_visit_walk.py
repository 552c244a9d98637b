"""Whatever couriers and residents press in whatever order, custody and capacity hold.

Badges, sweeps, drop-offs, unannounced deposits and every key of the kiosk, with doors that open,
stay shut or go blind, and restarts. A ledger made of nothing but the journal judges each step.
"""

from dataclasses import dataclass, field
from typing import get_args

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fellesskap_edge import state as ctl
from fellesskap_edge.choosing import bound, hard_claims
from fellesskap_edge.door import Reading
from fellesskap_edge.spoken import Key
from fellesskap_edge.state import Draft, Effect, demand_of
from fellesskap_protocol.capacity import served, usable
from fellesskap_protocol.events import (
    AnyEvent,
    Collected,
    Deposited,
    DroppedOff,
    Overcommitted,
    Presented,
    Pulsed,
    Removed,
)
from fellesskap_protocol.messages import Right
from tests.edge.little_locker import DOORS, LittleLocker, allowance, badge, removal, right

HARD, SOFT, SENT = ("one", "two"), ("three", "four"), ("five", "six")
NAMES = (*HARD, *SOFT, *SENT)
GRANTED = {"S": 2, "L": 1}
CARRIER_OF = {name: "red" if turn % 2 else "blue" for turn, name in enumerate(NAMES)}
BADGES = {
    "b1": badge("red", jti="b1"),
    "b2": badge("red", "blue", jti="b2"),
    "b3": badge("blue", jti="b3", may=("remove",)),
    "b4": badge("red", jti="b4", for_s=4000),
}
NUMBERS = st.sampled_from(sorted(DOORS))


def rights() -> tuple[Right, ...]:
    claims = [
        msgspec.structs.replace(
            right(name, carrier=CARRIER_OF[name]), hold="hard" if name in HARD else "soft"
        )
        for name in (*HARD, *SOFT)
    ]
    sent = [right(name, "drop_off", carrier=CARRIER_OF[name]) for name in SENT]
    given = [allowance("S", GRANTED["S"]), allowance("L", GRANTED["L"])]
    return (*claims, *sent, *given)


@dataclass
class Ledger:
    """What the journal says."""

    lies_in: dict[int, str] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    drawn: dict[str, int] = field(default_factory=dict)
    authorised: dict[str, int] = field(default_factory=dict)
    swept_in: dict[str, str] = field(default_factory=dict)
    short: bool = False
    """The physical world took room that claims needed, and that was said."""


class Visit(RuleBasedStateMachine):
    """The walk."""

    def __init__(self) -> None:
        super().__init__()
        self.locker = LittleLocker().ready(*rights())
        self.ledger = Ledger()

    # What can happen -----------------------------------------------------------------------------

    @rule(name=st.sampled_from([*NAMES, "new", "other"]))
    def a_label_is_scanned(self, name: str) -> None:
        self.judge(self.locker.scan(f"label-{name}"))

    @rule(name=st.sampled_from(NAMES))
    def a_code_is_typed(self, name: str) -> None:
        self.judge(self.locker.enter(f"long-{name}"))

    @rule(name=st.sampled_from(sorted(BADGES)))
    def a_badge_is_shown(self, name: str) -> None:
        self.judge(self.locker.show_badge(BADGES[name]))

    @rule(
        key=st.sampled_from(get_args(Key)),
        value=st.sampled_from(["S", "L", "red", "blue", ""]),
    )
    def a_key_is_pressed(self, key: Key, value: str) -> None:
        self.judge(self.locker.press(key, value))

    @rule(carrier=st.sampled_from(["red", "blue"]), size=st.sampled_from(["S", "L"]))
    def a_courier_makes_the_choices(self, carrier: str, size: str) -> None:
        self.judge(self.locker.press("carrier", carrier))
        self.judge(self.locker.press("size", size))

    @rule(name=st.sampled_from([*HARD, *SOFT]), seconds=st.sampled_from([0.5, 3.0]))
    def a_courier_deposits(self, name: str, seconds: float) -> None:
        self.a_label_is_scanned(name)
        self.the_doors_in_use_are_opened_and_shut(seconds)

    @rule(name=st.sampled_from(NAMES), seconds=st.sampled_from([0.5, 3.0]))
    def a_code_is_used(self, name: str, seconds: float) -> None:
        self.a_code_is_typed(name)
        self.the_doors_in_use_are_opened_and_shut(seconds)

    @rule(carrier=st.sampled_from(["red", "blue"]), size=st.sampled_from(["S", "L"]))
    def an_unannounced_parcel_comes(self, carrier: str, size: str) -> None:
        self.a_badge_is_shown("b2")
        self.a_label_is_scanned("new")
        self.a_courier_makes_the_choices(carrier, size)
        self.the_doors_in_use_are_opened_and_shut(3.0)

    @rule(name=st.sampled_from(sorted(BADGES)), turns=st.integers(0, 3))
    def a_courier_sweeps(self, name: str, turns: int) -> None:
        for one in NAMES:
            self.a_parcel_is_to_be_taken_back(one)
        self.a_badge_is_shown(name)
        self.a_key_is_pressed("take_out", "")
        for _ in range(turns):
            self.the_doors_in_use_are_opened_and_shut(3.0)

    @rule(
        key=st.sampled_from(get_args(Key)),
        name=st.sampled_from(NAMES),
        then_shut=st.booleans(),
    )
    def a_key_is_pressed_before_an_open_door(self, key: Key, name: str, then_shut: bool) -> None:
        self.a_label_is_scanned(name)
        self.a_code_is_typed(name)
        self.judge(self.locker.wait(1.0))
        number = self.locker.controller.at_hand
        if number is not None:
            self.a_door_is_read(number, "open")
            self.a_key_is_pressed(key, "S")
            if then_shut:
                self.judge(self.locker.wait(3.0))
                self.a_door_is_read(number, "shut")

    @rule(number=NUMBERS, reading=st.sampled_from(["open", "shut", "unknown"]))
    def a_door_is_read(self, number: int, reading: Reading) -> None:
        self.judge(self.locker.give(ctl.DoorSensed(number, reading)))

    @rule(seconds=st.sampled_from([0.5, 3.0]))
    def the_doors_in_use_are_opened_and_shut(self, seconds: float) -> None:
        for number in sorted(self.locker.controller.operations):
            for reading in ("open", "shut"):
                self.judge(self.locker.wait(seconds))
                self.a_door_is_read(number, reading)

    @rule(seconds=st.sampled_from([1.0, 9.0, 130.0, 310.0]))
    def time_passes(self, seconds: float) -> None:
        self.judge(self.locker.wait(seconds))

    @rule(name=st.sampled_from(NAMES))
    def a_parcel_is_to_be_taken_back(self, name: str) -> None:
        if f"parcel-{name}" in self.ledger.lies_in.values():
            self.judge(self.locker.put(removal(name, CARRIER_OF[name])))

    @rule()
    def the_backend_lets_unannounced_parcels_be_collected(self) -> None:
        for parcel_id in sorted(set(self.ledger.lies_in.values())):
            if not parcel_id.startswith("parcel-"):
                put = msgspec.structs.replace(
                    right(f"of-{parcel_id}", "collect"), parcel_id=parcel_id
                )
                self.judge(self.locker.put(put))
                self.judge(self.locker.enter(f"long-of-{parcel_id}"))

    @rule(bank=st.sampled_from(["a", "b"]), answering=st.sampled_from([True, True, False]))
    def a_board_falls_silent_or_answers(self, bank: str, answering: bool) -> None:
        self.judge(self.locker.give(ctl.BankContact(bank, answering=answering)))

    @rule()
    def the_daemon_is_killed(self) -> None:
        self.locker.restart()
        self.locker.say_shut()

    # What must hold ------------------------------------------------------------------------------

    def judge(self, effects: tuple[Effect, ...] | list[Effect]) -> None:
        worsened = False
        for effect in effects:
            if isinstance(effect, ctl.Record):
                event = effect.event
                worsened |= isinstance(event, Overcommitted)
                self._custody(event)
                self._authority(event)
        self._promises(worsened=worsened)

    def _custody(self, event: AnyEvent) -> None:
        ledger = self.ledger
        match event:
            case Deposited() | DroppedOff():
                assert event.compartment not in ledger.lies_in, "I1: two in one compartment"
                assert event.parcel_id not in ledger.lies_in.values(), "I1: one in two"
                assert event.parcel_id not in ledger.ever, "deposited twice"
                ledger.lies_in[event.compartment] = event.parcel_id
                ledger.ever.add(event.parcel_id)
                if event.allowance_class:
                    drawn = ledger.drawn.get(event.allowance_class, 0) + 1
                    ledger.drawn[event.allowance_class] = drawn
                    assert drawn <= GRANTED[event.allowance_class], "more than was granted"
            case Collected() | Removed():
                assert ledger.lies_in.pop(event.compartment) == event.parcel_id
                ledger.taken.add(event.parcel_id)
            case _:
                pass

    def _authority(self, event: AnyEvent) -> None:
        ledger, wall = self.ledger, self.locker.now.wall
        match event:
            case Presented(outcome="authorised", authorisation_id=str(given), compartment=int(n)):
                assert given not in ledger.authorised, "I4: one authorisation twice"
                ledger.authorised[given] = n
                if event.badge_jti is None:
                    return
                shown = BADGES[event.badge_jti]
                assert wall.timestamp() < shown.exp, "I5: the badge is over"
                if event.right_id is None:
                    assert "deposit" in shown.may, "I5: this badge deposits nothing"
                    assert n not in ledger.lies_in, "I1: a parcel lies there"
                    return
                name = event.right_id.removeprefix("remove-")
                assert "remove" in shown.may, "I5: this badge removes nothing"
                assert CARRIER_OF[name] in shown.carriers, "I5: another carrier's parcel"
                assert ledger.lies_in[n] == f"parcel-{name}"
                session = self.locker.controller.session
                assert session is not None
                first = ledger.swept_in.setdefault(event.badge_jti, session.id)
                assert first == session.id, "I5: one session per badge and locker"
            case Pulsed():
                assert ledger.authorised[event.authorisation_id] == event.compartment, "I3"
            case _:
                pass

    def _promises(self, *, worsened: bool) -> None:
        """I2: nothing but the physical world takes room from a hard claim."""
        controller = self.locker.controller
        draft = Draft(controller, self.locker.now)
        taken = bound(draft.c)
        claims = [demand_of(one) for one in hard_claims(draft) if one.id not in taken]
        room = [
            wired.compartment
            for number, wired in controller.wiring.items()
            if usable(controller.places[number].content, controller.places[number].service)
            and number not in taken.values()
        ]
        lost = len(claims) - served(claims, room)
        self.ledger.short = lost > 0 and (self.ledger.short or worsened)
        assert lost == 0 or self.ledger.short, "I2"

    @invariant()
    def parcels_are_where_the_journal_says(self) -> None:
        controller = self.locker.controller
        held = {
            number: controller.rights[place.right_id].parcel_id
            for number, place in controller.places.items()
            if place.right_id is not None
        }
        assert held == self.ledger.lies_in
        assert controller.used == self.ledger.drawn

    @invariant()
    def everything_that_decides_is_in_the_store(self) -> None:
        """I8: what a restart would find is what decides now."""
        mine = self.locker.controller
        found = LittleLocker()
        found.facts, found.mono_s = dict(self.locker.facts), self.locker.mono_s
        found.restart()
        stored = found.controller
        assert (stored.rights, stored.places) == (mine.rights, mine.places)
        assert (stored.session, stored.used, stored.badges) == (
            mine.session,
            mine.used,
            mine.badges,
        )
        assert stored.operations == mine.operations


Visit.TestCase.settings = settings(stateful_step_count=50, max_examples=3 * settings().max_examples)
TestVisit = pytest.mark.slow(Visit.TestCase)
