import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.domain.race import TrackType
from services.scenario.core.optimal import optimal_rates
from services.scenario.core.race_flow import REGIME_NAMES
from services.scenario.core.regimes import classify_regimes
from services.scenario.core.simulate import simulate
from services.scenario.core.summary import correlations, summarize_points
from tests.unit.scenario.slates import make_input


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(6, 13), st.integers(2, 6), st.booleans())
def test_best_lineups_are_those_of_brute_force(seed, n, size, odd_salaries):
    rng = np.random.default_rng(seed)
    salaries = rng.integers(1, 12_000, n) if odd_salaries else 100 * rng.integers(46, 112, n)
    ticks = rng.integers(-600, 2_500, (8, n)).astype(np.int16)
    cap = int(np.sort(salaries)[:size].sum() * rng.uniform(1.0, 2.0))
    legal = [combo for combo in itertools.combinations(range(n), size) if salaries[list(combo)].sum() <= cap]
    totals = np.stack([ticks[:, list(combo)].sum(axis=1) for combo in legal], axis=1)
    found = optimal_rates(ticks, salaries, roster_size=size, salary_cap_dollars=cap)
    assert (found.best_ticks == totals.max(axis=1)).all()
    assert found.rate.sum() == pytest.approx(size)


def test_rates_of_many_scenarios_are_estimated_with_their_error():
    rng = np.random.default_rng(1)
    ticks = rng.integers(0, 2_000, (5_000, 8)).astype(np.int16)
    found = optimal_rates(ticks, np.full(8, 5_000), roster_size=4, salary_cap_dollars=20_000)
    assert len(found.best_ticks) == 2_000
    # All drivers are alike: each is in half of the best lineups.
    assert np.abs(found.rate - 0.5).max() < 5 * found.standard_error.max()
    assert found.standard_error == pytest.approx(np.sqrt(found.rate * (1 - found.rate) / 2_000))


def test_points_summary_agrees_with_numpy():
    rng = np.random.default_rng(2)
    ticks = rng.integers(-500, 2_000, (999, 5)).astype(np.int16)
    summary = summarize_points(ticks, (10.0, 90.0))
    points = ticks / 20
    assert summary.mean == pytest.approx(points.mean(axis=0))
    assert summary.sd == pytest.approx(points.std(axis=0, ddof=1))
    assert summary.percentiles == pytest.approx(np.percentile(points, (10, 90), axis=0).T)


def test_correlations_agree_with_numpy_and_constant_columns_are_zero():
    rng = np.random.default_rng(3)
    ticks = rng.integers(-500, 2_000, (1_000, 6)).astype(np.int16)
    ticks[:, 5] = 7
    ticks[:, 1] = ticks[:, 0] // 2
    found = correlations(ticks, block_rows=300)
    assert found[:5, :5] == pytest.approx(np.corrcoef(ticks[:, :5].T), abs=1e-9)
    assert found[5].tolist() == [0, 0, 0, 0, 0, 1]


def test_uploaded_scenarios_are_classified_by_dominance_and_variance():
    rng = np.random.default_rng(4)
    mean = np.linspace(1_200, 100, 30)
    ticks = (mean + rng.normal(0, 50, (1_000, 30))).astype(np.int16)
    ticks[:60, 0] += 2_000
    ticks[60:120] = ticks[60:120, ::-1]
    labels = np.array(REGIME_NAMES)[classify_regimes(ticks)]
    assert (labels[:60] == "dominator").mean() > 0.9
    assert (labels[60:120] == "chaos").all()
    assert (labels == "normal").mean() > 0.5
    assert (classify_regimes(np.full((10, 3), 5, np.int16)) == 0).all()
    assert (classify_regimes(np.zeros((1, 2), np.int16)) == 0).all()


@pytest.mark.parametrize("kind", list(TrackType))
def test_labels_from_points_are_those_of_the_simulated_race_more_often_than_chance(kind):
    """Where many cars crash, and where one leads, shows in the points; at every type of track."""
    block = simulate(make_input(36, kind=kind, laps=200), 4_000, seed=2)
    told = np.array(REGIME_NAMES)[classify_regimes(block.ticks)]
    happened = np.array(REGIME_NAMES)[block.regimes]
    for regime in ("chaos", "dominator"):
        there = happened == regime
        assert (told[there] == regime).mean() > 1.5 * (told[~there] == regime).mean()


@pytest.mark.filterwarnings("error")
def test_scenarios_of_one_driver_have_no_order_and_are_normal():
    labels = classify_regimes(np.arange(20, dtype=np.int16)[:, None])
    assert {REGIME_NAMES[label] for label in labels} == {"normal"}
