"""Labels: any bytes give ranked identifiers or a refusal; a carrier's text matches its label."""

import contextlib
from random import Random

from fellesskap_protocol import barcodes, check_digits
from tests.fuzz.harness import Fuzz

SEEDS = tuple(
    text.encode("ascii")
    for text in (
        "]C100370712345678901238",
        "00370712345678901238",
        "]C140270712345678901237\x1d00370712345678901238",
        "]C10207071234567890112613991001ABC\x1d4210578\x1d00370712345678901238",
        "]Q300370712345678901238\x1d4300Kari Nordmann\x1d430891234567\x1d421578",
        "]d2111302291520261317",
        "4210578\x1d40270712345678901237\x1dRB123456785GB",
        "[)>\x1e06\x1dJRB123456785GB\x1d1T7\x1e05\x1d00370712345678901238\x1e\x04",
        "]L2[)>\x1e01\x1d961234\x1d1ZXX3150YW44070023\x1dKari Nordmann\x1e\x04",
        "RB123456785GB",
        "]A0rr473124829no",
        "]C01ZXX3150YW44070023",
        "986578788855",
        "041441760228964",
        "9611020987654312345672",
        "1001901781990001000300617767839437",
        "9622001900000000000000776632517510",
        "3318810025",
        "73891051146",
        "JJD0099999999",
        "JVGL0999999990",
        "JD014600003889486512",
        "%008182709980000020033350276",
        "008182709980000020045327276N",
        "70712345678901237",
        "09980000020033",
        "TBA123456789012",
        "]C0ORDER-1/2",
        "]L0RB123456785GB|Kari Nordmann|Storgata 5|0578 OSLO|91234567",
        "]Q1MECARD:N:Nordmann,Kari;TEL:+4791234567;ADR:Storgata 5;;",
        "]Q1https://carrier.example/t/1ZXX3150YW44070023?name=Kari",
        "FSK1:AAAAAAAAAAAAAAAAAAAAAA",
        "eyJhbGciOiJFZDI1NTE5In0.eyJqdGkiOiIxIn0.c2lnbmF0dXJl",
        "0578",
    )
)
"""Published sample numbers, and made-up ones."""
AIM = (b"", b"]C1", b"]C0", b"]d2", b"]Q3", b"]Q1", b"]e0", b"]L0", b"]A0", b"]Z9", b"]")
ELEMENTS = tuple(
    ai.encode("ascii")
    for ai in (
        *("00", "01", "02", "10", "11", "17", "21", "37", "3102", "400", "402", "410", "420"),
        *("421", "4300", "4308", "4326", "7007", "8005", "8008", "99", "\x1d"),
    )
)
_DIGITS = b"0123456789"


def mutate(rng: Random, data: bytes) -> bytes:
    """Change a label as labels differ: its symbol, its elements, one digit, its check digit."""
    at = rng.randrange(len(data) + 1)
    match rng.randrange(6):
        case 0:
            return rng.choice(AIM) + data.removeprefix(data[:3] if data[:1] == b"]" else b"")
        case 1:
            return data[:at] + rng.choice(ELEMENTS) + data[at:]
        case 2:
            return data[:at] + rng.choice((b"\x1d", b" ", b"|", b";", b"\r")) + data[at:]
        case 3:
            places = [place for place, byte in enumerate(data) if byte in _DIGITS]
            if not places:
                return data
            place = rng.choice((rng.choice(places), places[-1]))
            return data[:place] + bytes((rng.choice(_DIGITS),)) + data[place + 1 :]
        case 4:
            return data[:at] + b"\x1d" + rng.choice(SEEDS)
    length = rng.choice((10, 11, 12, 15, 17, 18, 20, 22, 28, 34))
    return bytes(rng.choice(_DIGITS) for _ in range(length))


def one_input(data: bytes) -> None:
    """Read a label; reserve under its text."""
    found: tuple[barcodes.Identifier, ...] = ()
    with contextlib.suppress(barcodes.UnreadableLabel):
        found = barcodes.candidates(data)
    assert len(set(found)) == len(found) <= barcodes.CANDIDATES_MAX
    assert len(found) == 1 or not {"token", "qr"} & {one.kind for one in found}
    for one in found:
        assert one.value
        assert " " not in one.value
        assert len(one.value) <= barcodes.LABEL_BYTES_MAX
    text = data.decode("latin-1")
    with contextlib.suppress(barcodes.InvalidIdentifier):
        assert barcodes.reference(text) == found[0]
    with contextlib.suppress(barcodes.InvalidIdentifier):
        assert barcodes.sscc(text) in barcodes.candidates(barcodes.sscc(text).value.encode())
    with contextlib.suppress(barcodes.InvalidIdentifier):
        assert barcodes.s10(text) in barcodes.candidates(barcodes.s10(text).value.encode())


FUZZ = Fuzz(one_input, SEEDS, (barcodes, check_digits), mutate)
