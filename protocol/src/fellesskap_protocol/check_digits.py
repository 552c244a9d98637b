"""The check digits of the trade: can a number of the right form be what it looks like? Pure.

Every function takes the whole number, of digits and capitals only. Sources: GS1 General
Specifications 7.9 (GS1); UPU S10-12; ISO/IEC 7064 (DPD); for UPS, FedEx and DHL, who publish none,
the numbers that the public collection `tracking_number_data` holds as valid and invalid.
"""

from collections.abc import Iterable
from itertools import cycle

_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_ISO_7064_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def gs1(digits: str) -> bool:
    """SSCC, GSIN, GTIN and FedEx Ground: 3, 1, 3 … from the right, mod 10.

    >>> gs1("370712345678901238")
    True
    """
    weighted = _weighted(reversed(digits[:-1]), (3, 1))
    return -weighted % 10 == int(digits[-1])


def s10(number: str) -> bool:
    """UPU S10: two letters, eight digits, the check digit, two letters; mod 11."""
    rest = 11 - _weighted(number[2:10], _S10_WEIGHTS) % 11
    return {10: 0, 11: 5}.get(rest, rest) == int(number[10])


def ups(number: str) -> bool:
    """UPS 1Z: sixteen characters after `1Z`, letters as digits (A = 2), 1, 2, 1 … mod 10."""
    digits = (c if c.isdigit() else str((ord(c) - 3) % 10) for c in number[2:-1])
    return number[-1].isdigit() and -_weighted(digits, (1, 2)) % 10 == int(number[-1])


def fedex_express(digits: str) -> bool:
    """FedEx Express, twelve digits: 3, 1, 7 …, mod 11, mod 10; one wrong number in ten passes."""
    return _weighted(digits[:-1], (3, 1, 7)) % 11 % 10 == int(digits[-1])


def dhl_express(digits: str) -> bool:
    """DHL Express waybill, ten or eleven digits: mod 7; one wrong number in ten passes."""
    return int(digits[:-1]) % 7 == int(digits[-1])


def dpd(number: str) -> bool:
    """DPD, 27 digits and a check character: ISO 7064 mod 37,36."""
    return dpd_check(number[:-1]) == number[-1]


def dpd_check(digits: str) -> str:
    """Return the check character that DPD prints behind the 27 digits of its bar code.

    >>> dpd_check("008182709980000020033350276")
    'C'
    """
    product = 36
    for digit in digits:
        product = ((product + int(digit)) % 36 or 36) * 2 % 37
    return _ISO_7064_CHARACTERS[(1 - product) % 36]


def _weighted(digits: Iterable[str], weights: Iterable[int]) -> int:
    pairs = zip(digits, cycle(weights), strict=False)
    return sum(int(digit) * weight for digit, weight in pairs)
