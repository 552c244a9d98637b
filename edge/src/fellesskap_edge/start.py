"""The first moment of a daemon: what survived, what it must say; nothing moves.

Called once by `drive`. A broken history begins a new epoch; damaged facts are `repairing`'s.
"""

import logging
from dataclasses import dataclass

from fellesskap_edge import SOFTWARE, bus
from fellesskap_edge import controller as controllers
from fellesskap_edge import state as ctl
from fellesskap_edge.climate import Climate
from fellesskap_edge.climate import begin as begin_climate
from fellesskap_edge.clock import Floor, Instant
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.custody import Reason, begin_epoch, hardware
from fellesskap_edge.facts import KeysFact, UplinkFacts
from fellesskap_edge.identity import Keyring, keyring
from fellesskap_edge.journal import Facts
from fellesskap_edge.locks import FAMILIES, gpio
from fellesskap_edge.parts import Parts, stamp
from fellesskap_edge.power import Power
from fellesskap_edge.repairing import kinds_of, repaired
from fellesskap_edge.service import power_changed
from fellesskap_edge.state import BankPower, Controller
from fellesskap_edge.uplink import Uplink
from fellesskap_protocol.events import Booted, Fault
from fellesskap_protocol.messages import MalformedMessage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Started:
    """The machines as they stand at the start; the first events are committed."""

    controller: Controller
    uplink: Uplink
    buses: dict[str, bus.Bus]
    keyring: Keyring
    floor: Floor
    climate: Climate
    badges_unsure: bool
    """A badge that was used here may not be known: none is taken before the backend was heard."""


def start(parts: Parts, machine: Instant, *, commissioned: bool) -> Started:
    """Restore the machines from the journal; write what a start must say."""
    found, journal = parts.journal.found, parts.journal
    floor = Floor(max(found.last_trusted or machine.wall, machine.wall), machine.mono_s)
    now = floor.now(machine)
    numbers = [one.number for one in parts.config.compartments]
    gone = () if journal.epoch or commissioned else (("store", "lost"),)
    damaged = kinds_of((*found.damaged, *gone))
    facts = repaired(found.facts, damaged, now.wall, numbers)
    draft = ctl.Draft(controllers.restore(parts.config, facts, now), now)
    # What is feared now is feared after another start too, when the damage is not seen any more.
    draft.say(*(ctl.Keep(*at, fact) for at, fact in facts.items() if found.facts.get(at) != fact))
    for bank in parts.config.banks:
        if bank.power_pin is None and bank.name in draft.c.powerless:
            # `locker.toml` took the pin away that would have given it back.
            power_changed(draft, BankPower(bank.name, on=True))
    known = facts.get(("uplink", "position"), UplinkFacts())
    assert isinstance(known, UplinkFacts)
    new_epoch: str | None = None
    if not journal.epoch or found.broken:
        new_epoch = parts.draw().challenge
        reason: Reason = "commissioned" if commissioned else "lost"
        begin_epoch(draft, parts.config, "damaged" if found.broken else reason)
        known = UplinkFacts(0, known.session)
        draft.say(ctl.Keep("uplink", "position", known))
    elif found.hardware_digest != parts.config.digest:
        draft.say(ctl.Record(hardware(parts.config)))
    draft.say(ctl.Record(Booted(software=SOFTWARE)))
    _say_faults(draft, parts.config, found.damaged)
    events = [effect.event for effect in draft.effects if isinstance(effect, ctl.Record)]
    changes = [effect for effect in draft.effects if isinstance(effect, ctl.Keep | ctl.Forget)]
    parts.crash_at("before_start")
    journal.commit(events, changes, stamp(parts, now), new_epoch=new_epoch)
    parts.crash_at("after_start")
    return Started(
        controller=draft.c,
        uplink=Uplink(
            boot_id=parts.boot_id,
            epoch=journal.epoch,
            head_seq=journal.head_seq,
            position=draft.c.position,
            acked_seq=known.acked_seq,
            session=known.session,
        ),
        buses=lines(parts.config),
        keyring=_keyring(parts, facts),
        floor=floor,
        climate=begin_climate(parts.config, facts, now),
        badges_unsure=bool(damaged & {"badge", None}),
    )


def lines(config: LockerConfig) -> dict[str, bus.Bus]:
    """Return one bus per serial port, with its banks; log how sure we are of each driver."""
    found: dict[str, dict[str, bus.BankLine]] = {}
    for bank in config.banks:
        if bank.family == "gpio":
            log.info("bank %s: family gpio, %s", bank.name, gpio.QUALITY)
            continue  # on pins, not on a line: `lines` knows it
        family = FAMILIES[bank.family]
        log.info("bank %s: family %s, %s", bank.name, family.name, family.quality)
        first, retry = family.make(bank), family.make(bank.retrying)
        power = Power.ALWAYS if bank.power_pin is None else Power.OFF
        line = bus.BankLine(
            first,
            bank.supply,
            pulses=(first, retry),
            power=power,
            idle_s=config.locker.idle_poll_s,
        )
        found.setdefault(bank.port, {})[bank.name] = line
    bauds = {bank.port: bank.baud for bank in config.banks if bank.port}
    return {port: bus.Bus(banks, bauds[port]) for port, banks in found.items()}


def _say_faults(
    draft: ctl.Draft, config: LockerConfig, damaged: tuple[tuple[str, str], ...]
) -> None:
    since = draft.now.wall
    kinds = sorted({kind for kind, _ in damaged})
    if kinds:
        what = f"damaged and dropped: {', '.join(kinds)}"
        draft.say(ctl.Record(Fault(part="journal", what=what, since=since)))
    if config.limits.raised:
        limits = config.limits
        what = (
            f"raised: {limits.remote_opens_per_10_min} remote opens in 10 min, "
            f"one in {limits.remote_open_interval_s} s"
        )
        draft.say(ctl.Record(Fault(part="limits", what=what, since=since)))


def _keyring(parts: Parts, facts: Facts) -> Keyring:
    """Return the keys of provisioning, or newer ones that came since."""
    ring = keyring(parts.identity.provision)
    newest = facts.get(("keys", "newest"))
    if not isinstance(newest, KeysFact):
        return ring
    try:
        return ring.taken(newest.token)
    except MalformedMessage:
        return ring  # provisioned again since, with newer keys
