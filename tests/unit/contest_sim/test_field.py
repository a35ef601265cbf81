"""The field: ownership met, closed forms against sampling, nearest ownership against a solver."""

import numpy as np
import pytest
from scipy.optimize import linprog

from services.common.universe import enumerate_lineups
from services.contest_sim.core.field import fit_field, fit_to_ownership
from services.contest_sim.core.field_description import describe_field
from services.contest_sim.core.field_parameters import (
    FieldParameters,
    Prices,
    base_weights,
    chalk,
    contrast,
    default_parameters,
)
from services.contest_sim.core.lineup_space import LineupSpace
from services.contest_sim.core.ownership_draw import draw_shares, draw_surprise, shift_to_sum

PARAMETERS = FieldParameters(salary_tilt=0.5, sharpness=1.0, contrast=2.0)


def incidence(universe):
    """One row per lineup, one column per driver."""
    matrix = np.zeros((universe.n_lineups, universe.n_drivers))
    np.put_along_axis(matrix, universe.lineups.astype(int), 1.0, axis=1)
    return matrix


@pytest.fixture(scope="module")
def field(small):
    return fit_field(small.universe, small.prices, small.shares, PARAMETERS)


def all_probabilities(field):
    return field.probabilities(np.arange(field.universe.n_lineups))


@pytest.mark.parametrize("parameters", [FieldParameters(), PARAMETERS, FieldParameters(-1.0, -2.0, -3.0)])
def test_marginals_match_ownership_to_a_hundredth_of_a_point(small, parameters):
    field = fit_field(small.universe, small.prices, small.shares, parameters)
    achieved = all_probabilities(field) @ incidence(small.universe)
    assert np.abs(achieved - small.shares).max() < 1e-4
    assert np.abs(achieved - field.shares).max() < 1e-9
    assert field.distance == 0.0


def test_plain_field_has_the_greatest_entropy(small, rng):
    """Any move that keeps ownership lowers the entropy: checked along directions in the kernel of the marginals."""
    p = all_probabilities(fit_field(small.universe, small.prices, small.shares, FieldParameters()))
    marginals = incidence(small.universe)
    entropy = -(p @ np.log(p))
    for _ in range(20):
        direction = rng.normal(size=len(p)) * p
        # Project out what would change ownership, staying within the support.
        scaled = marginals * np.sqrt(p)[:, None]
        root = direction / np.sqrt(p)
        root -= scaled @ np.linalg.lstsq(scaled, root, rcond=None)[0]
        moved = p + 1e-2 * root * np.sqrt(p) * (p.min() / np.abs(root * np.sqrt(p)).max())
        assert np.abs(moved @ marginals - small.shares).max() < 1e-4
        assert -(moved @ np.log(moved)) <= entropy + 1e-12


def test_linear_preference_for_salary_changes_nothing(small):
    """What is linear in the drivers is absorbed by theta: only curved terms can shape a field of given ownership."""
    plain = fit_field(small.universe, small.prices, small.shares, FieldParameters())
    linear = np.exp((small.universe.salaries_dollars - small.cap) / 1000.0)
    base = base_weights(small.universe, small.prices, small.shares, FieldParameters()) * linear
    leaned = fit_to_ownership(LineupSpace(small.universe, base), small.shares)
    assert np.allclose(all_probabilities(plain), all_probabilities(leaned), atol=1e-9)


def test_salary_tilt_spends_more_of_the_cap_at_the_same_ownership(small):
    """Mean salary is fixed by ownership; the tilt moves weight to lineups that leave next to nothing."""
    plain, tilted = (
        fit_field(small.universe, small.prices, small.shares, FieldParameters(tilt)) for tilt in (0.0, 1.0)
    )
    full = small.universe.salaries_dollars >= small.cap - 100
    assert all_probabilities(tilted)[full].sum() > all_probabilities(plain)[full].sum()
    assert describe_field(tilted, 10).mean_salary_dollars == pytest.approx(
        describe_field(plain, 10).mean_salary_dollars, abs=0.1
    )


@pytest.mark.parametrize("term", ["sharpness", "contrast"])
def test_terms_are_what_a_crowd_of_different_tastes_does(small, term):
    """Entrants who weigh what a lineup is beyond the mean by b, normal around 0: exact for small variances of b.

    ``mean over b of exp(b x) = exp(variance / 2 x**2)``, so the term's strength is half the variance per unit squared.
    """
    beyond = (
        chalk(small.universe, small.shares)
        if term == "sharpness"
        else contrast(small.universe, small.prices.salaries_dollars, small.shares)
    )
    deviation = 0.4
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    crowd = np.exp(np.outer(beyond, deviation * nodes)) @ (weights / weights.sum())
    parameters = FieldParameters(**{term: deviation**2 / 2 * 10.0**2})
    base = base_weights(small.universe, small.prices, small.shares, parameters)
    assert base == pytest.approx(crowd / crowd.max())
    assert base.min() < 0.9


