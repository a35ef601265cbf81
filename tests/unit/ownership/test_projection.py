import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Driver, Race, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.ownership.core.dispersion import DEFAULT_CONCENTRATION, interval
from services.ownership.core.ensemble import OwnershipEnsemble
from services.ownership.core.features import contest_features, liking, residual_on, standardise, strength
from services.ownership.core.inputs import Simulated, race_day, slate_of
from services.ownership.core.left_out import basis_of
from services.ownership.core.projection import Fixed, project
from services.ownership.core.slate import Contest
from tests.unit.ownership.slates import a_season, a_slate


def a_race(n_drivers=8, **changes):
    drivers = [Driver(f"id{i}", f"Nam\u00e9 {i} Jr.", 6_000 + 100 * i, rating=90.0 + i) for i in range(n_drivers)]
    drivers[1] = dataclasses.replace(drivers[1], decimal_win_odds=5.0)
    drivers[2] = dataclasses.replace(drivers[2], withdrawn=True)
    return Race("demo", Track(TrackType.ROAD), 100, DRAFTKINGS_CLASSIC, tuple(drivers), **changes)


def test_a_slate_holds_what_race_and_scenarios_say():
    race = a_race(start_time="1970-01-03T12:00:00Z")
    slate = slate_of(race, {"id0": Simulated(40.0, 80.0, 0.3)}, contest=Contest(100), day=2.5)
    assert race_day(race) == 2.5
    assert race_day(a_race()) is None
    assert slate.driver_keys[0] == "name 0 jr", "a son has a history of his own"
    assert slate.n_drivers == 7
    assert (slate.mean_points[0], slate.ceiling_points[0], slate.optimal_rate[0]) == (40.0, 80.0, 0.3)
    assert np.isnan(slate.mean_points[1:]).all()
    assert slate.win_log_odds[1] == pytest.approx(np.log(0.2 / 0.8))
    assert np.isnan(slate.win_log_odds[0])
    assert slate.track_type == "road"
    with pytest.raises(InvalidInput, match="more than the 6 roster slots"):
        slate_of(a_race(7), {}, contest=Contest(), day=0.0)


def test_missing_inputs_widen_the_intervals_and_are_told(rng):
    slate = a_slate(rng)
    blind = np.arange(38) < 5
    poorer = dataclasses.replace(slate, mean_points=np.where(blind, np.nan, slate.mean_points))
    rich, poor = project(OwnershipEnsemble(), slate), project(OwnershipEnsemble(), poorer)
    assert poor.warnings == ("5 of 38 drivers have no simulated points; their intervals are wider",)
    assert not rich.warnings
    assert poor.concentration < rich.concentration < DEFAULT_CONCENTRATION
    wide, narrow = (found.upper - found.lower for found in (poor, rich))
    assert (wide[blind] > narrow[blind]).all()


