"""Broken bytes on the serial lines of a real daemon: no crash, no action, the next frame works."""

import contextlib

import pytest

from fellesskap_protocol.events import Deposited, Fault
from tests.system.house import Locker, NeverHappened, wait_for
from tests.system.test_edge import CODE, LABEL, SCAN, Edge, deposit, opened


def alive(locker: Locker) -> bool:
    assert locker.edge is not None
    return locker.edge.process.poll() is None


def test_a_megabyte_of_noise_from_the_scanner(edge: Edge) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    noise = bytes((at * 131 + at // 257) % 256 for at in range(1_000_000))
    locker.hardware.ask("scan_bytes", hex=noise.hex())
    assert not locker.hardware.pulses()
    locker.hardware.person("put_in")

    def read() -> bool:
        """Hold the label before the scanner until the noise is over: 100 ms of silence."""
        locker.hardware.scan(SCAN)
        with contextlib.suppress(NeverHappened):
            wait_for("the door", lambda: opened(locker), 0.5)
        return opened(locker)

    wait_for("the label read", read)
    wait_for("deposited", lambda: backend.recorded(Deposited))
    assert alive(locker)
    assert len(locker.hardware.pulses()) == 1


@pytest.mark.parametrize("fault", ["corrupt_replies", "reply_delay_s"])
def test_a_board_that_answers_wrong_or_late(edge: Edge, fault: str) -> None:
    """A wrong checksum, and a reply so late that it meets the next request."""
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    worst = {"corrupt_replies": 6, "reply_delay_s": 0.4}[fault]
    locker.hardware.ask("fault", part="a", name=fault, value=worst)
    wait_for("silent", lambda: backend.recorded(Fault, lambda event: event.what == "silent"), 40)
    assert not locker.hardware.pulses()
    healthy = {"corrupt_replies": 0, "reply_delay_s": 0.008}[fault]
    locker.hardware.ask("fault", part="a", name=fault, value=healthy)
    wait_for("answers", lambda: [e.what for e in backend.recorded(Fault)][-1] == "ok", 40)
    deposit(edge)
    assert alive(locker)


def test_half_a_frame_and_the_plug_pulled(edge: Edge) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    locker.hardware.ask("unplug", line="lock-bus")
    wait_for("silent", lambda: backend.recorded(Fault, lambda event: event.what == "silent"), 40)
    locker.hardware.scan(SCAN)
    locker.hardware.ask("scan_bytes", hex=SCAN[:9].encode().hex())
    locker.hardware.ask("plug", line="lock-bus")
    wait_for("answers", lambda: [e.what for e in backend.recorded(Fault)][-1] == "ok", 40)
    assert not locker.hardware.pulses(), "what was scanned meanwhile does not fire now"
    assert not backend.recorded(Deposited)
    deposit(edge)
