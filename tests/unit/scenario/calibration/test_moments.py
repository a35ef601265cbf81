"""Statistics of races and moments over them."""

import numpy as np
import pytest
from scipy.stats import skew, spearmanr

from services.scenario.calibration.moments import (
    MOMENTS,
    compare_moments,
    moment_values,
    real_statistics,
)
from services.scenario.calibration.race_statistics import INDEX
from services.scenario.calibration.team_fit import teammate_products
from tests.unit.scenario.synthetic_history import N_CARS


def test_statistics_of_a_race_agree_with_plain_computation(races):
    race = races[4]
    row = real_statistics(race, race.start)
    shares = np.sort(race.laps_led)[::-1] / race.laps_run
    running = race.out == 0
    assert row[INDEX["dnf"]] == (race.out > 0).sum()
    assert row[INDEX["crash_squared"]] == (race.out == 1).sum() ** 2
    assert row[[INDEX["top1_led"], INDEX["top2_led"], INDEX["top3_led"]]] == pytest.approx(shares[:3])
    assert row[INDEX["winner_led"]] == race.laps_led[race.finish == 1][0] / race.laps_run
    assert row[INDEX["start_finish"]] == pytest.approx(spearmanr(race.start, race.finish)[0])
    assert row[INDEX["start_finish_running"]] == pytest.approx(spearmanr(race.start[running], race.finish[running])[0])
    assert row[INDEX["fastest_drivers"]] == (race.fastest_laps > 0).sum()
    # The rank by expectation is the grid here.
    assert row[INDEX["favourites_finish"]] == row[INDEX["start_finish"]]
    assert row[INDEX["favourites_top5"]] == pytest.approx(((race.finish <= 5) & (race.start <= 5)).sum() / 5)
    assert row[INDEX["favourites_win"]] == (race.start[race.finish == 1][0] <= 3)
    last = N_CARS - 8
    assert row[INDEX["outsiders_last8"]] == pytest.approx(((race.finish > last) & (race.start > last)).sum() / 8)
    assert row[INDEX["best_ticks"]] == race.ticks().max()
    assert row[INDEX["best6_ticks"]] == np.sort(race.ticks())[-6:].sum()
    front, rear = race.finish <= 5, race.finish >= 21
    for name, laps in (
        ("led", race.laps_led / race.laps_run),
        ("fastest", race.fastest_laps / race.fastest_laps.sum()),
    ):
        assert row[INDEX[f"{name}_by_top5"]] == pytest.approx(laps[front].sum())
        assert row[INDEX[f"{name}_by_21st_on"]] == pytest.approx(laps[rear].sum())
    top = race.laps_led.argmax()
    assert row[INDEX["fastest_by_top_leader"]] == pytest.approx(race.fastest_laps[top] / race.fastest_laps.sum())
    assert np.isnan(row[INDEX["cautions"]]) == (race.cautions < 0)


def test_moments_agree_with_plain_computation(races):
    rows = np.array([real_statistics(race, race.start) for race in races])
    points = np.concatenate([race.ticks()[(race.start > 10) & (race.start <= 20)] / 20 for race in races])
    names = ("points_mean_11-20", "points_sd_11-20", "points_skew_11-20")
    assert moment_values(names, rows) == pytest.approx([points.mean(), points.std(), skew(points)])
    out = np.array([(race.out > 0).sum() for race in races])
    rate = out.mean() / N_CARS
    ratio = out.var() / (N_CARS * rate * (1 - rate))
    assert moment_values(("dnf_rate", "dnf_variance_ratio"), rows) == pytest.approx([rate, ratio])


def test_equal_moments_agree_and_moved_ones_do_not(races):
    rows = np.array([real_statistics(race, race.start) for race in races])
    rng = np.random.default_rng(3)
    same = compare_moments(rows, rows, rng, n_bootstrap=100)
    assert all(item.agrees for item in same)
    assert {item.name for item in same} <= set(MOMENTS)
    moved = rows.copy()
    moved[:, INDEX["top1_led"]] *= 2
    assert [item.name for item in compare_moments(rows, moved, rng, n_bootstrap=100) if not item.agrees] == ["top1_led"]


def test_teammate_products():
    values = np.array([[1.0, 2.0, 3.0, 5.0]])
    assert teammate_products(values, np.array([0, 0, 0, -1])) == (11.0, 3)
