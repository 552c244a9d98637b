"""What an outsider holds against a locker: custody, and authority for each opening."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fellesskap_protocol.capacity import Compartment
from fellesskap_protocol.events import (
    GENESIS,
    AnyEvent,
    Collected,
    Deposited,
    DroppedOff,
    Presented,
    Removed,
    RightsApplied,
)
from fellesskap_protocol.messages import (
    Badge,
    Command,
    Right,
)
from tests.simulation.installed import SIGNER
from tests.simulation.office import Office
from tests.simulation.stand import Stand
from tests.simulation.stand_parts import START, Witness

SIGNERS = {SIGNER.public.kid: SIGNER.public}

PULSES_MAX = 3
AUTHORISATION_S = 30.0
COIL_S_MAX = {"gpio": 1.0, "kerong": 0.550, "wkly": 0.5, "waveshare": 0.5, "waveshare_d": 0.5}
"""The guard of the pins, which holds when the daemon stalls; what boards do from the factory; the
longer pulse of another try, where a board can be told."""
WELDED_S_MAX = 2.0
"""Pulse, look, all off, look again, each behind what its neighbours on the line are asked: then its
power is cut."""
PULSE_S_MAX = 0.300
"""Of all other families, as they are told or built."""
REOPEN_S, CHALLENGE_S, SESSION_S = 300.0, 60.0, 300.0
EPSILON_S = 0.002
TWO_OPERATORS = "two_operators"
KEY_S = 17.0
"""How long a key that was turned back may be taken for on: until its board is given up."""
IAT_S = 3.0
"""An `iat` has whole seconds, and a difference of two is none."""
OVER_S = 60.0
"""An operation of which nothing was seen for so long is over."""


@dataclass
class Authorised:
    """One accepted presentation, as the journal tells it."""

    presented: Presented
    at_s: float
    boot_id: str
    granted: Mapping[str, int]
    right: Right | None = None
    pulses: int = 0
    opened: bool = False
    ended: bool = False


@dataclass(frozen=True)
class Lying:
    """A parcel in a compartment, by the journal."""

    parcel_id: str
    right_id: str | None


@dataclass
class Shown:
    """What people presented, and when (in seconds of the stand)."""

    labels: dict[str, float] = field(default_factory=dict)
    """By MAC."""
    codes: dict[str, float] = field(default_factory=dict)
    """MACs of codes and QR codes."""
    badges: dict[str, tuple[Badge, bool, float]] = field(default_factory=dict)
    """By jti: what it says, whether its signature holds."""
    done_s: float = float("-inf")
    command: tuple[Command, bool] | None = None
    """The one that is being delivered, and whether it is signed for this locker."""


class Judge(Witness):
    """Raises `AssertionError` as soon as an invariant is broken."""

    def __init__(self, stand: Stand, office: Office) -> None:
        self.stand, self.office = stand, office
        stand.witness = self
        self.doors: dict[int, Compartment] = {
            one.number: one.geometry for one in stand.config.compartments
        }
        self.family = {
            one.number: next(b.family for b in stand.config.banks if b.name == one.bank)
            for one in stand.config.compartments
        }
        self.shown = Shown()
        self.sound = True
        """Nothing was found yet."""
        self.events: list[AnyEvent] = []
        self.lies_in: dict[int, Lying] = {}
        self.force: dict[str, Right] = {}
        self.bank_of = {one.number: one.bank for one in stand.config.compartments}
        self.service = dict.fromkeys(self.doors, "in")
        self.powerless: dict[str, tuple[float, str]] = {}
        """Banks whose power was cut by the journal, when and in which boot."""
        self.put_out: dict[int, str] = {}
        """Doors that this took out of service, and what they were before."""
        self.welded: set[int] = set()
        """Where a relay was welded, so that a pulse is ended by its power alone."""
        self.used: set[str] = set()
        self.drawn: dict[str, int] = {}
        self.revision = 0
        self.authorised: dict[str, Authorised] = {}
        self.remote_s: list[float] = []
        self.jtis: dict[str, float] = {}
        self.cut_off: set[int] = set()
        """Where an operation was in hand when a daemon died."""
        self.sent_whole: set[tuple[int, int]] = set()
        """Changes of which every part was delivered."""
        self._reopenable: dict[int, tuple[str, float]] = {}
        self._disputed: set[int] = set()
        self._perhaps: dict[int, Lying] = {}
        """What an operator who looked may have taken out."""
        self._sessions: dict[str, int] = {}
        self._session = 0
        self._last_put: str | None = None
        self._boot_id, self._booted_s = "", 0.0
        self._resumed: set[str | None] = set()
        """What was in hand when the daemon died that was started anew."""
        self._bytes: list[bytes] = []
        self._hash = GENESIS
        self._trusted_at: datetime | None = None
        """The newest moment of a trusted clock that the store knows."""
        self._epoch = ""
        self._floor: tuple[datetime, float] | None = None
        self._pulsed: dict[int, int] = {}
        self._coils: dict[int, int] = {}
        self._lost: int | None = None
        self._parts: dict[tuple[int, int, int], set[int]] = {}
        self._short_ms: set[int] = set()
        self._service_ms: set[int] = set()
        self._facts = 0
        self.unknown: set[int] = set()
        """Where nothing is known of what lies there, since a new epoch."""
        self.forgotten: list[tuple[float, float]] = []
        """What time the store knows nothing of, because it was lost or went back."""
        self.alarmed: set[int] = set()
        """Cold compartments of which the journal says that they are warm, or not known."""
        self.warm: set[int] = set()
        """Where what lies there went warm, by the journal."""
        self._unoffered: tuple[int, int] | None = None

    # Custody -------------------------------------------------------------------------------------

    def _put_in(self, event: Deposited | DroppedOff) -> None:
        number, parcel_id = event.compartment, event.parcel_id
        assert not self._holds(number), "I1: two in one compartment"
        lying = {one.parcel_id for one in self.lies_in.values()}
        assert parcel_id not in lying, "I1: one in two"
        self.lies_in[number] = Lying(parcel_id, event.right_id)
        self.unknown.discard(number)
        self._disputed.discard(number)
        self._perhaps.pop(number, None)
        by = [one for one in self.authorised.values() if one.presented.compartment == number]
        by[-1].ended = True
        if event.right_id and event.right_id not in self.force and by[-1].right:
            # Taken away while it was used: what lies there can be collected all the same.
            self.force[event.right_id] = by[-1].right
        size_class = event.allowance_class
        if size_class:
            self.drawn[size_class] = self.drawn.get(size_class, 0) + 1
            assert self.drawn[size_class] <= by[-1].granted.get(size_class, 0), "the allowance"
        right = self.force.get(event.right_id or "")
        if isinstance(event, Deposited):
            self._last_put = event.right_id or parcel_id
            asked = by[-1].right  # as it was when its label was scanned
            if asked is not None and asked.hold == "soft" and by[-1].presented.kind == "label":
                assert size_class, "a soft claim draws on the allowance"
        elif right is not None:
            self._may_reopen(event, right)

    def _holds(self, number: int) -> bool:
        """Whether a parcel is in custody there; one found missing is not, once it was revoked."""
        lying = self.lies_in.get(number)
        if lying is None or number not in self._disputed:
            return lying is not None
        rights = [one for one in self.force.values() if one.parcel_id == lying.parcel_id]
        return not any(one.revoked for one in rights if one.kind != "remove")

    def _taken(self, event: Collected | Removed) -> None:
        perhaps = self._perhaps.pop(event.compartment, None)
        lying = self.lies_in.pop(event.compartment, perhaps)
        assert lying is not None, "I1: taken from an empty compartment"
        assert lying.parcel_id == event.parcel_id, "I1: another parcel lay there"
        by = [o for o in self.authorised.values() if o.presented.compartment == event.compartment]
        by[-1].ended = True
        right = self.force.get(event.right_id)
        self.used |= {r.id for r in self.force.values() if r.parcel_id == event.parcel_id}
        self.used.add(event.right_id)
        if isinstance(event, Collected) and right is not None:
            self._may_reopen(event, right)

    def _may_reopen(self, event: Collected | DroppedOff, right: Right) -> None:
        self._reopenable[event.compartment] = (right.id, self.at_s(event) + REOPEN_S)

    def _applied(self, event: RightsApplied) -> None:
        revision = event.revision
        assert revision > self.revision, "rights are applied once, and never go back"
        whole = {(self.revision, revision), (0, revision)} & self.sent_whole
        assert whole, "a change of which a part is missing was applied"
        assert event.used == self.drawn, "what was given away is told"
        wish = self.office.wishes[revision]
        held = {one.right_id for one in self.lies_in.values() if one.right_id}
        kept = {name: self.force[name] for name in held if name in self.force}
        self.force = kept | wish
        self.used &= set(wish)
        self.revision = revision
        self._lost = None  # what the backend wishes is not the edge's doing

    # Authority -----------------------------------------------------------------------------------

    def _authorised(self, event: Presented) -> None:
        given, number = event.authorisation_id, event.compartment
        assert given is not None
        assert number is not None
        assert given not in self.authorised, "I4: one authorisation twice"
        right = self.force.get(event.right_id or "")
        match event.kind:
            case "label":
                self._by_label(event, right)
            case "code" | "long_code" | "qr":
                self._by_code(event, right)
            case "badge" if event.right_id is None:
                self._by_badge(event, "deposit")
                self._may_put_in(event, None)
            case "badge":
                self._by_removal(event, right)
            case "command":
                self._by_command(event)
            case "key":
                self._by_key(event, right)
        if event.right_id is not None or event.kind not in ("code", "long_code", "qr"):
            self._reopenable.pop(number, None)  # for anything else than another look
        granted = {
            one.size_class: one.granted
            for one in self.force.values()
            if one.kind == "allowance" and one.size_class and not one.revoked
        }
        if event.kind == "key":  # another door for what was begun: no other unit is drawn
            begun = [
                one
                for one in self.authorised.values()
                if one.presented.right_id == event.right_id and not one.ended
                if one.presented.kind in ("label", "badge", "key")
            ]
            granted = dict(begun[-1].granted) if begun else granted
        at_s = self.at_s(event)
        self.authorised[given] = Authorised(event, at_s, event.boot_id, granted, right)

    def _may_put_in(self, event: Presented, right: Right | None) -> None:
        assert not self._holds(event.compartment or 0), "I1: a parcel lies there"
        assert self.service[event.compartment or 0] == "in", "a door out of service was given"
        self._low_enough(right, event.compartment or 0)

    def _low_enough(self, right: Right | None, number: int) -> None:
        if right is not None and "low" in right.needs:
            assert self.doors[number].low, "I13: a low one was asked for"

    def _live_claim(self, event: Presented, right: Right | None) -> Right:
        assert right is not None, "I5: no such right is in force"
        assert not right.revoked, "I5: revoked"
        assert right.id not in self.used, "I5: used up"
        assert right.id not in {one.right_id for one in self.lies_in.values()}, "I5: deposited"
        assert right.deposit_by is None or event.at < right.deposit_by, "I5: expired"
        return right

    def _by_label(self, event: Presented, right: Right | None) -> None:
        right = self._live_claim(event, right)
        assert right.kind == "claim"
        assert any(label in self.shown.labels for label in right.label_macs), "never scanned"
        self._may_put_in(event, right)
        rivals = {
            one.carrier_id
            for one in self.force.values()
            if set(one.label_macs) & set(right.label_macs) and not one.revoked
            if one.id not in self.used
        }
        asks = any(
            one.kind == "carrier" and one.carrier_id == right.carrier_id and not one.revoked
            for one in self.force.values()
            if one.deposit_auth == "badge"
        )
        if asks or len(rivals) > 1:
            shown = [badge for badge, holds, _ in self.shown.badges.values() if holds]
            assert any(right.carrier_id in one.carriers for one in shown), "I5: no badge"

    def _by_code(self, event: Presented, right: Right | None) -> None:
        number = event.compartment or 0
        at_s = self.at_s(event)
        now = [mac for mac, shown_s in self.shown.codes.items() if abs(at_s - shown_s) < 1.0]
        lying = self.lies_in.get(number)
        if event.right_id is None:
            assert number in self._reopenable, "I5: nobody may open this one again"
            name, until_s = self._reopenable[number]
            assert at_s <= until_s + EPSILON_S, "I5: the time to reopen is over"
            assert set(now) & self._every_code(name), "I5: another's code"
            return
        assert right is not None, "I5: no such right is in force"
        assert not right.revoked, "I5: revoked"
        assert right.id not in self.used, "I5: used up"
        codes = {right.code_mac, right.long_code_mac, right.qr_mac}
        assert codes & set(now), "I5: not the code of this right"
        if right.kind == "drop_off":
            self._live_claim(event, right)
            self._may_put_in(event, right)
            return
        assert lying is not None, "I5: nothing lies there"
        assert lying.parcel_id == right.parcel_id, "I5: another's parcel"

    def _every_code(self, name: str) -> set[str | None]:
        """Every code that a right ever had: what was rotated opens for the reopen window yet."""
        rights = [wish[name] for wish in self.office.wishes if name in wish]
        return {code for one in rights for code in (one.code_mac, one.long_code_mac, one.qr_mac)}

    def _by_badge(self, event: Presented, may: str) -> Badge:
        jti = event.badge_jti or ""
        badge, holds, at_s = self.shown.badges[jti]
        assert holds, "I5: a badge that does not hold"
        assert may in badge.may, f"I5: this badge may not {may}"
        assert event.at.timestamp() < badge.exp, "I5: the badge is over"
        assert self.stand.config.locker.site == badge.site or (
            self.stand.config.locker.id in badge.lockers
        ), "I5: another locker's badge"
        assert at_s > self.shown.done_s, "I5: the visit is over"
        return badge

    def _by_removal(self, event: Presented, right: Right | None) -> None:
        badge = self._by_badge(event, "remove")
        assert right is not None, "I5: no such right is in force"
        assert right.kind == "remove"
        assert not right.revoked, "I5: revoked"
        assert right.id not in self.used, "I5: used up"
        assert right.carrier_id in badge.carriers, "I5: another carrier's parcel"
        lying = self.lies_in.get(event.compartment or 0)
        assert lying is not None, "I5: nothing lies there"
        assert lying.parcel_id == right.parcel_id, "I5: another's parcel"
        first = self._sessions.setdefault(badge.jti, self._session)
        assert first == self._session, "I5: one session per badge and locker"

    def _by_key(self, event: Presented, right: Right | None) -> None:
        lying = self.lies_in.get(event.compartment or 0)
        if lying is not None:
            assert self._last_put in (lying.right_id, lying.parcel_id), "only what was put in last"
            return
        if event.right_id is not None:
            assert right is not None, "I5: no such right is in force"
            assert not right.revoked, "I5: revoked"
            assert right.id not in self.used, "I5: used up"
        self._may_put_in(event, right)

    def _by_command(self, event: Presented) -> None:
        assert self.shown.command is not None
        now_s = self.at_s(event)
        command, ours = self.shown.command
        assert ours, "I5: not signed for this locker"
        assert (command.jti, command.compartment) == (event.jti, event.compartment)
        boot_id, at = self.office.challenges.get(command.challenge, ("", START))
        assert boot_id == event.boot_id, "I5: a challenge of another boot"
        age_s = now_s - (at - START).total_seconds()
        assert age_s <= CHALLENGE_S + EPSILON_S, "I5: a stale challenge"
        assert event.at.timestamp() < command.exp, "I5: expired"
        seen_s = self.jtis.get(command.jti)
        assert seen_s is None or now_s - seen_s >= 86_400, "I5: seen before"
        self.jtis[command.jti] = now_s
        self.remote_s.append(now_s)
        if command.actor_class == TWO_OPERATORS and self._key_may_be_on(now_s):
            return
        recent = [at_s for at_s in self.remote_s if now_s - at_s < 600 - EPSILON_S]
        assert len(recent) <= 6, "I6: six in ten minutes"
        if len(recent) > 1:
            assert recent[-1] - recent[-2] >= 10 - EPSILON_S, "I6: one in ten seconds"

    def _key_may_be_on(self, now_s: float) -> bool:
        """Whether it is turned on, or was so lately that the daemon may not know otherwise."""
        turns = self.stand.key_turns
        off_s = [at_s for at_s, on in turns if not on]
        stalled_s = sum(ran - begun for begun, ran in self.stand.stalls)
        lately = any(now_s - at_s < KEY_S + stalled_s for at_s in off_s)
        return self.stand.key_on or lately

    def at_s(self, event: AnyEvent) -> float:
        """When an event was committed, in seconds of the stand."""
        return event.mono_ms / 1000 + self.stand.bases[event.boot_id]
