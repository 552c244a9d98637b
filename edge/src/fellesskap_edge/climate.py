"""The temperature of chilled compartments: 15-minute figures, warnings, alarms. Pure.

`step(climate, event, now)` takes what was read of a probe and returns what to record and keep, and
how its compartments stand to their limits (`TemperatureJudged`, for the controller). What a probe
says holds until the next reading. A reading that cannot be one is never a figure: after two
minutes without a good one the probe is a fault, and that time is in no figure. Called by `drive`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from fellesskap_edge.clock import Instant
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.excursion import UNKNOWN
from fellesskap_edge.facts import Fact, FactKind, Heard
from fellesskap_edge.figure import Figure, begun
from fellesskap_edge.state import Keep, Record, Standing, TemperatureJudged
from fellesskap_edge.w1 import parse
from fellesskap_protocol.events import Fault

SILENT_S = 120.0
"""Four readings in a row that are none: a single bad checksum is usual on a long line."""
HOLD_S = 60.0
"""How long the last reading of a probe that fell silent is taken to hold."""
STEP_S = 1.0
"""A wall clock that moved by less is not taken to have been set."""
WARN_C = 1.0
BACK_C = 0.5
"""It is within its limits again when this far inside."""
RISES_S = 900.0
"""A warning too: at this rate the limit is crossed within this."""
TREND_S = 600.0
READINGS_MAX = 64
WARN_AFTER_S = 300.0
"""A door that is opened warms the probe for a moment; that is no warning."""
BELIEVED_S = 7200.0
"""Cold after so short a silence: it was cold all along, a compartment is slow."""
SHOWN_C = 0.5
"""Operators see a temperature move in steps of this, not with every reading."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a probe: the text of its file, None if there was none."""

    device: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = Read | Tick
