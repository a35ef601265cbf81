"""The charts of the report."""

from __future__ import annotations

from collections.abc import Sequence

from pitwall.report._svg import Scale, circle, legend, line, path, rect, svg, text, x_axis, y_axis
from pitwall.report.data import DriverRow, ReportData

WIDTH = 860.0
_BAR_CHART_WIDTH = 360.0
_CURVE_KINDS = ("mine", "best", "base")
_NAME_WIDTH = 150.0
_ROW = 20.0


def exposure_bars(data: ReportData) -> str:
    """One's own exposure and the field's, driver by driver; nobody is left out."""
    drivers = sorted(data.drivers, key=lambda driver: (-driver.exposure, -driver.ownership))
    rows = [
        (
            driver.name,
            [
                ("mine", driver.exposure, f"{driver.name}: in {driver.exposure:.0f} % of the lineups"),
                ("field", driver.ownership, f"{driver.name}: projected for {driver.ownership:.1f} % of the field"),
            ],
        )
        for driver in drivers
    ]
    return legend([("mine", "your lineups"), ("field", "the field")]) + _bars(rows, "% of entries", "Exposures")


def regime_bars(data: ReportData) -> str:
    """How often each race flow comes, and what it pays."""
    rows = [
        (
            row.name.replace("_", " "),
            [
                ("field", row.share, f"{row.name}: {row.share:.1f} % of the races"),
                ("mine", row.prize_share, f"{row.name}: {row.prize_share:.1f} % of the prize money"),
            ],
        )
        for row in data.regimes
    ]
    return legend([("field", "share of races"), ("mine", "share of prize money")]) + _bars(rows, "%", "Race flows")


def _bars(rows: Sequence[tuple[str, Sequence[tuple[str, float, str]]]], label: str, name: str) -> str:
    """Bars side by side, their values at the end; as narrow as a phone, so that no end is out of sight."""
    most = max((value for _, bars in rows for _, value, _ in bars), default=1.0) or 1.0
    height = 24 + len(rows) * (_ROW + 4)
    scale = Scale(0, most, _NAME_WIDTH, _BAR_CHART_WIDTH - 50)
    parts = [x_axis(scale, 8, height - 12, label)]
    for position, (title, bars) in enumerate(rows):
        y = 10 + position * (_ROW + 4)
        parts.append(text(_NAME_WIDTH - 8, y + 14, title, "end"))
        thickness = _ROW / len(bars)
        for number, (kind, value, hint) in enumerate(bars):
            top, length = y + number * thickness, scale(value) - _NAME_WIDTH
            parts.append(rect(_NAME_WIDTH, top, length, thickness - 1, kind, hint))
        ends = max(value for _, value, _ in bars)
        values = " | ".join(f"{value:.0f}" for _, value, _ in bars)
        parts.append(text(scale(ends) + 4, y + 14, values, "start", "small"))
    return svg(_BAR_CHART_WIDTH, height + 30, "".join(parts), name)


def distributions(data: ReportData) -> str:
    """Densities of lineup totals."""
    grid = data.points_grid
    x = Scale(grid[0], grid[-1], 50, WIDTH - 20)
    y = Scale(0, max(max(curve.density) for curve in data.curves), 270, 30)
    body = x_axis(x, 30, 270, "points") + y_axis(y, 50, WIDTH - 20, "% of races")
    for kind, curve in zip(_CURVE_KINDS, data.curves, strict=False):
        body += path(((x(point), y(value)) for point, value in zip(grid, curve.density, strict=True)), kind)
    return _curve_legend(data) + svg(WIDTH, 310, body, "Distribution of points")


