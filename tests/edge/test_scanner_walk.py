"""The scanner with the simulated ones on its line, through faults, noise and pulled plugs.

Whatever happens in whatever order: what is told was held before it, whole; and when all is well
again, it is known to answer, its settings are as they should be, and the next label is told.
"""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from fellesskap_edge import scanner as s
from fellesskap_edge.scanners.framing import Lines
from fellesskap_firmware_sim.scanner import LineScanner, ScannerFaults
from fellesskap_firmware_sim.scanners import SCANNERS
from fellesskap_firmware_sim.scanners.grow import GrowScanner
from fellesskap_firmware_sim.scanners.honeywell import HoneywellScanner
from fellesskap_firmware_sim.scanners.ssi import SsiScanner
from fellesskap_protocol.barcodes import candidates

STEP_S = 0.02
SET_UP_S = 4.0
WELL_S = 3 * s.ASK_S
LABELS = [b"]C100370712345678901238", b"]C0RB123456785GB", b"]A0ORDER-12", b"]Q1" + b"4711-" * 60]
KNOWN = {one for label in LABELS for one in candidates(label)}
DIRT = st.binary(min_size=1, max_size=40).map(lambda noise: b"\x80" + noise.replace(b"\r", b""))


def factory_new(family: str) -> LineScanner:
    match family:
        case "grow":
            return GrowScanner(provisioned=False)
        case "honeywell":
            return HoneywellScanner(provisioned=False)
        case "ssi":
            return SsiScanner(provisioned=False)
    return SCANNERS[family](9600)


class Line(RuleBasedStateMachine):
    """The walk; time goes on in steps of 20 ms, as bytes come in pieces from a real port."""

    @initialize(family=st.sampled_from(sorted(SCANNERS)))
    def begins(self, family: str) -> None:
        self.now = 0.0
        self.family = family
        self.device = factory_new(family)
        self.scanner = s.scanner(family)
        self.shown = set(LABELS) | {label[3:] for label in LABELS}
        self.scans: list[s.Scan] = []
        self.up = False
        self.plug(up=True)

    def plug(self, *, up: bool) -> None:
        self.up = up
        self.give(s.PortUp() if up else s.PortDown())
        self.run(SET_UP_S if up else 0.1)

    @property
    def ends(self) -> bool:
        framer = self.scanner.framer
        return framer.ended if isinstance(framer, Lines) else True

    def give(self, event: s.Event) -> None:
        self.scanner, effects = s.step(self.scanner, event, self.now)
        for effect in effects:
            if isinstance(effect, s.Write):
                self.device.receive(effect.data, self.now)
            elif isinstance(effect, s.Scan):
                self.judge(effect)

    def judge(self, scan: s.Scan) -> None:
        """A half is only told before the scanner was heard to end a label.

        A half and the next label within half a second run together; nobody's parcel is known by it.
        """
        self.scans.append(scan)
        if scan.label not in self.shown:
            assert not set(candidates(scan.label)) & KNOWN
            is_half = any(whole.startswith(scan.label) for whole in self.shown)
            assert not (is_half and self.ends)

    def run(self, seconds: float, fast: float = STEP_S) -> None:
        until = self.now + seconds
        while self.now < until:
            due = min(self.device.wake_at, self.scanner.wake_at, until)
            self.now = max(self.now + fast, min(due, until))
            if (said := self.device.transmit(self.now)) and self.up:
                self.give(s.Received(said))
            if self.scanner.wake_at <= self.now:
                self.give(s.Tick())

    # What can happen -----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.02, 0.3, 1.0, 6.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.run(seconds)

    @rule(label=st.sampled_from(LABELS))
    def a_label_is_held_before_it(self, label: bytes) -> None:
        self.device.present(label, self.now)
        self.run(1.0)

    @rule(noise=DIRT)
    def noise_is_heard(self, noise: bytes) -> None:
        self.device.noise(noise, self.now)
        self.run(1.0)

    @rule(
        fault=st.sampled_from(
            ["silent", "deaf", "stuck", "half_codes", "doubles", "acks_before_labels"]
        ),
        times=st.integers(0, 2),
    )
    def the_scanner_changes(self, fault: str, times: int) -> None:
        kind = type(getattr(self.device.faults, fault))
        setattr(self.device.faults, fault, kind(times))

    @rule()
    def the_plug_is_pulled_and_put_back(self) -> None:
        self.plug(up=False)
        self.device.power_on()
        self.plug(up=True)

    @rule()
    def the_scanner_loses_its_power_for_a_moment(self) -> None:
        if self.ends:  # else two labels of it may run together
            self.device.power_on()

    def teardown(self) -> None:
        """When all is well again, it answers, is set up, and the next label is told."""
        if not hasattr(self, "device"):
            return
        self.device.faults = ScannerFaults()
        self.run(2.0)
        self.plug(up=False)
        self.plug(up=True)
        self.run(WELL_S)
        assert self.scanner.answering is (None if self.family == "line" else True)
        self.scans.clear()
        self.device.present(LABELS[0], self.now)
        self.run(1.0)
        assert self.scans == [s.Scan(LABELS[0], repeated=False)]


Line.TestCase.settings = settings(stateful_step_count=20)
TestLine = Line.TestCase


@pytest.mark.parametrize("family", ["grow", "honeywell", "ssi"])
@pytest.mark.parametrize("boots_s", [0.0, 0.7])
def test_a_scanner_fresh_from_the_factory_is_set_up_and_reads(family: str, boots_s: float) -> None:
    walk: Any = Line()
    walk.begins(family)
    walk.plug(up=False)
    walk.device.faults.silent = boots_s > 0
    walk.give(s.PortUp())
    walk.up = True
    walk.run(boots_s)
    walk.device.faults.silent = False
    walk.run(5.0)
    assert walk.scanner.phase is s.Phase.READY
    for label in LABELS:
        walk.device.present(label, walk.now)
        walk.run(3.0)
    assert [scan.label for scan in walk.scans] == LABELS


@pytest.mark.parametrize("family", ["grow", "honeywell", "ssi"])
def test_a_scanner_that_lost_its_settings_gets_them_again(family: str) -> None:
    """Its power failed for a moment: it is noticed by the next question or by the next label."""
    walk: Any = Line()
    walk.begins(family)
    walk.device.present(LABELS[0], walk.now)
    walk.run(5.0)
    walk.device.power_on()
    walk.run(s.ASK_S * 1.5)
    walk.device.present(LABELS[1], walk.now)
    walk.run(5.0)
    walk.device.present(LABELS[1], walk.now)
    walk.run(5.0)
    assert {scan.label for scan in walk.scans} == set(LABELS[:2])
