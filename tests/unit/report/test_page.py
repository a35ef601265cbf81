import dataclasses
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitwall.errors import InvalidInputError
from pitwall.files import to_json
from pitwall.report import report_from_json, report_html
from pitwall.report._svg import Scale, ticks
from pitwall.report.collect import _curve
from tests.unit.report.sample import EVIL, N_DRIVERS, N_LINEUPS, report

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Elements by tag, sections by id, and whether every element is closed."""

    def __init__(self, content):
        super().__init__()
        self.stack, self.tags, self.ids, self.references, self.text = [], [], [], [], []
        self.feed(content.decode())

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append((tag, values.get("class") or ""))
        self.ids += [values["id"]] if "id" in values else []
        self.references += [values[name] for name in ("src", "href") if name in values]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes).get("class") or ""))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_refers_to_no_other_file():
    content = report_html(report())
    page = Page(content)
    assert page.stack == []
    assert page.references == ["data:,"]
    assert b"http:" not in content
    assert b"https:" not in content
    assert b"url(" not in content
    assert len(page.ids) == 13 == len(set(page.ids))


def test_text_from_files_stays_text():
    content = report_html(report()).decode()
    assert "<script>alert" not in content
    assert content.count("<script>") == 1
    assert "".join(Page(content.encode()).text).count(EVIL) > 2


@pytest.mark.parametrize(
    ("section", "n_marks"),
    [
        ("exposures", 2 * N_DRIVERS),  # the first, whom nobody plays, as well
        ("distribution", 3),
        ("tail", 3),
        ("payoff", 1 + 4),
        ("leverage", N_DRIVERS),
        ("regimes", 4),
        ("intervals", 3 * N_DRIVERS),
        ("correlations", 9),
        ("overlap", N_LINEUPS**2),
    ],
)
def test_every_chart_has_its_marks(section, n_marks):
    content = report_html(report()).decode()
    part = content.split(f'<section id="{section}">')[1].split("</section>")[0]
    assert len(re.findall(r'class="mark', part)) == n_marks
    assert "nan" not in part


def test_bars_are_as_long_as_their_numbers():
    content = report_html(report()).decode()
    part = content.split('<section id="regimes">')[1].split("</section>")[0]
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([0-9.]+)"', part)]
    assert widths[1] == pytest.approx(widths[0] * 60 / 40, abs=0.1)
    assert widths[2] == pytest.approx(widths[1], abs=0.1)


def test_a_run_without_lineups_or_rates_still_gives_a_page():
    drivers = tuple(dataclasses.replace(item, optimal=None, optimal_se=None) for item in report().drivers)
    empty = {"lineups": (), "curves": (), "points_grid": (), "overlaps": (), "profit_quantiles": (), "correlations": ()}
    page = Page(report_html(report(drivers=drivers, **empty)))
    assert page.stack == []


def test_numbers_survive_storage():
    stored = json.loads(to_json(dataclasses.asdict(report())))
    assert report_from_json(stored) == report()
    assert report_html(report_from_json(stored)) == report_html(report())
    del stored["drivers"][2]["mean"]
    with pytest.raises(InvalidInputError, match=r"drivers\.2\.mean"):
        report_from_json(stored)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_round_and_inside(low, span):
    values = ticks(low, low + span)
    assert 1 <= len(values) <= 8
    assert all(low - 1e-6 * span <= value <= low + span * (1 + 1e-6) for value in values)


def test_a_logarithmic_scale_puts_decades_at_equal_distances():
    scale = Scale(1, 1000, 300, 0, log=True)
    assert [scale(value) for value in (1, 10, 100, 1000)] == [300, 200, 100, 0]


def test_curves_are_the_share_of_totals(rng):
    values = np.round(rng.normal(200, 50, 4_000))
    grid = np.linspace(values.min(), values.max(), 21)
    curve = _curve("x", values, grid)
    assert math.fsum(curve.density) == pytest.approx(100, abs=0.01)
    assert curve.at_or_above == pytest.approx([100 * (values >= point).mean() for point in grid], abs=1e-3)
