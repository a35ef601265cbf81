"""What the rules of a season change in the fits: grids without qualifying, stages without a caution."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr

from services.common.domain.race import Series, TrackType
from services.scenario.calibration.flow_defaults import FLOW_DEFAULTS
from services.scenario.calibration.flow_fit import race_input
from services.scenario.calibration.form import follow
from services.scenario.calibration.history import read_history
from services.scenario.calibration.order_fit import OrderFit, OrderSettings, fit_orders
from services.scenario.calibration.season_rules import grid_from_qualifying, stages_end_in_cautions
from services.scenario.core.race_flow import RACE_COLUMNS
from services.scenario.core.simulate import simulate_block
from tests.unit.scenario.synthetic_history import write_history


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seasons")
    write_history(folder, range(2018, 2022))
    return [item for item, _ in follow(read_history(folder))]


@pytest.mark.parametrize("series", list(Series))
def test_other_seasons_than_2020_and_2021_have_qualifying(series):
    assert all(grid_from_qualifying(series, season, 9) for season in (2016, 2019, 2022, 2024))
    assert grid_from_qualifying(series, 2020, 1)
    assert not any(grid_from_qualifying(series, 2020, number) for number in range(8, 37))


def test_of_2020_the_weekends_before_may_and_the_coca_cola_600_had_qualifying():
    cup = [number for number in range(1, 37) if grid_from_qualifying(Series.CUP, 2020, number)]
    assert cup == [1, 3, 4, 7]


def test_stages_end_in_cautions_but_on_road_courses_of_2023():
    assert not stages_end_in_cautions(2023, "Sonoma Raceway", TrackType.ROAD)
    assert stages_end_in_cautions(2023, "Charlotte Motor Speedway Road Course", TrackType.ROAD)
    assert stages_end_in_cautions(2023, "Phoenix Raceway", TrackType.SHORT)
    assert stages_end_in_cautions(2022, "Sonoma Raceway", TrackType.ROAD)
    assert stages_end_in_cautions(2024, "Sonoma Raceway", TrackType.ROAD)


def test_a_race_without_stage_breaks_has_two_cautions_fewer(known):
    item, order = known[-1], OrderFit(np.zeros(4), 0.1, 0.1)
    flow = FLOW_DEFAULTS[TrackType.ROAD]._replace(
        race_spread=0.0, accident_mean=0.0, caution_mean=0.0, shortened_chance=0.0
    )
    cautions = []
    for stage_breaks in (True, False):
        race = dataclasses.replace(item.race, stage_breaks=stage_breaks)
        block = simulate_block(race_input(dataclasses.replace(item, race=race), order, flow), 50, seed=1, block=0)
        cautions.append(block.race[:, RACE_COLUMNS.index("cautions")])
    assert (cautions[0] == 2).all()
    assert (cautions[1] == 0).all()


def test_orders_of_races_without_qualifying_count_by_their_weight(known):
    """None of the weight is as if they had not been run; a quarter of it, the default, lies between that and all."""

    def fitted(races, **settings):
        made = fit_orders(races, OrderSettings(half_life_races=1e9, **settings))
        return {kind: [*fit.weights, fit.start_effect, fit.bend] for kind, fit in made.items()}

    mixed = [
        dataclasses.replace(item, race=dataclasses.replace(item.race, qualified=index % 3 > 0))
        for index, item in enumerate(known)
    ]
    for kind, values in fitted([item for item in mixed if item.race.qualified]).items():
        assert fitted(mixed, unqualified_weight=0.0)[kind] == pytest.approx(values, abs=1e-3)
    between = fitted(mixed)[TrackType.SHORT]
    assert between == fitted(mixed, unqualified_weight=0.25)[TrackType.SHORT]
    assert between != pytest.approx(fitted(mixed, unqualified_weight=0.0)[TrackType.SHORT], abs=1e-2)
    assert between != pytest.approx(fitted(mixed, unqualified_weight=1.0)[TrackType.SHORT], abs=1e-2)


FORMULA_BUT_UNLIKE = {Series.CUP: (19, 27, 28), Series.XFINITY: (29,), Series.TRUCK: (13, 15, 17, 20, 21)}
"""Races of 2021 by formula whose grids agree less with the measure below, which leaves out owners and fastest laps; the
first is the second race of a weekend."""


@pytest.mark.real_data
@pytest.mark.parametrize("series", list(Series))
def test_grids_by_formula_follow_the_last_race_and_the_standings(shared_data, series):
    """The list of races with qualifying against the grids themselves, 2021."""
    races = [race for race in read_history(shared_data, series) if race.season == 2021]
    unlike = []
    points: dict[str, int] = {}
    for last, race in itertools.pairwise(races):
        for key, finish in zip(last.keys, last.finish, strict=True):
            points[key] = points.get(key, 0) + 41 - int(finish)
        standing = {key: place for place, key in enumerate(sorted(points, key=lambda key: -points[key]))}
        finishes = dict(zip(last.keys, last.finish, strict=True))
        both = [
            (0.5 * finishes[key] + 0.35 * standing[key], start)
            for key, start in zip(race.keys, race.start, strict=True)
            if key in finishes
        ]
        if spearmanr(*zip(*both, strict=True))[0] < 0.81:
            unlike.append(race.race_num)
    qualified = [race.race_num for race in races[1:] if grid_from_qualifying(series, 2021, race.race_num)]
    assert set(unlike) == {*qualified, *FORMULA_BUT_UNLIKE[series]}


@pytest.mark.real_data
def test_the_list_agrees_with_the_notes_of_the_cup_in_2021(shared_data):
    races = [race for race in read_history(shared_data) if race.season == 2021]
    assert [race.qualified for race in races] == [
        grid_from_qualifying(Series.CUP, 2021, race.race_num) for race in races
    ]


@pytest.mark.real_data
def test_real_road_races_without_stage_breaks_had_fewer_cautions(shared_data):
    road = [race for race in read_history(shared_data) if race.track_type is TrackType.ROAD and race.cautions >= 0]
    without = [race for race in road if not race.stage_breaks]
    assert [race.race_num for race in without] == [6, 16, 18, 24, 25]
    assert sum(race.cautions <= 2 for race in without) == 3
    assert sum(race.cautions <= 2 for race in road if race.stage_breaks) == 1
