"""Commissioning: which wire is which door, told apart by opening one after the other. Pure.

`step(state, event, now) -> (state, effects)`: a lock is opened only in answer to what the
technician types at the question for that very lock; what is typed while nothing is asked is not an
answer. Contacts are bits as the boards send them, since which bit means shut is what is learnt
(`wiring` concludes). `commission` has terminal and lines.
"""

from collections.abc import Callable
from dataclasses import replace

from fellesskap_edge.tool.words import (
    NOTHING,
    Ask,
    Commissioning,
    Door,
    Effect,
    Ended,
    Event,
    Finish,
    Found,
    Moved,
    Open,
    Phase,
    Say,
    Scan,
    Stop,
    Tick,
    Typed,
    Unanswered,
)

OPEN_WAIT_S = 2.0
"""How long a contact may take to move after a pulse: a spring needs a moment, a board up to 0.75 s
for its answer, and two polls."""
SETTLE_S = 0.6
"""Contacts bounce for some 10 ms and are read every 150 ms; shorter than a second key press."""
SHUT_WAIT_S = 3.0
NUMBER_MAX = 999
LEVELS = ("low", "high")
FLOOR_MM_MAX = 3000
Step = tuple[Commissioning, tuple[Effect, ...]]


def begin(known: frozenset[int], sizes: tuple[str, ...]) -> Step:
    """Return the first state and what it does."""
    return Commissioning(known, sizes), (Scan(),)


def step(state: Commissioning, event: Event, now: float) -> Step:
    """Return the next state and what to do, in order; `now` in monotonic seconds."""
    if isinstance(event, Moved):
        # What the contacts say is known in every phase; some wait for it.
        bits = {(event.board, channel): bit for channel, bit in event.bits.items()}
        known = {place: bit for place, bit in {**state.bits, **bits}.items() if bit is not None}
        state = replace(state, bits=known)
    if isinstance(event, Ended) and state.phase is not Phase.OVER:
        return replace(state, phase=Phase.OVER), (Say("Stopped: nothing is written."), Stop())
    handler = HANDLERS.get((state.phase, type(event)))
    return handler(state, event, now) if handler else (state, ())


def _found(state: Commissioning, event: Event, now: float) -> Step:
    del now
    assert isinstance(event, Found)
    said: list[Effect] = [
        Say(f"Board {one.name}: {one.family} at {one.where}, {one.channels} wires")
        for one in event.boards
    ]
    said += [Say(f"NOT FOUND: {one}: power, line A/B, DIP switches?") for one in event.silent]
    said += [Say(f"Left alone: {one}, which the draft does not name.") for one in event.strange]
    said += [
        Say(f"UNCLEAR: {one}: something answers, nothing whole: two boards at it, noise, the baud?")
        for one in event.unclear
    ]
    go_on = "Shut every door, then press Enter (r: ask again, q: stop)"
    if not event.boards:
        said.append(Say("No board answers."))
        go_on = "r: ask again, q: stop"
    state = replace(state, phase=Phase.FOUND, boards=event.boards)
    return state, (*said, Ask(go_on))


def _found_typed(state: Commissioning, event: Event, now: float) -> Step:
    word = _word(event)
    if word == "q":
        return _stop(state)
    if word == "r":
        return replace(state, phase=Phase.SCANNING, boards=(), bits={}), (Scan(),)
    if word == "" and state.boards:
        return _pause(replace(state, before=state.bits), now), ()
    return _again(state, "Enter, r or q")


def _pause(state: Commissioning, now: float) -> Commissioning:
    """Wait before the next lock is offered: a key pressed twice must not open it."""
    return replace(state, phase=Phase.SHUTTING, door=None, wake_at=now + SETTLE_S)


def _offer(state: Commissioning) -> Step:
    """Ask whether to open the lock in hand; past the last wire, whether to finish."""
    while state.at < len(state.boards) and state.channel > state.board.channels:
        state = replace(state, at=state.at + 1, channel=1, second=False)
    state = replace(state, door=None, wake_at=float("inf"))
    if state.at == len(state.boards):
        return replace(state, phase=Phase.OVER), (Finish(),)
    found = {door.number for door in state.doors}
    if state.known and state.known <= found and not state.more:
        text = "Every door of the draft is found. Enter: finish (t: try the other wires too)"
        return replace(state, phase=Phase.COMPLETE), (Ask(text),)
    text = (
        f"Board {state.board.name}, wire {state.channel}: Enter opens it{_if_level(state)} "
        "(s: skip it, b: skip the rest of this board, f: finish, q: stop)"
    )
    return replace(state, phase=Phase.OFFERED), (Ask(text),)


