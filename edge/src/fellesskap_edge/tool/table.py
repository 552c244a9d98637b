"""Plain aligned columns for a terminal. Pure."""

from collections.abc import Iterator, Sequence

GAP = "  "


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table; the last column may be as wide as it likes.

    >>> for line in table(("bank", "doors"), [("a", 24), ("long name", 8)]):
    ...     print(line)
    bank       doors
    a          24
    long name  8
    """
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
