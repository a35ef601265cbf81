"""Real slates of 2023: DraftKings' own salary files joined with the grid, teams and results of their races."""

import csv
import gzip
import io
import itertools

import numpy as np
import pytest

import pitwall
from pitwall.config import PortfolioConfig
from pitwall.job import JobConfig, run_job
from pitwall.sitefiles import lineup_file
from pitwall.tracks import find_track
from services.common.domain.names import name_key
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC, TICKS_PER_POINT
from services.common.universe import enumerate_lineups

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(300)]

# Race number of 2023: file, track, and the points of the best lineup in hindsight as computed elsewhere.
SLATES = {
    2: ("DKSalaries_2023_cup_02_fontana.csv", "auto club", 363.9),
    3: ("DKSalaries_2023_cup_03_las_vegas.csv", "las vegas", 410.6),
    4: ("DKSalaries_2023_cup_04_phoenix.csv", "phoenix", 390.8),
    7: ("DKSalaries_2023_cup_07_richmond.csv", "richmond", 402.1),
}


def rows_of(path):
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


def results_of(shared_data, race_num):
    rows = rows_of(shared_data / "race_results" / "cup_results_2010_2023.csv.gz")
    return [row for row in rows if row["season"] == "2023" and row["race_num"] == str(race_num)]


def race_sheet(shared_data, race_num):
    """The second input file, as a player would write it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["name", "start", "team", "make", "car"])
    for row in results_of(shared_data, race_num):
        writer.writerow([row["driver"], row["start"], row["team"], row["make"], row["car_number"]])
    return text.getvalue().encode()


def actual_ticks(shared_data, race_num):
    """DraftKings points of every driver in ticks, by the common form of the name."""
    fastest = {
        name_key(row["driver_name"]): int(row["fastest_laps"])
        for row in rows_of(shared_data / "loop_data" / "cup_loop_2019_2023.csv.gz")
        if row["season"] == "2023" and row["race_num"] == str(race_num)
    }
    scoring = DRAFTKINGS_CLASSIC.scoring
    ticks = {}
    for row in results_of(shared_data, race_num):
        key, start, finish = name_key(row["driver"]), int(row["start"]), int(row["finish"])
        ticks[key] = (
            scoring.finish_ticks[finish - 1]
            + scoring.place_differential_ticks * (start - finish)
            + scoring.lap_led_ticks * int(row["laps_led"])
            + scoring.fastest_lap_ticks * fastest[key]
        )
    return ticks


@pytest.mark.parametrize("race_num", SLATES)
def test_the_best_lineup_in_hindsight_scores_what_was_found_independently(shared_data, race_num):
    name, _, expected = SLATES[race_num]
    with (shared_data / "dk_salaries_nascar" / name).open(encoding="utf-8-sig") as file:
        listed = list(csv.DictReader(file))
    points = actual_ticks(shared_data, race_num)
    raced = [row for row in listed if name_key(row["Name"]) in points]
    ticks = np.array([points[name_key(row["Name"])] for row in raced])
    universe = enumerate_lineups(np.array([int(row["Salary"]) for row in raced]), 6, 50_000)
    best = ticks[universe.lineups].sum(axis=1).max() / TICKS_PER_POINT
    assert best == pytest.approx(expected, abs=0.051)  # published to one decimal


@pytest.fixture(scope="module")
def phoenix(shared_data, tmp_path_factory):
    sheet = tmp_path_factory.mktemp("sheet") / "race_sheet.csv"
    sheet.write_bytes(race_sheet(shared_data, 4))
    track, laps = find_track("phoenix")
    config = JobConfig(
        race_id="cup-2023-04-phoenix",
        salaries=shared_data / "dk_salaries_nascar" / SLATES[4][0],
        race_sheet=sheet,
        track=track,
        laps=laps,
        contest=pitwall.Contest(2_000, 5.0),
        portfolio=PortfolioConfig(n_lineups=20),
        n_scenarios=10_000,
    )
    with pitwall.local(tmp_path_factory.mktemp("data")) as client:
        yield run_job(client, config)


def test_every_name_of_the_real_slate_is_joined(phoenix):
    report = phoenix.import_report
    assert report.unmatched_salary_names == ()
    assert report.unmatched_sheet_names == ()
    by_rule = {(item.salary_name, item.sheet_name) for item in report.matched if item.match == "by_rule"}
    assert all(ours != theirs for ours, theirs in by_rule)
    assert {item.match for item in report.matched} <= {"exact", "by_rule"}
    starts = sorted(driver.start_position for driver in phoenix.race.starters)
    assert starts == list(range(1, len(starts) + 1))
    assert all(driver.team for driver in phoenix.race.starters)


def test_the_whole_job_holds_on_the_real_slate(phoenix):
    race, lineups = phoenix.race, phoenix.portfolio.lineups
    salary = {driver.driver_id: driver.salary_dollars for driver in race.starters}
    assert len(lineups) == 20
    assert len({item.driver_ids for item in lineups}) == 20
    for item in lineups:
        assert len(set(item.driver_ids)) == 6
        assert sum(salary[driver_id] for driver_id in item.driver_ids) == item.metrics.salary_dollars <= 50_000
        assert item.certificate.proven_optimal
        assert item.certificate.objective == pytest.approx(item.certificate.upper_bound)
    uses = [sum(driver_id in item.driver_ids for item in lineups) for driver_id in salary]
    assert max(uses) <= 10, "the default cap is half of the lineups"
    assert abs(phoenix.ownership.total_percent - 600) < 1e-6
    assert all(0 < driver.percent < 100 for driver in phoenix.ownership.drivers)


def test_the_market_and_the_grid_shape_the_real_slate(phoenix):
    """The favourites of the market start in front here: they must be simulated as the strongest."""
    ownership = {driver.driver_id: driver.percent for driver in phoenix.ownership.drivers}
    dear = sorted(phoenix.race.starters, key=lambda driver: -driver.salary_dollars)
    top, bottom = dear[:6], dear[-6:]
    assert np.mean([ownership[driver.driver_id] for driver in top]) > np.mean(
        [ownership[driver.driver_id] for driver in bottom]
    )


def test_the_upload_file_is_what_the_site_reads(phoenix):
    content = lineup_file(phoenix.race, [item.driver_ids for item in phoenix.portfolio.lineups])
    header, *rows = csv.reader(io.StringIO(content.decode()))
    assert header == ["D"] * 6
    assert len(rows) == 20
    assert set(itertools.chain(*rows)) <= {f"{driver.name} ({driver.driver_id})" for driver in phoenix.race.drivers}
