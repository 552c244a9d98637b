"""The picture of the figures, as SVG: what each carrier got, Jain's index, complaints."""

from collections.abc import Iterator, Sequence
from html import escape

from tests.fairness.figures import Figures, by_city

WIDTH, PANEL_H, TOP = 960, 400, 84
LEFT, RIGHT, PLOT_H = 48, 16, 200
ROWS_TOP, ROW_H, ROW_W = 292, 18, 360
"""Below the plot: of Jain's index and of complaints a row for each way, of this length at most."""
HEADING = "How much of each carrier’s parcels found room"
JAIN = "Jain’s index (1: all are served alike)"
COMPLAINTS = "Justified complaints by locker and day"
GAP = 0.24
"""How much of a group's width is left empty."""
COLOURS = (
    ("#b5490b", "#f08a4b"),
    ("#6f6f6f", "#b0b0b0"),
    ("#2a87c4", "#7cc4ee"),
    ("#0b4f8a", "#4a8fd6"),
)
"""Of each way of deciding: on a light ground, and on a dark one; told apart by the colour-blind."""
LIGHT = {"ground": "#ffffff", "ink": "#1f2328", "line": "#d0d7de"}
DARK = {"ground": "#0d1117", "ink": "#e6edf3", "line": "#3d444d"}


def draw(found: Sequence[Figures], cities: Sequence[str]) -> str:
    """Draw a panel for each city: one group for each carrier, one bar for each way."""
    groups = by_city(found)
    panels = [groups[name] for name in cities]
    most = max((one.complaints for panel in panels for one in panel), default=0)
    height = TOP + PANEL_H * len(panels)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="title desc">',
        f'<title id="title">{HEADING}</title>',
        f'<desc id="desc">{escape(" ".join(described(panels)))}</desc>',
        *_style(),
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        f'<text class="head" x="{LEFT}" y="30">{HEADING}</text>',
        *_legend([one.way for one in panels[0]]),
    ]
    for place, panel in enumerate(panels):
        top = TOP + PANEL_H * place
        lines += _panel(panel, top)
        jain, complaints = ([one.jain for one in panel], [one.complaints for one in panel])
        middle = (LEFT + WIDTH - RIGHT) // 2
        lines += _rows(JAIN, jain, (LEFT, top + ROWS_TOP), most=1)
        lines += _rows(COMPLAINTS, complaints, (middle, top + ROWS_TOP), most=most)
    return "\n".join([*lines, "</svg>"]) + "\n"


def described(panels: Sequence[Sequence[Figures]]) -> Iterator[str]:
    """Say all numbers of the picture in words, for who does not see it."""
    for panel in panels:
        yield f"{panel[0].title}."
        for one in panel:
            shares = ", ".join(f"{name} {_per_cent(share)} %" for name, share in _bars(one))
            yield (
                f"{one.way}: {shares}; Jain {one.jain:.2f}, complaints {one.complaints:.2f} a day."
            )


def _panel(panel: Sequence[Figures], top: int) -> Iterator[str]:
    base = top + 44 + PLOT_H
    yield f'<text class="title" x="{LEFT}" y="{top + 18}">{escape(panel[0].title)}</text>'
    for percent in (0, 25, 50, 75, 100):
        y = base - PLOT_H * percent // 100
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text class="axis" x="{LEFT - 8}" y="{y + 4}">{percent}</text>'
    names = [name for name, _ in _bars(panel[0])]
    group_w = (WIDTH - LEFT - RIGHT) / len(names)
    bar_w = group_w * (1 - GAP) / len(panel)
    for place, name in enumerate(names):
        left = LEFT + group_w * place
        if place == len(names) - 1:
            yield (
                f'<rect class="total" x="{left:.1f}" y="{base - PLOT_H}" '
                f'width="{group_w:.1f}" height="{PLOT_H}"/>'
            )
        middle = left + group_w / 2
        yield f'<text class="name" x="{middle:.1f}" y="{base + 20}">{escape(name)}</text>'
        for way, one in enumerate(panel):
            share = dict(_bars(one))[name]
            x, h = left + group_w * GAP / 2 + bar_w * way, PLOT_H * share
            yield (
                f'<rect class="w{way}" x="{x + 1:.1f}" y="{base - h:.1f}" '
                f'width="{bar_w - 2:.1f}" height="{h:.1f}"/>'
            )
            yield (
                f'<text class="number" x="{x + bar_w / 2:.1f}" y="{base - h - 4:.1f}">'
                f"{_per_cent(share)}</text>"
            )


def _rows(
    title: str, numbers: Sequence[float], place: tuple[int, int], *, most: float
) -> Iterator[str]:
    """Draw a number of each way as a row; the longest possible is `most`, in all panels alike."""
    x, top = place
    yield f'<text class="name row" x="{x}" y="{top}">{title}</text>'
    for way, number in enumerate(numbers):
        y, w = top + 10 + ROW_H * way, ROW_W * number / (most or 1)
        yield (f'<rect class="row w{way}" x="{x}" y="{y}" width="{w:.1f}" height="{ROW_H - 4}"/>')
        yield f'<text class="number row" x="{x + w + 6:.1f}" y="{y + 11}">{number:.2f}</text>'


def _bars(one: Figures) -> list[tuple[str, float]]:
    return [*one.served.items(), ("all together", one.throughput)]


def _legend(ways: Sequence[str]) -> Iterator[str]:
    x = LEFT
    for place, way in enumerate(ways):
        yield f'<rect class="w{place}" x="{x}" y="48" width="14" height="14"/>'
        yield f'<text class="legend" x="{x + 20}" y="60">{escape(way)}</text>'
        x += 50 + 8 * len(way)
    yield f'<text class="unit" x="{WIDTH - RIGHT}" y="60">per cent of what each had</text>'


def _style() -> Iterator[str]:
    yield "<style>"
    yield 'text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }'
    yield "text.head { font-size: 18px; font-weight: 600; }"
    yield "text.title { font-size: 15px; font-weight: 600; }"
    yield "text.number { font-size: 12px; text-anchor: middle; }"
    yield "text.name { text-anchor: middle; }"
    yield "text.row { text-anchor: start; }"
    yield "text.axis { font-size: 11px; text-anchor: end; }"
    yield "text.unit { font-size: 12px; text-anchor: end; }"
    yield from _scheme(LIGHT, [light for light, _ in COLOURS])
    yield "@media (prefers-color-scheme: dark) {"
    yield from _scheme(DARK, [dark for _, dark in COLOURS])
    yield "}"
    yield "</style>"


def _scheme(scheme: dict[str, str], colours: Sequence[str]) -> Iterator[str]:
    yield f".ground {{ fill: {scheme['ground']}; }} text {{ fill: {scheme['ink']}; }}"
    line = scheme["line"]
    yield f".grid {{ stroke: {line}; }} .total {{ fill: {line}; opacity: 0.35; }}"
    yield " ".join(f".w{place} {{ fill: {colour}; }}" for place, colour in enumerate(colours))


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f}"