def test_contrast_counts_stars_and_scrubs_and_lineups_of_the_middle(small):
    """Both kinds gain at the same ownership; by hand: squared standard scores of salaries, less the field's mean."""
    salaries = small.prices.salaries_dollars
    scores = (salaries - salaries.mean()) / salaries.std()
    by_hand = (scores**2)[small.universe.lineups.astype(int)].sum(axis=1) - small.shares @ scores**2
    found = contrast(small.universe, salaries, small.shares)
    assert found == pytest.approx(by_hand)
    plain, bent = (
        all_probabilities(fit_field(small.universe, small.prices, small.shares, FieldParameters(contrast=strength)))
        for strength in (0.0, 8.0)
    )
    assert bent @ found**2 > 1.1 * (plain @ found**2)
    assert bent[found > 2].sum() > plain[found > 2].sum()
    assert bent[found < -2].sum() > plain[found < -2].sum()


def test_equal_salaries_have_no_contrast(small):
    assert not contrast(small.universe, np.full(12, 5000), small.shares).any()


def test_sampling_follows_the_distribution(field, rng):
    n_entries = 200_000
    drawn = field.sample(n_entries, rng)
    assert drawn.n_entries == n_entries
    p = all_probabilities(field)
    counts = drawn.copies_of(field.universe.lineups)
    z = (counts - n_entries * p) / np.sqrt(n_entries * p * (1 - p))
    assert np.abs(z).max() < 5.0
    assert abs((z**2).mean() - 1.0) < 0.3


def test_expected_copies_and_unique_share_against_sampling(field, rng):
    described = describe_field(field, 300)
    p = all_probabilities(field)
    shares, copies = [], []
    for _ in range(400):
        drawn = field.sample(300, rng)
        shares.append((drawn.copies == 1).sum() / 300)
        copies.append(drawn.copies_of(field.universe.lineups[[int(p.argmax())]])[0])
    assert np.mean(shares) == pytest.approx(described.unique_share, abs=4 * np.std(shares) / 20)
    assert np.mean(copies) == pytest.approx(described.max_expected_copies, abs=4 * np.std(copies) / 20)
    assert described.effective_lineups == pytest.approx(np.exp(-(p @ np.log(p))))


def test_lineups_that_are_not_legal_have_no_copies(field):
    assert field.probabilities(np.array([-1]))[0] == 0.0


def test_impossible_ownership_gives_the_nearest_with_its_distance(small):
    """Everyone on the four dearest drivers cannot be paid for; a linear programme bounds the distance from below."""
    wanted = np.full(12, 0.02)
    wanted[:4] = (4.0 - 8 * 0.02) / 4
    field = fit_field(small.universe, small.prices, wanted, FieldParameters())
    assert field.distance > 0.5
    achieved = all_probabilities(field) @ incidence(small.universe)
    assert np.linalg.norm(achieved - wanted) == pytest.approx(field.distance, abs=5e-3)
    assert field.distance >= least_max_norm(incidence(small.universe), wanted) - 1e-9
    # Optimal: no legal lineup lies further in the direction of the miss than the point itself.
    miss = wanted - achieved
    assert (incidence(small.universe) @ miss).max() <= achieved @ miss + 2e-2


def least_max_norm(marginals, wanted):
    """Least greatest difference in any driver: a lower bound of the Euclidean distance, by linear programming."""
    n_lineups, n_drivers = marginals.shape
    objective = np.append(np.zeros(n_lineups), 1.0)
    slack = -np.ones((n_drivers, 1))
    upper = np.vstack([np.hstack([marginals.T, slack]), np.hstack([-marginals.T, slack])])
    solved = linprog(
        objective,
        A_ub=upper,
        b_ub=np.concatenate([wanted, -wanted]),
        A_eq=np.append(np.ones(n_lineups), 0.0)[None],
        b_eq=[1.0],
    )
    return solved.fun


def test_redrawn_ownership_is_overdispersed_as_asked(small, rng):
    draws = np.array([draw_shares(small.shares, 30.0, rng.random(12)) for _ in range(4000)])
    assert np.allclose(draws.sum(axis=1), 4.0)
    assert ((draws > 0) & (draws < 1)).all()
    expected = small.shares * (1 - small.shares) / 31.0
    # The sum being fixed takes away some of the variance of each.
    assert (draws.var(axis=0) < 1.15 * expected).all()
    assert draws.var(axis=0).sum() > 0.7 * expected.sum()


