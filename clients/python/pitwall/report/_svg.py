"""Drawing: axes and text of charts as inline SVG. Colours come from the page's style, so charts follow its theme."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape

_LEAST_WIDTH = 720
"""Pixels below which a chart is not shrunk: its labels are 12 of 860 units high."""

_LEAST_SCALE, _MOST_SCALE = 0.9, 1.25
"""Labels stay as small and as large as text."""


@dataclass(frozen=True)
class Scale:
    """Maps values onto pixels; ``log`` maps their logarithms."""

    low: float
    high: float
    first: float
    last: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        low, high, value = (map(math.log10, (self.low, self.high, value))) if self.log else (self.low, self.high, value)
        span = high - low or 1.0
        return round(self.first + (value - low) / span * (self.last - self.first), 2)


def ticks(low: float, high: float, n: int = 6) -> list[float]:
    """About n round values between two bounds."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / n
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(step * number, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A value for an axis: no more digits than it needs."""
    return f"{value:,.10g}"


def text(x: float, y: float, words: str, anchor: str = "middle", kind: str = "") -> str:
    """A word on a chart."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str, title: str = "", more: str = "") -> str:
    """A bar or a field; hovering shows its title."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{max(width, 0):g}" height="{height:g}" class="mark {kind}"{more}>'
        f"<title>{escape(title)}</title></rect>"
    )


def circle(x: float, y: float, kind: str, title: str = "", radius: float = 4) -> str:
    """A point; hovering shows its title."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" class="mark {kind}"><title>{escape(title)}</title></circle>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{kind}"/>'


def path(points: Iterable[tuple[float, float]], kind: str) -> str:
    """A line through points."""
    steps = " L".join(f"{x:g},{y:g}" for x, y in points)
    return f'<path d="M{steps}" class="mark line {kind}"/>' if steps else ""


def x_axis(scale: Scale, top: float, bottom: float, label: str, write: Callable[[float], str] = number) -> str:
    """Grid lines and numbers along the bottom."""
    parts = []
    for value in ticks(scale.low, scale.high):
        x = scale(value)
        parts += [line(x, top, x, bottom, "grid"), text(x, bottom + 15, write(value))]
    parts.append(text((scale.first + scale.last) / 2, bottom + 33, label, kind="label"))
    return "".join(parts)


def y_axis(
    scale: Scale,
    left: float,
    right: float,
    label: str,
    values: Iterable[float] = (),
    write: Callable[[float], str] = number,
) -> str:
    """Grid lines and numbers along the left side, the label above."""
    parts = []
    for value in list(values) or ticks(scale.low, scale.high):
        y = scale(value)
        parts += [line(left, y, right, y, "grid"), text(left - 6, y + 4, write(value), "end")]
    parts.append(text(left, scale.last - 10, label, "start", "label"))
    return "".join(parts)


def svg(width: float, height: float, body: str, label: str) -> str:
    """A chart of its own; screen readers hear the label. On a phone it scrolls before its labels grow too small."""
    least, most = min(_LEAST_SCALE * width, _LEAST_WIDTH), _MOST_SCALE * width
    style = f"min-width:{least:g}px;max-width:{most:g}px"
    return (
        f'<div class="chart"><svg viewBox="0 0 {width:g} {height:g}" style="{style}" role="img" '
        f'aria-label="{escape(label, quote=True)}">{body}</svg></div>'
    )


def legend(items: Iterable[tuple[str, str]]) -> str:
    """Colours and what they stand for: (class, name)."""
    keys = "".join(f'<span class="key"><i class="{kind}"></i>{escape(name)}</span>' for kind, name in items)
    return f'<div class="legend">{keys}</div>'
