"""What a label says: bytes of a scan to ranked identifiers, and identifiers as an API gets them.

Pure. A label carries several codes and the scanner sends what it saw first, so a scan gives
candidates, the surest first: SSCC, S10, UPS, DPD, DHL piece, then numbers that only may be what
they look like, with the same text as `opaque` beside them, because a carrier's own reference can
look like anything. Names, addresses and telephone numbers of 2D labels end here: of a text that
is more than one word only identifiers of a strong form leave this module.
Sources: GS1 General Specifications 3.2-3.4 (AIs), 7.8.5 (lengths); ISO/IEC 15424 (AIM identifiers),
15434 (envelopes of 2D codes), 15418 (data identifiers); check digits' in `check_digits`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from fellesskap_protocol import check_digits
from fellesskap_protocol.codes import QR_PREFIX

LABEL_BYTES_MAX = 1024
REFERENCE_CHARACTERS_MAX = 64
CANDIDATES_MAX = 8
"""No label of the trade has as many; each costs the locker a MAC and a look-up."""
Kind = Literal["sscc", "s10", "ups", "fedex", "dhl", "dpd", "gsin", "opaque", "token", "qr"]
"""`token`: a courier's badge; `qr`: a recipient's own code. Both stand alone."""

CLEAN = re.compile(
    rb"(?:\][A-Za-z][0-9A-Za-z])?\[\)>\x1e[\x20-\x7e\x1c-\x1f]*\x04?|[\x20-\x7e\x1d]+"
)
"""The bytes of a label: text with GS, or an envelope of ISO 15434 with the separators it has."""
_GS, _RS, _EOT = "\x1d", "\x1e", "\x04"
_ENVELOPE = "[)>" + _RS
_DATA_IDENTIFIER = re.compile(r"[0-9]{0,3}[A-Z]")
"""What goes before each field of an envelope of format 06."""
_GS1_SYMBOLS = ("]C1", "]d2", "]Q3", "]e0", "]J1")
_AIM_PREFIX = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_QR = re.compile(rf"{QR_PREFIX}[A-Za-z0-9_-]+")
_WORD = re.compile(
    rf"(?=.*[0-9])[A-Za-z0-9$%*#][A-Za-z0-9$%*#+./_-]{{0,{REFERENCE_CHARACTERS_MAX - 1}}}"
)
"""A reference as the trade prints it: the characters of Code 39 without the blank, `#`, `_` and
small letters, a digit among them. So no name, no address, no `tel:`, no `+47`, no `a@b`."""
_TWO_DIMENSIONAL = re.compile(r"\][JLQUdhz]")
"""DotCode, PDF417, QR, MaxiCode, Data Matrix, Han Xin, Aztec: symbols that people put things in."""
_TELEPHONE = re.compile(r"[0-9]{7,11}|00[0-9]{8,13}")
"""7 to 11 digits, or more behind an international 00 (ITU-T E.164): nothing tells it from one."""
_FIELD_ENDS = re.compile(r"[^A-Za-z0-9%]+")
_PREDEFINED_LENGTHS = (
    {"00": 20, "01": 16, "02": 16, "03": 16, "04": 18, "20": 4, "41": 16}
    | {str(ai): 8 for ai in range(11, 20)}
    | {str(ai): 10 for ai in range(31, 37)}
)
"""Element strings that no GS ends, by the first two digits of their AI: their length with it."""
_GS1_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("sscc", re.compile(r"00([0-9]{18})")),
    ("gsin", re.compile(r"402([0-9]{17})")),
)

_Form = tuple[Kind, re.Pattern[str], Callable[[str], bool]]


def _form(kind: Kind, pattern: str, check: Callable[[str], bool]) -> _Form:
    return kind, re.compile(pattern), check


_STRONG: tuple[_Form, ...] = (
    _form("sscc", r"(?:00)?([0-9]{18})", check_digits.gs1),
    _form("s10", r"([A-Z]{2}[0-9]{9}[A-Z]{2})", check_digits.s10),
    _form("ups", r"(1Z[0-9A-Z]{16})", check_digits.ups),
    _form("dpd", r"([0-9]{27}[0-9A-Z])", check_digits.dpd),
    _form("dhl", r"(J[A-Z]{2,3}[0-9]{9,20})", bool),  # a licence plate has no check digit
)
_WEAK: tuple[_Form, ...] = (
    # FedEx prints the number at the end of a longer code: Ground 96 (22), Express and GSN (34).
    _form("fedex", r"(96[0-9]{20})", lambda digits: check_digits.gs1(digits[-15:])),
    _form("fedex", r"96[0-9]{5}([0-9]{15})", check_digits.gs1),
    _form("fedex", r"(?:100|96[0-9])[0-9]{17}00([0-9]{12})", check_digits.fedex_express),
    _form("fedex", r"([0-9]{15})", check_digits.gs1),
    _form("fedex", r"([0-9]{12})", check_digits.fedex_express),
    _form("dhl", r"([0-9]{10,11})", check_digits.dhl_express),
    _form("gsin", r"(?:402)?([0-9]{17})", check_digits.gs1),
)


class UnreadableLabel(ValueError):
    """Bytes that no label of the trade carries: too long, empty, or not printable."""


class InvalidIdentifier(ValueError):
    """An identifier that is not of the kind it is said to be."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing that a label may be known by."""

    kind: Kind
    value: str

    @property
    def key(self) -> str:
        """The value that is MACed and compared: `sscc:…`, `s10:…`, `<kind>:…`, `opaque:…`."""
        return f"{self.kind}:{self.value}"