def test_surprised_field_owns_what_was_announced(small, field, rng):
    """To first order, and in all directions that the cap and the sum leave free; checked by enumeration."""
    log_odds = np.log(small.shares / (1 - small.shares))
    for _ in range(5):
        announced = field.possible(0.02 * rng.normal(size=12))
        owned = field.surprised(announced).entry_shares @ incidence(small.universe)
        assert np.log(owned / (1 - owned)) - log_odds == pytest.approx(announced, abs=1e-3)


def test_what_is_possible_keeps_the_sum_and_is_possible_again(small, field, rng):
    announced = field.possible(rng.normal(size=(6, 12)))
    assert field.possible(announced) == pytest.approx(announced)
    changes = announced * small.shares * (1 - small.shares)
    assert changes.sum(axis=1) == pytest.approx(np.zeros(6), abs=1e-9)


def test_fields_at_the_limit_of_the_cap_stay_there_when_surprised(rng):
    """Ownership that leaves next to nothing: a step towards draws that no lineup can pay for would run away."""
    salaries = np.sort(rng.integers(40, 110, 20)).astype(np.int64) * 100
    universe = enumerate_lineups(salaries, 5, 36_000)
    full = (universe.salaries_dollars >= 35_900).astype(float)
    shares = full / full.sum() @ incidence(universe)
    field = fit_field(universe, Prices(salaries, 36_000), shares, FieldParameters(salary_tilt=3.0))
    owned = np.array(
        [
            field.surprised(draw_surprise(shares, 20.0, rng.random(20))).entry_shares @ incidence(universe)
            for _ in range(200)
        ]
    )
    asked = np.array([draw_shares(shares, 20.0, rng.random(20)) @ salaries for _ in range(200)])
    assert np.abs(owned @ salaries - shares @ salaries).mean() < 50 < 500 < asked.std()
    error = owned.std(axis=0) / np.sqrt(len(owned))
    assert (np.abs(owned.mean(axis=0) - shares) < 4 * error + 0.01).all()


def test_rarely_owned_drivers_are_redrawn_as_much_as_others(rng):
    """Their ownership varies little because they are rare, not because the cap leaves no room."""
    salaries = np.round(np.linspace(4_500, 11_000, 24), -2).astype(np.int64)
    universe = enumerate_lineups(salaries, 6, 50_000)
    taste = np.exp(rng.normal(0.0, 0.5, 24)) * np.where(np.arange(24) % 6 == 0, 0.03, 1.0)
    weights = np.prod(taste[universe.lineups.astype(int)], axis=1)
    shares = weights / weights.sum() @ incidence(universe)
    field = fit_field(universe, Prices(salaries, 50_000), shares, FieldParameters())
    levels = rng.random((300, 24))
    asked = np.array([draw_shares(shares, 36.0, level) for level in levels])
    models = (field.surprised(draw_surprise(shares, 36.0, level)) for level in levels)
    drawn = np.array([model.space.ownership(model.shares_between) for model in models])
    rare = shares < 0.015
    assert rare.sum() >= 3
    assert drawn.std(axis=0)[rare] == pytest.approx(asked.std(axis=0)[rare], rel=0.1)
    error = (drawn - asked).std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs((drawn - asked).mean(axis=0)) < 0.1 * asked.std(axis=0) + 3 * error).all()


def test_shift_keeps_the_order_and_makes_the_sum():
    shifted = shift_to_sum(np.array([0.1, 0.5, 0.9]), 2.0)
    assert shifted.sum() == pytest.approx(2.0)
    assert (np.diff(shifted) > 0).all()


def test_parameters_between_the_fitted_fees_lie_between():
    low, middle, high = (default_parameters(fee) for fee in (100, 5_000, 200_000))
    for name in ("salary_tilt", "sharpness", "contrast"):
        assert getattr(low, name) < getattr(middle, name) < getattr(high, name)
    assert low == default_parameters(800)
    assert high == default_parameters(55_500)


def test_universe_of_another_roster_size_works(rng):
    salaries = rng.integers(40, 110, 15).astype(np.int64) * 100
    universe = enumerate_lineups(salaries, 5, 40_000)
    p = rng.gamma(0.3, size=universe.n_lineups)
    shares = (p / p.sum()) @ incidence(universe)
    field = fit_field(universe, Prices(salaries, 40_000), shares, PARAMETERS)
    assert np.abs(all_probabilities(field) @ incidence(universe) - shares).max() < 1e-4
