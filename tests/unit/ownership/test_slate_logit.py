import numpy as np
import pytest
from scipy.optimize import minimize

from services.ownership.core.calibration import Batch, shares_from_logits
from services.ownership.core.slate_logit import INFORMATION_PER_RACE, Design, fit_slate_logit


def a_design(rng, truth, n_slates=12, noise=0.0):
    sizes = rng.integers(20, 40, n_slates)
    features = [rng.normal(size=(n, len(truth))) for n in sizes]
    shares = [shares_from_logits(x @ truth + noise * rng.normal(size=len(x)), 6.0) for x in features]
    batch = Batch.of(sizes, [6.0] * n_slates)
    return Design(batch, batch.stack(features), batch.stack(shares), np.ones(n_slates))


def test_finds_the_coefficients_that_made_the_shares(rng):
    truth = np.array([0.7, -0.4, 0.1])
    found = fit_slate_logit(a_design(rng, truth), np.zeros(3), prior_races=1e-9)
    np.testing.assert_allclose(found, truth, atol=1e-6)


def test_is_the_optimum_of_the_stated_objective(rng):
    """Against a general optimiser with the constants of the slates as ordinary unknowns."""
    design, prior, races = a_design(rng, np.array([0.5, 0.3]), n_slates=4, noise=0.8), np.array([0.1, -0.2]), 1.5

    def objective(parameters):
        eta = design.features @ parameters[:2] + parameters[2:, None]
        loss = np.logaddexp(0.0, eta) - design.shares * eta
        penalty = 0.5 * races * INFORMATION_PER_RACE * ((parameters[:2] - prior) ** 2).sum()
        return loss[design.batch.mask].sum() + penalty

    brute = minimize(objective, np.zeros(6), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(fit_slate_logit(design, prior, prior_races=races), brute.x[:2], atol=1e-5)


def test_a_strong_prior_wins_and_a_race_of_weight_0_does_not_count(rng):
    truth, prior = np.array([0.9]), np.array([0.2])
    design = a_design(rng, truth)
    assert fit_slate_logit(design, prior, prior_races=1e6)[0] == pytest.approx(0.2, abs=1e-3)
    assert 0.2 < fit_slate_logit(design, prior, prior_races=10.0)[0] < 0.9
    silent = Design(design.batch, design.features, design.shares, np.zeros(12))
    assert fit_slate_logit(silent, prior, prior_races=1.0)[0] == pytest.approx(0.2)
