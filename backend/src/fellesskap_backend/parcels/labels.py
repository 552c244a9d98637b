"""PURE: a parcel's label as its carrier is told it: in answers, in events, in webhooks."""

NUMBERS = ("sscc", "s10")
"""Kinds with a name of their own; all else that a label is known by is the carrier's reference."""


def kind_of(kind: str) -> str:
    """Return what a kind of identifier is called: `sscc`, `s10` or `reference`."""
    return kind if kind in NUMBERS else "reference"


def shown(key: str) -> dict[str, str]:
    """Show a label by what is compared of it.

    >>> shown("sscc:370712345678901238"), shown("opaque:R-1")
    ({'kind': 'sscc', 'value': '370712345678901238'}, {'kind': 'reference', 'value': 'R-1'})
    """
    kind, _, value = key.partition(":")
    return {"kind": kind_of(kind), "value": value}
