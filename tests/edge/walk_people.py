"""The walk of the real drive: couriers and residents, and what all its rules stand on."""

from datetime import timedelta
from typing import ClassVar, Literal, get_args

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from fellesskap_edge.spoken import Key
from fellesskap_firmware_sim.plant import Act
from fellesskap_protocol.messages import Command, Right
from tests.edge import serving_judge
from tests.edge.walk_config import DOORS, LOCKERS
from tests.edge.walk_locker import BADGES, CARRIER_OF, HARD, NAMES, SENT, SOFT, WalkLocker
from tests.simulation.stand_parts import ADAPTER_S, START

NUMBERS = st.sampled_from(sorted(DOORS))
TEN_YEARS = timedelta(days=3653)
SINCE_1970 = timedelta(seconds=START.timestamp())
OFFSETS = {
    "right": timedelta(0),
    "a little fast": timedelta(seconds=30),
    "fast": timedelta(minutes=11),
    "ten years ahead": TEN_YEARS,
    "ten years behind": -TEN_YEARS,
    "1970": -SINCE_1970,
}
SHORT_S, LONG_S = 0.8, 2.2
"""A door open for less than 2 s is weak evidence."""
UNSEEN_S = 21.0
"""Where no contact tells of a door, it is taken for shut after so long."""
LONG_TIMES_MAX = 1
"""A quarter of an hour is a thousand polls: once in a walk."""
POINTS = (
    "any",
    "effect",
    "before_commit",
    "after_commit",
    "after_commit_before_pulse",
    "after_pulse_before_record",
)
Fate = Literal["revoked", "back", "soft", "expires", "expired", "new code", "forgotten"]


