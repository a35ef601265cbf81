"""The report in a real browser. Screenshots are kept in build/screenshots."""

import pytest

from pitwall.report import report_html
from tests.conftest import REPOSITORY
from tests.system.chromium import Chromium
from tests.unit.report.sample import N_DRIVERS, N_LINEUPS, report

DARK = "--blink-settings=preferredColorScheme=0"

SORT = """(() => {
  const head = [...document.querySelectorAll('#lineups th')].find((th) => th.textContent === 'ROI %');
  const column = head.cellIndex;
  const values = () => [...document.querySelectorAll('#lineups tbody tr')].map((row) => row.cells[column].textContent);
  const seen = [values()];
  for (let click = 0; click < 2; click += 1) { head.querySelector('button').click(); seen.push(values()); }
  const names = [...document.querySelectorAll('#drivers th')][0];
  names.querySelector('button').click(); names.querySelector('button').click();
  seen.push([...document.querySelectorAll('#drivers tbody tr')].map((row) => row.cells[0].textContent));
  return seen;
})()"""

MARKS = """[...document.querySelectorAll('svg')].map((svg) => {
  const marks = [...svg.querySelectorAll('.mark')];
  const drawn = marks.filter((mark) => { const box = mark.getBBox(); return box.width + box.height > 0; });
  return [svg.getAttribute('aria-label'), drawn.length, svg.getBoundingClientRect().width];
})"""

PHONE = """((page, view) => {
  const sizes = [...page.querySelectorAll('svg text')].map((text) => text.getBoundingClientRect().height);
  const wide = [...page.querySelectorAll('section *')].filter((item) =>
    item.getBoundingClientRect().right > view.innerWidth + 1 && !item.closest('.scroll, .chart'));
  return [page.documentElement.scrollWidth, view.innerWidth, sizes, wide.map((item) => item.outerHTML.slice(0, 80))];
})"""

BARS = """((page, view) => ['exposures', 'regimes'].flatMap((id) =>
  [...page.querySelectorAll(`#${id} .mark, #${id} svg text`)].map((item) => item.getBoundingClientRect().right)))"""

HEADS = """[...document.querySelectorAll('table.sortable th')].map((head) => {
  const button = head.querySelector('button');
  button.focus();
  return document.activeElement === button && button.tabIndex === 0;
})"""

COLOURS = """[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    return Chromium(tmp_path_factory.mktemp("chromium"))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_bytes(report_html(report()))
    return path


def test_every_plot_is_drawn(browser, page):
    charts = browser.evaluate(page, MARKS)
    assert len(charts) == 9
    for label, n_drawn, width in charts:
        assert n_drawn >= 3, label
        assert width > 300, label


def test_tables_sort_both_ways(browser, page):
    before, falling, rising, names = browser.evaluate(page, SORT)
    assert len(before) == N_LINEUPS
    assert falling == ["+150.5", "+7.0", "+0.0", "-20.0", "-99.0"]
    assert rising == falling[::-1]
    assert names == sorted(names, key=str.casefold)


def test_the_page_fits_a_phone(browser, page):
    """In a frame of 360 pixels, as a browser's own window is never as narrow as a phone."""
    width, window, texts, hidden = browser.evaluate_in_frame(page, PHONE, width=360)
    assert width <= window == 360
    assert min(texts) > 10, "labels of plots can be read"
    assert hidden == [], "whatever is wider than the page scrolls by itself"


def test_bars_and_their_values_are_whole_on_a_phone(browser, page):
    """Bars cut off at the edge of a screen would all look as long as it."""
    ends = browser.evaluate_in_frame(page, BARS, width=360)
    assert len(ends) > 2 * N_DRIVERS
    assert max(ends) <= 360


def test_heads_are_reached_by_the_keyboard(browser, page):
    """They are buttons, which Enter and the space bar press."""
    heads = browser.evaluate(page, HEADS)
    assert len(heads) > 30
    assert all(heads)


def test_dark_mode_is_dark(browser, page):
    light, dark = (browser.evaluate(page, COLOURS, *options) for options in ((), (DARK,)))
    assert light[0] == dark[1].replace("231, 235, 240", "255, 255, 255")
    assert dark[0] == "rgb(20, 24, 29)"


def test_a_picture_is_kept(browser, page):
    folder = REPOSITORY / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in (("report.png", (1200, 6000)), ("report-phone.png", (500, 6000))):
        assert browser.picture(page, folder / name, size).stat().st_size > 50_000