def tails(data: ReportData) -> str:
    """Chance to reach a total, on a logarithmic scale that shows the upper tail."""
    grid, least = data.points_grid, 0.05
    x = Scale(grid[len(grid) // 4], grid[-1], 50, WIDTH - 20)
    y = Scale(least, 100, 270, 30, log=True)
    values = (0.1, 0.5, 1, 5, 10, 50, 100)
    body = x_axis(x, 30, 270, "points") + y_axis(y, 50, WIDTH - 20, "% of races at or above", values)
    for kind, curve in zip(_CURVE_KINDS, data.curves, strict=False):
        pairs = zip(grid, curve.at_or_above, strict=True)
        body += path(((x(point), y(share)) for point, share in pairs if point >= x.low and share >= least), kind)
    return _curve_legend(data) + svg(WIDTH, 310, body, "Upper tail of points")


def _curve_legend(data: ReportData) -> str:
    return legend([(kind, curve.name) for kind, curve in zip(_CURVE_KINDS, data.curves, strict=False)])


def payoff(data: ReportData) -> str:
    """Profit of all entries by rank of the simulated contest; the scale is a cube root, so that all of it shows."""

    def root(value: float) -> float:
        return float(abs(value) ** (1 / 3) * (1 if value >= 0 else -1))

    levels = data.profit_quantiles
    x = Scale(0, 100, 80, WIDTH - 30)
    y = Scale(min(root(profit) for _, profit in levels), max(root(profit) for _, profit in levels), 270, 30)
    body = x_axis(x, 30, 270, "% of simulated contests that end with this profit or less")
    marks = [profit for _, profit in (levels[0], levels[-1])]
    marks += [value for value in _round_profits(marks[0], marks[1]) if 30 <= y(root(value)) <= 270]
    for value in sorted(set(marks)):
        place = y(root(value))
        body += line(80, place, WIDTH - 30, place, "grid") + text(74, place + 4, f"${value:,.0f}", "end")
    body += line(80, y(0), WIDTH - 30, y(0), "zero")
    body += path(((x(level), y(root(profit))) for level, profit in levels), "mine")
    for level, profit in levels:
        body += circle(x(level), y(root(profit)), "mine", f"{level:g} % of contests end at ${profit:,.2f} or less")
    return svg(WIDTH, 310, body, "Profit")


def _round_profits(low: float, high: float) -> list[float]:
    steps = [sign * 10.0**power for power in range(1, 7) for sign in (-1, 1)]
    return [value for value in steps if low * 0.7 < value < high * 0.7]


def leverage(data: ReportData) -> str:
    """How often a driver is in the best lineup against how often the field plays him."""
    drivers = [driver for driver in data.drivers if driver.optimal is not None]
    most = max([driver.ownership for driver in drivers] + [driver.optimal or 0 for driver in drivers] + [1])
    x, y = Scale(0, most, 50, WIDTH - 30), Scale(0, most, 400, 30)
    body = x_axis(x, 30, 400, "projected ownership, %") + y_axis(y, 50, WIDTH - 30, "in the best lineup, % of races")
    body += line(x(0), y(0), x(most), y(most), "zero")
    labels = _Labels()
    for driver in sorted(drivers, key=_distance, reverse=True):
        optimal = driver.optimal or 0.0
        hint = (
            f"{driver.name}: best lineup {optimal:.1f} %, field {driver.ownership:.1f} %, you {driver.exposure:.0f} %"
        )
        kind = "mine" if driver.exposure else "field"
        body += circle(x(driver.ownership), y(optimal), kind, hint, 4 + driver.exposure / 20)
        body += labels.put(x(driver.ownership), y(optimal) + 4, driver.name)
    keys = [("mine", "in your lineups (size: exposure)"), ("field", "not in your lineups")]
    return legend(keys) + svg(WIDTH, 440, body, "Leverage")


class _Labels:
    """Names beside points, left out where they would cover another; hovering shows those too."""

    def __init__(self) -> None:
        self._boxes: list[tuple[float, float, float, float]] = []

    def put(self, x: float, y: float, name: str) -> str:
        """The name at a point, or nothing."""
        width, right = 6.5 * len(name), x < WIDTH - 150
        left = x + 10 if right else x - 10 - width
        box = (left, y - 12, left + width, y + 4)
        if any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in self._boxes):
            return ""
        self._boxes.append(box)
        return text(x + 10 if right else x - 10, y, name, "start" if right else "end", "small")


def _distance(driver: DriverRow) -> float:
    return abs((driver.optimal or 0.0) - driver.ownership)


def driver_intervals(data: ReportData) -> str:
    """Points of each driver: 5-95 % as a line, 25-75 % as a box, the mean as a dot."""
    drivers = sorted(data.drivers, key=lambda driver: -driver.mean)
    low = min(driver.quantiles[5] for driver in drivers)
    high = max(driver.quantiles[99] for driver in drivers)
    height = 24 + len(drivers) * _ROW
    x = Scale(low, high, _NAME_WIDTH, WIDTH - 20)
    parts = [x_axis(x, 8, height - 12, "points")]
    for position, driver in enumerate(drivers):
        y, q = 12 + position * _ROW, driver.quantiles
        ranks = f"5 % {q[5]:.1f}, median {q[50]:.1f}, 95 % {q[95]:.1f}, 99 % {q[99]:.1f}"
        hint = f"{driver.name}: mean {driver.mean:.1f}, {ranks}"
        parts += [
            text(_NAME_WIDTH - 8, y + 10, driver.name, "end"),
            line(x(q[5]), y + 6, x(q[95]), y + 6, "whisker"),
            rect(x(q[25]), y + 1, x(q[75]) - x(q[25]), 10, "field", hint),
            circle(x(driver.mean), y + 6, "mine", hint),
            circle(x(q[99]), y + 6, "best", f"{driver.name}: 1 % of races reach {q[99]:.1f}", 2.5),
        ]
    keys = [("field", "middle half; line 5-95 %"), ("mine", "mean"), ("best", "99 %")]
    return legend(keys) + svg(WIDTH, height + 30, "".join(parts), "Points of the drivers")


def correlation_map(data: ReportData) -> str:
    """Correlations between drivers."""
    names = data.correlation_names
    most = (
        max((abs(v) for i, row in enumerate(data.correlations) for j, v in enumerate(row) if i != j), default=1.0)
        or 1.0
    )
    cells = [
        [
            (
                "pos" if value >= 0 else "neg",
                1.0 if i == j else min(1.0, abs(value) / most),
                f"{names[i]} and {names[j]}: {value:+.2f}",
            )
            for j, value in enumerate(row)
        ]
        for i, row in enumerate(data.correlations)
    ]
    keys = [("pos", f"together (darkest {most:.2f})"), ("neg", f"apart (darkest {-most:.2f})")]
    return legend(keys) + _heat_map(cells, names, "Correlations")


def overlap_map(data: ReportData) -> str:
    """Drivers that two lineups share."""
    names = [str(row.number) for row in data.lineups[: len(data.overlaps)]]
    cells = [
        [
            ("mine", shared / data.roster_size, f"lineups {names[i]} and {names[j]}: {shared} shared drivers")
            for j, shared in enumerate(row)
        ]
        for i, row in enumerate(data.overlaps)
    ]
    return _heat_map(cells, names, "Overlap of lineups", name_width=36)


def _heat_map(
    cells: Sequence[Sequence[tuple[str, float, str]]], names: Sequence[str], label: str, name_width: float = _NAME_WIDTH
) -> str:
    side = min(26.0, (WIDTH - name_width - 20) / max(len(names), 1))
    parts = []
    for i, row in enumerate(cells):
        y = 4 + i * side
        parts.append(text(name_width - 8, y + side / 2 + 4, names[i], "end", "small"))
        for j, (kind, strength, hint) in enumerate(row):
            more = f' fill-opacity="{strength:.2f}"'
            parts.append(rect(name_width + j * side, y, side - 1, side - 1, kind, hint, more))
    return svg(WIDTH, 8 + len(names) * side, "".join(parts), label)
