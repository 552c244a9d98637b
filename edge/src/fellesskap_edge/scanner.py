"""The barcode scanner: set up when its port comes, asked whether it lives, its labels told. Pure.

`drive` gives it what its port says and ticks, writes what it says and hands on what it read. How
its bytes are framed is the family's matter (`scanners/`). A label held before the scanner is read
again and again: repeats within 2.5 s are marked, not dropped, so that the courier is answered; one
that is read without a break for a minute is stuck and told no more.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from fellesskap_edge.scanners import FAMILIES
from fellesskap_edge.scanners.family import Family, Framer
from fellesskap_edge.scanners.framing import Answered, Garbled, Item, Label, Say, Unreadable
from fellesskap_protocol.changed import replace

ANSWER_S_MAX = 0.5
"""Scanners answer within 50 ms; a label that is just being sent takes 0.1 s at 9600 baud."""
ASK_S = 15.0
ASK_AGAIN_S = 1.0
MISSES_MAX = 3
REPEAT_S = 2.5
STUCK_S = 60.0
"""Nobody holds a parcel before the scanner for so long; one may have been left lying there."""
_NEVER = float("inf")


class Phase(StrEnum):
    """What the scanner is doing with us."""

    DOWN = "down"
    SETTING_UP = "setting up"
    READY = "ready"
    ASKED = "asked"


@dataclass(frozen=True, slots=True)
class PortUp:
    """The port was opened."""


@dataclass(frozen=True, slots=True)
class PortDown:
    """The port went away."""


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes came in."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = PortUp | PortDown | Received | Tick
EVENTS: tuple[type[Event], ...] = (PortUp, PortDown, Received, Tick)


@dataclass(frozen=True, slots=True)
class Scan:
    """One label as it was sent, without its ending; `repeated`: the last one, still held there."""

    label: bytes
    repeated: bool


@dataclass(frozen=True, slots=True)
class Write:
    """Send these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Silent:
    """The scanner does not answer any more; what it scans still counts."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """The scanner says one and the same for a minute: repeats are not told any more."""


@dataclass(frozen=True, slots=True)
class Answers:
    """All is well with it (again)."""


Effect = Scan | Unreadable | Write | Silent | Stuck | Answers
FAULTS: dict[type[Effect], str] = {Silent: "silent", Stuck: "stuck", Answers: "ok"}
"""What of it is a `fault` of the part `scanner`, in its words."""
Step = tuple["Scanner", tuple[Effect, ...]]


@dataclass(frozen=True)
class Row:
    """The newest label (None: unreadable) and since when it is read without a break."""

    label: bytes | None = None
    first_at: float = -_NEVER
    last_at: float = -_NEVER
    stuck: bool = False


@dataclass(frozen=True)
class Scanner:
    """One scanner on its line."""

    family: Family
    framer: Framer
    phase: Phase = Phase.DOWN
    unsaid: tuple[bytes, ...] = ()
    """What of the set-up is not answered yet; the first of it was said."""
    missed: bool = False
    """Whether something of the set-up was not answered: then all is said once more, in order."""
    again: bool = False
    due: float = _NEVER
    misses: int = 0
    answering: bool | None = None
    """None: it cannot be asked, or was not yet. The watchdog reads this."""
    row: Row = field(default_factory=Row)

    @property
    def wake_at(self) -> float:
        """When a tick would do something."""
        unstuck = self.row.last_at + REPEAT_S if self.row.stuck else _NEVER
        return min(self.framer.wake_at, self.due, unstuck)


def scanner(family: str, *, setup: bool = True) -> Scanner:
    """Return a scanner of a family; without `setup` its settings are left alone."""
    known = FAMILIES[family]
    return Scanner(known if setup else replace(known, setup=()), known.framer)


def step(before: Scanner, event: Event, now: float) -> Step:
    """Return the next scanner and the effects to perform, in order; `now` in monotonic seconds."""
    match event:
        case PortUp():
            return _begin(Scanner(before.family, before.family.framer), now)
        case PortDown():
            return Scanner(before.family, before.family.framer, answering=False), ()
        case Received(data) if before.phase is not Phase.DOWN:
            framer, items = before.framer.receive(data, now)
            return _heard(replace(before, framer=framer), items, now)
        case Tick():
            return _tick(before, now)
    return before, ()


def _begin(scanner: Scanner, now: float) -> Step:
    if scanner.family.question is None:
        return replace(scanner, phase=Phase.READY), (Answers(),)
    return _set_up(scanner, (*scanner.family.setup, scanner.family.question), now)


def _set_up(scanner: Scanner, frames: tuple[bytes, ...], now: float) -> Step:
    """Say the first of these frames; the others follow its answer."""
    if not frames:
        return replace(scanner, phase=Phase.READY, unsaid=(), due=now + ASK_S), ()
    due = now + ANSWER_S_MAX
    after = replace(scanner, phase=Phase.SETTING_UP, unsaid=frames, due=due)
    return after, (Write(frames[0]),)


def _tick(scanner: Scanner, now: float) -> Step:
    effects: tuple[Effect, ...] = ()
    if scanner.row.stuck and now >= scanner.row.last_at + REPEAT_S:
        scanner, effects = replace(scanner, row=Row()), _well_again(scanner)
    if scanner.framer.wake_at <= now:
        framer, items = scanner.framer.silence()
        scanner, more = _heard(replace(scanner, framer=framer), items, now)
        effects += more
    if scanner.due <= now:
        scanner, more = _due(scanner, now)
        effects += more
    return scanner, effects


def _due(scanner: Scanner, now: float) -> Step:
    """Ask, or note that no answer came."""
    question = scanner.family.question
    if scanner.phase is Phase.READY and question is not None:
        after = replace(scanner, phase=Phase.ASKED, due=now + ANSWER_S_MAX)
        return after, (Write(question),)
    scanner = replace(scanner, misses=scanner.misses + 1)
    effects: tuple[Effect, ...] = ()
    if scanner.misses >= MISSES_MAX and scanner.answering is not False:
        scanner, effects = replace(scanner, answering=False), (Silent(),)
    if scanner.phase is Phase.SETTING_UP:
        after, more = _next_frame(replace(scanner, missed=True), now)
        return after, effects + more
    wait_s = ASK_S if scanner.answering is False else ASK_AGAIN_S
    return replace(scanner, phase=Phase.READY, due=now + wait_s), effects


def _next_frame(scanner: Scanner, now: float) -> Step:
    """Go on with the set-up; one that answers only now may have been booting before."""
    frames = scanner.unsaid[1:]
    if not frames and scanner.missed and scanner.answering and not scanner.again:
        frames, scanner = scanner.family.setup, replace(scanner, again=True)
    return _set_up(scanner, frames, now)


def _answered(scanner: Scanner, now: float) -> Step:
    """Note that it lives; one that was silent may have lost its settings with its power."""
    was, scanner = scanner.answering, replace(scanner, misses=0, answering=True)
    well = () if was else (Answers(),)
    if scanner.phase is Phase.SETTING_UP:
        scanner, more = _next_frame(scanner, now)
    elif was is False:
        fresh = replace(scanner, missed=False, again=False)
        scanner, more = _set_up(fresh, scanner.family.setup, now)
    else:
        scanner, more = replace(scanner, phase=Phase.READY, due=now + ASK_S), ()
    return scanner, (*well, *more)


def _garbled(scanner: Scanner, now: float) -> Step:
    """Set it up again: its power may have failed for a moment, and its settings with it."""
    if scanner.phase is Phase.SETTING_UP or not scanner.family.setup or scanner.row.stuck:
        return scanner, ()
    return _set_up(replace(scanner, missed=False, again=False), scanner.family.setup, now)


def _seen(scanner: Scanner, label: bytes | None, now: float) -> Step:
    """Tell a label (None: unreadable), unless the scanner is stuck on it."""
    row = scanner.row
    effects: tuple[Effect, ...] = ()
    repeated = label == row.label and now - row.last_at < REPEAT_S
    if not repeated:
        effects = _well_again(scanner) if row.stuck else ()
        row = Row(label, first_at=now, last_at=now)
    elif now - row.first_at < STUCK_S:
        row = replace(row, last_at=now)
    else:
        effects = () if row.stuck else (Stuck(),)
        return replace(scanner, row=replace(row, last_at=now, stuck=True)), effects
    told = Unreadable() if label is None else Scan(label, repeated)
    # A label is no answer, but who reads labels is not dead.
    misses = scanner.misses if label is None else 0
    return replace(scanner, row=row, misses=misses), (*effects, told)


def _well_again(scanner: Scanner) -> tuple[Effect, ...]:
    """Say that it is not stuck any more, unless there is worse to say of it."""
    return () if scanner.answering is False else (Answers(),)


def _heard(scanner: Scanner, items: tuple[Item, ...], now: float) -> Step:
    effects: tuple[Effect, ...] = ()
    for item in items:
        match item:
            case Label(text):
                scanner, more = _seen(scanner, text, now)
            case Unreadable():
                scanner, more = _seen(scanner, None, now)
            case Answered():
                scanner, more = _answered(scanner, now)
            case Say(data):
                more = (Write(data),)
            case Garbled():
                scanner, more = _garbled(scanner, now)
        effects += more
    return scanner, effects
