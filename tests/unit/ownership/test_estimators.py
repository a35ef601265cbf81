import dataclasses
import json

import numpy as np
import pytest
from sklearn.base import clone

from services.common.domain.errors import FailedPrecondition
from services.ownership.core.calibration import shares_from_logits
from services.ownership.core.constraints import CapUse
from services.ownership.core.defaults import Defaults
from services.ownership.core.ensemble import OwnershipEnsemble
from services.ownership.core.estimators import (
    HistoricalEstimator,
    ProjectionEstimator,
    RecentFormEstimator,
    SalaryBaseline,
    SalarySkillEstimator,
    UniformBaseline,
    ValueBaseline,
)
from services.ownership.core.estimators.recent_form import surprise
from services.ownership.core.slate import PlayedSlate, make_slate
from tests.unit.ownership.slates import a_season, a_slate

MEMBERS = (HistoricalEstimator, ProjectionEstimator, SalarySkillEstimator, RecentFormEstimator)
ALL = (*MEMBERS, UniformBaseline, SalaryBaseline, ValueBaseline)


@pytest.fixture(scope="module")
def season():
    return a_season(np.random.default_rng(7), 12)


def fields(season):
    return [played.field_shares for played in season]


@pytest.mark.parametrize("kind", ALL)
def test_follows_the_conventions_of_scikit_learn(kind, season):
    estimator = kind()
    assert "prior_races" in estimator.get_params()
    twin = clone(estimator).set_params(prior_races=0.5)
    assert twin.prior_races == 0.5
    assert twin.fit(season, fields(season)) is twin
    for shares in twin.predict([played.slate for played in season]):
        assert abs(shares.sum() - 6) < 1e-11
        assert ((shares > 0) & (shares < 1)).all()


@pytest.mark.parametrize("kind", MEMBERS)
def test_unfitted_answers_from_its_defaults_and_nothing_known_is_no_failure(kind, season):
    estimator, bare = kind(), make_slate("bare", [f"driver {i}" for i in range(38)])
    np.testing.assert_allclose(estimator.predict([bare])[0], 6 / 38, atol=1e-12)
    assert not estimator.information(bare).any()
    fitted = kind().fit(season, fields(season))
    assert np.isfinite(fitted.predict([bare])[0]).all()
    assert ((estimator.information(season[0].slate) >= 0) & (estimator.information(season[0].slate) <= 1)).all()


@pytest.mark.parametrize("kind", MEMBERS)
def test_comes_back_from_its_state(kind, season):
    fitted = kind().fit(season, fields(season))
    copy = kind().load_state(json.loads(json.dumps(fitted.state())))
    upcoming = dataclasses.replace(season[-1].slate, day=float("inf"))
    np.testing.assert_array_equal(copy.predict([upcoming])[0], fitted.predict([upcoming])[0])


@pytest.mark.parametrize("kind", [HistoricalEstimator, RecentFormEstimator])
def test_a_slate_is_not_informed_by_what_came_after_it(kind, season):
    """The memory of race 4 is the same whether or not later races were played otherwise."""
    rng = np.random.default_rng(0)
    other = [PlayedSlate(p.slate, shares_from_logits(rng.normal(size=38), 6.0), p.points * 2) for p in season[5:]]
    one, two = kind(), kind()
    one.learn_history(season[:5], fields(season[:5]))
    two.learn_history([*season[:5], *other], fields([*season[:5], *other]))
    mine = one.history_.memory.race < 4
    theirs = two.history_.memory.race < 4
    assert mine.sum() == theirs.sum()
    if kind is RecentFormEstimator:
        np.testing.assert_allclose(
            one.training_features(season[:5])[4], two.training_features([*season[:5], *other])[4], atol=1e-12
        )


def test_popular_names_are_remembered():
    """One driver draws thrice his due in every race: history sees it, price and projection do not."""
    rng = np.random.default_rng(3)
    season = []
    for played in a_season(rng, 12):
        liked = np.zeros(38)
        liked[5] = 1.2
        eta = played.slate.mean_points / 8 + liked
        season.append(PlayedSlate(played.slate, shares_from_logits(eta, 6.0), played.points))
    estimator = HistoricalEstimator().fit(season, fields(season))
    upcoming = a_slate(rng)
    signal = estimator.signal(upcoming)
    assert signal.argmax() == 5
    assert 0.6 < signal[5] - np.median(signal) < 1.3
    assert estimator.information(upcoming).min() > 0.6


def test_form_follows_points_beyond_expectation(rng):
    slates = [a_slate(rng, race_id=f"r{i}", day=float(i)) for i in range(4)]
    played = []
    for slate in slates:
        points = slate.mean_points.copy()
        points[3] += 40
        points[9] = np.nan
        played.append(PlayedSlate(slate, np.full(38, 6 / 38), points))
    assert np.isnan(surprise(played[0])[9])
    estimator = RecentFormEstimator().fit(played, fields(played))
    upcoming = a_slate(rng)
    memory = estimator.features(upcoming)[:, 1:-1]
    assert (memory.argmax(axis=0) == 3).all()
    assert estimator.information(upcoming)[9] == 0
    assert not estimator.features(upcoming)[:, -1].any()


def test_form_finds_how_far_back_a_field_looks():
    """Fields that look at the third last race alone: that race gets the weight, and no other."""
    rng = np.random.default_rng(8)
    season, beyond = [], []
    for week, played in enumerate(a_season(rng, 40)):
        looked_at = beyond[week - 3] if week >= 3 else np.zeros(38)
        beyond.append((played.points - played.slate.mean_points) / 15)
        season.append(PlayedSlate(played.slate, shares_from_logits(0.5 * looked_at, 6.0), played.points))
    estimator = RecentFormEstimator(prior_races=0.1).fit(season, fields(season))
    shrunk = 1 + estimator.shrinkage_races
    found = dict(zip(estimator.prior, estimator.coefficients_, strict=True))
    assert found.pop("third_last") == pytest.approx(0.5 * shrunk, rel=0.1)
    assert np.abs(list(found.values())).max() < 0.1


