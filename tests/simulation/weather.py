"""What breaks in a world: wire, disks, boards, locks, clocks, processes, and whole stores.

Each fault is a generator that begins, waits and ends; the chronicle is told of both.
"""

import random
from collections.abc import Callable
from datetime import timedelta
from math import inf

from fellesskap_edge.parts import CRASH_AT
from fellesskap_protocol.messages import Command
from tests.judge import history
from tests.judge.history import Layer
from tests.simulation.cabinet import Cabinet
from tests.simulation.installation import BACKEND_CRASHES, Backup
from tests.simulation.weather_boards import board, late
from tests.simulation.weather_power import welded
from tests.simulation.wire import Direction
from tests.simulation.world import Going, World

Fault = Callable[[World, Cabinet, random.Random], Going]
HOUR_S = 3600.0
CUTS: dict[str, frozenset[Direction]] = {
    "partition": frozenset(("up", "down")),
    "one way up": frozenset(("down",)),
    "one way down": frozenset(("up",)),
}
WAITS_S, COMMAND_S = 30.0, 10.0
"""How long a command may be sent, and how soon it is obeyed after that, if at all."""
AGAIN_S = (10.5, 13.0)
"""Later than the least pause between two remote openings, and still before the command expires."""


# Wire --------------------------------------------------------------------------------------------


