import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Series, TrackType
from services.scenario.calibration_file import read_calibration, read_document
from services.scenario.core.calibration import FORMAT, DriverForm, calibration_from_document, calibration_version
from services.scenario.core.set_warnings import projection_warnings
from services.scenario.core.simulate import SimulationInput, simulate
from services.scenario.core.steering import projected_points, steer
from services.scenario.core.strength import driver_skill, driver_strength
from tests.unit.scenario.slates import make_race


@pytest.fixture(scope="module")
def calibration():
    return read_calibration()


def with_numbers(race, **columns):
    drivers = [
        dataclasses.replace(driver, **{name: values[index] for name, values in columns.items()})
        for index, driver in enumerate(race.drivers)
    ]
    return dataclasses.replace(race, drivers=tuple(drivers))


def test_salaries_alone_rank_the_field(calibration):
    skill = driver_skill(make_race(20), calibration)
    assert (np.diff(skill) < 0).all()
    assert skill.mean() == pytest.approx(0, abs=1e-9)
    assert skill.std() == pytest.approx(1, abs=0.05)


def test_equal_salaries_and_nothing_else_give_equal_strength(calibration):
    race = with_numbers(make_race(10), salary_dollars=[5_000] * 10)
    assert driver_strength(race, calibration) == pytest.approx(np.zeros(10))


def test_odds_count_for_more_than_salaries(calibration):
    race = with_numbers(make_race(12), decimal_win_odds=[float(100 - 8 * k) for k in range(12)])
    assert spearmanr(driver_skill(race, calibration), np.arange(12))[0] > 0.9


def test_a_rating_that_few_have_moves_only_these(calibration):
    race = make_race(12)
    ratings = [None] * 12
    ratings[4], ratings[5], ratings[6] = 1.0, 2.0, 9.0
    before = driver_skill(race, calibration)
    after = driver_skill(with_numbers(race, rating=ratings), calibration)
    assert after[6] - after[4] > before[6] - before[4]
    others = [0, 1, 2, 3, 7, 8, 9, 10, 11]
    assert after[others] == pytest.approx(before[others], abs=0.12)


def test_a_rating_that_is_the_same_for_all_says_nothing(calibration):
    race = make_race(12)
    same = with_numbers(race, rating=[50.0] * 12, site_average_points=[31.5] * 12)
    assert driver_skill(same, calibration) == pytest.approx(driver_skill(race, calibration))


def test_known_form_moves_a_driver_on_the_level_of_those_known(calibration):
    race = make_race(12)
    forms = {f"driver {k}": DriverForm(float(k), float(k), 30.0, {}) for k in range(12)}
    cup = dataclasses.replace(calibration.series[Series.CUP], forms=forms)
    known = dataclasses.replace(calibration, series={Series.CUP: cup})
    skill = driver_skill(race, known)
    plain = driver_skill(race, calibration)
    # Form says the opposite of the salary and counts nearly as much: the field is taken to be close.
    assert skill.std() < 0.3 * plain.std()
    assert skill[0] < plain[0]


def test_old_form_counts_for_less(calibration):
    race = make_race(12)
    forms = {f"driver {k}": DriverForm(float(k), float(k), 30.0, {}) for k in range(12)}
    cup = dataclasses.replace(calibration.series[Series.CUP], forms=forms, last_season=2023)
    known = dataclasses.replace(calibration, series={Series.CUP: cup})
    dated = [dataclasses.replace(race, start_time=f"{year}-02-15T19:30:00Z") for year in (2023, 2026)]
    spread = [driver_skill(one, known).std() for one in (*dated, race)]
    # Form contradicts the salaries here: the older it is, the more the salaries rule.
    assert spread[0] < spread[2] < spread[1]


def test_simulated_means_follow_projections(calibration):
    race = make_race(24, laps=267, kind=TrackType.INTERMEDIATE)
    flow = calibration.track(Series.CUP, TrackType.INTERMEDIATE).flow
    start = SimulationInput.of(race, flow, driver_strength(race, calibration))
    mean = simulate(start, 8_192, seed=1).ticks.mean(axis=0) / 20
    rng = np.random.default_rng(3)
    wanted = mean + rng.normal(0, 5, 24)
    wanted += mean.sum() / 24 - wanted.mean()
    race = with_numbers(race, projected_points=list(wanted))
    steered = steer(start, projected_points(race))
    reached = simulate(steered, 8_192, seed=77).ticks.mean(axis=0) / 20
    assert np.abs(reached - wanted).mean() < 0.25 * np.abs(mean - wanted).mean()


