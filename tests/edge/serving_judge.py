"""Were `serving` rows written for exactly the time in which a locker could serve? From outside.

Compares the rows with what the stand knows: when a daemon ran, when a bank could be reached; and
with the journal's own word on which compartments were out of service. What a silence of its boards
or a stall hides from a daemon it may not know at once: `usual_s` says for how long.
"""

from itertools import pairwise
from math import inf

from fellesskap_protocol.events import Fault, ServiceChanged, Serving
from tests.edge.outsider import Outsider
from tests.edge.power_judge import POWER_OF
from tests.simulation.stand import Stand

ROW_S_MAX, TICK_S = 900.0, 5.0
"""How long a row may become, and how late: at most this much is lost when a daemon dies."""
NOTICED_S = 17.0
"""Three polls in a row without an answer, 5 s apart, and the last one's time-out."""
FOUND_S, BROKEN_S = 10.0, 5.0
"""A bank that answers again is polled and started within this; so is one at a start. What another
board on its line says unasked may break one poll more."""
EPSILON_S = 0.01

Span = tuple[float, float]


def judge(outsider: Outsider) -> list[str]:
    """Compare every row with the truth; return what is wrong, in words."""
    wrong: list[str] = []
    for number in outsider.doors:
        rows = _rows(outsider, number)
        for down, unknown_s in _down(outsider, number):
            lying = (down[0] + unknown_s, down[1])
            wrong += [
                f"{number}: {row} is said to have served, it could not in {down}"
                for row in rows
                if min(row[1], lying[1]) - max(row[0], lying[0]) > EPSILON_S
            ]
        wrong += [
            f"{number}: {row} and {other} are the same time twice"
            for row, other in pairwise(rows)
            if other[0] < row[1] - EPSILON_S
        ]
        wrong += [f"{number}: nothing is said of {gap}" for gap in _missing(outsider, number, rows)]
    return wrong


def _rows(outsider: Outsider, number: int) -> list[Span]:
    """The intervals that were proven, in seconds of the stand."""
    found = []
    for event in outsider.events:
        if isinstance(event, Serving) and number in event.compartments:
            end = outsider.at_s(event)
            found.append((end - (event.to - event.from_).total_seconds(), end))
    return found


def _down(outsider: Outsider, number: int) -> list[tuple[Span, float]]:
    """When a compartment could not serve, and how long a daemon may be wrong about it."""
    stand = outsider.stand
    ends = [(-inf, -inf), *stand.lives, (stand.now_s, inf)]
    dead = [(end, begin) for (_, end), (begin, _) in pairwise(ends) if begin > end]
    found = [(span, 0.0) for span in (*dead, *_out(outsider, number))]
    found += [
        ((begin, end), _late(stand, begin, NOTICED_S))
        for begin, end, up in _reach(outsider, number)
        if up is False
    ]
    return found


def _reach(outsider: Outsider, number: int) -> list[tuple[float, float, bool | None]]:
    """Whether a compartment's bank could be reached, by interval."""
    stand = outsider.stand
    bank = next(one.bank for one in stand.config.compartments if one.number == number)
    marks: list[tuple[float, bool | None]] = [(-inf, True)]
    for at, name, up in stand.reached:
        if name == bank and up is not marks[-1][1]:
            marks.append((at, up))
    marks.append((stand.now_s, True))
    return [(begin, end, up) for (begin, up), (end, _) in pairwise(marks)]


def _out(outsider: Outsider, number: int) -> list[Span]:
    """When the journal says that a compartment was out of service, or without power."""
    power = f"{POWER_OF}{outsider.bank_of[number]}"
    service, cut = [], []
    for event in outsider.events:
        match event:
            case ServiceChanged(compartment=told, to=to) if told == number:
                service.append((outsider.at_s(event), to == "out"))
            case Fault(part=part, what=what) if part == power:
                cut.append((outsider.at_s(event), what != "ok"))
            case _:
                pass
    end = (outsider.stand.now_s, False)
    return [
        (begin, until)
        for changes in (service, cut)
        for (begin, out), (until, _) in pairwise([*changes, end])
        if out
    ]


def _missing(outsider: Outsider, number: int, rows: list[Span]) -> list[Span]:
    """The time of which a row should speak and none does."""
    stand = outsider.stand
    excused = [*rows, *_out(outsider, number), *outsider.forgotten]
    found_s = FOUND_S + (BROKEN_S if _shares_a_line(stand, number) else 0.0)
    for begin, end in stand.lives:
        excused.append((begin, begin + _late(stand, begin, found_s)))
        last = min(end, stand.now_s) - ROW_S_MAX
        owed = max(last - _late(stand, last, TICK_S), *_changes(outsider, begin, end))
        excused.append((owed, min(end, stand.now_s)))
    excused += [(end, begin) for (_, end), (begin, _) in pairwise(stand.lives)]
    for begin, end, up in _reach(outsider, number):
        if up is not True:
            back = end + (NOTICED_S if up is None else 0.0)
            excused.append((begin, back + _late(stand, back, found_s)))
    excused.sort()
    gaps: list[Span] = []
    covered = stand.lives[0][0]
    for begin, end in excused:
        if begin > covered + EPSILON_S:
            gaps.append((covered, begin))
        covered = max(covered, end)
    return gaps


def _shares_a_line(stand: Stand, number: int) -> bool:
    """Say whether other banks hang on the line of a compartment's bank."""
    lines = {one.name: one.port or one.name for one in stand.config.banks}
    mine = next(one.bank for one in stand.config.compartments if one.number == number)
    return list(lines.values()).count(lines[mine]) > 1


def _changes(outsider: Outsider, begin: float, end: float) -> list[float]:
    """When the journal of one life says that it could serve less or more: a row ends there."""
    told = [-inf]
    out: set[int] = set()
    for event in outsider.events:
        at = outsider.at_s(event)
        match event:
            case ServiceChanged(compartment=number, to=to) if (to == "out") is not (number in out):
                out ^= {number}
                told.append(at)
            case Fault(part=part) if part.startswith(("bank ", POWER_OF)):
                told.append(at)
            case _:
                pass
    return [at for at in told if at == -inf or begin <= at < end - EPSILON_S]


def _late(stand: Stand, begin: float, usual_s: float) -> float:
    """How late a daemon may be that stalls on the way."""
    until = begin + usual_s
    for stalled, ran in stand.stalls:
        if stalled < until and ran > begin:
            until += ran - stalled
    return until - begin
