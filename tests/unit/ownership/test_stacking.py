import numpy as np
import pytest
from scipy.optimize import check_grad

from services.ownership.core.calibration import shares_from_logits
from services.ownership.core.stacking import Blend, Opinions, _Objective, effective_strengths, fit_blend

COMPLETE = np.array([False, True, True, False])
DEFAULT = Blend(np.array([0.4, 0.7, 0.3, 0.15]))


def opinions_of(rng, n_drivers=30, information=None):
    known = np.ones((n_drivers, 4)) if information is None else information
    return Opinions(rng.normal(0, 0.7, (n_drivers, 4)), known, COMPLETE, rng.normal(0, 0.3, 3))


def test_gradient_is_that_of_the_objective(rng):
    opinions = [opinions_of(rng, n, rng.random((n, 4))) for n in (20, 26, 33)]
    shares = [shares_from_logits(rng.normal(size=len(o.signals)), 6.0) for o in opinions]
    objective = _Objective(opinions, shares, DEFAULT)
    for _ in range(3):
        point = objective.start + rng.normal(0, 0.2, 7)
        error = check_grad(lambda x: objective(x)[0], lambda x: objective(x)[1], point)
        assert error < 1e-5 * (1 + np.abs(objective(point)[1]).max())


def test_finds_the_strengths_that_made_the_fields(rng):
    truth = Blend(np.array([0.9, 0.5, 0.2, 0.6]))
    opinions = [opinions_of(rng) for _ in range(80)]
    shares = [shares_from_logits(truth.logits(o), 6.0) for o in opinions]
    found = fit_blend(opinions, shares, DEFAULT)
    np.testing.assert_allclose(found.strengths, truth.strengths, rtol=0.06)
    assert found.weights.sum() == pytest.approx(1.0)


def test_an_uninformative_member_loses_its_say(rng):
    opinions = [opinions_of(rng) for _ in range(60)]
    shares = [shares_from_logits(o.signals[:, 1], 6.0) for o in opinions]
    found = fit_blend(opinions, shares, DEFAULT)
    assert found.weights[1] > 0.75
    assert (found.weights >= 0).all()


def test_little_history_stays_near_the_defaults_and_none_is_the_default(rng):
    assert fit_blend([], [], DEFAULT) is DEFAULT
    opinions = [opinions_of(rng) for _ in range(40)]
    shares = [shares_from_logits(2.0 * o.signals[:, 3], 6.0) for o in opinions]
    after = [fit_blend(opinions[:n], shares[:n], DEFAULT).weights[3] for n in (1, 5, 40)]
    assert DEFAULT.weights[3] < after[0] < after[1] < after[2]


def test_what_a_complete_member_does_not_know_the_others_say():
    strengths = np.array([0.5, 0.6, 0.2, 0.1])
    information = np.array([[1.0, 1, 1, 1], [0, 0, 1, 0], [0, 0, 0, 0]])
    found = effective_strengths(strengths, information, COMPLETE)
    np.testing.assert_allclose(found, [strengths, [0.5, 0, 0.8, 0.1], strengths])
    opinions = Opinions(np.zeros((3, 4)), information, COMPLETE, np.zeros(3))
    np.testing.assert_allclose(Blend(strengths).driver_weights(opinions).sum(axis=1), 1.0)


def test_members_that_only_add_and_know_nothing_have_the_weights_of_the_blend():
    information = np.array([[0.0, 0.0], [0.5, 0.0]])
    opinions = Opinions(np.zeros((2, 2)), information, np.array([False, False]), np.zeros(3))
    np.testing.assert_allclose(Blend(np.array([0.3, 0.1])).driver_weights(opinions), [[0.75, 0.25], [1.0, 0.0]])
