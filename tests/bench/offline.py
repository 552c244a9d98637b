"""A daemon that is offline with 500 live rights: how it gets them, and the machine's best.

The rights come over a real broker from a backend's side by hand; then both are taken away. What
the daemon does with them is measured by `edge`, `busy_bus` and `pace`.
"""

from pathlib import Path

import apsw

from fellesskap_edge import facts
from fellesskap_protocol.codes import mac
from fellesskap_protocol.messages import Right
from tests.bench.limits import commits_ms
from tests.system.brokers import Broker
from tests.system.house import Locker
from tests.system.thin_backend import ThinBackend

LOCKER_ID = "bench-1"
LIVE_RIGHTS = 500
RIGHTS_A_MESSAGE = 50
UNLOCK_FRAME_MS = 5 * 10 / 9600 * 1000
"""Five bytes of ten bits at 9600 baud."""
COMMITS = 500


def grant(folder: Path, locker: Locker, *, soft: int, hard: int) -> Right:
    """Give the daemon its rights over a real broker, then take both away; return one of them.

    The first labels are those of soft claims, the next of hard ones; collect rights that nobody
    uses fill the 500 up.
    """
    broker = Broker("nats", folder / "broker").start()
    backend = ThinBackend(broker.login("backend"), LOCKER_ID)
    try:
        locker.provision(backend.provision(locker.identity(), broker.login("locker")))
        edge = locker.start()
        claims = [
            backend.claim(
                number,
                f"opaque:{label(number)}",
                code(number),
                hold="soft" if number < soft else "hard",
            )
            for number in range(soft + hard)
        ]
        others = [_collect(backend, number) for number in range(LIVE_RIGHTS - hard)]
        rights = [_allowance(soft), *claims, *others]
        for at in range(0, len(rights), RIGHTS_A_MESSAGE):
            backend.grant(*rights[at : at + RIGHTS_A_MESSAGE])
        edge.stop()
    finally:
        backend.close()
        broker.stop()
    return claims[0]


def label(number: int) -> str:
    """Return the text on a parcel's label."""
    return f"BENCH-{number:06d}"


def code(number: int) -> str:
    """Return the twelve digits of a parcel."""
    return f"{(number * 7_919_000_773 + 12_345_678_901) % 10**12:012d}"


def best_to_pulse_ms(folder: Path, locker: Locker, coming: Right) -> list[float]:
    """Return the machine's best from scan to pulse: its commit alone, and the unlock frame."""
    bodies = _authorisation(locker.folder / "state" / "journal.sqlite", coming)
    return [ms + UNLOCK_FRAME_MS for ms in commits_ms(folder, bodies, COMMITS)]


def _allowance(units: int) -> Right:
    """What the soft claims draw on."""
    return Right(
        id="01930000-0000-7000-d000-000000000001", kind="allowance", size_class="S", granted=units
    )


def _collect(backend: ThinBackend, number: int) -> Right:
    """Make a live collect right that nobody uses."""
    return Right(
        id=f"01930000-0000-7000-b000-{number:012d}",
        kind="collect",
        carrier_id="01930000-0000-7000-9000-000000000001",
        parcel_id=f"01930000-0000-7000-c000-{number:012d}",
        code_mac=mac(backend.k_locker, "code", f"{number:08d}"),
        long_code_mac=mac(backend.k_locker, "long_code", f"{number:012d}"),
        label_macs=(mac(backend.k_locker, "label", f"opaque:OTHER-{number}"),),
    )


def _authorisation(journal: Path, right: Right) -> list[bytes]:
    """Return what one authorisation commits: its two events as stored, its operation as a fact."""
    database = apsw.Connection(str(journal))
    stored = [bytes(body) for (body,) in database.execute("SELECT body FROM events ORDER BY seq")]
    database.close()
    events = [next(body for body in stored if kind in body) for kind in (b"presented", b"pulsed")]
    operation = facts.Operation("01930000-0000-7000-d000-000000000000", "deposit", right)
    return [*events, facts.encode(operation)]