def _if_level(state: Commissioning) -> str:
    """Say what is tried on a pin; until a door has opened nobody knows which level is right."""
    if state.board.pins is None or state.level is None:
        return ""
    pin = state.board.pins.locks[state.channel - 1]
    if state.known_level is not None:
        return f" by GPIO {pin}"
    return f", if GPIO {pin} switches it on when {LEVELS[state.level]}"


def _offered_typed(state: Commissioning, event: Event, now: float) -> Step:
    match _word(event):
        case "":
            state = replace(
                state, phase=Phase.OPENING, before=state.bits, wake_at=now + OPEN_WAIT_S
            )
            return state, (Open(state.board.name, state.channel, state.level),)
        case "s":
            return _pause(_next_wire(state), now), ()
        case "b":
            return _pause(_next_wire(state, state.board.channels + 1), now), ()
        case "f":
            return replace(state, phase=Phase.OVER), (Finish(),)
        case "q":
            return _stop(state)
    state, asked = _offer(state)
    return state, (Say("Please type Enter, s, b, f or q"), *asked)


def _next_wire(state: Commissioning, channel: int | None = None) -> Commissioning:
    after = state.channel + 1 if channel is None else channel
    return replace(state, channel=after, second=False, door=None)


def _opening_moved(state: Commissioning, event: Event, now: float) -> Step:
    del event
    if state.moved:
        state = replace(state, wake_at=min(state.wake_at, now + SETTLE_S))
    return state, ()


def _unanswered(state: Commissioning, event: Event, now: float) -> Step:
    del event, now
    return state, (Say("The board did not answer; its contacts are watched all the same."),)


def _opening_tick(state: Commissioning, event: Event, now: float) -> Step:
    del event
    if now < state.wake_at:
        return state, ()
    moved = state.moved
    if len(moved) > 1:
        names = " and ".join(f"{channel} of board {board}" for board, channel in sorted(moved))
        said = Say(f"Contacts {names} moved at once: two doors, or a hand. It is done again.")
        return _ask_shut(replace(state, door=None), said)
    place, bit = next(iter(moved.items()), (None, None))
    door = Door(0, (state.board.name, state.channel), place, bit, level=state.level)
    if place:
        door = replace(door, shut_bit=state.before.get(place))
    state = replace(state, phase=Phase.NUMBER, door=door, wake_at=float("inf"))
    if place:
        reads = "nothing" if bit == NOTHING else bit
        text = f"Contact {place[1]} of board {place[0]} moved, it now reads {reads}. "
        text += "Which number is on the door that opened? (n: none opened)"
        return state, (Ask(text),)
    text = "No contact moved. " if state.board.senses else "This board has no contacts. "
    text += "Which number is on the door that opened? (Enter: none opened)"
    return state, (Ask(text),)


def _none_opened(state: Commissioning, now: float) -> Step:
    if state.door and state.door.contact:
        said = Say("A contact moved and no door did: it is left out; look at its wire.")
        return _ask_shut(_next_wire(state), said)
    if state.board.pins and state.known_level is None and not state.second:
        return _pause(replace(state, second=True), now), ()
    return _pause(_next_wire(state), now), ()


def _number_typed(state: Commissioning, event: Event, now: float) -> Step:
    word, door = _word(event), state.door
    assert door is not None
    if word == "q":
        return _stop(state)
    if word == "n" or (word == "" and door.contact is None):
        return _none_opened(state, now)
    number = _whole(word, 1, NUMBER_MAX)
    if number is None:
        return _again(state, f"a number from 1 to {NUMBER_MAX}, or n")
    earlier = next((one for one in state.doors if one.number == number), None)
    if earlier:
        board, channel = earlier.lock
        return _again(state, f"another: {number} is wire {channel} of board {board}")
    door = replace(door, number=number)
    if number in state.known:
        return _ask_shut(replace(state, door=door))
    if not state.sizes:
        return _again(state, f"a door of the draft: {number} is not, nor has it a [[size]]")
    state = replace(state, phase=Phase.SIZE, door=door)
    return state, (Ask(f"What size is door {number}? ({', '.join(state.sizes)})"),)


