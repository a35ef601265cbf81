"""Drawn fields: reproducible, over-dispersed between contests, of one mind within a race."""

import numpy as np
import pytest

from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.economics import portfolio_worth
from services.contest_sim.core.field import fit_field
from services.contest_sim.core.field_parameters import FieldParameters
from services.contest_sim.core.field_plan import KnownPlan, ModelPlan
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.play import play_contests
from services.contest_sim.core.prizes import PrizeRow, PrizeTable

N_ENTRIES, N_FIELDS, CONCENTRATION = 500, 120, 60.0


@pytest.fixture(scope="module")
def field(small):
    return fit_field(small.universe, small.prices, small.shares, FieldParameters())


def ownership(opponents):
    owned = np.zeros(12)
    for slot in range(4):
        np.add.at(owned, opponents.lineups[:, slot].astype(int), opponents.copies)
    return owned / opponents.n_entries


def owned_by_field(plan, contest=0):
    return np.array([ownership(plan.draw(index)[contest].opponents) for index in range(N_FIELDS)])


def test_entries_of_one_contest_vary_as_draws_and_contests_beyond(small, field):
    """Without redraw ownership varies by sampling alone; with it by the concentration's variance on top."""
    p = small.shares
    sampling = p * (1 - p) / N_ENTRIES
    still = owned_by_field(ModelPlan([field], [N_ENTRIES], [0.0], 3)).var(axis=0)
    moved = owned_by_field(ModelPlan([field], [N_ENTRIES], [CONCENTRATION], 3)).var(axis=0)
    assert still.sum() == pytest.approx(sampling.sum(), rel=0.25)
    # What is fixed in all fields, the sum, takes part of the variance away.
    assert 0.6 * p @ (1 - p) / (1 + CONCENTRATION) < (moved - still).sum() < 1.2 * p @ (1 - p) / (1 + CONCENTRATION)


def test_projection_stays_the_mean_of_the_fields(small, field):
    drawn = owned_by_field(ModelPlan([field], [N_ENTRIES], [CONCENTRATION], 4))
    error = drawn.std(axis=0) / np.sqrt(N_FIELDS)
    assert (np.abs(drawn.mean(axis=0) - small.shares) < 4 * error + 0.005).all()


@pytest.fixture(scope="module")
def other(small):
    """A field of other ownership, salary habits and sharpness, as of another contest of the race."""
    weights = np.random.default_rng(6).gamma(0.5, size=small.universe.n_lineups)
    shares = np.array([weights[(small.universe.lineups == driver).any(axis=1)].sum() for driver in range(12)])
    return fit_field(small.universe, small.prices, shares / weights.sum(), FieldParameters(0.9, 1.0))


def expected_ownership(plan, contest):
    """Ownership of each field's entries before any is drawn; shape (n_fields, 12)."""
    models = [plan.draw(index)[contest].model for index in range(N_FIELDS)]
    return np.array([model.space.ownership(model.shares_between) for model in models])


def surprises(plan, contest):
    """Log-odds of each field's ownership less the projection's; shape (n_fields, 12)."""
    owned = expected_ownership(plan, contest)
    projected = plan.fields[contest].shares
    return np.log(owned / (1 - owned)) - np.log(projected / (1 - projected))


def test_contests_of_a_race_share_the_surprise(field, other):
    """What beats its projection in one contest beats it in all, though their projections and fields differ."""
    first, second = (surprises(ModelPlan([field, other], [40, 40], [20.0, 60.0], 5), contest) for contest in (0, 1))
    correlation = [np.corrcoef(first[:, driver], second[:, driver])[0, 1] for driver in range(12)]
    assert np.median(correlation) > 0.9
    apart = surprises(ModelPlan([other], [40], [60.0], 50), 0)
    assert abs(np.median([np.corrcoef(first[:, driver], apart[:, driver])[0, 1] for driver in range(12)])) < 0.3


def test_each_contest_moves_by_its_own_concentration(field):
    plan = ModelPlan([field, field, field], [40, 40, 40], [20.0, 60.0, 0.0], 5)
    wide, narrow, still = (expected_ownership(plan, contest).var(axis=0).sum() for contest in range(3))
    assert wide / narrow == pytest.approx(61 / 21, rel=0.2)
    assert still < 1e-12


