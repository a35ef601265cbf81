import numpy as np
import pytest
from scipy.special import logit

from services.common.domain.race import TrackType
from services.scenario.calibration.flow_defaults import FLOW_DEFAULTS
from services.scenario.core.race_character import CHANCES, FACTORS, LEVELS, SHARPNESS_SPREAD, alike, draw_characters
from services.scenario.core.race_flow import RaceFlow
from services.scenario.core.simulate import simulate_block
from tests.unit.scenario.slates import make_input

FLOW = FLOW_DEFAULTS[TrackType.SHORT]._replace(race_spread=0.3)


def drawn(n_races=20_001, flow=FLOW):
    return draw_characters(np.random.default_rng(4), flow, n_races)


@pytest.mark.parametrize("name", FACTORS)
def test_factors_scatter_by_ratios_around_those_of_the_track_type(name):
    logs = np.log(drawn()[name] / getattr(FLOW, name))
    spread = 0.3 * (SHARPNESS_SPREAD if name == "sharpness" else 1.0)
    assert np.median(logs) == pytest.approx(0.0, abs=1e-9)
    assert logs.std() == pytest.approx(spread, rel=1e-3)
    assert (np.abs(logs) < 1.96 * spread).mean() == pytest.approx(0.95, abs=1e-3)


@pytest.mark.parametrize("name", CHANCES)
def test_chances_scatter_by_odds_and_stay_chances(name):
    chances = drawn()[name]
    odds = logit(chances) - logit(getattr(FLOW, name))
    assert np.median(odds) == pytest.approx(0.0, abs=1e-6)
    assert odds.std() == pytest.approx(0.3, rel=1e-3)
    assert ((chances > 0.0) & (chances < 1.0)).all()


@pytest.mark.parametrize("name", LEVELS)
def test_levels_scatter_by_differences(name):
    steps = drawn()[name] - getattr(FLOW, name)
    assert np.median(steps) == pytest.approx(0.0, abs=1e-9)
    assert steps.std() == pytest.approx(0.3, rel=1e-3)


def test_what_has_laws_of_its_own_stays():
    table = drawn(100)
    kept = set(RaceFlow._fields) - {*FACTORS, *CHANCES, *LEVELS}
    assert {"accident_mean", "caution_mean", "caution_laps", "accident_growth", "start_effect", "team_sd"} <= kept
    for name in kept:
        assert (table[name] == getattr(FLOW, name)).all()


def test_coefficients_scatter_apart_from_each_other():
    table = drawn()
    ranks = np.array([np.argsort(np.argsort(table[name])) for name in (*FACTORS, *CHANCES, *LEVELS)])
    apart = np.corrcoef(ranks) - np.eye(len(ranks))
    assert np.abs(apart).max() < 5.0 / np.sqrt(20_001)


def test_without_spread_every_race_has_the_coefficients_of_its_type():
    flow = FLOW._replace(race_spread=0.0)
    table, same = drawn(50, flow), alike(flow, 50)
    for name in RaceFlow._fields:
        assert table[name] == pytest.approx(same[name], rel=1e-12)
        assert (same[name] == getattr(flow, name)).all()


def test_chances_of_nothing_and_of_certainty_stay():
    table = drawn(1_000, FLOW._replace(trouble_rate=0.0, lead_hold=1.0))
    assert table["trouble_rate"].max() < 1e-8
    assert table["lead_hold"].min() > 1.0 - 1e-8


def test_one_race_has_the_coefficients_of_its_type():
    table = drawn(1)
    for name in RaceFlow._fields:
        assert table[name][0] == pytest.approx(getattr(FLOW, name), rel=1e-12)


def test_races_scatter_more_with_characters_of_their_own():
    strength = np.linspace(1.0, -1.0, 36)
    alike_races, of_character = (
        simulate_block(
            make_input(36, kind=TrackType.SHORT, strength=strength, race_spread=spread), 4_000, seed=3, block=0
        )
        for spread in (0.0, 0.5)
    )
    for statistic in (
        lambda block: (block.laps_led > 0).sum(axis=1),
        lambda block: (block.fastest_laps > 0).sum(axis=1),
        lambda block: block.finish @ strength,
    ):
        # With fixed coefficients the ratio of variances is 1 +- 0.03.
        assert statistic(of_character).var() > 1.1 * statistic(alike_races).var()