def _size_typed(state: Commissioning, event: Event, now: float) -> Step:
    del now
    size = {name.lower(): name for name in state.sizes}.get(_word(event))
    if size is None or state.door is None:
        return _again(state, " or ".join(state.sizes))
    state = replace(state, phase=Phase.FLOOR, door=replace(state.door, size=size))
    return state, (Ask("How high above the ground is its floor, in mm?"),)


def _floor_typed(state: Commissioning, event: Event, now: float) -> Step:
    del now
    floor_mm = _whole(_word(event), 0, FLOOR_MM_MAX)
    if floor_mm is None or state.door is None:
        return _again(state, f"millimetres, 0 to {FLOOR_MM_MAX}")
    return _ask_shut(replace(state, door=replace(state.door, floor_mm=floor_mm)))


def _ask_shut(state: Commissioning, *said: Effect) -> Step:
    what = f"door {state.door.number}" if state.door else "every door"
    state = replace(state, phase=Phase.SHUT, wake_at=float("inf"))
    return state, (*said, Ask(f"Shut {what}, then press Enter (q: stop)"))


def _shut_typed(state: Commissioning, event: Event, now: float) -> Step:
    if _word(event) == "q":
        return _stop(state)
    if _word(event) == "a":
        door = state.door
        if door and door.contact in state.moved:
            state = replace(state, door=replace(door, contact=None, open_bit=None, shut_bit=None))
        state = replace(state, before=state.bits)
    settled = now + (SHUT_WAIT_S if state.moved else SETTLE_S)
    return replace(state, phase=Phase.SHUTTING, wake_at=settled), ()


def _shutting_moved(state: Commissioning, event: Event, now: float) -> Step:
    """Wait until nothing has moved for a while."""
    del event
    return replace(state, wake_at=now + (SHUT_WAIT_S if state.moved else SETTLE_S)), ()


def _shutting_tick(state: Commissioning, event: Event, now: float) -> Step:
    del event
    if now < state.wake_at:
        return state, ()
    if state.moved:
        names = ", ".join(f"{channel} of board {board}" for board, channel in sorted(state.moved))
        said = Say(f"Not shut yet: contact {names} has not gone back (a: all doors are shut).")
        return _ask_shut(state, said)
    if state.door is None:
        return _offer(state)
    board, channel = state.door.lock
    said = Say(f"Door {state.door.number} is wire {channel} of board {board}.")
    doors = (*state.doors, state.door)
    state, effects = _offer(replace(_next_wire(state), doors=doors))
    return state, (said, *effects)


def _complete_typed(state: Commissioning, event: Event, now: float) -> Step:
    match _word(event):
        case "":
            return replace(state, phase=Phase.OVER), (Finish(),)
        case "t":
            return _pause(replace(state, more=True), now), ()
        case "q":
            return _stop(state)
    return _again(state, "Enter, t or q")


def _again(state: Commissioning, wanted: str) -> Step:
    return state, (Ask(f"Please type {wanted}"),)


def _stop(state: Commissioning) -> Step:
    return replace(state, phase=Phase.OVER), (Say("Stopped: nothing is written."), Stop())


def _word(event: Event) -> str:
    assert isinstance(event, Typed)
    return event.text.strip().lower()


def _whole(word: str, least: int, most: int) -> int | None:
    if not (word.isascii() and word.isdecimal() and len(word) <= 6):
        return None
    return int(word) if least <= int(word) <= most else None


HANDLERS: dict[tuple[Phase, type[Event]], Callable[[Commissioning, Event, float], Step]] = {
    (Phase.SCANNING, Found): _found,
    (Phase.FOUND, Typed): _found_typed,
    (Phase.OFFERED, Typed): _offered_typed,
    (Phase.OPENING, Moved): _opening_moved,
    (Phase.OPENING, Unanswered): _unanswered,
    (Phase.OPENING, Tick): _opening_tick,
    (Phase.NUMBER, Typed): _number_typed,
    (Phase.SIZE, Typed): _size_typed,
    (Phase.FLOOR, Typed): _floor_typed,
    (Phase.SHUT, Typed): _shut_typed,
    (Phase.SHUTTING, Moved): _shutting_moved,
    (Phase.SHUTTING, Tick): _shutting_tick,
    (Phase.COMPLETE, Typed): _complete_typed,
}
"""What is not here is nothing in that phase: above all, a line typed while nothing was asked."""
