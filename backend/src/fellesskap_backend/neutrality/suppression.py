"""PURE: which totals carriers may be shown, so that none of them learns a rival's number.

A total is shown only if three carriers or more stand behind it, the largest has at most 80 % of it,
and two have at least five each. All of that must hold for who knows one part, which is its own: of
what is left after subtracting any carrier, none has more than 80 %, and one has five or more. As
totals say nothing of who has what, nobody can then bound a given rival's number below five: it may
be the one that has them.

Numbers that add up are looked at together: where a whole is shown, what is left of it after those
parts that are shown is told as well, and must itself be fit to be shown. If it is not, one part
more is hidden, the smallest first. So it is where a number counts some of another: whoever sees
both sees how many it leaves out. A sum of two that are fit is fit, so neighbours are looked at and
nothing else. How many carriers stand behind a total is never said.
"""

from collections.abc import Mapping, Sequence

CARRIERS_MIN = 3
TOP_MAX_PERCENT = 80
LEAST = 5
Parts = Mapping[str, int]
"""What each carrier has of a number."""


def fit(parts: Parts, unit: int = 1) -> bool:
    """Say whether a total may be shown; `unit` is how much counts as one.

    >>> fit({"a": 9, "b": 7, "c": 5}), fit({"a": 9, "b": 7}), fit({"a": 99, "b": 7, "c": 5})
    (True, False, False)
    """
    known = sorted((part for part in parts.values() if part > 0), reverse=True)
    if len(known) < CARRIERS_MIN or known[1] < LEAST * unit:
        return False
    rests = (known, *(known[:at] + known[at + 1 :] for at in range(len(known))))
    return all(_spread(rest) for rest in rests)


def _spread(rest: Sequence[int]) -> bool:
    return 100 * rest[0] <= TOP_MAX_PERCENT * sum(rest)


def family(whole: Parts, parts: Mapping[str, Parts]) -> tuple[bool, set[str]]:
    """Return whether a whole may be shown, and which of the parts that add up to it."""
    shown = {name for name, part in parts.items() if fit(part)}
    tells = fit(whole)
    if not tells and len(shown) < len(parts):
        return False, shown
    by_size = sorted(shown, key=lambda name: (sum(parts[name].values()), name))
    while len(shown) < len(parts) and not fit(_left(whole, parts, shown)):
        shown.discard(by_size.pop(0))
    if not tells:  # all parts together tell the whole
        shown.discard(by_size[0])
    return tells, shown


def nested(numbers: Mapping[str, Parts], around: Parts | None = None) -> set[str]:
    """Return which numbers may be shown, each of which counts some of the one before it.

    `around` can be computed, and the first counts some of it; None: there is no such number.
    """
    shown: set[str] = set()
    for name, parts in numbers.items():
        if fit(parts) and (around is None or fit(_less(around, parts))):
            shown.add(name)
            around = parts
    return shown


def _less(whole: Parts, parts: Parts) -> Parts:
    return {carrier: number - parts.get(carrier, 0) for carrier, number in whole.items()}


def _left(whole: Parts, parts: Mapping[str, Parts], shown: set[str]) -> Parts:
    return {
        carrier: number - sum(parts[name].get(carrier, 0) for name in shown)
        for carrier, number in whole.items()
    }
