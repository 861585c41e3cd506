"""Plots as SVG: bars, lines, points. Pure: the same numbers give the same bytes. Colours are classes of page.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 460, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 10, 30

Points = Sequence[tuple[float, float]]


def histogram(series: Mapping[str, Sequence[float]], low: float, high: float, bins: int = 21) -> str:
    """How values spread over [low, high], one colour a series; what lies outside is put into the outermost bars."""
    counts = {name: _counted(values, low, high, bins) for name, values in series.items()}
    most = max((n for bars in counts.values() for n in bars), default=0) or 1
    frame = _Frame((low, high), (0.0, float(most)))
    wide = (frame.x(high) - frame.x(low)) / bins / len(series)
    drawn = [
        f'<rect class="s{s}" x="{frame.x(low) + (i * len(series) + s) * wide:.1f}" y="{frame.y(n):.1f}"'
        f' width="{max(wide - 0.8, 0.4):.1f}" height="{frame.y(0) - frame.y(n):.1f}"><title>{escape(name)}: {n}</title></rect>'
        for s, (name, bars) in enumerate(counts.items())
        for i, n in enumerate(bars)
        if n
    ]
    return frame.svg(drawn, list(series))


def lines(series: Mapping[str, Sequence[float | None]], *, low: float | None = None, high: float | None = None) -> str:
    """Values by their index; a None interrupts its line."""
    known = [v for values in series.values() for v in values if v is not None] or [0.0]
    longest = max(map(len, series.values()), default=1)
    frame = _Frame((0.0, float(max(longest - 1, 1))), (min(known) if low is None else low, max(known) if high is None else high))
    drawn = []
    for s, (name, values) in enumerate(series.items()):
        path, pen = [], "M"
        for i, value in enumerate(values):
            if value is None:
                pen = "M"
                continue
            path.append(f"{pen}{frame.x(i):.1f} {frame.y(value):.1f}")
            pen = "L"
        drawn.append(f'<path class="l{s}" d="{" ".join(path)}"><title>{escape(name)}</title></path>')
    return frame.svg(drawn, list(series))


def scatter(points: Points, x_name: str, y_name: str) -> str:
    xs, ys = [x for x, _ in points] or [0.0], [y for _, y in points] or [0.0]
    frame = _Frame((min(xs), max(xs)), (min(ys), max(ys)))
    seen = dict.fromkeys((f"{frame.x(x):.1f}", f"{frame.y(y):.1f}") for x, y in points)  # points over each other are one
    drawn = [f'<circle class="s0 dot" cx="{x}" cy="{y}" r="2.2"/>' for x, y in seen]
    return frame.svg(drawn, [], x_name, y_name)


def bars(values: Mapping[str, float], high: float | None = None) -> str:
    """A bar a name, across."""
    most = high or max(values.values(), default=0.0) or 1.0
    row = 22
    drawn = [
        f'<text class="name" x="150" y="{i * row + 15}">{escape(name)}</text>'
        f'<rect class="s0" x="158" y="{i * row + 4}" width="{max(0.0, 240 * value / most):.1f}" height="14"/>'
        f'<text x="{166 + max(0.0, 240 * value / most):.1f}" y="{i * row + 15}">{value:.3g}</text>'
        for i, (name, value) in enumerate(values.items())
    ]
    return f'<svg viewBox="0 0 {WIDTH} {max(1, len(values)) * row + 4}" role="img">{"".join(drawn)}</svg>'


class _Frame:
    """Axes. x_range, y_range: what is drawn between them, in the numbers' own units."""

    def __init__(self, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        self._x = _wide(x_range)
        self._y = _wide(y_range)

    def x(self, value: float) -> float:
        low, high = self._x
        return _LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self._y
        return HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    def svg(self, drawn: Sequence[str], legend: Sequence[str], x_name: str = "", y_name: str = "") -> str:
        (x0, x1), (y0, y1) = self._x, self._y
        ends = (
            f'<text x="{_LEFT}" y="{HEIGHT - 14}">{x0:.4g}</text><text class="name" x="{WIDTH - _RIGHT}" y="{HEIGHT - 14}">{x1:.4g}</text>'
            f'<text class="name" x="{_LEFT - 6}" y="{_TOP + 8}">{y1:.4g}</text><text class="name" x="{_LEFT - 6}" y="{HEIGHT - _BOTTOM}">{y0:.4g}</text>'
            f'<text class="middle" x="{WIDTH / 2}" y="{HEIGHT - 2}">{escape(x_name)}</text><text x="{_LEFT + 4}" y="{_TOP + 8}">{escape(y_name)}</text>'
        )
        axes = f'<path class="axis" d="M{_LEFT} {_TOP}V{HEIGHT - _BOTTOM}H{WIDTH - _RIGHT}"/>'
        names = "".join(f'<span><i class="k{s}"></i>{escape(name)}</span>' for s, name in enumerate(legend)) if len(legend) > 1 else ""
        return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{axes}{"".join(drawn)}{ends}</svg><p class="legend">{names}</p>'


def _wide(ends: tuple[float, float]) -> tuple[float, float]:
    """Never of no width."""
    low, high = ends
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _counted(values: Sequence[float], low: float, high: float, bins: int) -> list[int]:
    counts = [0] * bins
    for value in values:
        counts[min(max(int((value - low) / (high - low) * bins), 0), bins - 1)] += 1
    return counts