@given(st.integers(0, 2**32 - 1), st.sets(st.integers(0, 37), min_size=1, max_size=37), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_what_is_missing_never_narrows_an_interval(seed, drivers, which):
    """Mean, ceiling or both of some drivers: the favourite's too, who falls back to the crowd without them."""
    rng = np.random.default_rng(seed)
    slate = a_slate(rng, contest=Contest(n_entries=int(rng.integers(0, 5_000))))
    lost = np.isin(np.arange(38), list(drivers))
    names = [name for bit, name in ((1, "mean_points"), (2, "ceiling_points")) if which & bit]
    poorer = dataclasses.replace(slate, **{name: np.where(lost, np.nan, getattr(slate, name)) for name in names})
    rich, poor = project(OwnershipEnsemble(), slate), project(OwnershipEnsemble(), poorer)
    assert ((poor.upper - poor.lower)[lost] >= (rich.upper - rich.lower)[lost] - 1e-12).all()


def test_fixed_shares_are_the_users_and_members_answer_alone(rng):
    slate = a_slate(rng)
    fixed = np.full(38, np.nan)
    fixed[[3, 8]] = 0.0, 0.5
    found = project(OwnershipEnsemble(), slate, fixed=Fixed(fixed))
    np.testing.assert_array_equal(found.shares[[3, 8]], [0.0, 0.5])
    np.testing.assert_allclose(found.member_shares.sum(axis=0), 6.0)
    np.testing.assert_allclose(found.member_weights.sum(axis=1), 1.0)
    assert np.isfinite(found.lower).all()
    assert (found.lower <= found.shares).all()
    assert (found.shares <= found.upper).all()


def test_features_mean_the_same_on_every_slate(rng):
    values = rng.normal(50, 20, 30)
    np.testing.assert_allclose(standardise(3 * values + 100), standardise(values))
    holed = np.where(np.arange(30) < 4, np.nan, values)
    assert not standardise(holed)[:4].any()
    assert standardise(holed)[4:].mean() == pytest.approx(0.0)
    assert not standardise(np.full(30, 7.0)).any()
    assert not standardise(np.array([np.nan, 1.0, 2.0, np.nan])).any()
    order = np.argsort(values)
    assert (np.diff(liking(values)[order]) > 0).all()


def test_what_a_line_leaves_is_uncorrelated_with_what_explains(rng):
    explained_by, values = rng.normal(size=30), rng.normal(size=30)
    left = residual_on(values, explained_by)
    assert left @ (explained_by - explained_by.mean()) == pytest.approx(0.0, abs=1e-10)
    assert np.isnan(residual_on(np.where(np.arange(30) == 2, np.nan, values), explained_by)[2])


def test_strength_is_the_mean_of_what_is_known(rng):
    slate = a_slate(rng)
    only = dataclasses.replace(slate, site_average_points=np.full(38, np.nan))
    np.testing.assert_allclose(strength(only), standardise(slate.mean_points))
    both = strength(slate)
    np.testing.assert_allclose(both, (standardise(slate.mean_points) + standardise(slate.site_average_points)) / 2)
    nothing = dataclasses.replace(only, mean_points=np.full(38, np.nan))
    assert np.isnan(strength(nothing)).all()


def test_an_unknown_contest_is_the_typical_one():
    assert not contest_features(Contest()).any()
    np.testing.assert_allclose(contest_features(Contest(50_000, 80.0, 15)), [1.0, 1.0, -1.0])


INPUTS = ("mean_points", "ceiling_points", "optimal_rate", "win_log_odds", "rating", "site_average_points")


def informed_slate(rng):
    """A slate of which everything is known."""
    slate = a_slate(rng)
    rate = rng.dirichlet(np.exp(slate.mean_points / 8)) * 6
    strength = slate.mean_points / 10
    odds, rating = strength + rng.normal(0, 0.5, 38), strength + rng.normal(0, 0.5, 38)
    return dataclasses.replace(slate, optimal_rate=rate, win_log_odds=odds, rating=rating)


@pytest.mark.parametrize("name", [*INPUTS, "salaries_dollars"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_every_missing_input_widens_the_interval_of_a_share(name, seed):
    """At the same share, of all drivers when nobody's is known and of the one whose is missing."""
    rng = np.random.default_rng(seed)
    model, slate = OwnershipEnsemble(), informed_slate(rng)

    def width(seen):
        knowledge = model.blend_.knowledge(model.opinions(seen))
        lower, upper = model.dispersion_.interval(np.full(38, 6 / 38), basis_of(seen, knowledge), 0.8)
        return upper - lower

    full = width(slate)
    gone = dataclasses.replace(slate, **{name: np.full(38, np.nan)})
    assert (width(gone) > full + 1e-6).all()
    one = int(rng.integers(38))
    hole = dataclasses.replace(slate, **{name: np.where(np.arange(38) == one, np.nan, getattr(slate, name))})
    assert width(hole)[one] > full[one] + 1e-6
    np.testing.assert_array_equal(np.delete(width(hole), one), np.delete(full, one))


@pytest.fixture(scope="module")
def fitted():
    season = a_season(np.random.default_rng(4), 8)
    return OwnershipEnsemble().fit(season, [played.field_shares for played in season])


def without(slate, name, lost):
    """The slate with an input of some drivers missing; ``driver_keys`` takes their histories away."""
    if name != "driver_keys":
        return dataclasses.replace(slate, **{name: np.where(lost, np.nan, getattr(slate, name))})
    keys = tuple(
        f"unheard of {i}" if gone else key for i, (key, gone) in enumerate(zip(slate.driver_keys, lost, strict=True))
    )
    return dataclasses.replace(slate, driver_keys=keys)


@given(
    seed=st.integers(0, 2**32 - 1),
    drivers=st.sets(st.integers(0, 37), min_size=1),
    before=st.sets(st.sampled_from(INPUTS), max_size=3),
    names=st.sets(st.sampled_from([*INPUTS, "salaries_dollars", "driver_keys"]), min_size=1),
)
@settings(max_examples=80, deadline=None)
def test_whatever_goes_missing_and_wherever_shares_move_over_dispersion_rises(fitted, seed, drivers, before, names):
    """The promise: r of variance ``r p (1 - p)`` rises for whom inputs go missing, and so his interval at any share.

    Other drivers' stays or rises, but for a missing salary, which moves the price bands of all.
    """
    slate, lost = informed_slate(np.random.default_rng(seed)), np.isin(np.arange(38), list(drivers))
    for name in before:
        slate = without(slate, name, np.full(38, True))
    names = sorted(names - before)
    assume(names)
    poorer = slate
    for name in names:
        poorer = without(poorer, name, lost)

    def rate(model, seen):
        basis = basis_of(seen, model.blend_.knowledge(model.opinions(seen)))
        return model.dispersion_.rate(basis.knowledge, 0)

    for model in (fitted, OwnershipEnsemble()):
        if model is not fitted and names == ["driver_keys"]:
            continue
        knew, knows = (model.opinions(seen).information[lost] for seen in (slate, poorer))
        assert (knows <= knew).all(), "of no member"
        whole, less = rate(model, slate), rate(model, poorer)
        assert (less[lost] > whole[lost]).all()
        if "salaries_dollars" not in names:
            assert (less[~lost] >= whole[~lost]).all()
        found, at = project(model, poorer), interval(project(model, poorer).shares, whole, 0.8)
        assert (found.upper - found.lower >= at[1] - at[0] - 1e-12)[lost].all()
        assert abs(found.shares.sum() - 6) < 1e-9


@pytest.mark.parametrize("name", INPUTS)
def test_missing_inputs_widen_the_intervals_of_a_slate_on_average(name):
    """The projection moves as well, so single intervals may narrow; their mean over slates does not."""
    wider = []
    for seed in range(30):
        slate = informed_slate(np.random.default_rng(seed))
        whole = project(OwnershipEnsemble(), slate)
        gone = project(OwnershipEnsemble(), dataclasses.replace(slate, **{name: np.full(38, np.nan)}))
        wider.append((gone.upper - gone.lower).mean() - (whole.upper - whole.lower).mean())
    assert np.mean(wider) > 3 * np.std(wider) / np.sqrt(len(wider))
