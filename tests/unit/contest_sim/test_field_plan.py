"""Drawn fields: reproducible, over-dispersed between contests, of one mind within a race."""

import numpy as np
import pytest

from services.contest_sim.core.field import fit_field
from services.contest_sim.core.field_parameters import FieldParameters
from services.contest_sim.core.field_plan import KnownPlan, ModelPlan
from services.contest_sim.core.opponents import Opponents

N_ENTRIES, N_FIELDS, CONCENTRATION = 500, 120, 60.0


@pytest.fixture(scope="module")
def field(small):
    return fit_field(small.universe, small.cap, small.shares, FieldParameters())


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
    return fit_field(small.universe, small.cap, shares / weights.sum(), FieldParameters(0.9, 1.0))


def surprises(plan, contest):
    """Log-odds of each field's ownership less the projection's; shape (n_fields, 12)."""
    owned = np.array([plan.draw(index)[contest].model.shares for index in range(N_FIELDS)])
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
    wide, narrow, still = (
        np.array([plan.draw(index)[contest].model.shares for index in range(N_FIELDS)]).var(axis=0).sum()
        for contest in range(3)
    )
    assert wide / narrow == pytest.approx(61 / 21, rel=0.2)
    assert still < 1e-12


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
