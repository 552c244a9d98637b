"""A walk over the real drive, journal and simulated boards: whatever may happen to a locker.

Rules are what people, couriers, the backend, the hardware, the clock and the power do. `Outsider`
judges each step from journal, plant and answers; `serving_judge` judges the whole at the end.
"""

from datetime import timedelta
from typing import Any, Literal, get_args

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fellesskap_edge import inbox as rim
from fellesskap_edge.spoken import Key
from fellesskap_firmware_sim.plant import Act
from fellesskap_protocol.events import Service
from fellesskap_protocol.messages import Command, Right
from fellesskap_protocol.signing import seal
from tests.edge import serving_judge
from tests.edge.walk_locker import (
    BADGES,
    BANKS,
    CARRIER_OF,
    DOORS,
    HARD,
    NAMES,
    SENT,
    SOFT,
    WalkLocker,
)
from tests.simulation.office import STRANGER
from tests.simulation.stand import SIGNER, START

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


class DriveWalk(RuleBasedStateMachine):
    """The walk."""

    def __init__(self) -> None:
        super().__init__()
        self.at = WalkLocker()
        self.stand, self.office, self.outsider = self.at.stand, self.at.office, self.at.outsider
        self._commands: list[tuple[Command, bytes, str]] = []
        self._jtis = self._long_times = 0

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
    )
    def a_locker_is_commissioned(self, names: list[str], connected: bool, ntp: bool) -> None:
        self.stand.ntp = ntp
        self.stand.boot()
        self.stand.run(1.0)
        self.office.want(*self.at.first_wish())
        self.stand.connect()
        self.stand.run(1.0)
        assert self.outsider.revision == 1
        for name in names:
            self.a_courier_scans_and_deposits(name, 3.0, puts_in=True)
        if not connected:
            self.stand.disconnect()

    # Couriers and residents ----------------------------------------------------------------------

    @rule(
        name=st.sampled_from([*HARD, *SOFT, "t1", "stranger"]),
        open_s=st.sampled_from([0.8, 3.0]),
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
        outcome, where = self.at.type_code(value[:8] if short else value)
        if outcome == "long_code_needed" and short:
            outcome, where = self.at.type_code(value)
        opened = outcome == "opens" and self.at.at_door("take_out", number)
        if len(self.stand.lives) > lives or self.stand.drive is None:
            return
        assert outcome in ("opens", "out_of_order", "busy"), f"I12: {outcome}"
        assert where == number, "I12: another door"
        if healthy:
            assert opened, "I12: the door stays shut"
            assert number not in self.outsider.lies_in, "I12: nobody wrote it down"

    @precondition(lambda self: self.outsider.used)
    @rule(seconds=st.sampled_from([0.0, 10.0, 285.0, 301.0]))
    def what_was_used_is_tried_again(self, seconds: float) -> None:
        """It opens what it emptied for five minutes, unless that was given to somebody else."""
        self.shut_all_doors()
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
    )
    def a_key_is_pressed_before_an_open_door(self, name: str, key: Key, collects: bool) -> None:
        if collects:
            _, number = self.at.type_code(self.at.codes(name)[-1])
        else:
            _, number = self.at.scan(self.at.label(name))
        self.stand.run(1.0)
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

    # The backend ---------------------------------------------------------------------------------

    def _wish(self, *put: Right, remove: tuple[str, ...] = ()) -> None:
        """Wish it, and let an attentive backend send it."""
        from_ = len(self.office.wishes) - 1
        to = self.office.want(*put, remove=remove)
        if self.at.attentive and self.office.epoch:
            for part in self.office.change(from_, to, self.stand.wall):
                self.at.carry("rights", part)

    @rule(
        name=st.sampled_from(NAMES),
        fate=st.sampled_from(get_args(Fate)),
        used_at_once=st.booleans(),
    )
    def the_backend_wishes_otherwise(self, name: str, fate: Fate, used_at_once: bool) -> None:
        if fate == "forgotten":
            self._wish(remove=(name,))
        else:
            if fate == "new code":
                self.at.turned[name] += 1
            known = self.office.wish.get(name)
            right = self.at.right(name)
            if fate in ("soft", "new code") and known is not None:
                right = msgspec.structs.replace(
                    right, hold=known.hold, deposit_by=known.deposit_by, revoked=known.revoked
                )
            moment = self.stand.wall + timedelta(seconds={"expires": 60}.get(fate, -5))
            self._wish(
                msgspec.structs.replace(
                    right,
                    revoked=fate == "revoked" or right.revoked,
                    hold="soft" if fate == "soft" else right.hold,
                    deposit_by=moment if fate in ("expires", "expired") else right.deposit_by,
                )
            )
        if used_at_once:
            self.a_courier_scans_and_deposits(name, 3.0, puts_in=True)
            self.somebody_presents_a_code(name, "long_code", old=False)

    @rule(size=st.sampled_from(["S", "L"]), granted=st.integers(0, 3))
    def the_allowance_changes(self, size: str, granted: int) -> None:
        self._wish(self.at.allowance(size, granted))

    @rule(
        carrier=st.sampled_from(["red", "blue"]),
        auth=st.sampled_from(["badge", "label"]),
        revoked=st.sampled_from([(), ("stolen",)]),
    )
    def a_carrier_asks_for_badges(
        self, carrier: str, auth: Literal["badge", "label"], revoked: tuple[str, ...]
    ) -> None:
        self._wish(
            Right(
                id=f"carrier-{carrier}",
                kind="carrier",
                carrier_id=carrier,
                deposit_auth=auth,
                revoked_badges=revoked,
            )
        )

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

    @precondition(lambda self: any(o.right_id is None for o in self.outsider.lies_in.values()))
    @rule()
    def unannounced_parcels_may_be_collected(self) -> None:
        for lying in list(self.outsider.lies_in.values()):
            if lying.right_id is None:
                name = f"of-{lying.parcel_id}"
                code = self.at.codes(name)[-1]
                self._wish(self.office.right(name, "collect", code, parcel_id=lying.parcel_id))
                outcome, number = self.at.type_code(code)
                if outcome == "opens" and number is not None:
                    self.at.at_door("take_out", number)

    @rule(
        how=st.sampled_from(
            [
                "whole",
                "reversed parts",
                "doubled",
                "first part only",
                "stale",
                "from empty",
                "another epoch",
                "forged",
            ]
        ),
        parts=st.integers(1, 3),
        back=st.integers(0, 3),
    )
    def rights_travel(self, how: str, parts: int, back: int) -> None:
        """Late, doubled, in parts, out of order, from empty, and what is no right at all."""
        newest = len(self.office.wishes) - 1
        to = max(1, newest - back) if how == "stale" else newest
        from_ = 0 if how == "from empty" else min(self.outsider.revision, to)
        if how == "stale":
            from_ = max(0, to - 1)
        if from_ == to:
            self._wish(self.at.allowance("S", 2 + newest % 2))
            return
        head = {"epoch": "00" * 16} if how == "another epoch" else {}
        messages = self.office.change(from_, to, self.stand.wall, parts=parts, **head)
        if how == "forged":
            messages = [one[:-8] + b"AAAAAAAA" for one in messages]
        if how == "reversed parts":
            messages.reverse()
        if how == "doubled":
            messages *= 2
        for one in messages[:1] if how == "first part only" else messages:
            self.at.carry("rights", one)

    @precondition(lambda self: self.at.carried)
    @rule(turn=st.integers(0, 20))
    def an_old_message_comes_again(self, turn: int) -> None:
        kind, payload = self.at.carried[turn % len(self.at.carried)]
        if kind != "commands":
            self.at.carry(kind, payload)

    @rule(attentive=st.sampled_from([True, True, False]))
    def the_backend_is_attentive_or_not(self, attentive: bool) -> None:
        self.at.attentive = attentive

    @rule(up=st.sampled_from([True, True, False]))
    def the_network_comes_and_goes(self, up: bool) -> None:
        if up:
            self.stand.connect()
        else:
            self.stand.disconnect()
        self.stand.run(0.2)

    # Commands ------------------------------------------------------------------------------------

    def _command(self, jti: str, number: int | None, how: str = "fresh") -> None:
        """Sign a command, or what looks like one, and let it come."""
        stand, office = self.stand, self.office
        if not stand.connected:
            stand.connect()
            stand.run(0.2)
        fields: dict[str, Any] = {}
        if how == "stale":
            fields["challenge"] = next(iter(office.challenges), "ff" * 16)
        if how == "made up":
            fields["challenge"] = "ff" * 16
        if how == "expired":
            fields["exp"] = int(stand.wall.timestamp()) - 5
        if how == "another locker":
            fields["aud"] = "walk-2"
        if how == "ahead":
            fields["iat"] = int((stand.wall + timedelta(minutes=11)).timestamp())
            fields["exp"] = int((stand.wall + timedelta(minutes=12)).timestamp())
        command = office.command("open_door", jti, stand.wall, number, **fields)
        token = seal(command, STRANGER if how == "forged" else SIGNER)
        self._deliver(command, token, how)

    def _deliver(self, command: Command, token: bytes, how: str) -> None:
        ours = how not in ("another locker", "forged", "retained")
        self.outsider.shown.command = (command, ours)
        self.at.arrive("commands", token, retained=how == "retained")
        self._commands.append((command, token, how))
        self.stand.run(0.05)

    @rule(
        number=st.sampled_from([None, 9, *sorted(DOORS), *sorted(DOORS)]),
        how=st.sampled_from(
            [
                "fresh",
                "fresh",
                "fresh",
                "ahead",
                "stale",
                "made up",
                "expired",
                "another locker",
                "forged",
                "retained",
            ]
        ),
        then=st.sampled_from(["nothing", "doubled", "replayed"]),
        used=st.booleans(),
    )
    def a_command_comes(self, number: int | None, how: str, then: str, used: bool) -> None:
        self._command(self._jti(), number, how)
        if used and number in DOORS:
            self.stand.person("nothing", number)
        if then == "replayed":
            self.the_daemon_is_killed(0.0)
            self.stand.connect()
            self.stand.run(11.0)
        if then != "nothing" and self._commands:
            self._deliver(*self._commands[-1])

    @rule(number=NUMBERS, restart=st.booleans())
    def a_command_is_signed_again(self, number: int, restart: bool) -> None:
        """The bridge does that for a stale challenge: the same jti opens once."""
        jti = self._jti()
        self._command(jti, number)
        self.stand.person("nothing", number)
        if restart:
            self.the_daemon_is_killed(0.0)
        self.stand.run(11.0)
        self._command(jti, number)

    def _jti(self) -> str:
        self._jtis += 1
        return f"jti-{self._jtis}"

    @rule(
        gap_s=st.sampled_from([1.0, 9.0, 11.0]),
        killed=st.sampled_from([False, False, True]),
        clock=st.sampled_from(sorted(OFFSETS)),
    )
    def an_operator_opens_many(self, gap_s: float, killed: bool, clock: str) -> None:
        """I6, whatever happens to the clock or the daemon on the way."""
        for turn in range(8):
            number = turn % len(DOORS) + 1
            self._command(self._jti(), number)
            self.stand.person("nothing", number, open_s=1.0, wait_s=1.0)
            self.stand.run(gap_s - 1.0)
            if turn == 5:
                self.stand.set_clock(OFFSETS[clock])
                if killed:
                    self.the_daemon_is_killed(0.0)

    @rule(number=NUMBERS, service=st.sampled_from(["in", "in", "in", "suspect", "out"]))
    def an_operator_changes_the_service(self, number: int, service: Service) -> None:
        self.stand.connect()
        self.stand.run(0.2)
        command = self.office.command(
            "set_service", self._jti(), self.stand.wall, number, service=service
        )
        self._deliver(command, seal(command, SIGNER), "fresh")

    # Hardware ------------------------------------------------------------------------------------

    @rule(bank=st.sampled_from(BANKS), back_after_s=st.sampled_from([None, 0.5, 4.0, 20.0]))
    def a_bank_falls_silent(self, bank: str, back_after_s: float | None) -> None:
        self.at.taint_bank(bank)
        self.stand.silence(bank, silent=True)
        if back_after_s is not None:
            self.stand.run(back_after_s)
            self.stand.silence(bank, silent=False)

    @rule(port=st.sampled_from(["bus", "bus", "scanner"]), back_after_s=st.sampled_from([0.2, 20]))
    def a_plug_is_pulled(self, port: str, back_after_s: float) -> None:
        self.at.taint_bank("a")
        self.stand.unplug(port)
        self.stand.run(back_after_s)
        self.stand.plug(port)

    @rule(
        fault=st.sampled_from(["corrupt", "late", "too late", "echo"]),
        seconds=st.sampled_from([1.0, 9.0]),
        name=st.sampled_from(HARD),
    )
    def the_line_is_bad_while_a_courier_comes(self, fault: str, seconds: float, name: str) -> None:
        faults = self.stand.hardware.boards["a"].faults
        self.at.taint_bank("a")
        self.stand.doubt("a")
        faults.corrupt_replies = 5 if fault == "corrupt" else 0
        faults.reply_delay_s = {"late": 0.12, "too late": 0.4}.get(fault, 0.008)
        faults.echo = fault == "echo"
        self.a_courier_scans_and_deposits(name, 3.0, puts_in=True)
        self.stand.run(seconds)
        faults.corrupt_replies, faults.reply_delay_s, faults.echo = 0, 0.008, False
        self.stand.run(1.0)
        self.stand.trust("a")

    @rule(
        number=NUMBERS,
        fault=st.sampled_from(["jammed", "weak", "stuck open", "stuck shut", "dead", "ajar"]),
    )
    def a_lock_breaks(self, number: int, fault: str) -> None:
        self.at.tainted.add(number)
        faults = self.stand.plant.locks[number].faults
        faults.jammed = fault == "jammed"
        faults.release_s_min = 0.29 if fault == "weak" else None
        faults.coil_dead = fault == "dead"
        faults.ajar = fault == "ajar"
        faults.sensor_stuck = {"stuck open": "open", "stuck shut": "shut"}.get(fault)  # type: ignore[assignment]

    @rule(name=st.sampled_from([*HARD, "s1"]))
    def a_door_jams_before_a_courier(self, name: str) -> None:
        number = self.at.scan(self.at.label(name))[1]
        if number is not None:
            self.a_lock_breaks(number, "jammed")
            self.stand.run(31.0)

    @rule()
    def everything_is_repaired(self) -> None:
        for number in DOORS:
            self.a_lock_breaks(number, "none")
        for bank in BANKS:
            self.stand.silence(bank, silent=False)
        self.shut_all_doors()

    @rule()
    def shut_all_doors(self) -> None:
        for number in self.stand.plant.unattended:
            self.stand.plant.shut(number, self.stand.now_s)
        self.stand.run(0.5)

    @rule(number=NUMBERS, robbed=st.booleans())
    def a_door_is_forced(self, number: int, robbed: bool) -> None:
        self.at.tainted.add(number)
        self.stand.plant.force(number, self.stand.now_s)
        self.at.at_door("take_out" if robbed else "nothing", number)

    @rule(data=st.binary(min_size=1, max_size=20))
    def the_scanner_says_anything(self, data: bytes) -> None:
        self.stand.hardware.scanner.noise(data, self.stand.now_s)
        self.stand.run(0.3)

    # Time and power ------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 3.0, 9.0, 9.0, 31.0, 130.0]))
    def time_passes(self, seconds: float) -> None:
        self.stand.run(seconds)

    @precondition(lambda self: self._long_times < LONG_TIMES_MAX)
    @rule(seconds=st.sampled_from([310.0, 920.0]))
    def a_long_time_passes(self, seconds: float) -> None:
        self._long_times += 1
        self.shut_all_doors()
        self.stand.run(seconds)

    @rule(seconds=st.sampled_from([0.5, 3.0, 9.0, 25.0, 40.0]))
    def the_machine_stalls(self, seconds: float) -> None:
        self.at.tainted |= {one.presented.compartment or 0 for one in self.outsider.in_hand()}
        self.stand.stall(seconds)

    @rule(clock=st.sampled_from(sorted(OFFSETS)), ntp=st.sampled_from([True, True, False]))
    def somebody_sets_the_clock(self, clock: str, ntp: bool) -> None:
        self.stand.ntp = ntp
        self.stand.set_clock(OFFSETS[clock])
        self.stand.give(rim.Tick())

    @rule(off_s=st.sampled_from([0.0, 1.0, 20.0, 400.0, 90_000.0]))
    def the_daemon_is_killed(self, off_s: float) -> None:
        self.stand.kill()
        self.stand.run(off_s)
        if self.stand.drive is None:
            self.stand.boot()

    @rule(off_s=st.sampled_from([1.0, 400.0, 90_000.0]), rtc=st.booleans())
    def the_power_is_cut(self, off_s: float, rtc: bool) -> None:
        self.stand.cut_power()
        self.stand.now_s += off_s
        if not rtc:
            self.stand.set_clock(OFFSETS["1970"] - timedelta(seconds=self.stand.now_s))
        self.stand.power_back()

    @rule(
        point=st.sampled_from(POINTS),
        turn=st.integers(1, 6),
        name=st.sampled_from([*HARD, *SOFT]),
        collects=st.booleans(),
    )
    def the_daemon_dies_on_the_way(self, point: str, turn: int, name: str, collects: bool) -> None:
        self.stand.doom = (point, turn)
        if collects:
            self.somebody_presents_a_code(name, "long_code", old=False)
        else:
            self.a_courier_scans_and_deposits(name, 3.0, puts_in=True)
        self.stand.doom = None
        self.stand.run(1.5)

    # What must hold ------------------------------------------------------------------------------

    @invariant()
    def what_an_outsider_sees_is_right(self) -> None:
        if self.stand.lives:
            self.outsider.settled()
            self.at.parcels_lie_where_the_journal_says()
