"""I11: no code, phone, e-mail, name or key in logs, metrics, topics, URLs or error texts.

A run gives every secret a value that stands nowhere else, a canary; here each text that leaves the
system is searched for them: as they are in any case, in base64 (also in the middle of something
longer, and url-safe), in hex, escaped for URLs, JSON or HTML, and in groups ("1234 5678").
"""

import html
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote_plus

Secret = str | bytes
"""Text, or a key of raw bytes, which can be written in hex or base64 only."""
ANCHOR = 6
"""Shorter secrets cannot be told from chance."""
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_GROUPS = re.compile(r"[0-9]+(?:[ \u00a0.\-][0-9]+)+")
_BY_CHANCE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}(?:\.[0-9]+)?"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.IGNORECASE,
)
"""Instants and UUIDs: among many, some have the digits of some code in them."""
_AROUND = 40
"""How far from some of its digits one of these begins and ends, at most."""
_GROUPS_MAX = 12
_GROUPED_MIN = 12
"""From this length on, a secret with letters is found with white space in it."""
_HEX = frozenset("0123456789abcdefABCDEF")
_HASH_MIN = 32
"""Digits in so long a run of hexadecimal ones are there by chance."""


class Leak(NamedTuple):
    """A secret, by its name, in a text, by where that was found; `form`: what it looked like."""

    secret: str
    form: str
    where: str


class _Needle(NamedTuple):
    text: str
    secret: str
    form: str
    whole: bool
    """Digits that count only if no other digit stands beside them."""


class Canaries:
    """Finds any of many secrets in a text, in one walk over it."""

    def __init__(self, secrets: Mapping[str, Secret]) -> None:
        self._by_anchor: dict[str, list[_Needle]] = {}
        self._digits: dict[str, str] = {}
        self._grouped: dict[str, list[_Needle]] = {}
        for name, value in secrets.items():
            if len(value) < ANCHOR:
                raise ValueError(f"{name}: a canary has at least {ANCHOR} characters")
            for needle in _needles(name, value):
                self._by_anchor.setdefault(needle.text[:ANCHOR], []).append(needle)
            if isinstance(value, bytes):
                continue
            digits = re.sub(r"[ +\-]", "", value)
            if digits.isdecimal():
                self._digits[digits] = name
            tight = re.sub(r"\s", "", value.lower())
            if not digits.isdecimal() and len(tight) >= _GROUPED_MIN:
                needle = _Needle(tight, name, "in groups", whole=False)
                self._grouped.setdefault(tight[:ANCHOR], []).append(needle)

    def find(self, text: str | bytes, where: str) -> Iterator[Leak]:
        """Yield each secret that a text gives away, once a form."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        found: set[Leak] = set()
        for variant in _variants(text):
            found |= {Leak(one.secret, one.form, where) for one in _hits(self._by_anchor, variant)}
        found |= {Leak(name, "in groups", where) for name in self._joined(text)}
        tight = re.sub(r"\s", "", text.lower())
        if len(tight) < len(text):
            hits = _hits(self._grouped, tight)
            plain = {one.secret for one in found}
            found |= {Leak(one.secret, one.form, where) for one in hits if one.secret not in plain}
        yield from sorted(found)

    def _joined(self, text: str) -> Iterator[str]:
        """Yield what stands there as digits in groups."""
        for run in _GROUPS.finditer(_BY_CHANCE.sub("|", text)):
            groups = re.split(r"[^0-9]", run.group())
            for start in range(len(groups)):
                joined = groups[start]
                for group in groups[start + 1 : start + _GROUPS_MAX]:
                    joined += group
                    if joined in self._digits:
                        yield self._digits[joined]


def leaks(
    secrets: Mapping[str, Secret], texts: Iterable[tuple[str, str | bytes]]
) -> Iterator[Leak]:
    """Yield what some texts, each with where it was found, give away of secrets by name.

    >>> list(leaks({"code": "40718265"}, [("log", "opened by 4071 8265")]))
    [Leak(secret='code', form='in groups', where='log')]
    """
    canaries = Canaries(secrets)
    for where, text in texts:
        yield from canaries.find(text, where)


def _needles(name: str, value: Secret) -> Iterator[_Needle]:
    raw = value if isinstance(value, bytes) else value.encode()
    if isinstance(value, str):
        yield _Needle(value.lower(), name, "as it is", whole=value.isdecimal())
    yield _Needle(raw.hex(), name, "hex", whole=False)
    for offset in range(3):
        # What stands before it shifts the letters; those that touch a neighbour are left out.
        coded = b64encode(bytes(offset) + raw).decode()
        core = coded[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6]
        for form in {core, core.replace("+", "-").replace("/", "_")}:
            yield _Needle(form, name, "base64", whole=False)


def _variants(text: str) -> list[str]:
    """Return a text as it is, and what it says once its escapes are undone."""
    plain = _ESCAPED.sub(lambda one: chr(int(one.group(1), 16)), text)
    undone = {text, plain, unquote_plus(plain), html.unescape(plain)}
    return sorted(undone | {one.lower() for one in undone})


def _hits(by_anchor: Mapping[str, list[_Needle]], text: str) -> Iterator[_Needle]:
    for at in range(len(text) - ANCHOR + 1):
        for one in by_anchor.get(text[at : at + ANCHOR], ()):
            end = at + len(one.text)
            if text.startswith(one.text, at) and not (one.whole and _by_chance(text, at, end)):
                yield one


def _by_chance(text: str, begin: int, end: int) -> bool:
    """Say whether digits are a part of a longer number, of an instant or UUID, or of a hash."""
    near = _BY_CHANCE.finditer(text, max(begin - _AROUND, 0), end + _AROUND)
    if any(one.start() <= begin and end <= one.end() for one in near):
        return True
    if any(one.isdecimal() for one in text[max(begin - 1, 0) : begin] + text[end : end + 1]):
        return True
    while begin and text[begin - 1] in _HEX:
        begin -= 1
    while end < len(text) and text[end] in _HEX:
        end += 1
    return end - begin >= _HASH_MIN