Effect = Record | Keep | TemperatureJudged


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe; times in monotonic seconds. `heard_at` is when it last said a temperature."""

    device: str
    compartments: tuple[int, ...]
    min_c: float | None
    max_c: float | None
    alarm_after_s: float
    heard_at: float
    started_at: float
    trouble: str = "silent"
    told: str | None = None
    """The fault that stands."""
    figure: Figure | None = None
    outside_since: float | None = None
    what: str = ""
    near_since: float | None = None
    recent: tuple[tuple[float, float], ...] = ()
    standing: Standing | None = None
    shown_c: float | None = None

    @property
    def wake_at(self) -> float:
        """When it is silent for too long, or not known for too long."""
        if self.told is None:
            return max(self.heard_at, self.started_at) + SILENT_S
        if self.standing in ("outside", "unknown"):
            return float("inf")
        return self.bad_since + self.alarm_after_s

    @property
    def bad_since(self) -> float:
        """Since when it is outside, or unheard."""
        return self.heard_at if self.outside_since is None else self.outside_since


@dataclass(frozen=True, slots=True)
class Climate:
    """All probes of the locker."""

    probes: Mapping[str, Probe] = field(default_factory=dict)

    @property
    def wake_at(self) -> float:
        """When a tick would do something."""
        return min((probe.wake_at for probe in self.probes.values()), default=float("inf"))

    @property
    def shown_c(self) -> dict[int, float]:
        """What operators are shown, by compartment; a probe that is a fault shows nothing."""
        return {
            number: probe.shown_c
            for probe in self.probes.values()
            if probe.shown_c is not None and probe.told is None
            for number in probe.compartments
        }

    @property
    def faults(self) -> list[str]:
        """What is wrong at this moment, in words."""
        probes = list(self.probes.values())
        found = [f"probe {one.device}: {one.told}" for one in probes if one.told is not None]
        words = {"near": "near its limit", "outside": "outside its limits", "unknown": "not known"}
        return found + [
            f"temperature {number}: {words[probe.standing]}"
            for probe in probes
            if probe.standing in words
            for number in probe.compartments
        ]


def begin(
    config: LockerConfig, facts: Mapping[tuple[FactKind, str], Fact], now: Instant
) -> Climate:
    """Return the probes at a start: the time since they were last heard is not known."""
    probes: dict[str, Probe] = {}
    for one in config.probes:
        heard = facts.get(("climate", one.device))
        heard = heard if isinstance(heard, Heard) else Heard(now.wall)
        lowest, highest = one.limits(config.features)
        outside = heard.outside_since
        probes[one.device] = Probe(
            device=one.device,
            compartments=one.compartments,
            min_c=lowest,
            max_c=highest,
            alarm_after_s=config.climate.alarm_after_s,
            heard_at=_mono(heard.at, now),
            started_at=now.mono_s,
            outside_since=None if outside is None else _mono(outside, now),
            what=heard.what,
        )
    return Climate(probes)


def untold(climate: Climate) -> Climate:
    """Return it as if nobody knew how the compartments stand: the next reading tells anew."""
    probes = {name: replace(one, standing=None) for name, one in climate.probes.items()}
    return Climate(probes)


class _Draft:
    """What one step says."""

    def __init__(self, now: Instant) -> None:
        self.now = now
        self.effects: list[Effect] = []

    def wall(self, mono_s: float) -> datetime:
        """Return the wall time of a moment, by the clock of now."""
        return self.now.wall - timedelta(seconds=self.now.mono_s - mono_s)

    def fault(self, probe: Probe, what: str, since: datetime) -> None:
        """Record how a probe is."""
        self.effects.append(Record(Fault(part=f"probe {probe.device}", what=what, since=since)))

    def remember(self, probe: Probe, heard_at: float) -> None:
        """Keep what a restart must know."""
        outside = probe.outside_since
        since = None if outside is None else self.wall(outside)
        heard = Heard(self.wall(heard_at), since, probe.what)
        self.effects.append(Keep("climate", probe.device, heard))


def step(climate: Climate, event: Event, now: Instant) -> tuple[Climate, tuple[Effect, ...]]:
    """Return the next climate and what to do, in order."""
    draft = _Draft(now)
    probes = {device: _overdue(draft, probe) for device, probe in climate.probes.items()}
    if isinstance(event, Read) and event.device in probes:
        probe, said = probes[event.device], parse(event.text)
        if isinstance(said, str):
            probes[event.device] = replace(probe, trouble=said)
        else:
            probes[event.device] = _heard(draft, probe, said)
    return Climate(probes), tuple(draft.effects)


# Silence -----------------------------------------------------------------------------------------


def _overdue(draft: _Draft, probe: Probe) -> Probe:
    """Let the deadlines of a probe pass: a fault first, then an alarm."""
    now = draft.now.mono_s
    if probe.told is None and probe.wake_at <= now:
        known_until = probe.heard_at
        if probe.figure is not None:
            known_until += HOLD_S
            _record(draft, probe, _covered(draft, probe, probe.figure, known_until))
        draft.fault(probe, probe.trouble, draft.wall(known_until))
        draft.remember(probe, probe.heard_at)
        probe = replace(probe, told=probe.trouble, figure=None, near_since=None, recent=())
    if probe.told is not None and probe.wake_at <= now:
        standing: Standing = "unknown" if probe.outside_since is None else "outside"
        probe = _stands(draft, probe, standing, probe.bad_since)
    return probe


def _heard(draft: _Draft, probe: Probe, c: float) -> Probe:
    """Take a temperature in."""
    now = draft.now
    if probe.told is not None:
        draft.fault(probe, "ok", now.wall)
        probe = replace(probe, told=None)
    probe = _judged(draft, probe, c)
    shown = probe.shown_c
    if shown is None or abs(c - shown) >= SHOWN_C:
        shown = round(c, 1)
    recent = tuple(one for one in probe.recent if one[0] >= now.mono_s - TREND_S)
    return replace(
        probe,
        figure=_figure(draft, probe, c),
        heard_at=now.mono_s,
        trouble="silent",
        shown_c=shown,
        recent=(*recent[-READINGS_MAX:], (now.mono_s, c)),
    )


# Figures -----------------------------------------------------------------------------------------


def _figure(draft: _Draft, probe: Probe, c: float) -> Figure:
    """Let the figure go on with this temperature; a clock that was set ends it."""
    now, figure = draft.now, probe.figure
    if figure is not None:
        figure = _covered(draft, probe, figure, now.mono_s)
        if abs(figure.wall(now.mono_s) - now.wall) > timedelta(seconds=STEP_S):
            _record(draft, probe, figure)
            figure = None
    return begun(now.wall, now.mono_s, c) if figure is None else figure.said(c)


def _covered(draft: _Draft, probe: Probe, figure: Figure, until: float) -> Figure:
    """Let the held temperature count up to a moment; record what quarters end on the way."""
    while figure.ends_at <= until:
        whole = figure.counted(figure.ends_at)
        _record(draft, probe, whole)
        draft.remember(probe, figure.ends_at)
        figure = begun(whole.wall(figure.ends_at), figure.ends_at, figure.held_c)
    return figure.counted(until)


def _record(draft: _Draft, probe: Probe, figure: Figure) -> None:
    draft.effects.extend(Record(one) for one in figure.events(probe.compartments))


# Limits ------------------------------------------------------------------------------------------


def _margin_c(probe: Probe, c: float) -> float:
    """Return how far inside the nearest limit a temperature is; outside it is negative."""
    above = c - probe.min_c if probe.min_c is not None else float("inf")
    below = probe.max_c - c if probe.max_c is not None else float("inf")
    return min(above, below)


def _judged(draft: _Draft, probe: Probe, c: float) -> Probe:
    """Say how the compartments stand to their limits, if that changed."""
    now, margin = draft.now.mono_s, _margin_c(probe, c)
    gap_s, was_inside = now - probe.heard_at, probe.outside_since is None
    if gap_s > SILENT_S:
        probe = _looked_back(draft, probe, margin)
    if margin < 0:
        since = now if probe.outside_since is None else probe.outside_since
        probe = replace(probe, outside_since=since, what=_crossed(probe, c))
    elif margin >= BACK_C:
        probe = replace(probe, outside_since=None)
    if was_inside is not (probe.outside_since is None):
        draft.remember(probe, now)  # a restart must not count the time anew
    near = margin < WARN_C or _nears(probe, now, margin)
    near_since = (now if probe.near_since is None else probe.near_since) if near else None
    probe = replace(probe, near_since=near_since)
    if probe.outside_since is not None and now - probe.outside_since >= probe.alarm_after_s:
        return _stands(draft, probe, "outside", probe.outside_since)
    if near_since is not None and now - near_since >= WARN_AFTER_S:
        return _stands(draft, probe, "near", near_since)
    if probe.outside_since is not None or (near and probe.standing in ("good", "near")):
        return probe  # not long enough for another word
    lifts = probe.standing in ("unknown", None) and gap_s <= BELIEVED_S
    return _stands(draft, probe, "good", now, lifts=lifts)


def _looked_back(draft: _Draft, probe: Probe, margin: float) -> Probe:
    """It is heard again: say what has to be thought of the time between."""
    silence_s = draft.now.mono_s - probe.heard_at
    if margin < 0 and probe.outside_since is None:
        return replace(probe, outside_since=probe.heard_at)  # perhaps all the time
    since = probe.outside_since
    if since is not None and draft.now.mono_s - since >= probe.alarm_after_s:
        return _stands(draft, probe, "outside", since)
    if since is None and silence_s > BELIEVED_S:
        return _stands(draft, probe, "unknown", probe.heard_at)
    return probe


def _nears(probe: Probe, now: float, margin: float) -> bool:
    """Say whether the limit will be crossed soon, by the whole trend and by its last half."""
    for part in (0, len(probe.recent) // 2):
        if part >= len(probe.recent):
            return False
        at, c = probe.recent[part]
        lost_per_s = (_margin_c(probe, c) - margin) / max(now - at, 1.0)
        if lost_per_s * RISES_S < margin:
            return False
    return now - probe.recent[0][0] >= TREND_S / 2


def _crossed(probe: Probe, c: float) -> str:
    if probe.max_c is not None and c > probe.max_c:
        return f"above {probe.max_c:.1f} C"
    return f"below {probe.min_c:.1f} C"


def _stands(
    draft: _Draft, probe: Probe, standing: Standing, since: float, *, lifts: bool = False
) -> Probe:
    """Tell the controller how the compartments stand, if it is news."""
    if standing == probe.standing:
        return probe
    nears = "near its limit"
    if probe.outside_since is not None:
        nears = f"{probe.what}, for less than is allowed"
    words = {"good": "ok", "near": nears, "outside": probe.what, "unknown": UNKNOWN}
    draft.effects.extend(
        TemperatureJudged(number, standing, draft.wall(since), words[standing], lifts)
        for number in probe.compartments
    )
    return replace(probe, standing=standing)


def _mono(wall: datetime, now: Instant) -> float:
    """Return a moment before now in monotonic seconds; a clock that went back makes it now."""
    return now.mono_s - max(0.0, (now.wall - wall).total_seconds())
