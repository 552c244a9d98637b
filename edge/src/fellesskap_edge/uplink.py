"""What the edge owes the backend, and what it takes from it: births, batches, rights, challenges.

Pure. Nothing rests on the broker: every message may be lost, doubled, delayed or reordered, and
our own timers resend (`docs/protocol.md` 3, 4, 5). Signatures were checked before; `drive` reads
the journal, signs and sends. `Draw` brings the chance that a step may need.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from fellesskap_edge.facts import Position, UplinkFacts
from fellesskap_edge.state import Keep, RightsArrived
from fellesskap_protocol.messages import BATCH_EVENTS_MAX, Ack, Command, Right, Rights

RESEND_S, RESEND_S_MAX = 1.0, 60.0
FILL_S = 0.050
"""A batch waits this long for the other events of the same act; at most 200 ms are allowed."""
CHALLENGE_S = 60.0
CHALLENGE_FRESH_S = 30.0
"""A result hands out a new challenge when the newest is older than this."""
PARTS_MAX = 1024
PROTOCOL = 1


class Phase(StrEnum):
    """What the uplink is doing."""

    OFFLINE = "offline"
    GREETING = "greeting"
    """Birth sent, not answered."""
    RESTING = "resting"
    FILLING = "filling"
    IN_FLIGHT = "in_flight"


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took the subscriptions."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone."""


@dataclass(frozen=True, slots=True)
class Journalled:
    """The journal has grown to `head_seq`; the rights stand at `position`."""

    head_seq: int
    position: Position


@dataclass(frozen=True, slots=True)
class EpochBegan:
    """The journal began anew."""

    epoch: str
    head_seq: int


@dataclass(frozen=True, slots=True)
class AckCame:
    """A verified acknowledgement."""

    ack: Ack


@dataclass(frozen=True, slots=True)
class RightsCame:
    """A verified part of a change of the rights."""

    rights: Rights


@dataclass(frozen=True, slots=True)
class CommandCame:
    """A verified command."""

    command: Command


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    Connected | Disconnected | Journalled | EpochBegan | AckCame | RightsCame | CommandCame | Tick
)
EVENTS: tuple[type[Event], ...] = (
    Connected,
    Disconnected,
    Journalled,
    EpochBegan,
    AckCame,
    RightsCame,
    CommandCame,
    Tick,
)


@dataclass(frozen=True, slots=True)
class SendBirth:
    """Say who we are and where we stand."""

    challenge: str


@dataclass(frozen=True, slots=True)
class SendBatch:
    """Send up to `limit` events from `first_seq` on; with limit 0 only the position."""

    first_seq: int
    limit: int


@dataclass(frozen=True, slots=True)
class GiveCommand:
    """Let the controller decide; `fresh` if its challenge is good."""

    command: Command
    fresh: bool
    challenge: str


@dataclass(frozen=True, slots=True)
class HeardFresh:
    """The backend answered our challenge in time: its `iat` tells the time."""

    iat: int


@dataclass(frozen=True, slots=True)
class StartEpoch:
    """The backend knows another past: begin a new epoch."""


Effect = SendBirth | SendBatch | RightsArrived | GiveCommand | HeardFresh | StartEpoch | Keep
Step = tuple["Uplink", tuple[Effect, ...]]


@dataclass(frozen=True, slots=True)
class Draw:
    """Chance for one step: a new challenge (128 bits) and a number from 0 to 1."""

    challenge: str
    jitter: float


