"""What a label says: bytes of a scan to ranked identifiers, and identifiers as an API gets them.

Pure. A label carries several codes and the scanner sends what it saw first, so a scan gives
candidates, the surest first. Names and phone numbers in 2D labels are dropped here.
Sources: GS1 General Specifications 3.3.1 (SSCC), 7.8.5 (lengths), 7.9 (check digit); UPU S10-12;
ISO/IEC 15424.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fellesskap_protocol.codes import QR_PREFIX

LABEL_BYTES_MAX = 1024
REFERENCE_CHARACTERS_MAX = 64
Kind = Literal["sscc", "s10", "opaque", "token", "qr"]
"""`token`: a courier's badge; `qr`: a recipient's own code. Both stand alone."""

_GS = "\x1d"
_GS1_SYMBOLS = ("]C1", "]d2", "]Q3", "]e0", "]J1")
_AIM_PREFIX = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_QR = re.compile(rf"{QR_PREFIX}[A-Za-z0-9_-]+")
_FIXED_LENGTHS = (
    {"00": 20, "01": 16, "02": 16, "03": 16, "04": 18, "20": 4, "41": 16}
    | {str(ai): 8 for ai in range(11, 20)}
    | {str(ai): 10 for ai in range(31, 37)}
)
"""Element strings that no GS ends, by the first two digits of their AI: their length with it."""
_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


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
        """The value that is MACed and compared: `sscc:…`, `s10:…`, `opaque:…`."""
        return f"{self.kind}:{self.value}"


def candidates(label: bytes) -> tuple[Identifier, ...]:
    """Return the identifiers of a scan, the surest first; raise `UnreadableLabel`.

    >>> [found.key for found in candidates(b"]C100370712345678901238")]
    ['sscc:370712345678901238']
    >>> [found.key for found in candidates(b"RB123456785GB")]
    ['s10:RB123456785GB', 'opaque:RB123456785GB']
    """
    text = _text(label)
    aim = _AIM_PREFIX.match(text)
    body = (text[3:] if aim else text).strip(_GS)
    if not body:
        raise UnreadableLabel("an empty label")
    if _TOKEN.fullmatch(body):
        return (Identifier("token", body),)
    if _QR.fullmatch(body):
        return (Identifier("qr", body),)
    is_gs1 = (aim is not None and aim.group() in _GS1_SYMBOLS) or _GS in text
    digits = _gs1_ssccs(body) if is_gs1 else _bare_ssccs(body)
    found = [Identifier("sscc", value) for value in dict.fromkeys(digits) if _is_sscc(value)]
    upper = body.upper()
    if _is_s10(upper):
        found.append(Identifier("s10", upper))
    if not is_gs1 and not (found and found[0].kind == "sscc"):
        # A GS1 message may hold names and telephone numbers: only what is known survives of it.
        found.append(Identifier("opaque", body))
    return tuple(found)


def sscc(text: str) -> Identifier:
    """Return an SSCC as a carrier writes it: 18 digits, with or without the (00) before them."""
    digits = re.sub(r"^\(00\)|^00(?=\d{18}$)", "", text.replace(" ", ""))
    if not re.fullmatch(r"[0-9]{18}", digits):
        raise InvalidIdentifier("an SSCC has 18 digits, with or without (00) before them")
    if not _is_sscc(digits):
        raise InvalidIdentifier(f"the check digit of an SSCC beginning {digits[:8]} does not hold")
    return Identifier("sscc", digits)


def s10(text: str) -> Identifier:
    """Return a UPU S10 item identifier: two letters, nine digits, two letters."""
    upper = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{9}[A-Z]{2}", upper):
        raise InvalidIdentifier("an S10 identifier has two letters, nine digits, two letters")
    if not _is_s10(upper):
        raise InvalidIdentifier("the check digit of the S10 identifier does not hold")
    return Identifier("s10", upper)


def reference(text: str) -> Identifier:
    """Return a carrier's own reference as it stands on the label: 1 to 64 printable ASCII.

    What the scanner would read as something else that is no parcel's is refused.
    """
    if not re.fullmatch(rf"[!-~]([ -~]{{0,{REFERENCE_CHARACTERS_MAX - 2}}}[!-~])?", text):
        raise InvalidIdentifier(
            f"a reference has 1 to {REFERENCE_CHARACTERS_MAX} printable ASCII characters, "
            "none of them a blank at an end"
        )
    try:
        found = candidates(text.encode())
    except UnreadableLabel:
        found = ()
    if not found or found[0].kind in ("token", "qr"):
        raise InvalidIdentifier(
            "a label with this text reads as a badge, a pickup code or a GS1 message without an "
            "SSCC: no parcel is known by it"
        )
    return found[0]


def _text(label: bytes) -> str:
    if len(label) > LABEL_BYTES_MAX:
        raise UnreadableLabel(f"{len(label)} bytes, {LABEL_BYTES_MAX} allowed")
    for at, byte in enumerate(label):
        if not (0x20 <= byte <= 0x7E or byte == 0x1D):
            raise UnreadableLabel(f"byte {byte:02x} at {at}: only 20 to 7e and 1d are allowed")
    return label.decode("ascii").strip(" ")


def _bare_ssccs(body: str) -> list[str]:
    """Return the SSCC that a body outside GS1 is, wholly, with or without its 00."""
    found = re.fullmatch(r"(?:00)?([0-9]{18})", body)
    return [found[1]] if found else []


def _gs1_ssccs(body: str) -> Iterator[str]:
    """Walk the element strings of a GS1 message and yield what stands under AI (00).

    What has no predefined length ends with a GS; so does whatever is not of its length.
    """
    at = 0
    while at < len(body):
        length = _FIXED_LENGTHS.get(body[at : at + 2], 0)
        element = body[at : at + length]
        if length and re.fullmatch(rf"[0-9]{{{length}}}", element):
            if element.startswith("00"):
                yield element[2:]
            at += length
        else:
            at = (body.find(_GS, at) + 1) or len(body)


def _is_sscc(digits: str) -> bool:
    weighted = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(digits[:17]))
    return (10 - weighted % 10) % 10 == int(digits[17])


def _is_s10(text: str) -> bool:
    if not re.fullmatch(r"[A-Z]{2}[0-9]{9}[A-Z]{2}", text):
        return False
    digits = zip(text[2:10], _S10_WEIGHTS, strict=True)
    rest = 11 - sum(int(digit) * weight for digit, weight in digits) % 11
    return {10: 0, 11: 5}.get(rest, rest) == int(text[10])