def candidates(label: bytes) -> tuple[Identifier, ...]:
    """Return the identifiers of a scan, the surest first; none if it is no parcel's label.

    Raise `UnreadableLabel` for what is no label at all.

    >>> [found.key for found in candidates(b"]C100370712345678901238")]
    ['sscc:370712345678901238']
    >>> [found.key for found in candidates(b"RB123456785GB")]
    ['s10:RB123456785GB', 'opaque:RB123456785GB']
    >>> [found.key for found in candidates(b"986578788855")]
    ['fedex:986578788855', 'opaque:986578788855']
    >>> candidates(b"]Q1MECARD:N:Nordmann,Kari;TEL:+4799999999;;")
    ()
    """
    text = _text(label)
    aim = _AIM_PREFIX.match(text)
    body = (text[3:] if aim else text).strip(_GS + _EOT + " ")
    if not body:
        raise UnreadableLabel("an empty label")
    if _TOKEN.fullmatch(body):
        return (Identifier("token", body),)
    if _QR.fullmatch(body):
        return (Identifier("qr", body),)
    if body.startswith(_ENVELOPE):
        found = _of_envelope(body)
    elif aim is not None and aim.group() in _GS1_SYMBOLS:
        found = _of_elements(body)
    elif _WORD.fullmatch(body):
        is_someones = _TWO_DIMENSIONAL.match(text) and _may_be_a_telephone(body)
        found = iter(()) if is_someones else _of_word(body)
    else:
        found = _of_text(body)
    return tuple(islice(dict.fromkeys(found), CANDIDATES_MAX))


def sscc(text: str) -> Identifier:
    """Return an SSCC as a carrier writes it: 18 digits, with or without the (00) before them."""
    digits = re.sub(r"^\(00\)|^00(?=\d{18}$)", "", text.replace(" ", ""))
    if not re.fullmatch(r"[0-9]{18}", digits):
        raise InvalidIdentifier("an SSCC has 18 digits, with or without (00) before them")
    if not check_digits.gs1(digits):
        raise InvalidIdentifier(f"the check digit of an SSCC beginning {digits[:8]} does not hold")
    return Identifier("sscc", digits)


def s10(text: str) -> Identifier:
    """Return a UPU S10 item identifier: two letters, nine digits, two letters."""
    upper = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{9}[A-Z]{2}", upper):
        raise InvalidIdentifier("an S10 identifier has two letters, nine digits, two letters")
    if not check_digits.s10(upper):
        raise InvalidIdentifier("the check digit of the S10 identifier does not hold")
    return Identifier("s10", upper)


def reference(text: str) -> Identifier:
    """Return a carrier's own reference as it stands on the label: the surest that a scan gives.

    It is one word, because of the words of a label's text none is kept that has no strong form.
    """
    if not _WORD.fullmatch(text):
        raise InvalidIdentifier(
            f"a reference is one word of 1 to {REFERENCE_CHARACTERS_MAX} letters, digits and "
            "$ % * # + . / _ -, at least one of them a digit, the first no + . / _ -"
        )
    found = candidates(text.encode("ascii"))[0]
    if found.kind == "token":
        raise InvalidIdentifier("a label with this text reads as a badge: no parcel is known by it")
    return found