@dataclass(frozen=True, slots=True)
class Staged:
    """Parts of one change that came so far."""

    generation: int
    from_: int
    to: int
    parts: int
    came: dict[int, Rights] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of ours, and when it was made."""

    value: str
    at: float


@dataclass(frozen=True, slots=True)
class Uplink:
    """Everything that decides what is sent when."""

    boot_id: str
    epoch: str
    head_seq: int
    position: Position = Position()
    acked_seq: int = 0
    session: int = 0
    phase: Phase = Phase.OFFLINE
    tries: int = 0
    wake_at: float = float("inf")
    owes_position: bool = False
    in_flight: int = 0
    """How many events the newest batch was to hold."""
    challenges: tuple[Challenge, ...] = ()
    staged: Staged | None = None


def step(uplink: Uplink, event: Event, now: float, draw: Draw) -> Step:
    """Return the next state and what to do, in order; `now` in monotonic seconds."""
    match event:
        case Connected():
            return _connected(uplink, now, draw)
        case Disconnected():
            return replace(uplink, phase=Phase.OFFLINE, wake_at=float("inf"), staged=None), ()
        case Journalled(head_seq, position):
            uplink = replace(uplink, head_seq=head_seq, position=position)
            return _next(uplink, now) if uplink.phase is Phase.RESTING else (uplink, ())
        case EpochBegan():
            return _epoch_began(uplink, event, now, draw)
        case AckCame(ack):
            return _acknowledged(uplink, ack, now)
        case RightsCame(rights):
            return _rights(uplink, rights, now)
        case CommandCame(command):
            return _command(uplink, command, now, draw)
        case Tick():
            return _tick(uplink, now, draw)


def _connected(uplink: Uplink, now: float, draw: Draw) -> Step:
    uplink = replace(uplink, session=uplink.session + 1, tries=0)
    uplink, effects = _greet(uplink, now, draw)
    return uplink, (_facts(uplink), *effects)


def _epoch_began(uplink: Uplink, event: EpochBegan, now: float, draw: Draw) -> Step:
    uplink = replace(
        uplink, epoch=event.epoch, head_seq=event.head_seq, acked_seq=0, staged=None, tries=0
    )
    kept = _facts(uplink)
    if uplink.phase is Phase.OFFLINE:
        return uplink, (kept,)
    uplink, effects = _greet(uplink, now, draw)
    return uplink, (kept, *effects)


def _greet(uplink: Uplink, now: float, draw: Draw) -> Step:
    """Send a birth; it is repeated until its challenge comes back."""
    uplink, challenge = _challenge(uplink, now, draw)
    uplink = replace(
        uplink,
        phase=Phase.GREETING,
        tries=uplink.tries + 1,
        wake_at=now + _wait_s(uplink.tries, draw),
    )
    return uplink, (SendBirth(challenge),)


def _wait_s(tries: int, draw: Draw) -> float:
    """Return 1 s doubling to 60 s, give or take a quarter."""
    return min(RESEND_S * 2.0 ** min(tries, 10), RESEND_S_MAX) * (0.75 + draw.jitter / 2)


def _tick(uplink: Uplink, now: float, draw: Draw) -> Step:
    if now < uplink.wake_at:
        return uplink, ()
    match uplink.phase:
        case Phase.GREETING:
            return _greet(uplink, now, draw)
        case Phase.FILLING | Phase.IN_FLIGHT:
            return _send(uplink, now, draw)
        case _:
            return uplink, ()


def _send(uplink: Uplink, now: float, draw: Draw) -> Step:
    limit = min(BATCH_EVENTS_MAX, uplink.head_seq - uplink.acked_seq)
    uplink = replace(
        uplink,
        phase=Phase.IN_FLIGHT,
        tries=uplink.tries + 1,
        wake_at=now + _wait_s(uplink.tries, draw),
        owes_position=False,
        in_flight=limit,
    )
    return uplink, (SendBatch(uplink.acked_seq + 1, limit),)


def _next(uplink: Uplink, now: float) -> Step:
    """Wait a moment for more if something is owed, none if a batch is full; else rest."""
    owed = uplink.head_seq - uplink.acked_seq
    if owed > 0 or uplink.owes_position:
        wait_s = FILL_S if owed < BATCH_EVENTS_MAX else 0.0
        return replace(uplink, phase=Phase.FILLING, tries=0, wake_at=now + wait_s), ()
    return replace(uplink, phase=Phase.RESTING, tries=0, wake_at=float("inf")), ()


def _acknowledged(uplink: Uplink, ack: Ack, now: float) -> Step:
    ours = (uplink.epoch, uplink.boot_id, uplink.session)
    if (ack.epoch, ack.boot_id, ack.session) != ours or uplink.phase is Phase.OFFLINE:
        return uplink, ()
    echoes = ack.challenge is not None and _is_fresh(uplink, ack.challenge, now)
    heard: tuple[Effect, ...] = (HeardFresh(ack.iat),) if echoes else ()
    if ack.verdict != "ok" or ack.acked_seq > uplink.head_seq:
        # The store went back in time (a restored or cloned card), or its epoch was closed.
        return uplink, (*heard, StartEpoch())
    if uplink.phase is Phase.GREETING and not echoes:
        return uplink, ()
    moved = ack.acked_seq != uplink.acked_seq
    if not moved and uplink.phase is Phase.IN_FLIGHT and uplink.in_flight:
        # It answers an earlier sending. If each repeat were answered by another, a round trip
        # longer than our timer would multiply them; what is in flight is sent again in its time.
        return uplink, heard
    uplink = replace(uplink, acked_seq=ack.acked_seq)
    kept: tuple[Effect, ...] = (_facts(uplink),) if moved else ()
    uplink, effects = _next(uplink, now)
    return uplink, heard + kept + effects


def _rights(uplink: Uplink, rights: Rights, now: float) -> Step:
    """Stage one part; give the change to the controller when all parts are there."""
    if uplink.phase is Phase.OFFLINE:
        return uplink, ()
    position = uplink.position
    newer = (rights.generation, rights.to) > (position.generation, position.revision)
    begins = rights.from_ == 0 or (
        rights.generation == position.generation and rights.from_ == position.revision
    )
    in_parts = 1 <= rights.part <= rights.parts <= PARTS_MAX
    if rights.epoch != uplink.epoch or not (newer and begins and in_parts):
        uplink = replace(uplink, owes_position=True)
        return _next(uplink, now) if uplink.phase is Phase.RESTING else (uplink, ())
    key = (rights.generation, rights.from_, rights.to, rights.parts)
    staged = uplink.staged
    if staged is None or (staged.generation, staged.from_, staged.to, staged.parts) != key:
        staged = Staged(*key)
    staged = replace(staged, came={**staged.came, rights.part: rights})
    if len(staged.came) < staged.parts:
        return replace(uplink, staged=staged), ()
    parts = [part for _, part in sorted(staged.came.items())]
    put: tuple[Right, ...] = tuple(right for part in parts for right in part.put)
    remove = tuple(right_id for part in parts for right_id in part.remove)
    given = RightsArrived(rights.generation, rights.to, rights.from_ == 0, put, remove)
    return replace(uplink, staged=None), (given,)


def _command(uplink: Uplink, command: Command, now: float, draw: Draw) -> Step:
    fresh = _is_fresh(uplink, command.challenge, now)
    uplink, challenge = _challenge(uplink, now, draw)
    return uplink, (GiveCommand(command, fresh, challenge),)


def _is_fresh(uplink: Uplink, value: str, now: float) -> bool:
    return any(one.value == value and now - one.at <= CHALLENGE_S for one in uplink.challenges)


def _challenge(uplink: Uplink, now: float, draw: Draw) -> tuple[Uplink, str]:
    """Return the newest challenge, made anew if it is not young."""
    live = tuple(one for one in uplink.challenges if now - one.at <= CHALLENGE_S)
    if not live or now - live[-1].at > CHALLENGE_FRESH_S:
        live = (*live, Challenge(draw.challenge, now))
    return replace(uplink, challenges=live), live[-1].value


def _facts(uplink: Uplink) -> Keep:
    return Keep("uplink", "position", UplinkFacts(uplink.acked_seq, uplink.session))
