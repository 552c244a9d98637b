"""A walk over the real drive, journal and simulated boards: whatever may happen to a locker.

Rules are what people, couriers, the backend, the hardware, the clock and the power do. `Outsider`
judges each step from journal, plant and answers; `serving_judge` judges the whole at the end.
"""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from fellesskap_edge import inbox as rim
from fellesskap_edge.door import LEFT_OPEN_S
from tests.edge.walk_config import BANKS, COLD, DOORS
from tests.edge.walk_locker import HARD, HEALTHY_S, SOFT, ProbeFault
from tests.edge.walk_people import LONG_S, LONG_TIMES_MAX, NUMBERS, OFFSETS, POINTS
from tests.edge.walk_store import StoreWalk


class DriveWalk(StoreWalk):
    """Hardware, time and power; and what must hold of each step."""

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
        banks = self.stand.config.banks
        line = next(one.port for one in banks if one.name == "a")
        hears = [one.name for one in banks if one.port == line]  # a late reply disturbs the next
        for bank in hears:
            self.at.taint_bank(bank)
            self.stand.doubt(bank)
        faults.corrupt_replies = 5 if fault == "corrupt" else 0
        faults.reply_delay_s = {"late": 0.12, "too late": 0.4}.get(fault, 0.008)
        faults.echo = fault == "echo"
        self.a_courier_scans_and_deposits(name, LONG_S, puts_in=True)
        self.stand.run(seconds)
        faults.corrupt_replies, faults.reply_delay_s, faults.echo = 0, 0.008, False
        self.stand.run(1.0)
        for bank in hears:
            self.stand.trust(bank)

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
            self.stand.run(26.0)

    @precondition(lambda self: self.at.switched)
    @rule(
        names=st.permutations([*HARD, *SOFT]),
        puts_in=st.booleans(),
        then=st.sampled_from(["", "looked after", "looked after", "started anew"]),
    )
    def a_relay_welds_as_it_is_pulsed(self, names: list[str], puts_in: bool, then: str) -> None:
        [bank] = self.at.switched
        self.everything_is_repaired()
        self.stand.run(HEALTHY_S + 1)
        if not self.at.is_well(bank):
            return
        number = next(filter(None, (self._opens(bank, name) for name in names)), None)
        if number is None:
            return
        self.at.weld(number)
        self.at.at_door("put_in" if puts_in else "nothing", number)
        self.stand.run(3.0)
        assert bank in self.outsider.powerless, "power: a relay stays on, and it was not cut"
        if then == "looked after":
            self.somebody_looks_after_the_relay(mended=True, turned=True)
        elif then:
            self.the_daemon_is_killed(2.0)
            self.somebody_looks_after_the_relay(mended=True, turned=False)

    def _opens(self, bank: str, name: str) -> int | None:
        """Let a label or its code have a door of a bank pulsed; return which."""
        before = len(self.outsider.authorised)
        outcome, number = self.at.scan(self.at.label(name))
        if outcome not in ("opens", "check_empty"):
            outcome, number = self.at.type_code(self.at.codes(name)[-1])
        if number is None or outcome not in ("opens", "check_empty"):
            return None
        pulsed = len(self.outsider.authorised) > before  # it may stand open already
        return number if pulsed and DOORS[number][0] == bank else None

    @precondition(lambda self: self.at.outsider.powerless)
    @rule(mended=st.sampled_from([True, True, False]), turned=st.sampled_from([True, True, False]))
    def somebody_looks_after_the_relay(self, mended: bool, turned: bool) -> None:
        [bank] = self.at.switched
        if mended:
            self.at.mend(bank)
            self.stand.run(6.0)  # it is told to fall again with the next poll
        well = self.at.is_well(bank)
        for on in (False, True, False) if turned else ():
            self.stand.turn_key(on=on)
            self.stand.run(12.0)
        if mended and turned and well:
            assert bank not in self.outsider.powerless, "power: the key did not give it back"
            assert self.stand.hardware.enables[bank].on, "power: it is back in words alone"

    @rule()
    def everything_is_repaired(self) -> None:
        for number in DOORS:
            self.a_lock_breaks(number, "none")
        for bank in BANKS:
            self.stand.silence(bank, silent=False)
        self.shut_all_doors()

    @rule(number=NUMBERS, robbed=st.booleans())
    def a_door_is_forced(self, number: int, robbed: bool) -> None:
        self.at.tainted.add(number)
        self.stand.plant.force(number, self.stand.now_s)
        self.at.at_door("take_out" if robbed else "nothing", number)

    @rule(
        said=st.sampled_from([4.0, 9.5, 9.5, -3.0, "gone", "bad checksum", "power-on value"]),
        seconds=st.sampled_from([31.0, 31.0, 125.0]),
        then=st.sampled_from([None, None, 4.0]),
        holds=st.booleans(),
    )
    def a_probe_says(
        self, said: float | ProbeFault, seconds: float, then: float | None, holds: bool
    ) -> None:
        """`holds`: something lies in the cold, and is fetched afterwards."""
        if holds and self.outsider.lies_in.keys().isdisjoint(COLD):
            self.a_courier_scans_and_deposits("h2", LONG_S, puts_in=True)
        self.come_to_rest()
        self.at.probe_says(said)
        self.stand.run(seconds)
        if then is not None:
            self.at.probe_says(then)
            self.stand.run(31.0)
        cold = [turn for turn, n in enumerate(sorted(self.outsider.lies_in)) if n in COLD]
        if holds and cold:
            self.a_recipient_comes(turn=cold[0], short=False)

    @rule(data=st.binary(min_size=1, max_size=20))
    def the_scanner_says_anything(self, data: bytes) -> None:
        self.stand.hardware.scanner.noise(data, self.stand.now_s)
        self.stand.run(0.3)

    # Time and power ------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 3.0, 9.0, 9.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.stand.run(seconds)

    @precondition(lambda self: self._long_times < LONG_TIMES_MAX)
    @rule(seconds=st.sampled_from([130.0, 310.0, 310.0, 920.0]))
    def a_long_time_passes(self, seconds: float) -> None:
        self._long_times += 1
        if seconds > LEFT_OPEN_S + 10:
            self.come_to_rest()
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
            self.a_courier_scans_and_deposits(name, LONG_S, puts_in=True)
        self.stand.doom = None
        self.stand.run(1.5)

    # What must hold ------------------------------------------------------------------------------

    @invariant()
    def what_an_outsider_sees_is_right(self) -> None:
        if self.stand.lives:
            self.outsider.settled()
            self.at.parcels_lie_where_the_journal_says()
