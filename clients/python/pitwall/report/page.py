"""The page: sections in reading order, with the style and the few lines of script inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files

from pitwall.report import charts, tables
from pitwall.report.data import Fact, ReportData


def report_html(data: ReportData) -> bytes:
    """The report as one file without references to others."""
    folder = files("pitwall.report")
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    sections = "".join(_section(data, *entry) for entry in _SECTIONS)
    title = f"{escape(data.title)}: lineups"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<style>{style}</style></head><body><header><h1>{escape(data.title)}</h1>"
        f"<p>{escape(data.subtitle)}</p></header>"
        f"<main>{_warnings(data.warnings)}{_cards(data.headlines)}{sections}</main><script>{script}</script></body></html>\n"
    ).encode()


def _section(
    data: ReportData,
    key: str,
    title: str,
    meaning: str,
    draw: Callable[[ReportData], str],
    has: Callable[[ReportData], object],
) -> str:
    body = draw(data) if has(data) else "<p>This run has no numbers for it.</p>"
    return f'<section id="{key}"><h2>{title}</h2><p>{meaning}</p>{body}</section>'


def _cards(facts: Sequence[Fact]) -> str:
    cards = "".join(
        f"<div "
        f"class=card><b>{escape(fact.value)}</b><span>{escape(fact.name)}</span><small>{escape(fact.meaning)}</small></div>"
        for fact in facts
    )
    return f"<div class=cards>{cards}</div>"


def _warnings(warnings: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    return f"<ul class=warnings>{items}</ul>" if items else ""


def _facts(data: ReportData) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(fact.name)}</th><td class=text>{escape(fact.value)}</td><td "
        f"class=text>{escape(fact.meaning)}</td></tr>"
        for fact in data.diagnostics
    )
    return f"<div class=scroll><table>{rows}</table></div>"


def _recipe(data: ReportData) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td class='text code'>{escape(value)}</td></tr>"
        for name, value in data.recipe.items()
    )
    return f"<div class=scroll><table>{rows}</table></div>"


_Section = tuple[str, str, str, Callable[[ReportData], str], Callable[[ReportData], object]]

_SECTIONS: tuple[_Section, ...] = (
    (
        "lineups",
        "Lineups",
        "Each lineup with its upper tail, its proof, how often opponents hold the same, and what it is worth. "
        "Click a head to sort.",
        tables.lineup_table,
        lambda data: data.lineups,
    ),
    (
        "exposures",
        "Exposures",
        "How many of your lineups hold a driver, and how much of the field is projected to: "
        "where they differ, you win or lose ground. All drivers are drawn; at the end of the bars stand yours | the "
        "field's, in per cent.",
        charts.exposure_bars,
        lambda data: data.drivers,
    ),
    (
        "distribution",
        "Points of the lineups",
        "Totals over the simulated races on which the contest is played, which are not those that "
        "chose the lineups. The best-mean lineup is what a plain optimizer would enter.",
        charts.distributions,
        lambda data: data.curves,
    ),
    (
        "tail",
        "The upper tail",
        "Chance to reach a total. Tournaments are won on the right, where a line further up or right is better.",
        charts.tails,
        lambda data: data.curves,
    ),
    (
        "payoff",
        "Profit",
        "All entries together, contest by contest, from the worst to the best; prizes less fees. "
        "The scale is bent (cube root), so that small losses and large wins both show.",
        charts.payoff,
        lambda data: data.profit_quantiles,
    ),
    (
        "leverage",
        "Leverage",
        "Above the line a driver is in the best lineup more often than the field plays him.",
        charts.leverage,
        lambda data: any(driver.optimal is not None for driver in data.drivers),
    ),
    (
        "regimes",
        "Race flows",
        "How often each kind of race comes, and how much of your prize money it brings: a portfolio that lives on one "
        "kind is a bet on it.",
        charts.regime_bars,
        lambda data: data.regimes,
    ),
    (
        "intervals",
        "Points of the drivers",
        "What the simulated races give each driver.",
        charts.driver_intervals,
        lambda data: data.drivers,
    ),
    (
        "drivers",
        "Drivers",
        "The same in numbers, with ownership and its interval. Click a head to sort.",
        tables.driver_table,
        lambda data: data.drivers,
    ),
    (
        "correlations",
        "Correlations",
        "Pearson correlation of points between the drivers you play most, teammates side by side: blue rise "
        "and fall together, red at each other's cost. Columns follow the order of the rows.",
        charts.correlation_map,
        lambda data: data.correlations,
    ),
    (
        "overlap",
        "Overlap",
        "Drivers that two lineups share; the darker, the more alike. Columns follow the order of the rows.",
        charts.overlap_map,
        lambda data: data.overlaps,
    ),
    (
        "diagnostics",
        "Certificate and diagnostics",
        "How far the numbers can be trusted.",
        _facts,
        lambda data: data.diagnostics,
    ),
    (
        "recipe",
        "To repeat this run",
        "The same files, versions and seeds give the same bytes.",
        _recipe,
        lambda data: data.recipe,
    ),
)
