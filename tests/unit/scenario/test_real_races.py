"""The race model against real races; skipped where the data are absent."""

import numpy as np
import pytest

from services.common.domain.race import Series, TrackType
from services.scenario.calibration.history import read_history
from services.scenario.calibration.moments import moment_values, real_statistics
from services.scenario.calibration_file import read_calibration
from services.scenario.evaluation.backtest import backtest
from services.scenario.evaluation.market import market_scores
from services.scenario.evaluation.report import backtest_report

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def races(shared_data):
    return read_history(shared_data)


def statistics(races, kind, first_season, last_season=2023):
    chosen = [race for race in races if race.track_type is kind and first_season <= race.season <= last_season]
    return np.array([real_statistics(race, race.start) for race in chosen])


def test_all_races_are_read_and_points_are_known_from_2019(races):
    assert len(races) == 504
    stage_era = [race for race in races if race.season >= 2017]
    assert len(stage_era) == 252
    assert sum(race.has_points for race in races) == 180
    # "A few races are off": laps led sum to the distance in all others.
    assert sum(race.laps_led.sum() != race.laps_run for race in stage_era) <= 12
    assert all((np.sort(race.start) == np.arange(1, race.n_cars + 1)).all() for race in stage_era)


@pytest.mark.parametrize(
    ("kind", "dnf", "crash", "start_finish", "leaders", "top1"),
    [
        (TrackType.SUPERSPEEDWAY, 0.318, 0.291, 0.134, 16.03, 0.30),
        (TrackType.INTERMEDIATE, 0.123, 0.082, 0.506, 8.95, 0.46),
        (TrackType.SHORT, 0.110, 0.070, 0.587, 7.18, 0.46),
        (TrackType.ROAD, 0.107, 0.054, 0.488, 7.31, 0.46),
    ],
)
def test_moments_are_the_published_ones(races, kind, dnf, crash, start_finish, leaders, top1):
    names = ("dnf_rate", "crash_rate", "start_finish", "leaders", "top1_led")
    found = moment_values(names, statistics(races, kind, 2017))
    assert found[:3] == pytest.approx([dnf, crash, start_finish], abs=0.0011)
    assert found[3:] == pytest.approx([leaders, top1], abs=0.011)


@pytest.mark.parametrize(("series", "n_races"), [(Series.XFINITY, 465), (Series.TRUCK, 322)])
def test_other_series_are_read(shared_data, series, n_races):
    assert len(read_history(shared_data, series)) == n_races


def test_with_salaries_and_grid_alone_the_model_ranks_as_well_as_the_market(shared_data):
    scores = market_scores(shared_data, shared_data / "dk_salaries_nascar", read_calibration())
    assert len(scores) == 5
    finish = np.array([score.model_finish - score.salary_finish for score in scores])
    points = np.array([score.model_points - score.salary_points for score in scores])
    # Five races tell little: no worse means within a standard error.
    for difference in (finish, points[np.isfinite(points)]):
        assert difference.mean() >= -difference.std(ddof=1) / np.sqrt(difference.size)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_walking_forward_through_2022_and_2023(shared_data):
    report = backtest_report(backtest(shared_data, (2022, 2023)))["groups"]
    assert report["overall"]["spearman"]["model"]["mean"] >= 0.42
    assert report["without_superspeedways"]["spearman"]["model"]["mean"] >= 0.48
    for kind in ("superspeedway", "intermediate", "short", "road"):
        assert report[kind]["log_score"]["model"]["mean"] > 0
        assert 0.77 <= report[kind]["coverage"]["0.8"]["mean"] <= 0.83
        # As many as a true model meets in 19 histories of 20.
        assert (
            sum(moment["agrees"] for moment in report[kind]["moments"]) >= report[kind]["moments_if_true"]["at_least"]
        )
    for kind in ("intermediate", "short", "road"):
        assert report[kind]["crps_skill"]["mean"] >= 0.03