def points(rng, n_scenarios=3000):
    return np.round(20 * rng.normal(30.0, 15.0, (n_scenarios, 12))).astype(np.int16)


def surprise_in_points(ticks):
    return ticks - ticks.mean(axis=0)


def test_insight_is_the_correlation_of_what_the_field_owns_with_what_the_race_gives(small, field, rng):
    """Measured from outside: entries counted in drawn fields against the points of the races dealt to them."""
    ticks = points(rng)
    plan = ModelPlan([field], [20_000], [30.0], 7, insight=0.25)
    dealing = plan.deal(ticks, N_FIELDS)
    assert dealing.insight == pytest.approx(0.25, abs=0.01)
    owned = owned_by_field(plan)
    surprise = np.log(owned / (1 - owned)) - np.log(small.shares / (1 - small.shares))
    met = surprise[dealing.field_of_scenario]
    measured = [np.corrcoef(a, b)[0, 1] for a, b in zip(met, surprise_in_points(ticks), strict=True)]
    assert np.mean(measured) == pytest.approx(0.25, abs=0.03)


def test_dealing_by_insight_plays_every_race_once_and_every_field_alike(field, rng):
    plan = ModelPlan([field], [50], [30.0], 8, insight=0.2)
    dealing = plan.deal(points(rng, 1003), 20)
    sizes = np.bincount(dealing.field_of_scenario, minlength=20)
    assert sizes.sum() == 1003
    assert sizes.max() - sizes.min() <= 1
    again = plan.deal(points(np.random.default_rng(1), 1003), 20, first=20)
    assert (again.field_of_scenario != dealing.field_of_scenario).any()


def test_few_fields_have_the_greatest_insight_there_is(field, rng):
    plan = ModelPlan([field], [50], [30.0], 9, insight=0.9)
    few, many = (plan.deal(points(rng), n).insight for n in (3, 100))
    assert 0.0 < few < many < 0.9


@pytest.mark.parametrize(
    "plan", [{"insight": 0.0, "concentrations": [30.0]}, {"insight": 0.5, "concentrations": [0.0]}]
)
def test_without_insight_or_surprise_races_are_dealt_in_turn(field, rng, plan):
    dealing = ModelPlan([field], [50], seed=1, **plan).deal(points(rng, 100), 7)
    assert (dealing.field_of_scenario == np.arange(100) % 7).all()
    assert dealing.insight == 0.0


def test_an_uninformed_player_pays_for_the_fields_insight(small, field, rng):
    """Entries drawn as the field is projected break even against it without rake; less the more the field knows."""
    ticks = points(rng, 4000)
    drawn = field.sample(60, rng)
    own = Entries(drawn.lineups, drawn.copies)
    contest = Contest(400, 100, PrizeTable.checked([PrizeRow(1, 40, 1000)]))

    def profit(insight):
        plan = ModelPlan([field], [400 - own.n_entries], [30.0], 3, insight=insight)
        dealing = plan.deal(ticks, N_FIELDS)
        outcome = play_contests(ticks, [contest], own, plan.draw, n_fields=N_FIELDS, dealing=dealing)[0]
        return portfolio_worth([outcome], [own.n_entries * 100], own.n_entries)

    ignorant, knowing = profit(0.0), profit(0.3)
    assert knowing.profit + 4 * (knowing.profit_se + ignorant.profit_se) < ignorant.profit


def test_a_field_is_the_same_whatever_else_is_drawn(field):
    alone = ModelPlan([field], [N_ENTRIES], [20.0], 6).draw(3)[0].opponents
    plan = ModelPlan([field, field], [N_ENTRIES, 40], [20.0, 20.0], 6)
    plan.draw(0)
    again = plan.draw(3)[0].opponents
    assert (alone.lineups == again.lineups).all()
    assert (alone.copies == again.copies).all()


def test_known_opponents_are_met_in_every_field(small):
    opponents = Opponents.compress(small.universe.lineups[[4, 4, 9]])
    plan = KnownPlan(opponents, 2)
    assert [drawn.opponents for drawn in plan.draw(7)] == [opponents, opponents]
    assert plan.draw(0)[0].expected_copies(small.universe.lineups[[4, 5, 9]]).tolist() == [2.0, 0.0, 1.0]