def partition(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """Cut the line: both ways, or only one, which nobody notices."""
    kind = rng.choice(("partition", "partition", "one way up", "one way down"))
    cut = CUTS[kind]
    line = world.wire.line(cabinet.locker_id)
    if line.cut:
        return
    over = world.chronicle.lasting("wire", kind, cabinet.locker_id)
    line.cut |= cut
    world.chronicle.note(history.Contact, locker=cabinet.locker_id, up=False)
    notices = rng.random() < 0.7
    if len(cut) == 2 and notices:
        cabinet.disconnect()
    yield rng.choice((30.0, 600.0, HOUR_S, 3 * HOUR_S)) * rng.uniform(0.5, 1.5)
    line.cut.clear()
    over()
    world.chronicle.note(history.Contact, locker=cabinet.locker_id, up=not cabinet.asleep)
    world.connect(cabinet)


# Disk --------------------------------------------------------------------------------------------


def torn(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """The power goes in the midst of a write: what was not synced is lost, torn and reordered."""
    world.chronicle.fault("disk", "torn writes", cabinet.locker_id)
    cabinet.medium.doom(rng.randrange(60))
    yield 0.0


def full(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """Another program takes the room."""
    over = world.chronicle.lasting("disk", "full", cabinet.locker_id)
    cabinet.medium.fill()
    yield rng.uniform(60, 3600)
    cabinet.medium.clear()
    over()


def refusing(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """The card takes no write for a while."""
    over = world.chronicle.lasting("disk", "refuses", cabinet.locker_id)
    cabinet.medium.refuses = True
    yield rng.uniform(10, 900)
    cabinet.medium.refuses = False
    yield 15.0
    over()


# Plant -------------------------------------------------------------------------------------------


def lock(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """A door jams, its contact sticks, somebody forces it or leaves it ajar."""
    number = rng.choice(cabinet.config.compartments).number
    kind = rng.choice(("jammed", "jams a little", "sensor open", "sensor shut", "forced", "stiff"))
    over = world.chronicle.lasting("plant", kind, f"{cabinet.locker_id}/{number}")
    faults = cabinet.plant.locks[number].faults
    match kind:
        case "jammed":
            faults.jammed = True
        case "jams a little":
            faults.jammed, faults.jam_frees_after = True, rng.randrange(1, 4)
        case "sensor open" | "sensor shut":
            faults.sensor_stuck = "open" if kind == "sensor open" else "shut"
        case "stiff":
            faults.release_s_min = rng.uniform(0.2, 0.9)
        case _:
            cabinet.plant.force(number, world.now_s)
    # A door that reads open is asked for all the time, which costs a simulator much.
    yield rng.uniform(20, 120) if kind in ("sensor open", "forced") else rng.uniform(60, 2 * HOUR_S)
    faults.jammed, faults.jam_frees_after, faults.release_s_min = False, None, None
    faults.sensor_stuck = None
    if number in cabinet.plant.unattended:
        cabinet.plant.shut(number, world.now_s)
    yield 30.0
    over()


# Clocks ------------------------------------------------------------------------------------------


def clock(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """The wall clock of the computer drifts, jumps, or is not synchronised at its next start."""
    kind = rng.choice(("drift", "jump", "far jump", "no ntp"))
    over = world.chronicle.lasting("clock", kind, cabinet.locker_id)
    if kind == "no ntp":
        cabinet.ntp = False
    else:
        most_s = {"drift": 5.0, "jump": 120.0, "far jump": 40 * 86_400.0}[kind]
        cabinet.set_clock(timedelta(seconds=rng.uniform(-most_s, most_s)))
    _tell_clock(world, cabinet)
    yield rng.uniform(600, 4 * HOUR_S)
    cabinet.ntp = True
    cabinet.set_clock(timedelta())
    _tell_clock(world, cabinet)
    over()


def _tell_clock(world: World, cabinet: Cabinet) -> None:
    world.chronicle.note(
        history.Clock,
        part=f"edge:{cabinet.locker_id}",
        offset_s=cabinet.offset.total_seconds(),
        trusted=cabinet.instant.trusted,
    )


def backend_clock(world: World, _cabinet: Cabinet, rng: random.Random) -> Going:
    """The backend's clock is some seconds off for a while."""
    home = world.installation
    offset_s = rng.uniform(-3, 3)
    world.chronicle.fault("clock", "backend off", "backend", state="begun")
    home.offset = timedelta(seconds=offset_s)
    world.chronicle.note(history.Clock, part="backend", offset_s=offset_s, trusted=True)
    yield rng.uniform(600, 4 * HOUR_S)
    home.offset = timedelta()
    world.chronicle.note(history.Clock, part="backend", offset_s=0.0, trusted=True)
    world.chronicle.fault("clock", "backend off", "backend", state="over")


# Processes ---------------------------------------------------------------------------------------


def killed(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """The daemon dies at a point of its own, at one of its next passes there."""
    point = rng.choice(CRASH_AT)
    cabinet.doom = (point, rng.randrange(1, 6))
    if point in ("before_start", "after_start"):
        cabinet.doom = (point, 1)
        world.chronicle.fault("process", "killed", f"edge:{cabinet.locker_id}")
        cabinet.kill()
        yield rng.uniform(1, 30)
        cabinet.boot()
    yield 0.0


def killed_obeying(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """The daemon dies as it obeys the command that comes next; once it is back that comes again."""
    begun_s, told_s = world.now_s, inf

    def watch(record: history.AnyRecord) -> None:
        nonlocal told_s
        match record:
            case history.Commanded(locker=cabinet.locker_id, command=Command(kind="open_door")):
                if told_s == inf:
                    told_s = world.now_s
                    cabinet.doom = ("between_effects", 1)

    world.chronicle.watchers.append(watch)
    while told_s == inf and world.faulty and world.now_s < begun_s + WAITS_S:
        yield 1.0
    world.chronicle.watchers.remove(watch)
    while cabinet.drive is not None and world.now_s < told_s + COMMAND_S:
        yield 0.5
    if cabinet.drive is not None or told_s == inf:
        return
    heard = world.wire.line(cabinet.locker_id).heard
    said = [payload for _, kind, payload in heard if kind == "commands"]
    yield 1.0
    cabinet.boot()
    cabinet.connect()
    yield rng.uniform(*AGAIN_S)
    cabinet.deliver("commands", said[-1])


def power_cut(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """The mains go: computer, boards, coils; unsynced writes with them."""
    over = world.chronicle.lasting("process", "power cut", cabinet.locker_id)
    cabinet.dead_by = "power"
    cabinet.cut_power()
    yield rng.uniform(2, 1800)
    cabinet.power_back()
    yield 30.0
    over()


def stalled(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """The daemon gets no time for some seconds; what was sent meanwhile came in the meantime."""
    world.chronicle.fault("process", "stalled", f"edge:{cabinet.locker_id}")
    cabinet.pause(rng.uniform(0.5, 8))
    yield 0.0


def backend_killed(world: World, _cabinet: Cabinet, rng: random.Random) -> Going:
    """The backend dies around one of its next commits."""
    world.installation.doom = (rng.choice(BACKEND_CRASHES), rng.randrange(1, 12))
    yield 0.0


def bridge_restarted(world: World, _cabinet: Cabinet, rng: random.Random) -> Going:
    """The backend is stopped in good order and started again, as an upgrade does."""
    home = world.installation
    if home.up:
        world.chronicle.fault("process", "backend restarted", "backend")
        home.look()
        home.stop()
        yield rng.uniform(1, 120)
        world._backend_back()


# Stores ------------------------------------------------------------------------------------------


def old_card(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """Somebody copies the card, and later puts the copy in its place."""
    cabinet.kill()
    copied_s, copy = world.now_s, cabinet.medium.copied()
    yield 5.0
    cabinet.boot()
    yield rng.uniform(600, 4 * HOUR_S)
    cabinet.kill()
    yield 5.0
    if cabinet.drive is not None:
        cabinet.kill()
    world.chronicle.fault("disk", "old copy put back", cabinet.locker_id)
    cabinet.medium.put_back(copy)
    cabinet.went_back()
    world.chronicle.note(history.Restored, part=f"edge:{cabinet.locker_id}", to=copied_s)
    cabinet.boot()


def lost_card(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """The card is replaced by an empty one."""
    cabinet.kill()
    yield rng.uniform(5, 600)
    if cabinet.drive is not None:
        cabinet.kill()
    world.chronicle.fault("disk", "card lost", cabinet.locker_id)
    cabinet.medium.put_back({})
    cabinet.went_back()
    world.chronicle.note(history.Restored, part=f"edge:{cabinet.locker_id}")
    cabinet.boot()


def backup_put_back(world: World, _cabinet: Cabinet, rng: random.Random) -> Going:
    """The database is put back to what it was some hours ago."""
    home = world.installation
    if not home.up:
        return
    home.back_up()
    yield rng.uniform(HOUR_S, 5 * HOUR_S)
    if world.faulty:  # in the calm nobody does
        yield from _puts_back(world, home.backups[-1], rng)


def backup_put_back_twice(world: World, _cabinet: Cabinet, rng: random.Random) -> Going:
    """The same backup is put back once more, hours later: what its first life led to is over."""
    home = world.installation
    if not home.up:
        return
    home.back_up()
    backup = home.backups[-1]
    for _ in range(2):
        yield rng.uniform(0.3, 4) * HOUR_S
        if world.faulty:
            yield from _puts_back(world, backup, rng)


def _puts_back(world: World, backup: Backup, rng: random.Random) -> Going:
    home = world.installation
    world.chronicle.fault("disk", "backup put back", "database")
    told = rng.random() < 0.7
    home.look()
    home.put_back(backup, told=told)
    if not told:
        yield rng.uniform(60, 1800)
        if home.up:
            home.say_restored()
    world._wake()


DAILY: tuple[tuple[float, Fault], ...] = (
    (1.2, partition),
    (0.7, torn),
    (0.35, full),
    (0.35, refusing),
    (1.3, board),
    (1.5, lock),
    (1.1, clock),
    (1.6, killed),
    (0.4, power_cut),
    (0.3, stalled),
    (0.06, old_card),
    (0.05, lost_card),
)
"""How often a day each comes to a locker."""
OF_SHARED_LINES: tuple[tuple[float, Fault], ...] = ((3.0, late),)
"""What comes beside to lockers of which two boards are on a line."""
OF_SWITCHED_POWER: tuple[tuple[float, Fault], ...] = ((1.5, welded),)
"""And to those that can cut the power of a bank."""
OF_ALL: tuple[tuple[float, Fault], ...] = (
    (1.0, backend_killed),
    (0.4, bridge_restarted),
    (0.5, backend_clock),
    (0.08, backup_put_back),
)
"""How often a day each comes to the installation."""
OF_BACKUPS: tuple[tuple[float, Fault], ...] = ((0.8, backup_put_back_twice),)
"""And to one where that is looked for."""

KINDS: tuple[tuple[Layer, str], ...] = (
    *(("wire", kind) for kind in ("partition", "one way up", "one way down", "lost", "doubled")),
    *(("wire", kind) for kind in ("late", "truncated", "corrupted", "replayed")),
    *(("wire", kind) for kind in ("answer lost", "webhook lost")),
    *(("disk", kind) for kind in ("torn writes", "full", "refuses", "old copy put back")),
    *(("disk", kind) for kind in ("card lost", "backup put back")),
    *(("board", kind) for kind in ("silent", "unplugged", "garbled", "noisy", "reset", "slow")),
    *(("board", kind) for kind in ("pins gone", "late", "relay_welded")),
    *(("plant", kind) for kind in ("jammed", "jams a little", "sensor open", "sensor shut")),
    *(("plant", kind) for kind in ("forced", "stiff")),
    *(("clock", kind) for kind in ("drift", "jump", "far jump", "no ntp", "backend off")),
    *(("process", kind) for kind in ("killed", "power cut", "stalled", "backend killed")),
    ("process", "backend restarted"),
)
"""Every kind of fault that a run of the standard size must have had."""