def test_a_level_that_no_race_has_is_taken_out(calibration):
    race = make_race(12)
    flow = calibration.track(Series.CUP, TrackType.SHORT).flow
    start = SimulationInput.of(race, flow, driver_strength(race, calibration))
    near, far = (
        steer(start, projected_points(with_numbers(race, projected_points=[level - k for k in range(12)])))
        for level in (40.0, 90.0)
    )
    assert near.strength == pytest.approx(far.strength, abs=1e-6)


def test_drivers_without_a_projection_keep_their_strength(calibration):
    race = make_race(12)
    flow = calibration.track(Series.CUP, TrackType.SHORT).flow
    start = SimulationInput.of(race, flow, driver_strength(race, calibration))
    projections = [None] * 12
    projections[11] = 60.0
    steered = steer(start, projected_points(with_numbers(race, projected_points=projections)))
    assert steered.strength[:11] == pytest.approx(start.strength[:11])
    assert steered.strength[11] > start.strength[11]
    assert steer(start, projected_points(race)) is start


def test_the_default_calibration_covers_all_series_and_types(calibration):
    for series in Series:
        for kind in TrackType:
            track = calibration.track(series, kind)
            assert track.skill_score > 0
            assert all(np.isfinite(track.flow))


def test_the_version_follows_the_coefficients_and_not_the_provenance():
    document = read_document()
    assert calibration_version(document) == calibration_version(document | {"provenance": {"x": 1}})
    changed = calibration_from_document(document).series[Series.CUP]
    assert changed.tracks
    other = document | {"series": {}}
    assert calibration_version(document) != calibration_version(other)


def test_documents_of_another_layout_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="format"):
        calibration_from_document({"format": 99})
    with pytest.raises(InvalidInput, match="fit again"):
        calibration_from_document({"format": FORMAT, "series": {"cup": {"tracks": {"short": {}}}}})
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_calibration(tmp_path / "none.json")


def test_practice_moves_those_who_took_part_a_little(calibration):
    race = make_race(12)
    ranks = [None, 12.0, 1.0, *map(float, range(2, 8)), None, None, None]
    practised = driver_skill(with_numbers(race, practice_rank=ranks), calibration) - driver_skill(race, calibration)
    assert practised[2] > practised[0] > practised[1]
    assert np.abs(practised).max() < 0.4
    assert np.ptp(practised[[0, 9, 10, 11]]) == pytest.approx(0.0, abs=1e-12)


def test_projections_that_no_strength_reaches_are_told(calibration):
    race = make_race(12)
    flow = calibration.track(Series.CUP, TrackType.SHORT).flow
    start = SimulationInput.of(race, flow, driver_strength(race, calibration))
    ticks = simulate(start, 2_048, seed=1).ticks
    mean = ticks.mean(axis=0) / 20
    asked = mean + 1.0
    asked[3], asked[7] = mean[3] + 60.0, mean[7] - 10.0
    some = [None if k == 5 else float(asked[k]) for k in range(12)]
    warnings = projection_warnings(with_numbers(race, projected_points=some), ticks)
    assert [warning.split(" is projected")[0] for warning in warnings] == ["Driver 3", "Driver 7"]
    assert f"to {asked[3]:.1f} points and simulated with a mean of {mean[3]:.1f}" in warnings[0]
    higher = projection_warnings(with_numbers(race, projected_points=list(mean + 9.0)), ticks)
    assert len(higher) == 1
    assert "9.0 points per driver above" in higher[0]
    assert projection_warnings(race, ticks) == []


def test_the_noise_of_a_small_set_is_not_held_against_a_projection():
    race = with_numbers(make_race(12), projected_points=[80.0, *[None] * 11])
    even = np.tile(np.array([[0], [2_000]], dtype=np.int16), (10, 12))
    # Mean 50, standard deviation 50: the mean of 20 scenarios may be off by 11, that of 2,000 by 1.
    assert projection_warnings(race, even) == []
    assert len(projection_warnings(race, np.tile(even, (100, 1)))) == 1
