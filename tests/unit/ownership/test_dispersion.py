import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from services.ownership.core.dispersion import Basis, Dispersion, Residual, beta_parameters, fit_dispersion, interval


def test_intervals_are_those_of_a_beta_of_the_stated_moments():
    shares, rate = np.array([0.05, 0.2, 0.5]), np.array([0.02, 0.05, 0.1])
    a, b = beta_parameters(shares, rate)
    np.testing.assert_allclose(stats.beta.mean(a, b), shares)
    np.testing.assert_allclose(stats.beta.var(a, b), rate * shares * (1 - shares))
    lower, upper = interval(shares, rate, 0.8)
    np.testing.assert_allclose(stats.beta.cdf(upper, a, b) - stats.beta.cdf(lower, a, b), 0.8)


def test_intervals_enclose_the_projection_even_where_nobody_picks():
    shares = np.array([1e-9, 1e-4, 0.999])
    lower, upper = interval(shares, np.full(3, 0.3), 0.5)
    assert (lower <= shares).all()
    assert (shares <= upper).all()


def test_less_known_and_fewer_entries_mean_wider():
    dispersion = Dispersion(30.0)
    full, empty = dispersion.rate(np.array([1.0, 0.0]), 0)
    assert full == pytest.approx(1 / 31)
    assert empty == pytest.approx(2 / 31)
    assert dispersion.rate(np.array([1.0]), 10)[0] == pytest.approx(1 / 31 + (30 / 31) / 10)


@pytest.mark.parametrize("concentration", [12.0, 60.0])
def test_finds_the_concentration_that_made_the_fields(rng, concentration):
    """Shares drawn as Beta around the projection; half of the drivers with nothing known, twice the variance."""
    truth, residuals = Dispersion(concentration, 1.0), []
    for _ in range(150):
        projected = rng.uniform(0.03, 0.5, 38)
        knowledge = np.where(rng.random(38) < 0.5, 1.0, 0.2)
        a, b = beta_parameters(projected, truth.rate(knowledge, 500))
        residuals.append(Residual(projected, rng.beta(a, b), Basis(knowledge, np.zeros(38, dtype=bool), 500)))
    found = fit_dispersion(residuals)
    assert found.concentration == pytest.approx(concentration, rel=0.12)
    assert found.missing_widens == pytest.approx(1.0, abs=0.35)
    for level in (0.5, 0.8, 0.95):
        coverage = np.mean([residual.covered(found, level) for residual in residuals])
        assert coverage == pytest.approx(level, abs=0.02)


def test_finds_that_dear_contests_stray_further(rng):
    """Half of the contests a hundred times dearer, four times the variance; one kind alone tells nothing of fees."""
    truth, residuals = Dispersion(60.0, 1.0, np.log(2.0)), []
    for contest in range(150):
        projected, basis = (
            rng.uniform(0.03, 0.5, 38),
            Basis(np.ones(38), np.zeros(38, dtype=bool), 0, contest % 2 * 2.0),
        )
        a, b = beta_parameters(projected, truth.rate(basis.knowledge, 0, basis.fee_decades))
        residuals.append(Residual(projected, rng.beta(a, b), basis))
    found = fit_dispersion(residuals)
    assert found.fee_widens == pytest.approx(np.log(2.0), abs=0.06)
    for kind in (residuals[::2], residuals[1::2]):
        assert np.mean([residual.covered(found, 0.8) for residual in kind]) == pytest.approx(0.8, abs=0.03)
    assert fit_dispersion(residuals[::2]).fee_widens == 0.0


def test_without_history_the_default():
    assert fit_dispersion([]) == Dispersion()


unit = st.floats(0, 1)


@given(st.floats(1e-9, 1 - 1e-9), st.floats(1e-9, 1 - 1e-9), unit, unit, st.floats(1, 1_000), st.floats(0, 8), unit)
def test_nobody_known_has_a_wider_interval_than_a_blind_driver(seen, guessed, one, other, concentration, widens, level):
    """Whatever share his points would have given him, and whatever is projected without them."""
    known, less = max(one, other), min(one, other)
    dispersion = Dispersion(concentration, widens)
    level = 0.5 + 0.49 * level

    def width(share, knowledge, blind):
        basis = Basis(np.array([knowledge]), np.array([blind]), 300)
        lower, upper = dispersion.interval(np.array([share]), basis, level)
        assert 0 <= lower[0] <= share <= upper[0] <= 1
        return upper[0] - lower[0]

    assert width(guessed, less, True) >= width(seen, known, False) - 1e-9
