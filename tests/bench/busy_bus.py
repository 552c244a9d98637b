"""From a scan or a code to the unlock frame on a bus that is hardly ever silent.

Three 8A boards on one line at 9600 baud, a door standing open at each: all three are polled every
150 ms, and each takes the longest that a healthy board does to answer, so that an exchange of 43 ms
is under way almost always. An unlock waits for its end. The samples do not keep step with the
polls. Parcels are put in one after the other and then collected: every lock has cooled, every
supply has rested.
"""

import random
import time
from pathlib import Path

from fellesskap_edge.bus import POLL_WATCHED_S
from tests.bench.callers import Caller
from tests.bench.figures import Figure, progress, spread
from tests.bench.offline import LOCKER_ID, best_to_pulse_ms, code, grant, label
from tests.bench.watch import Watch, pause_until
from tests.system.house import Locker, locker_toml

BOARDS, DOORS = 3, 24
STANDING_OPEN = (8, 16, 24)
"""One at each board: its large one."""
REPLY_DELAY_S = 0.030
"""From the end of a request to the first byte of the reply; 5 to 30 ms are healthy."""
SILENCE_S = 0.070
"""Three boards leave the line no longer without a byte: two would."""
PROMISED = 12
TOGETHER = 5
"""So many parcels go in before they are taken out: by then the locks have cooled."""
OPEN_S = 0.2
SHUT_SEEN_S = 0.5
"""Two polls in a row have read the door shut by then."""
SEED = 1


def measure(folder: Path, samples: int) -> list[Figure]:
    """Deposit and collect in turns; return the figures from scan and code to pulse."""
    locker = Locker(folder / LOCKER_ID, locker_toml(LOCKER_ID, DOORS, supplies=BOARDS))
    try:
        coming = grant(folder, locker, soft=samples, hard=PROMISED)
        locker.start()
        scans, codes = _play(locker, samples)
    finally:
        locker.stop()
    limits = best_to_pulse_ms(folder, locker, coming)
    return [
        *spread("edge.scan_to_pulse_busy", scans, limits),
        *spread("edge.code_to_pulse_busy", codes, limits),
    ]


def _play(locker: Locker, samples: int) -> tuple[list[float], list[float]]:
    """Put in and take out; return scans and codes to pulse, in ms."""
    watch = Watch(locker.hardware)
    for board in range(BOARDS):
        locker.hardware.ask(
            "fault", name="reply_delay_s", value=REPLY_DELAY_S, part=chr(ord("a") + board)
        )
    for door in STANDING_OPEN:
        locker.hardware.ask("force", compartment=door)
    watch.busy(SILENCE_S)
    chance = random.Random(SEED)
    scans: list[float] = []
    codes: list[float] = []
    inside: list[int] = []
    for number in progress(range(samples), "edge: scans and codes on a busy bus", samples):
        _pause(chance)
        held = time.monotonic()
        locker.hardware.scan(label(number))
        scans.append(_pulse_ms(locker, watch, watch.after("scanned", held), "put_in"))
        inside.append(number)
        if len(inside) == TOGETHER or number == samples - 1:
            codes += [_code_ms(locker, watch, one, chance) for one in inside]
            inside.clear()
    return scans, codes


def _code_ms(locker: Locker, watch: Watch, number: int, chance: random.Random) -> float:
    _pause(chance)
    # The kiosk keeps an idle connection for 5 s.
    kiosk = Caller(str(locker.kiosk.base_url))
    answer = kiosk.post("/api/code", {"code": code(number)[:8]})
    kiosk.close()
    assert answer.body["outcome"] == "opens", answer
    return _pulse_ms(locker, watch, answer.begun, "take_out")


def _pause(chance: random.Random) -> None:
    """Be out of step with the polls."""
    pause_until(time.monotonic() + chance.uniform(0, POLL_WATCHED_S))


def _pulse_ms(locker: Locker, watch: Watch, begun: float, act: str) -> float:
    """Return how long after `begun` the board had the frame, once its door was used and shut."""
    pulse = watch.row("pulse_started", begun)
    locker.hardware.person(act, pulse["compartment"], open_s=OPEN_S)
    pulsed: float = pulse["mono_s"]
    pause_until(watch.after("door_shut", pulsed) + SHUT_SEEN_S)
    return (pulsed - begun) * 1000
