"""What is owed to one locker, and when it is said (again): rights, commands, keys.

Pure. Nothing rests on the broker: each message may be lost, doubled, delayed or reordered, and our
own timers resend (`docs/protocol.md` 4, 5). `mqtt` tells what happened and performs the effects;
what a change of rights holds is read from the database at the moment of sending.
"""

from dataclasses import dataclass
from enum import StrEnum

from fellesskap_protocol.changed import replace
from fellesskap_protocol.messages import CommandOutcome

RESEND_S, RESEND_S_MAX = 2.0, 60.0
"""Rights are sent again after this long, doubling."""
IN_FLIGHT_S = 0.3
"""A wish that grows this soon after a sending waits: the locker's answer is on its way, and a
change from where it no longer stands would be ignored."""
CONTACT_S = 20 * 60.0
"""A signed message this recent is contact."""
CHALLENGE_S = 60.0
"""An older challenge is certainly stale: not worth signing with."""
ASK_S = 2.0
"""A challenge is asked for again after this long."""
UNANSWERED_S = 2 * ASK_S
"""A challenge that was asked for so long ago at most, and did not come, was not answered."""
KEYS_AFTER = 2
"""So many sendings of rights without an answer, and our keys go out with the next."""
ORDERS_MAX = 100
"""Commands in hand per locker; further ones wait in the database."""
NEVER, AT_ONCE = float("inf"), float("-inf")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """How far rights are wished or applied."""

    generation: int = 0
    revision: int = 0


class Hold(StrEnum):
    """What must not be sent, whatever is owed."""

    NOTHING = "nothing"
    RIGHTS = "rights"
    """A restored database has not heard yet what was used up meanwhile."""
    EVERYTHING = "everything"
    """Quarantine: two devices seem to be this locker. Commands run out unsent."""
    SIGNATURES = "signatures"
    """The database is an older one and was not told so: not even keys go out."""


class Phase(StrEnum):
    """How the rights of a locker stand."""

    AWAY = "away"
    """Something is owed, but nobody would hear it."""
    QUIET = "quiet"
    OWING = "owing"
    HELD = "held"
    """Something is owed and must wait."""
    AHEAD = "ahead"
    """The locker says more than was ever wished: the database is older than the world."""


class Stage(StrEnum):
    """How far a command came."""

    ASKED = "asked"
    SENT = "sent"
    SENT_AGAIN = "sent_again"


@dataclass(frozen=True)
class Order:
    """One command in hand; `exp` in seconds since 1970."""

    jti: str
    exp: float
    stage: Stage = Stage.ASKED


@dataclass(frozen=True, slots=True)
class Born:
    """A verified birth of the present epoch."""

    epoch: str
    position: Position
    session: int
    challenge: str


@dataclass(frozen=True, slots=True)
class Reported:
    """A verified batch of the present epoch.

    `repeated`: nothing in it was new, so our answer was lost, or signed by a key that the locker
    does not hold.
    """

    epoch: str
    position: Position
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Resulted:
    """A verified result of a command, with the challenge to use next."""

    jti: str
    outcome: CommandOutcome
    challenge: str


@dataclass(frozen=True, slots=True)
class PresenceSaid:
    """The unsigned hint changed or was repeated."""

    online: bool


@dataclass(frozen=True, slots=True)
class Wished:
    """The database wishes this position, and may forbid to say so."""

    position: Position
    hold: Hold = Hold.NOTHING


@dataclass(frozen=True, slots=True)
class Ordered:
    """The database holds a command that has no outcome; `stage` as far as it knows."""

    jti: str
    exp: float
    stage: Stage = Stage.ASKED


@dataclass(frozen=True, slots=True)
class Settled:
    """The ledger says what became of a command."""

    jti: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = Born | Reported | Resulted | PresenceSaid | Wished | Ordered | Settled | Tick
EVENTS: tuple[type[Event], ...] = (
    Born,
    Reported,
    Resulted,
    PresenceSaid,
    Wished,
    Ordered,
    Settled,
    Tick,
)


@dataclass(frozen=True, slots=True)
class SendRights:
    """Send the change that starts at revision `from_` (0: from empty)."""

    from_: int


