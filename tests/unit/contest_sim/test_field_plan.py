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
    still = owned_by_field(ModelPlan([field], [N_ENTRIES], 0.0, 3)).var(axis=0)
    moved = owned_by_field(ModelPlan([field], [N_ENTRIES], CONCENTRATION, 3)).var(axis=0)
    assert still.sum() == pytest.approx(sampling.sum(), rel=0.25)
    # What is fixed in all fields, the sum, takes part of the variance away.
    assert 0.6 * p @ (1 - p) / (1 + CONCENTRATION) < (moved - still).sum() < 1.2 * p @ (1 - p) / (1 + CONCENTRATION)


def test_projection_stays_the_mean_of_the_fields(small, field):
    drawn = owned_by_field(ModelPlan([field], [N_ENTRIES], CONCENTRATION, 4))
    error = drawn.std(axis=0) / np.sqrt(N_FIELDS)
    assert (np.abs(drawn.mean(axis=0) - small.shares) < 4 * error + 0.005).all()


def test_contests_of_a_race_share_the_surprise(field):
    plan = ModelPlan([field, field], [N_ENTRIES, N_ENTRIES], 20.0, 5)
    first, second = (owned_by_field(plan, contest) for contest in (0, 1))
    correlation = [np.corrcoef(first[:, driver], second[:, driver])[0, 1] for driver in range(12)]
    assert np.median(correlation) > 0.8
    assert (first != second).any()


def test_a_field_is_the_same_whatever_else_is_drawn(field):
    alone = ModelPlan([field], [N_ENTRIES], 20.0, 6).draw(3)[0].opponents
    plan = ModelPlan([field, field], [N_ENTRIES, 40], 20.0, 6)
    plan.draw(0)
    again = plan.draw(3)[0].opponents
    assert (alone.lineups == again.lineups).all()
    assert (alone.copies == again.copies).all()


def test_known_opponents_are_met_in_every_field(small):
    opponents = Opponents.compress(small.universe.lineups[[4, 4, 9]])
    plan = KnownPlan(opponents, 2)
    assert [drawn.opponents for drawn in plan.draw(7)] == [opponents, opponents]
    assert plan.draw(0)[0].expected_copies(small.universe.lineups[[4, 5, 9]]).tolist() == [2.0, 0.0, 1.0]
