"""I5: nothing that the edge knows to be expired, revoked, used up or another locker's opens.

What may be opened is derived anew from the rights that were sent and applied, the entries that
were committed, and what was presented when. "Expired" is by the event's own `at`: what the edge
knows. Of a store that is an old copy nobody can say what it knows, until all rights are sent anew.
"""

from collections.abc import Callable

from fellesskap_protocol.events import Deposited, DroppedOff, Presented, RightsApplied
from fellesskap_protocol.messages import Badge, Right
from tests.judge import history
from tests.judge.fold_rights import candidates, names
from tests.judge.guessing import closed_until
from tests.judge.matching import has_room
from tests.judge.room import claim_of
from tests.judge.rules import HELD, Rules, held_unless, puts_in
from tests.judge.state import Place, World

LABEL_S = 600.0
"""How long a scanned label may wait: for a badge, a choice, the door before it to be shut."""
CODE_S = 3.0
BADGE_S = 86_400.0
VISIT_S = 3600.0
CHALLENGE_S = 60.0
JTI_S = 86_400.0


def opens(world: World, place: Place, event: Presented) -> str | None:
    """Hold that whatever opens a door may."""
    if event.outcome != "authorised" or event.authorisation_id is None:
        return None
    right = place.force.get(event.right_id or "")
    if event.kind == "command":
        return held_unless(_by_command(world, place, event))
    if place.blurred:
        return None
    if event.kind == "badge":
        return held_unless(_by_badge(world, place, event, right))
    return held_unless(BY[event.kind](world, place, event, right))


def given(world: World, place: Place, event: Presented) -> str | None:
    """Hold that a door in which something is put serves, and is large enough for it."""
    del world
    if event.outcome != "authorised" or place.blurred or not puts_in(place, event):
        return None
    number = event.compartment or 0
    service = place.service.get(number)
    if service in ("out", "suspect") and event.kind != "key":
        return f"{number} was given away, and is {service}"
    right, box = place.force.get(event.right_id or ""), place.boxes.get(number)
    if right is None or box is None or right.kind not in ("claim", "drop_off"):
        return None
    claim = claim_of(right)
    claim = claim._replace(needs=tuple(one for one in claim.needs if one != "low"))  # that is I13
    return HELD if has_room(claim, box) else f"{number} is no door for {right.id}"


def slowed(world: World, place: Place, event: Presented) -> str | None:
    """Hold that no eight digits are compared, and no label opens without a badge, in a wait."""
    counter = {"code": "keypad", "label": "labels"}.get(event.kind)
    times = place.guesses.get(counter or "", [])
    if not times or event.at < times[-1] or event.outcome == "throttled":
        return None
    has_badge = any(holds and world.at - at < VISIT_S for holds, at in place.badges.values())
    if counter == "labels" and (event.outcome != "authorised" or has_badge):
        return None
    left_s = (closed_until(times, event.at) - event.at).total_seconds()
    if left_s < 1.0:
        return HELD
    return f"a {event.kind} was {event.outcome}, {left_s:.0f} s before the end of a wait"


def _dead(place: Place, right: Right | None) -> str | None:
    """Say why a right is good for nothing."""
    if right is None:
        return "no such right is in force"
    if right.revoked:
        return f"{right.id} is revoked"
    if right.id in place.used:
        return f"{right.id} is used up"
    return None


def _dead_claim(place: Place, event: Presented, right: Right | None) -> str | None:
    """Say why nothing may be put in by a right."""
    wrong = _dead(place, right)
    if wrong is not None or right is None:
        return wrong
    if any(one.right_id == right.id for one in place.lies.values()):
        return f"{right.id}: its parcel lies there"
    if right.deposit_by is not None and event.at >= right.deposit_by:
        return f"{right.id} is expired"
    return None


def _was_shown(world: World, place: Place, macs: set[str | None], within_s: float) -> bool:
    oldest = place.written(world.at) - within_s - place.slack()
    return any(place.shown.get(mac or "", float("-inf")) >= oldest for mac in macs if mac)


def _by_label(world: World, place: Place, event: Presented, right: Right | None) -> str | None:
    wrong = _dead_claim(place, event, right)
    if wrong is not None or right is None:
        return wrong
    if right.kind != "claim":
        return f"{right.id} is no claim"
    if not _was_shown(world, place, set(right.label_macs), LABEL_S):
        return f"the label of {right.id} was not scanned"
    labels = set(right.label_macs)
    rivals = {
        one.carrier_id
        for one in place.force.values()
        if not one.revoked and one.id not in place.used and labels & set(one.label_macs)
    }
    asks = any(
        one.kind == "carrier" and one.carrier_id == right.carrier_id and not one.revoked
        for one in place.force.values()
        if one.deposit_auth == "badge"
    )
    if (asks or len(rivals) > 1) and not _badge_of(world, place, right.carrier_id):
        return f"{right.id} needs a badge, and none was shown"
    return None


def _badge_of(world: World, place: Place, carrier_id: str | None) -> bool:
    return any(
        holds and jti in world.badges and carrier_id in world.badges[jti][0].carriers
        for jti, (holds, _) in place.badges.items()
    )


def _by_code(world: World, place: Place, event: Presented, right: Right | None) -> str | None:
    number = event.compartment or 0
    if event.right_id is None:
        return _again(world, place, number)
    wrong = _dead(place, right)
    if wrong is not None or right is None:
        return wrong
    if not _was_shown(world, place, {right.code_mac, right.long_code_mac, right.qr_mac}, CODE_S):
        return f"no code of {right.id} was shown"
    if right.kind == "drop_off" and number not in place.lies:
        return _dead_claim(place, event, right)
    lying = place.lies.get(number)
    if lying is None or lying.parcel_id != right.parcel_id:
        return f"{right.id} is not the right to what lies in {number}"
    return None