@dataclass(frozen=True, slots=True)
class SendCommand:
    """Sign this command with this challenge; `again` for the second and last time."""

    jti: str
    challenge: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class AskChallenge:
    """Send `show_challenge`: no challenge is known that could be good."""


@dataclass(frozen=True, slots=True)
class SendKeys:
    """Send the verification keys: the locker seems not to take our signature."""


@dataclass(frozen=True, slots=True)
class Expire:
    """Nothing was heard of a command in time."""

    jti: str


Effect = SendRights | SendCommand | AskChallenge | SendKeys | Expire
Step = tuple["Downlink", tuple[Effect, ...]]


@dataclass(frozen=True)
class Downlink:
    """Everything that decides what is sent to one locker when; times in seconds since 1970."""

    epoch: str | None = None
    wanted: Position = Position()
    hold: Hold = Hold.NOTHING
    reported: Position = Position()
    online: bool = False
    heard_at: float = AT_ONCE
    session: int = 0
    tries: int = 0
    sent_at: float = AT_ONCE
    rights_at: float = AT_ONCE
    """When rights that are owed go out."""
    orders: tuple[Order, ...] = ()
    challenge: str | None = None
    challenge_at: float = AT_ONCE
    ask_at: float = AT_ONCE
    wake_at: float = NEVER


def phase(downlink: Downlink, now: float) -> Phase:
    """Say how the rights stand."""
    if downlink.reported == downlink.wanted:
        return Phase.QUIET
    if _is_ahead(downlink):
        return Phase.AHEAD
    if downlink.hold is not Hold.NOTHING:
        return Phase.HELD
    reachable = downlink.online or now - downlink.heard_at <= CONTACT_S
    return Phase.OWING if reachable and downlink.epoch is not None else Phase.AWAY


def step(downlink: Downlink, event: Event, now: float) -> Step:
    """Return the next state and what to do, in order."""
    effects: tuple[Effect, ...] = ()
    match event:
        case Born():
            downlink, effects = _born(downlink, event, now)
        case Reported(epoch, position, repeated):
            downlink = _reported(downlink, epoch, position, now=now)
            effects = (SendKeys(),) if repeated else ()
        case Resulted():
            downlink, effects = _resulted(downlink, event, now)
        case PresenceSaid(online):
            begun = online and not downlink.online
            downlink = replace(downlink, online=online)
            downlink = _afresh(downlink) if begun else downlink
        case Wished():
            downlink = _wished(downlink, event, now)
        case Ordered():
            downlink, effects = _ordered(downlink, event, now)
        case Settled(jti):
            downlink = _without(downlink, jti)
        case Tick():
            pass
    if downlink.hold is Hold.SIGNATURES or _is_ahead(downlink):
        effects = tuple(one for one in effects if isinstance(one, Expire))
    downlink, due_now = _due(downlink, now)
    return downlink, tuple(dict.fromkeys(effects + due_now))


def _is_ahead(downlink: Downlink) -> bool:
    return downlink.reported > downlink.wanted


def _wished(downlink: Downlink, event: Wished, now: float) -> Downlink:
    if event.hold != downlink.hold:
        downlink = _afresh(replace(downlink, hold=event.hold))
    if event.position == downlink.wanted:
        return downlink
    in_flight = downlink.reported != downlink.wanted
    due = max(now, downlink.sent_at + IN_FLIGHT_S) if in_flight else now
    return replace(downlink, wanted=event.position, tries=0, rights_at=due)


def _born(downlink: Downlink, event: Born, now: float) -> Step:
    repeated = event.session == downlink.session and event.epoch == downlink.epoch
    downlink = _reported(downlink, event.epoch, event.position, now=now)
    downlink = replace(downlink, session=event.session, challenge=event.challenge, challenge_at=now)
    if repeated:
        # Our acknowledgement was lost, or signed by a key that the locker does not hold.
        return downlink, (SendKeys(),)
    return _afresh(downlink), ()


def _reported(downlink: Downlink, epoch: str, position: Position, *, now: float) -> Downlink:
    downlink = replace(downlink, heard_at=now)
    if (epoch, position) == (downlink.epoch, downlink.reported):
        return downlink
    return _afresh(replace(downlink, epoch=epoch, reported=position))