def _text(label: bytes) -> str:
    if len(label) > LABEL_BYTES_MAX:
        raise UnreadableLabel(f"{len(label)} bytes, {LABEL_BYTES_MAX} allowed")
    if label and not CLEAN.fullmatch(label):
        raise UnreadableLabel("only 20 to 7e and 1d are allowed, and in an envelope its separators")
    return label.decode("ascii").strip(" ")


def _of_word(word: str) -> Iterator[Identifier]:
    """Say what a word may be, by its form and check digit, and at last that it is itself."""
    found = list(_typed(word, _STRONG + _WEAK))
    yield from found
    if not any(one.kind == "sscc" for one in found):
        yield Identifier("opaque", word)
    # DPD's customers know a parcel by the 14 digits between postcode and service.
    yield from (Identifier("opaque", one.value[7:21]) for one in found if one.kind == "dpd")


def _may_be_a_telephone(word: str) -> bool:
    """Say so of a number that no check digit makes a waybill."""
    digits = re.sub("[./-]", "", word)
    return bool(_TELEPHONE.fullmatch(digits)) and not any(_typed(word, _STRONG + _WEAK))


def _of_text(body: str) -> Iterator[Identifier]:
    """Keep of several fields only what has a strong form; all else may be somebody's name.

    A scanner whose AIM identifiers are off gives a GS1 message like this, and so do labels in which
    a carrier has fields of its own, addresses and links.
    """
    found = list(_of_elements(body)) if _GS in body else []
    found += _strong(_FIELD_ENDS.split(body))
    yield from sorted(found, key=lambda one: one.kind == "gsin")


def _of_envelope(body: str) -> Iterator[Identifier]:
    """Keep of the fields of an envelope (UPS MaxiCode, carriers' PDF417) what has a strong form.

    Its format says what a field is: 05 has application identifiers, 06 data identifiers, 01 the
    order of a carrier's label, with the addressee's name, address and telephone number in it.
    """
    words: list[str] = []
    for message in body.removeprefix(_ENVELOPE).split(_RS):
        number, _, fields = message.partition(_GS)
        if number == "05":
            yield from _of_elements(fields)
        if number == "06":
            words += [_DATA_IDENTIFIER.sub("", field, count=1) for field in fields.split(_GS)]
        words += _FIELD_ENDS.split(fields)
    yield from _strong(words)


def _strong(words: Iterable[str]) -> list[Identifier]:
    """Return what words are by a strong form, the surest form first."""
    kept = [word for word in words if word]
    return [one for form in _STRONG for word in kept for one in _typed(word, (form,))]


def _typed(word: str, forms: tuple[_Form, ...]) -> Iterator[Identifier]:
    upper = word.upper()
    if re.fullmatch(r"%[0-9]{27}", upper):
        # DPD's bar code begins with % and has not the check character that is printed below it.
        upper = upper[1:] + check_digits.dpd_check(upper[1:])
    elif re.fullmatch(r"JD[0-9]{18}", upper):
        upper = "J" + upper  # DHL prints (J) JD01 … below a code that begins JJD01
    for kind, pattern, check in forms:
        found = pattern.fullmatch(upper)
        if found and check(found[1]):
            yield Identifier(kind, found[1])


def _of_elements(body: str) -> Iterator[Identifier]:
    """Give the SSCCs of a GS1 message, then its GSINs; nothing else of it is a parcel's."""
    elements = list(_elements(body))
    for kind, pattern in _GS1_KINDS:
        for element in elements:
            found = pattern.fullmatch(element)
            if found and check_digits.gs1(found[1]):
                yield Identifier(kind, found[1])


def _elements(body: str) -> Iterator[str]:
    """Walk a GS1 message and yield its element strings, each with its AI.

    Only how long each is must be known. One of a fixed length that has not its digits goes on to
    the next GS, like those that a GS ends: a name with a blank or a month 13 spoils no other.
    """
    at = 0
    while at < len(body):
        end = body.find(_GS, at)
        field = body[at:] if end < 0 else body[at:end]
        fixed = field[: _PREDEFINED_LENGTHS.get(field[:2], 0)]
        whole = fixed.isdecimal() and len(fixed) == _PREDEFINED_LENGTHS[field[:2]]
        element = fixed if whole else field
        yield element
        at += len(element)
        at += at < len(body) and body[at] == _GS
