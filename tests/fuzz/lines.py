"""Lock boards: any bytes at any pace crash no driver and no line, and a good board is used again.

A target for each family. An input is: one board on the line (an even byte) or two, and `steps`:
`E0-E5`: time passes, `F0-F6`: the port goes and comes, a pulse, a watch, an echo, a right answer.
What is heard alone: `codecs`.
"""

from functools import partial
from random import Random

from fellesskap_edge import bus as b
from fellesskap_edge.locks import FAMILIES
from tests.edge.line_frames import FRAMES, Frames, driver
from tests.fuzz.codecs import CODECS, HEARD, NAMES, decode, other, resealed
from tests.fuzz.harness import Fuzz
from tests.fuzz.steps import arrives, in_two, played, put

PASSES = {0xE0: 0.0, 0xE1: 0.003, 0xE2: 0.05, 0xE3: 0.31, 0xE4: 0.8, 0xE5: 5.1}
PULLED, UNLOCK_A, UNLOCK_B, WATCH, UNWATCH, ECHO, ANSWER = range(0xF0, 0xF7)
STEPS = (*PASSES, PULLED, UNLOCK_A, UNLOCK_B, WATCH, UNWATCH, ECHO, ANSWER, ANSWER, ANSWER)
BUSY_S, HEALS_S = 3.0, 11.0
"""Longer than any pulse waits; then two polls of a good board, beside one that never answers."""
UNLOCKS_S = b.UNLOCK_WAIT_S_MAX + b.UNLOCK_REPLY_S_MAX


def _answers(frames: Frames) -> dict[bytes, bytes]:
    """Return what a good board 1 says, by request; all doors shut, no relay on."""
    said = {frames.status: frames.shut, frames.unlock_1: frames.ack_1, frames.off: frames.off}
    said |= dict(frames.start)
    if frames.coils_off:
        said[FRAMES["waveshare"].status] = frames.coils_off
    return {bytes.fromhex(asked): bytes.fromhex(told) for asked, told in said.items() if asked}


ANSWERS = {name: _answers(FRAMES[name]) for name in NAMES}


WELL = bytes((ANSWER, 0xE2)) * 5
USED = (
    WELL + bytes((WATCH, UNLOCK_A, ANSWER, 0xE4)) + WELL + bytes((UNLOCK_B, 0xE5, UNWATCH)),
    WELL + bytes((UNLOCK_A, UNLOCK_A, PULLED, 0xE5)) + WELL + bytes((UNLOCK_A, 0xE5)),
    bytes((0xE5,)) * 4 + WELL + bytes((ECHO, ANSWER, 0xE2)) * 5,
)


def _seeds(name: str) -> tuple[bytes, ...]:
    """Return inputs that let each golden frame of a family come in different moments."""
    heard = [arrives(frame) for frame in HEARD[name]]
    steps = (
        *(begun + frame for frame in heard for begun in (b"", WELL)),
        *(WELL + bytes((UNLOCK_A, 0xE0)) + frame for frame in heard),
        *(bytes((ECHO,)) + frame + bytes((0xE3,)) for frame in heard),
        *(WELL + bytes((0xE5,)) + frame + bytes((0xE5, ANSWER)) for frame in heard),
        *USED,
    )
    return tuple(bytes((turn % 3 == 0,)) + one for turn, one in enumerate(steps))


def _mutate(name: str, rng: Random, data: bytes) -> bytes:
    """Put a frame, one whose checksum is right over changed content, or a step between two."""
    frame = rng.choice(HEARD[name])
    match rng.randrange(6):
        case 0:
            piece = arrives(frame)
        case 1 | 2:
            piece = arrives(resealed(rng, name, frame))
        case 3:
            piece = bytes((rng.choice(STEPS),))
        case 4:
            piece = bytes((rng.choice((ECHO, UNLOCK_A)),)) + arrives(frame)
        case _:
            piece = in_two(rng, frame, tuple(PASSES))
    return put(rng, piece, data)


def _one_input(name: str, data: bytes) -> None:
    """Play the steps; then the board is good, is read and pulses when asked."""
    play = _Play(name, both=data[:1] != b"" and data[0] % 2 == 1)
    for step in played(data):
        if isinstance(step, bytes):
            play.give(b.Received(step))
            decode(play.bus.banks["a"].driver, name, step)
        else:
            play.do(step)
    play.heals()


class _Play:
    def __init__(self, name: str, *, both: bool) -> None:
        family, self.name, self.now = FAMILIES[name], name, 0.0
        lines = {"a": b.BankLine(driver(name, 1), "psu")}
        if both:
            lines["b"] = b.BankLine(other(driver(name, 2)), "psu")
        self.bus = b.Bus(lines, family.baud)
        self.written, self.asked, self.pulses = b"", 0, 0
        self.answered: list[str] = []
        self.give(b.PortUp())

    def do(self, code: int) -> None:
        match code:
            case _ if code in PASSES:
                self.wait(PASSES[code])
            case 0xF0:
                self.give(b.PortDown())
                self.give(b.PortUp())
            case 0xF1 | 0xF2:
                self.asked += 1
                other = code == UNLOCK_B and "b" in self.bus.banks
                self.give(b.Unlock("b" if other else "a", 1, str(self.asked)))
            case 0xF3 | 0xF4:
                self.give(b.Watch("a", fast=code == WATCH))
            case 0xF5:
                self.give(b.Received(self.written))
            case _:
                self.answer()

    def give(self, event: b.Event) -> None:
        self.bus, effects = b.step(self.bus, event, self.now)
        assert len(self.bus.heard) <= b.HEARD_BYTES_MAX
        for effect in effects:
            match effect:
                case b.Write(frame):
                    self.written = frame
                    self.pulses += isinstance(self.bus.asked, b.Unlock)
                case b.Acknowledged(ticket) | b.Unacknowledged(ticket):
                    assert ticket not in self.answered
                    self.answered.append(ticket)
                case b.Sensed(_, doors):
                    assert doors
                    assert min(doors) >= 1
        assert self.pulses <= self.asked

    def answer(self) -> None:
        """Say what a good board 1 says to what was asked last, if it is asked."""
        reply = ANSWERS[self.name].get(self.written, b"")
        if reply and self.bus.asked is not None and not self.bus.heard:
            self.give(b.Received(reply))

    def wait(self, seconds: float, *, good: bool = False) -> None:
        until = self.now + seconds
        while self.bus.wake_at <= until:
            self.now = max(self.now, self.bus.wake_at)
            self.give(b.Tick())
            if good:
                self.answer()
        self.now = until

    def heals(self) -> None:
        """Board 1 answers from now on: it is used, and its lock is pulsed once when asked."""
        self.give(b.Watch("a", fast=False))
        self.wait(BUSY_S, good=True)
        until = self.now + HEALS_S
        while not _well(board := self.bus.banks["a"]):
            assert self.now < until, board
            self.wait(1.0, good=True)
        pulses, self.asked = self.pulses, self.asked + 1
        self.give(b.Unlock("a", 1, "the last"))
        self.answer()
        self.wait(UNLOCKS_S, good=True)
        assert self.pulses == pulses + 1
        assert ("the last" in self.answered) == board.driver.acknowledged


def _well(board: b.BankLine) -> bool:
    """Whether it is used, and read as a good board is: shut, no relay on."""
    read = set(board.doors.values()) <= {"shut", "unknown"} and not board.stuck
    return bool(board.answering and board.ready and read)


FUZZES = {
    f"lines.{name}": Fuzz(
        partial(_one_input, name), _seeds(name), CODECS[name], partial(_mutate, name), bytes_max=96
    )
    for name in NAMES
}