def _afresh(downlink: Downlink) -> Downlink:
    return replace(downlink, tries=0, rights_at=AT_ONCE)


def _resulted(downlink: Downlink, event: Resulted, now: float) -> Step:
    downlink = replace(
        downlink, heard_at=now, challenge=event.challenge, challenge_at=now, ask_at=AT_ONCE
    )
    order = next((one for one in downlink.orders if one.jti == event.jti), None)
    if order is None:
        return downlink, ()
    if event.outcome != "stale_challenge":
        return _without(downlink, event.jti), ()
    if order.stage is not Stage.SENT or now >= order.exp or _is_mute(downlink):
        # A repeat of the first answer, perhaps: the second signature may still succeed.
        return downlink, ()
    downlink = _at(downlink, order.jti, Stage.SENT_AGAIN)
    return downlink, (SendCommand(order.jti, event.challenge, again=True),)


def _ordered(downlink: Downlink, event: Ordered, now: float) -> Step:
    if any(one.jti == event.jti for one in downlink.orders):
        return downlink, ()
    if now >= event.exp:
        return downlink, (Expire(event.jti),)
    if len(downlink.orders) >= ORDERS_MAX:
        return downlink, ()
    order = Order(event.jti, event.exp, event.stage)
    return replace(downlink, orders=(*downlink.orders, order)), ()


def _without(downlink: Downlink, jti: str) -> Downlink:
    return replace(downlink, orders=tuple(one for one in downlink.orders if one.jti != jti))


def _at(downlink: Downlink, jti: str, stage: Stage) -> Downlink:
    orders = tuple(replace(one, stage=stage) if one.jti == jti else one for one in downlink.orders)
    return replace(downlink, orders=orders)


def _due(downlink: Downlink, now: float) -> Step:
    """Do what is due, and say when something will be."""
    downlink, commands = _commands_due(downlink, now)
    downlink, rights = _rights_due(downlink, now)
    wakes = [one.exp for one in downlink.orders]
    if not _is_mute(downlink) and any(one.stage is Stage.ASKED for one in downlink.orders):
        wakes.append(downlink.ask_at)
    if phase(downlink, now) is Phase.OWING:
        wakes.append(downlink.rights_at)
    return replace(downlink, wake_at=min(wakes, default=NEVER)), commands + rights


def _commands_due(downlink: Downlink, now: float) -> Step:
    effects: list[Effect] = []
    for order in downlink.orders:
        if now >= order.exp:
            downlink = _without(downlink, order.jti)
            effects.append(Expire(order.jti))
    asked = [one for one in downlink.orders if one.stage is Stage.ASKED]
    if _is_mute(downlink):
        return downlink, tuple(effects)
    if downlink.challenge is not None and now - downlink.challenge_at < CHALLENGE_S:
        for order in asked:
            downlink = _at(downlink, order.jti, Stage.SENT)
            effects.append(SendCommand(order.jti, downlink.challenge or ""))
    elif asked and now >= downlink.ask_at:
        if now - downlink.ask_at < UNANSWERED_S:
            effects.append(SendKeys())  # perhaps it does not take our signature
        downlink = replace(downlink, ask_at=now + ASK_S)
        effects.append(AskChallenge())
    return downlink, tuple(effects)


def _is_mute(downlink: Downlink) -> bool:
    """Say whether no command may go out."""
    return downlink.hold in (Hold.EVERYTHING, Hold.SIGNATURES) or _is_ahead(downlink)


def _rights_due(downlink: Downlink, now: float) -> Step:
    if phase(downlink, now) is not Phase.OWING or now < downlink.rights_at:
        return downlink, ()
    wait_s = min(RESEND_S * 2.0 ** min(downlink.tries, 10), RESEND_S_MAX)
    same = downlink.reported.generation == downlink.wanted.generation
    sending = SendRights(downlink.reported.revision if same else 0)
    # Twice without an answer: perhaps it does not take our signature.
    first: tuple[Effect, ...] = (SendKeys(),) if downlink.tries >= KEYS_AFTER else ()
    downlink = replace(downlink, tries=downlink.tries + 1, sent_at=now, rights_at=now + wait_s)
    return downlink, (*first, sending)
