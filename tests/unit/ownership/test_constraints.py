import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from services.common.domain.errors import Infeasible, InvalidInput
from services.ownership.core.calibration import shares_from_logits
from services.ownership.core.constraints import (
    CapUse,
    cheapest_mean_salary,
    field_shares,
    fit_cap_use,
    mean_lineup_salary,
)
from services.ownership.core.slate import PlayedSlate
from tests.unit.ownership.slates import a_slate

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.floats(-3, 3))
@settings(max_examples=60, deadline=None)
def test_every_field_sums_to_the_roster_and_fits_under_the_cap(seed, greed):
    rng = np.random.default_rng(seed)
    slate = a_slate(rng)
    logits = greed * (slate.salaries_dollars - 7_000) / 1_500 + rng.normal(0, 1, slate.n_drivers)
    shares = field_shares(logits, slate, cap_use=CapUse()).shares
    assert abs(shares.sum() - 6) < 1e-11
    assert (shares > 0).all()
    assert (shares < 1).all()
    assert mean_lineup_salary(shares, slate) <= 50_000


def test_a_field_inside_the_usual_band_is_left_alone(rng):
    slate = a_slate(rng)
    logits = rng.normal(0, 0.3, slate.n_drivers)
    plain = shares_from_logits(logits, 6.0)
    spent = mean_lineup_salary(plain, slate) / slate.salary_cap_dollars
    np.testing.assert_array_equal(field_shares(logits, slate, cap_use=CapUse(spent - 0.01, spent + 0.01)).shares, plain)


@pytest.mark.parametrize("band", [(0.90, 0.91), (0.95, 0.955)])
def test_money_is_spent_as_fields_do(rng, band):
    slate = a_slate(rng)
    spent = mean_lineup_salary(field_shares(np.zeros(38), slate, cap_use=CapUse(*band)).shares, slate) / 50_000
    assert band[0] - 1e-6 <= spent <= band[1] + 1e-6


@given(seeds, st.integers(0, 10))
@settings(max_examples=40, deadline=None)
def test_the_least_cost_around_fixed_shares_is_that_of_a_linear_programme(seed, n_fixed):
    rng = np.random.default_rng(seed)
    slate = a_slate(rng)
    fixed = np.full(38, np.nan)
    fixed[rng.permutation(38)[:n_fixed]] = rng.uniform(0, 0.5, n_fixed)
    bounds = [(0, 1) if np.isnan(share) else (share, share) for share in fixed]
    best = linprog(slate.salaries_dollars, A_eq=np.ones((1, 38)), b_eq=[6.0], bounds=bounds)
    assert cheapest_mean_salary(fixed, slate) == pytest.approx(best.fun, abs=1e-4)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_fixed_shares_stand_and_the_rest_is_fitted_around_them(seed):
    rng = np.random.default_rng(seed)
    slate = a_slate(rng)
    fixed = np.full(38, np.nan)
    fixed[rng.permutation(38)[:4]] = [0.0, 0.35, 0.6, 1.0]
    shares = field_shares(rng.normal(0, 1, 38), slate, cap_use=CapUse(), fixed=fixed).shares
    known = np.isfinite(fixed)
    np.testing.assert_array_equal(shares[known], fixed[known])
    assert abs(shares.sum() - 6) < 1e-11
    assert mean_lineup_salary(shares, slate) <= 50_000


def test_a_complete_set_is_kept_or_brought_to_the_roster_size(rng):
    slate = a_slate(rng)
    whole = field_shares(rng.normal(0, 0.5, 38), slate, cap_use=CapUse()).shares
    assert field_shares(np.zeros(38), slate, cap_use=CapUse(), fixed=whole).rescaled_from is None
    rounded = field_shares(np.zeros(38), slate, cap_use=CapUse(), fixed=whole * 0.98)
    assert rounded.rescaled_from == pytest.approx(5.88)
    assert abs(rounded.shares.sum() - 6) < 1e-11
    with pytest.raises(InvalidInput, match=r"sum to 480\.0"):
        field_shares(np.zeros(38), slate, cap_use=CapUse(), fixed=whole * 0.8)


def test_a_complete_set_sums_exactly_and_keeps_who_is_nobodys_choice(rng):
    slate = a_slate(rng)
    whole = field_shares(rng.normal(0, 0.5, 38), slate, cap_use=CapUse()).shares
    dust = field_shares(np.zeros(38), slate, cap_use=CapUse(), fixed=whole * (1 + 1e-10))
    assert abs(dust.shares.sum() - 6) < 1e-13
    assert dust.rescaled_from is None
    given = np.where(np.arange(38) == 5, 0.0, whole)
    scaled = field_shares(np.zeros(38), slate, cap_use=CapUse(), fixed=given * 5.84 / given.sum())
    assert scaled.shares[5] == 0.0
    assert abs(scaled.shares.sum() - 6) < 1e-11
    assert scaled.rescaled_from == pytest.approx(5.84)


def test_says_by_how_much_a_field_breaks_the_cap(rng):
    slate = a_slate(rng)
    dear = np.argsort(-slate.salaries_dollars)[:6]
    fixed = np.zeros(38)
    fixed[dear] = 1.0
    over = slate.salaries_dollars[dear].sum() - 50_000
    with pytest.raises(InvalidInput, match=rf"\${over:,.0f} above the cap"):
        field_shares(np.zeros(38), slate, cap_use=CapUse(), fixed=fixed)


def test_a_slate_without_any_legal_lineup_is_infeasible(rng):
    slate = dataclasses.replace(a_slate(rng), salary_cap_dollars=20_000.0)
    over = np.sort(slate.salaries_dollars)[:6].sum() - 20_000
    with pytest.raises(Infeasible, match=rf"\${over:,.0f} above"):
        field_shares(np.zeros(38), slate, cap_use=CapUse())


def test_cap_use_follows_what_was_spent(rng):
    assert fit_cap_use([]) == CapUse()
    played = []
    for _ in range(60):
        slate = a_slate(rng)
        shares = field_shares(rng.normal(0, 0.5, 38), slate, cap_use=CapUse(0.959, 0.961)).shares
        played.append(PlayedSlate(slate, shares, shares * np.nan))
    use = fit_cap_use(played)
    assert use.low < 0.961
    assert use.high < 0.97
    assert use.low < use.high


@pytest.mark.parametrize("n_races", [1, 5, 30])
def test_shares_that_seem_to_use_a_little_more_than_the_cap_leave_a_band_below_it(rng, n_races):
    """Rounded percentages may cost 0.1 % too much; a field around such a history still fits."""
    played = []
    for _ in range(n_races):
        slate = a_slate(rng)
        shares = field_shares(rng.normal(0, 0.5, 38), slate, cap_use=CapUse(0.99, 0.995)).shares
        dearer = dataclasses.replace(slate, salary_cap_dollars=mean_lineup_salary(shares, slate) / 1.0008)
        played.append(PlayedSlate(dearer, shares, shares * np.nan))
    use = fit_cap_use(played)
    assert use.low < use.high < 1
    for _ in range(20):
        slate = a_slate(rng)
        assert mean_lineup_salary(field_shares(rng.normal(0, 1, 38), slate, cap_use=use).shares, slate) <= 50_000
