"""Form of drivers, and the order of finishers fitted to it."""

import dataclasses
import itertools

import numpy as np
import pytest

from services.common.domain.race import TrackType
from services.scenario.calibration.form import FormSettings, FormTracker, KnownRace, follow
from services.scenario.calibration.order_fit import OrderSettings, attrition_loss, fit_orders, order_loss
from services.scenario.core.scores import bent, bent_slopes, rank_scores
from tests.unit.scenario.calibration.history import historic


def test_form_sees_earlier_races_only(races):
    changed = [*races[:20], dataclasses.replace(races[20], rating=races[20].rating[::-1].copy()), *races[21:]]
    before, after = ([known.signals for known, _ in follow(some)] for some in (races, changed))
    assert all((one == other).all() for one, other in zip(before[:21], after[:21], strict=True))
    assert not (before[21] == after[21]).all()


def test_unknown_drivers_are_at_the_level_of_their_team_and_class():
    settings = FormSettings()
    tracker = FormTracker(settings)
    assert tracker.signals(historic())[:, 0] == pytest.approx(np.full(6, settings.class_level))
    for _ in range(10):
        tracker.learn(historic())
    rookie = historic(keys=("new a", "new b", "new c", "new d", "new e", "new f"))
    level = tracker.signals(rookie)[:, 0]
    assert level[0] > level[2] > level[4]
    assert tracker.signals(rookie)[:, 2] == pytest.approx(np.full(6, settings.class_level))


def test_form_grows_towards_the_record_and_missing_ratings_fall_back_to_finishes():
    tracker = FormTracker()
    first = tracker.signals(historic())[0, 0]
    tracker.learn(historic(rating=np.full(6, np.nan)))
    once = tracker.signals(historic())[0, 0]
    for _ in range(30):
        tracker.learn(historic())
    assert first < once < tracker.signals(historic())[0, 0]
    assert set(tracker.forms()) == {f"driver {k}" for k in range(6)}


def test_attrition_loss_is_the_log_probability_of_the_order():
    scores = np.array([0.7, -0.3, 1.1, 0.2])
    total = sum(np.exp(-attrition_loss(scores[list(order)])[0]) for order in itertools.permutations(range(4)))
    assert total == pytest.approx(1.0)
    # The last of two is drawn with worth exp(-score).
    assert attrition_loss(np.array([1.0, 0.0]))[0] == pytest.approx(np.log(1.0 + np.exp(-1.0)))


def test_orders_that_are_all_but_certain_have_a_likelihood():
    assert attrition_loss(np.array([800.0, 0.0]))[0] == pytest.approx(0.0)
    loss, gradient = attrition_loss(np.array([0.0, 800.0]))
    assert loss == pytest.approx(800.0)
    assert gradient == pytest.approx([-1.0, 1.0])


@pytest.mark.parametrize("bend", [0.0, 0.05, 0.4])
def test_slopes_of_the_order_loss(bend):
    rng = np.random.default_rng(1)
    races, shares = [rng.normal(size=(n, 2)) for n in (5, 9, 3)], [1.0, 0.5, 2.0]
    weights = np.array([0.7, -0.3])
    _, gradient, by_bend = order_loss(weights, bend, races, shares)
    for slope, step in (
        (gradient @ [1.0, 0.0], (1e-5, 0.0, 0.0)),
        (by_bend, (0.0, 0.0, 1e-5)),
        (gradient[1], (0.0, 1e-5, 0.0)),
    ):
        up, down = (
            order_loss(weights + sign * np.array(step[:2]), bend + sign * step[2], races, shares)[0]
            for sign in (1.0, -1.0 if bend else 0.0)
        )
        assert (up - down) / (1e-5 * (2.0 if bend else 1.0)) == pytest.approx(slope, abs=2e-3)


@pytest.mark.parametrize("bend", [0.0, 0.35])
def test_order_fit_recovers_what_made_the_orders(bend):
    rng = np.random.default_rng(2)
    true = np.array([0.9, 0.5, 0.0, 0.0, 0.6])
    known = []
    for number in range(250):
        n = 30
        # The level of a field says nothing: bent are scores less their mean over all cars.
        signals = np.column_stack([2.0 + rng.normal(size=(n, 2)), np.zeros((n, 2))])
        start = rng.permutation(n) + 1
        utility = signals @ true[:4] + true[4] * rank_scores(-start.astype(float))
        utility = bent(utility - utility.mean(), bend)
        finish = np.argsort(np.argsort(-(utility + np.log(rng.exponential(size=n))))) + 1
        blank = np.zeros(n, np.int64)
        race = historic(
            n,
            race_num=number,
            start=start,
            finish=finish,
            laps_led=blank,
            fastest_laps=blank * 1.0,
            qualified=number % 2 == 0,
        )
        known.append(KnownRace(race, signals))
    fit = fit_orders(known, OrderSettings(half_life_races=1e9, type_ridge=0.1))[TrackType.SHORT]
    assert fit.weights == pytest.approx(true[:4], abs=0.08)
    assert fit.start_effect == pytest.approx(0.6, abs=0.1)
    assert fit.start_effect_unqualified == pytest.approx(0.6, abs=0.1)
    assert fit.bend == pytest.approx(bend, abs=0.06)


def test_bent_scores_rise_ever_less():
    scores = np.linspace(-6.0, 6.0, 49)
    for bend in (0.0, 0.3, 2.0):
        values = bent(scores, bend)
        assert (np.diff(values) > 0).all()
        assert (np.diff(values, 2) < 1e-12).all()
        assert bent(0.0, bend) == 0.0
        assert [bent(float(score), bend) for score in scores] == pytest.approx(values)
        slope, by_bend = bent_slopes(scores, bend)
        assert (bent(scores + 1e-6, bend) - values) / 1e-6 == pytest.approx(slope, rel=1e-3, abs=1e-5)
        assert (bent(scores, bend + 1e-6) - values) / 1e-6 == pytest.approx(by_bend, rel=1e-3, abs=1e-4)
    assert bent(scores, 0.0) == pytest.approx(scores)
    assert np.isfinite(bent(np.array([-1e6, 1e6]), 0.5)).all()