class PeopleWalk(RuleBasedStateMachine):
    """The walk."""

    locker: ClassVar = "8a and pins"
    """Which of `LOCKERS` is walked."""

    def __init__(self) -> None:
        super().__init__()
        self.at = WalkLocker(LOCKERS[self.locker])
        self.stand, self.office, self.outsider = self.at.stand, self.at.office, self.at.outsider
        self._commands: list[tuple[Command, bytes, str]] = []
        self._jtis = self._long_times = self._many_times = 0

    def teardown(self) -> None:
        try:
            if self.stand.drive is not None and self.outsider.sound:
                self.outsider.looked()
                assert serving_judge.judge(self.outsider) == [], "I16"
        finally:
            self.at.close()

    @initialize(
        names=st.lists(st.sampled_from([*HARD, *SOFT]), max_size=3, unique=True),
        connected=st.booleans(),
        ntp=st.sampled_from([True, True, False]),
        in_pieces=st.sampled_from([False, False, True]),
    )
    def a_locker_is_commissioned(
        self, names: list[str], connected: bool, ntp: bool, in_pieces: bool
    ) -> None:
        self.stand.ntp = ntp
        self.stand.lag_s = 0.0 if in_pieces else ADAPTER_S
        self.stand.boot()
        self.stand.run(1.0)
        self.office.want(*self.at.first_wish())
        self.stand.connect()
        self.stand.run(1.0)
        assert self.outsider.revision == 1
        for name in names:
            self.a_courier_scans_and_deposits(name, LONG_S, puts_in=True)
        if not connected:
            self.stand.disconnect()

    # Couriers and residents ----------------------------------------------------------------------

    @rule(
        name=st.sampled_from([*HARD, *SOFT, "t1", "stranger"]),
        open_s=st.sampled_from([SHORT_S, LONG_S]),
        puts_in=st.sampled_from([True, True, True, False]),
    )
    def a_courier_scans_and_deposits(self, name: str, open_s: float, puts_in: bool) -> None:
        outcome, number = self.at.scan(self.at.label(name))
        if outcome in ("opens", "check_empty") and number is not None:
            if not puts_in:
                self.at.tainted.add(number)
            self.at.at_door("put_in" if puts_in else "nothing", number, open_s=open_s)

    @rule(names=st.lists(st.sampled_from([*HARD, *SOFT, "t1", "new"]), min_size=2, max_size=3))
    def labels_are_scanned_one_after_the_other(self, names: list[str]) -> None:
        for name in names:
            self.at.scan(self.at.label(name))

    @rule(
        name=st.sampled_from(NAMES),
        how=st.sampled_from(["code", "long_code", "long_code", "qr"]),
        old=st.sampled_from([False, False, True]),
    )
    def somebody_presents_a_code(self, name: str, how: str, old: bool) -> None:
        value = self.at.codes(name)[0 if old else -1]
        if how == "qr":
            outcome, number = self.at.show_qr(value)
        else:
            outcome, number = self.at.type_code(value[:8] if how == "code" else value)
        if outcome not in ("opens", "check_empty") or number is None:
            return
        holds = number in self.outsider.lies_in
        dropped = any(one.right_id == name for one in self.outsider.lies_in.values())
        used = name in self.outsider.used
        act: Act = "take_out"
        if name in SENT and not (holds or dropped or used):
            act = "put_in"
        elif not holds or (dropped and name in SENT):
            act = "nothing"
        self.at.at_door(act, number)

    @precondition(lambda self: self.outsider.lies_in)
    @rule(turn=st.integers(0, 4), short=st.booleans())
    def a_recipient_comes(self, turn: int, short: bool) -> None:
        """I12: a valid code gets the parcel, whatever network, clock and operators do."""
        number = sorted(self.outsider.lies_in)[turn % len(self.outsider.lies_in)]
        right = self.outsider.force.get(self.outsider.lies_in[number].right_id or "")
        if right is None or right.revoked or right.kind == "drop_off":
            return
        if self.outsider.in_hand() or self.stand.drive is None:
            return
        values = {self.office.mac("long_code", one): one for one in self.at.codes(right.id)}
        value = values[right.long_code_mac or ""]
        lives, healthy = len(self.stand.lives), self.at.is_healthy(number)
        self.outsider.settled()
        warm = number in self.outsider.warm
        self.stand.warned.clear()
        outcome, where = self.at.type_code(value[:8] if short else value)
        if outcome == "long_code_needed" and short:
            outcome, where = self.at.type_code(value)
        warned = number in self.stand.warned
        assert warned or not (warm and outcome == "opens"), "chilled: nobody was told"
        opened = outcome == "opens" and self.at.at_door("take_out", number)
        if not self.at.has_contact(number):
            self.stand.run(UNSEEN_S)
        if len(self.stand.lives) > lives or self.stand.drive is None:
            return
        assert outcome in ("opens", "out_of_order", "busy"), f"I12: {outcome}"
        assert where == number, "I12: another door"
        if healthy:
            assert opened, "I12: the door stays shut"
            assert number not in self.outsider.lies_in, "I12: nobody wrote it down"

    @precondition(lambda self: self.outsider.used or self.outsider.lies_in)
    @rule(seconds=st.sampled_from([0.0, 10.0, 285.0, 301.0]))
    def what_was_used_is_tried_again(self, seconds: float) -> None:
        """It opens what it emptied for five minutes, unless that was given to somebody else."""
        if not self.outsider.used:
            self.a_recipient_comes(turn=0, short=False)
        self.come_to_rest()
        self.stand.run(seconds)
        for name in sorted(self.outsider.used & set(NAMES)):
            self.at.scan(self.at.label(name))
            outcome, number = self.at.type_code(self.at.codes(name)[-1])
            if outcome == "opens" and number is not None:
                self.at.at_door("nothing", number)

    @rule(name=st.sampled_from(sorted(BADGES)))
    def a_badge_is_shown(self, name: str) -> None:
        self.at.show_badge(name)

    @rule(
        key=st.sampled_from(get_args(Key)),
        value=st.sampled_from(["S", "L", "red", "blue", ""]),
    )
    def a_key_is_pressed(self, key: Key, value: str) -> None:
        self.at.tainted |= {one.presented.compartment or 0 for one in self.outsider.in_hand()}
        answer = self.stand.press(key, value)
        if key == "done":
            self.outsider.shown.done_s = self.stand.now_s
        if answer is not None and answer.outcome == "opens" and answer.compartment is not None:
            self.at.tainted.add(answer.compartment)
            self.at.at_door(
                "take_out" if key in ("take_out", "cancel") else "put_in", answer.compartment
            )

    @rule(
        name=st.sampled_from([*HARD, *SOFT]),
        key=st.sampled_from(["bigger", "occupied", "broken", "cancel", "empty", "not_me"]),
        collects=st.booleans(),
        meanwhile=st.sampled_from([None, None, "revoked", "forgotten"]),
    )
    def a_key_is_pressed_before_an_open_door(
        self, name: str, key: Key, collects: bool, meanwhile: str | None
    ) -> None:
        if collects:
            _, number = self.at.type_code(self.at.codes(name)[-1])
        else:
            _, number = self.at.scan(self.at.label(name))
        self.stand.run(1.0)
        if meanwhile == "revoked":
            self._wish(self.at.right(name, revoked=True))
        if meanwhile == "forgotten":
            self._wish(remove=(name,))
        self.a_key_is_pressed(key, "")
        if number is not None:
            self.at.tainted.add(number)
            self.stand.plant.shut(number, self.stand.now_s)
            self.stand.run(1.0)

    @rule(
        badge=st.sampled_from(["both", "red", "brief", "stolen"]),
        carrier=st.sampled_from(["red", "blue"]),
        size=st.sampled_from(["S", "L"]),
    )
    def an_unannounced_parcel_comes(self, badge: str, carrier: str, size: str) -> None:
        self.at.show_badge(badge)
        self.at.scan("NEW")
        self.stand.press("carrier", carrier)
        answer = self.stand.press("size", size)
        if answer is not None and answer.outcome == "opens" and answer.compartment is not None:
            self.at.at_door("put_in", answer.compartment)

    @rule(badge=st.sampled_from(["both", "red", "sweeper", "brief"]), turns=st.integers(1, 3))
    def a_courier_sweeps(self, badge: str, turns: int) -> None:
        self.stand.connect()
        self.stand.run(0.2)
        self.everything_is_to_be_taken_back()
        self.stand.run(0.2)
        if self.at.show_badge(badge) != "badge_accepted":
            return
        answer = self.stand.press("take_out")
        number = answer.compartment if answer and answer.outcome == "opens" else None
        for _ in range(turns):
            if number is None:
                return
            self.stand.shown.clear()
            self.at.at_door("take_out", number)
            shown = self.stand.shown
            number = shown[-1].compartment if shown and shown[-1].outcome == "opens" else None

    @rule(
        badge=st.sampled_from(["both", "red"]),
        before=st.sampled_from(HARD),
        after=st.sampled_from(HARD),
    )
    def a_courier_sweeps_before_and_after_a_restart(
        self, badge: str, before: str, after: str
    ) -> None:
        self.a_courier_scans_and_deposits(before, LONG_S, puts_in=True)
        self.a_courier_sweeps(badge, 1)
        self.the_daemon_is_killed(1.0)
        self.a_courier_scans_and_deposits(after, LONG_S, puts_in=True)
        self.a_courier_sweeps(badge, 1)

    # What the others use too --------------------------------------------------------------------

    @precondition(lambda self: self.outsider.lies_in)
    @rule()
    def everything_is_to_be_taken_back(self) -> None:
        removals = [
            Right(
                id=f"remove-{lying.parcel_id}",
                kind="remove",
                carrier_id=CARRIER_OF.get(lying.right_id or "", "red"),
                parcel_id=lying.parcel_id,
            )
            for lying in self.outsider.lies_in.values()
        ]
        self._wish(*removals)

    @rule()
    def shut_all_doors(self) -> None:
        for number in self.stand.plant.unattended:
            self.stand.plant.shut(number, self.stand.now_s)
        self.stand.run(0.5)

    def come_to_rest(self) -> None:
        """Nothing is open or seems to be: a bank with an open door is polled 33 times as often."""
        for lock in self.stand.plant.locks.values():
            lock.faults.sensor_stuck, lock.faults.ajar = None, False
        self.shut_all_doors()

    @rule(off_s=st.sampled_from([0.0, 1.0, 20.0, 400.0, 90_000.0]))
    def the_daemon_is_killed(self, off_s: float) -> None:
        self.stand.kill()
        self.stand.run(off_s)
        if self.stand.drive is None:
            self.stand.boot()

    def _wish(self, *put: Right, remove: tuple[str, ...] = ()) -> None:
        """Wish it, and let an attentive backend send it."""
        from_ = len(self.office.wishes) - 1
        to = self.office.want(*put, remove=remove)
        if self.at.attentive and self.office.epoch:
            for part in self.office.change(from_, to, self.stand.wall):
                self.at.carry("rights", part)
