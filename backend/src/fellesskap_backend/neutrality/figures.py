"""PURE: a month's figures of each carrier, and what of all of them together each may be shown."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from fellesskap_backend.decisions import policy
from fellesskap_backend.neutrality.complaints import REFUSED
from fellesskap_backend.neutrality.hours import NOBODY, Lent
from fellesskap_backend.neutrality.said import CONFIRMED, Said
from fellesskap_backend.neutrality.suppression import Parts, family, fit, nested

Json = dict[str, Any]
HOUR_S = 3_600
REASONS: tuple[str, ...] = tuple(dict.fromkeys((*get_args(policy.Reason), "quota_exceeded")))
NESTED = ("below_quota", "complaints", "unexplained")
"""Each counts some of the one before it, the first some of those `REFUSED` for want of room."""
COUNTED = ("upsized", "no_shows", *NESTED)
"""The first two count what happened to claims of that month and of earlier ones."""
HOURS = ("borrowed", "lent")
CARRIERS_FOR_JAIN = 4


@dataclass
class Figures:
    """What one carrier got in a month: counts, and hours in seconds."""

    requested: int = 0
    served: int = 0
    denied: Counter[str] = field(default_factory=Counter)
    """By reason."""
    upsized: int = 0
    no_shows: int = 0
    borrowed: int = 0
    lent: int = 0
    below_quota: int = 0
    """Refused for want of room with less than its entitlement in use."""
    complaints: int = 0
    """Of these, such as others' room beyond theirs would have served."""
    unexplained: int = 0
    """Of these again, such as nothing explains: there must be none."""
    may_know_borrowed: bool = False
    """Whether it may be told its `borrowed` hours, which were others' to use."""

    @classmethod
    def of(cls, written: Json) -> "Figures":
        """Read what `written` wrote."""
        return cls(**{**written, "denied": Counter(written["denied"])})

    def written(self) -> Json:
        """Write it down exactly: counts, and hours in seconds."""
        return {**vars(self), "denied": dict(self.denied)}

    def count(self, said: Said) -> None:
        """Count one decision."""
        self.requested += 1
        if said.outcome == CONFIRMED:
            self.served += 1
        else:
            self.denied[said.outcome] += 1

    @property
    def share(self) -> float | None:
        """How much of what it asked for it was given; asking twice for one parcel counts once."""
        asked = self.requested - self.denied["duplicate_parcel"]
        return self.served / asked if asked else None


ByCarrier = Mapping[str, Figures]


def jain(shares: Iterable[float | None]) -> float | None:
    """Return Jain's index of the served shares, to two digits: 1 if all are alike.

    >>> jain([0.5, 0.5, None]), jain([1, 0]), jain([])
    (1.0, 0.5, None)
    """
    known = [one for one in shares if one is not None]
    squares = sum(one * one for one in known)
    return round(sum(known) ** 2 / (len(known) * squares), 2) if squares else None


def told(one: Figures) -> Json:
    """Write figures as they are shown."""
    return {
        "requested": one.requested,
        "served": one.served,
        "denied": {reason: one.denied[reason] for reason in REASONS},
        **{name: getattr(one, name) for name in COUNTED},
        "borrowed_hours": hours(one.borrowed),
        "lent_hours": hours(one.lent),
    }


def hours(seconds: int) -> float:
    """Write seconds as compartment-hours, to two digits."""
    return round(seconds / HOUR_S, 2)


def total(all_of_them: ByCarrier) -> Figures:
    """Add up what all carriers got.

    What was lent in all is what was borrowed, also where it was lent by nobody.
    """
    found = Figures()
    for one in all_of_them.values():
        found.requested += one.requested
        found.served += one.served
        found.denied += one.denied
        found.borrowed += one.borrowed
        for name in COUNTED:
            setattr(found, name, getattr(found, name) + getattr(one, name))
    found.lent = found.borrowed
    return found


def total_for_carriers(all_of_them: ByCarrier, *, one_by_one: bool = False) -> Json:
    """Return the totals, and Jain's index, as far as every carrier may be shown them.

    What is not fit to be shown is null. What was borrowed and what was lent are one number seen
    from two sides, so that both are told or neither. Jain's index rests on requested and served:
    it is told with both, where four carriers or more asked. `one_by_one`: as it was told when
    nobody looked at what one number leaves out of another.
    """
    shown = told(total(all_of_them))
    parts = {reason: _of(all_of_them, reason) for reason in REASONS}
    parts["served"] = _each(all_of_them, "served")
    whole, fitting = family(_each(all_of_them, "requested"), parts)
    if not whole:
        shown["requested"] = None
    if "served" not in fitting:
        shown["served"] = None
    for reason in REASONS:
        if reason not in fitting:
            shown["denied"][reason] = None
    counted = {name: _each(all_of_them, name) for name in COUNTED}
    hidden = {name for name, parts_of_it in counted.items() if not fit(parts_of_it)}
    if not one_by_one:
        inner = {name: counted[name] for name in NESTED}
        hidden |= inner.keys() - nested(inner, _around(parts, fitting, whole=whole))
    shown |= dict.fromkeys(hidden)
    if not all(fit(_each(all_of_them, side), HOUR_S) for side in HOURS):
        shown["borrowed_hours"] = shown["lent_hours"] = None
    shares = [one.share for one in all_of_them.values()]
    asked = sum(share is not None for share in shares)
    tells = None not in (shown["requested"], shown["served"]) and asked >= CARRIERS_FOR_JAIN
    return {"total": shown, "jain": jain(shares) if tells else None}


def may_know_lent(carrier: str, lent: Lent) -> bool:
    """Say whether a carrier may be told how long others had what was its own.

    That is a total of its rivals' hours, and so only told if it may be shown as one.
    """
    by_borrower = {borrower: s for (lender, borrower), s in lent.items() if lender == carrier}
    return fit(by_borrower, HOUR_S)


def may_know_borrowed(carrier: str, lent: Lent) -> bool:
    """Say whether a carrier may be told for how long what it had beyond its part was lent to it.

    Whether it was lent, or of the commons, follows from what its rivals used: a total of theirs.
    """
    by_lender = {lender: s for (lender, borrower), s in lent.items() if borrower == carrier}
    return fit({lender: s for lender, s in by_lender.items() if lender != NOBODY}, HOUR_S)


def add_hours(found: dict[str, Figures], lent: Lent) -> None:
    """Write down who borrowed and who lent."""
    for (lender, borrower), seconds in lent.items():
        found.setdefault(borrower, Figures()).borrowed += seconds
        if lender != NOBODY:
            found.setdefault(lender, Figures()).lent += seconds


def _around(parts: Mapping[str, Parts], shown: set[str], *, whole: bool) -> Parts | None:
    """Return the least number that can be computed and has all in it that were `REFUSED`.

    It is told by both reasons; or by the whole without what is shown of the other parts.
    """
    names: Iterable[str] = REFUSED
    if not shown.issuperset(REFUSED):
        if not whole:
            return None
        names = parts.keys() - shown | set(REFUSED)
    found: Counter[str] = Counter()
    for name in names:
        found.update(parts[name])
    return found


def _each(all_of_them: ByCarrier, name: str) -> dict[str, int]:
    return {carrier: getattr(one, name) for carrier, one in all_of_them.items()}


def _of(all_of_them: ByCarrier, reason: str) -> dict[str, int]:
    return {name: one.denied[reason] for name, one in all_of_them.items()}
