"""One real daemon through its front doors: scanner, kiosk, broker; a backend by hand."""

from fellesskap_protocol.events import Collected, Deposited, Pulsed, StoreCreated
from tests.system.house import Locker, wait_for
from tests.system.thin_backend import ThinBackend

LABEL, CODE = "sscc:370712345678901238", "123456789012"
SCAN = "]C100370712345678901238"
Edge = tuple[ThinBackend, Locker]


def test_a_parcel_goes_in_and_out(edge: Edge) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    locker.hardware.person("put_in")
    locker.hardware.scan(SCAN)
    wait_for("deposited", lambda: backend.recorded(Deposited))
    locker.hardware.person("take_out")
    assert locker.enter(CODE[:8])["outcome"] == "opens"
    wait_for("collected", lambda: backend.recorded(Collected))
    assert [p["compartment"] for p in locker.hardware.pulses()] == [
        event.compartment for event in backend.recorded(Pulsed)
    ]
    assert backend.recorded(StoreCreated)[0].reason == "commissioned"