def test_form_is_measured_in_points_not_within_each_race():
    """A race that spread the field twice as wide moves form twice as much."""
    rng = np.random.default_rng(9)
    slates = [a_slate(rng, race_id=f"r{i}", day=float(i)) for i in range(8)]
    beyond = rng.normal(0, 15, 38)
    calm = [PlayedSlate(s, np.full(38, 6 / 38), s.mean_points + rng.normal(0, 15, 38)) for s in slates[:-1]]

    def last_race(times):
        wild = PlayedSlate(slates[-1], np.full(38, 6 / 38), slates[-1].mean_points + times * beyond)
        estimator = RecentFormEstimator()
        estimator.learn_history([*calm, wild], [])
        return estimator.features(a_slate(np.random.default_rng(1)))[:, 1]

    inside = np.abs(last_race(2)) < 0.5 * 3.4
    ratio = last_race(2)[inside] / last_race(1)[inside]
    assert np.ptp(ratio) < 1e-9
    assert 1.6 < ratio[0] < 2.0


def test_the_underpriced_get_popular(rng):
    slate = a_slate(rng)
    mean = slate.salaries_dollars / 250
    mean[7] += 15
    found = SalarySkillEstimator().predict([dataclasses.replace(slate, mean_points=mean)])[0]
    peers = np.abs(slate.salaries_dollars - slate.salaries_dollars[7]) < 1_500
    assert found[7] == found[peers].max()


class TestEnsemble:
    def test_the_defaults_give_a_sane_field(self):
        tops, ranks = [], []
        for seed in range(20):
            slate = a_slate(np.random.default_rng(seed))
            shares = OwnershipEnsemble().predict([slate])[0]
            tops.append(shares.max())
            ranks.append(np.corrcoef(shares.argsort().argsort(), slate.mean_points.argsort().argsort())[0, 1])
        assert 0.33 < np.median(tops) < 0.55
        assert np.mean(ranks) > 0.65

    def test_is_an_estimator_too(self, season):
        model = clone(OwnershipEnsemble(members=[ProjectionEstimator(), SalarySkillEstimator()], max_folds=4))
        model.fit(season, fields(season))
        assert set(model.weights) == {"projection", "salary_skill"}
        assert sum(model.weights.values()) == pytest.approx(1.0)
        assert OwnershipEnsemble().get_params()["max_folds"] == 20

    def test_parameters_set_later_count_as_if_given_at_first(self):
        defaults = Defaults(sharpness=1.0, cap_use=CapUse(0.9, 0.91))
        late, early = OwnershipEnsemble().set_params(defaults=defaults), OwnershipEnsemble(defaults=defaults)
        slate = a_slate(np.random.default_rng(1))
        np.testing.assert_array_equal(late.predict([slate])[0], early.predict([slate])[0])
        assert np.abs(late.predict([slate])[0] - OwnershipEnsemble().predict([slate])[0]).max() > 0.01
        assert set(OwnershipEnsemble().set_params(members=[ProjectionEstimator()]).weights) == {"projection"}

    def test_comes_back_from_its_state(self, season):
        model = OwnershipEnsemble().fit(season, fields(season))
        copy = OwnershipEnsemble().load_state(json.loads(json.dumps(model.state())))
        upcoming = dataclasses.replace(season[0].slate, day=float("inf"))
        np.testing.assert_array_equal(copy.predict([upcoming])[0], model.predict([upcoming])[0])
        assert copy.dispersion_ == model.dispersion_
        assert copy.weights == pytest.approx(model.weights)

    def test_a_model_of_another_version_is_not_misread(self, season):
        state = OwnershipEnsemble().fit(season, fields(season)).state()
        with pytest.raises(FailedPrecondition, match="fit it again"):
            OwnershipEnsemble().load_state(state | {"format": 0})

    def test_the_same_races_give_the_same_model(self, season):
        assert OwnershipEnsemble().fit(season, fields(season)).state() == (
            OwnershipEnsemble().fit(season, fields(season)).state()
        )

    def test_one_race_is_enough_to_fit(self, season):
        model = OwnershipEnsemble().fit(season[:1], fields(season[:1]))
        assert abs(model.predict([season[1].slate])[0].sum() - 6) < 1e-11

    def test_a_small_slate_of_other_rules(self, rng):
        slate = a_slate(rng, 9, roster_size=3, salary_cap_dollars=25_000.0)
        shares = OwnershipEnsemble().predict([slate])[0]
        assert abs(shares.sum() - 3) < 1e-11
        assert shares @ slate.salaries_dollars <= 25_000


def test_a_second_contest_without_points_leaves_the_form_of_the_race(season):
    """Contest B came as a table of percentages, which holds no points."""
    played = season[-1]
    pointless = dataclasses.replace(played, points=np.full_like(played.points, np.nan))
    alone, both = RecentFormEstimator(), RecentFormEstimator()
    alone.learn_history([played], [played.field_shares])
    both.learn_history([played, pointless], [played.field_shares] * 2)
    following = [dataclasses.replace(played.slate, race_id="next", day=played.slate.day + 7)]
    for ours, theirs in zip(both._form(following)[0], alone._form(following)[0], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert both._form(following)[0][1].any()