def _again(world: World, place: Place, number: int) -> str | None:
    reopening = place.reopen.get(number)
    if reopening is None:
        return f"nobody may open {number} again"
    if place.written(world.at) > reopening.until + place.slack():
        return f"the time to open {number} again is over"
    if not _was_shown(world, place, set(reopening.macs), CODE_S):
        return f"{number} was opened again by another's code"
    return None


def _by_badge(world: World, place: Place, event: Presented, right: Right | None) -> str | None:
    jti, removes = event.badge_jti or "", event.right_id is not None
    wrong = _bad_badge(world, place, event, "remove" if removes else "deposit")
    if wrong is not None or not removes:
        return wrong
    badge = world.badges[jti][0]
    wrong = _dead(place, right)
    if wrong is not None or right is None:
        return wrong
    number = event.compartment or 0
    lying = place.lies.get(number) or place.perhaps.get(number)
    lies_there = lying is not None and lying.parcel_id == right.parcel_id
    lies_there = lies_there or names(place, right, number)
    if right.kind != "remove" or not lies_there:
        return f"{right.id} is no right to remove what lies in {event.compartment}"
    if right.carrier_id not in badge.carriers:
        return f"badge {jti} is not of {right.carrier_id}"
    if place.sessions.get(jti, place.session) != place.session:
        return f"badge {jti} removed in another visit"
    return None


def _bad_badge(world: World, place: Place, event: Presented, may: str) -> str | None:
    jti = event.badge_jti or ""
    holds, shown_at = place.badges.get(jti, (False, float("-inf")))
    signed: tuple[Badge, frozenset[str]] | None = world.badges.get(jti)
    if signed is None or not holds or world.at - shown_at > BADGE_S:
        return f"badge {jti} was not signed, or not shown"
    badge, lockers = signed
    if may not in badge.may:
        return f"badge {jti} may not {may}"
    if place.locker not in lockers:
        return f"badge {jti} is another locker's"
    if event.at.timestamp() >= badge.exp:
        return f"badge {jti} is over"
    if any(jti in one.revoked_badges for one in place.force.values()):
        return f"badge {jti} is revoked"
    return None


def _by_key(world: World, place: Place, event: Presented, right: Right | None) -> str | None:
    del world
    lying = place.lies.get(event.compartment or 0)
    if lying is not None:
        last = place.last_put in (lying.right_id, lying.parcel_id)
        return None if last else f"{lying.parcel_id} is not what was put in last"
    return _dead(place, right) if event.right_id is not None else None


def _by_command(world: World, place: Place, event: Presented) -> str | None:
    jti = event.jti or ""
    command = place.commands.get(jti)
    if command is None or command.compartment != event.compartment:
        return f"command {jti} was not signed for {event.compartment} of this locker"
    seen = place.jtis.get(jti)
    if seen is not None and world.at - seen < JTI_S:
        return f"command {jti} was obeyed before"
    if event.at.timestamp() >= command.exp:
        return f"command {jti} is expired"
    if not place.challenges:
        return None  # whoever wrote this does not see challenges
    boot_id, given_at = place.challenges.get(command.challenge, ("", float("-inf")))
    if boot_id != event.boot_id:
        return f"command {jti} answers a challenge of another boot"
    if place.written(world.at) - given_at > CHALLENGE_S + place.slack() + 1.0:
        return f"command {jti} answers a stale challenge"
    return None


def answered_as_new(world: World, record: history.Challenged) -> str | None:
    """Hold that a command which was obeyed is known to be: no fresh challenge would help it."""
    place = world.places.get(record.locker)
    if place is None or record.outcome != "stale_challenge":
        return None
    obeyed_at = place.jtis.get(record.jti, float("-inf"))
    if world.at - obeyed_at >= JTI_S or place.copy_at >= obeyed_at:
        return None
    return f"command {record.jti} was obeyed, and is answered as if it were new"


BY: dict[str, Callable[[World, Place, Presented, Right | None], str | None]] = {
    "label": _by_label,
    "code": _by_code,
    "long_code": _by_code,
    "qr": _by_code,
    "key": _by_key,
}


def drawn(world: World, place: Place, event: Deposited | DroppedOff) -> str | None:
    """Hold that a soft claim, and who has none, draws on the allowance that is left."""
    del world
    by = place.latest.get(event.compartment)
    if place.blurred or by is None:
        return None
    name, right = event.allowance_class, by.right
    soft = right is not None and right.kind == "claim" and right.hold == "soft"
    claimless = isinstance(event, DroppedOff) or event.right_id is None
    if name is None:
        if claimless or (soft and by.presented.kind == "label"):
            return f"{event.parcel_id} drew on no allowance"
        return HELD
    if place.drawn.get(name, 0) >= by.granted.get(name, 0):
        return f"{event.parcel_id}: the allowance {name} is used up"
    return HELD


def applied(world: World, place: Place, event: RightsApplied) -> str | None:
    """Hold that a change is applied once, whole, and on what it was made for."""
    del world
    if place.blurred:
        return None  # from where a store goes on that went back, nobody else knows
    if (event.generation, event.revision) <= place.position:
        return f"{event.revision} was applied after {place.position[1]}"
    if not candidates(place, event):
        return f"no whole change from {place.position[1]} to {event.revision} was sent"
    if event.used != place.drawn:
        return f"it says that {event.used} were drawn: {place.drawn}"
    return HELD


I5: Rules = {
    history.Challenged: answered_as_new,
    Presented: (opens, given, slowed),
    Deposited: drawn,
    DroppedOff: drawn,
    RightsApplied: applied,
}
