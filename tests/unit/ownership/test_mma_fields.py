"""Real fields of the same roster form, left out event by event. Salaries are all that is known before lock."""

import numpy as np
import pytest

from services.ownership.core.ensemble import OwnershipEnsemble
from services.ownership.core.estimators.salary_skill import SALARY_SLOPE
from services.ownership.core.evaluation import leave_one_race_out, summarise
from services.ownership.core.stacking import DEFAULT_SHARPNESS_PER_FEATURE
from tests.mma_fields import (
    SelfInformedEnsemble,
    plain_slopes,
    read_mma_fields,
    slope_and_fee_effect,
    with_salaries,
)

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def rows(shared_data):
    """No number has seen the event left out: the defaults come from the other events, too."""
    return list(leave_one_race_out(SelfInformedEnsemble(), with_salaries(read_mma_fields(shared_data))))


def errors(rows, name):
    """Mean absolute error in points per contest, with its event and number of entries."""
    mine = [row for row in rows if row.name == name]
    maes = np.array([100 * np.abs(row.residual.projected - row.residual.actual).mean() for row in mine])
    return maes, np.array([row.race_id for row in mine]), np.array([row.residual.basis.n_entries for row in mine])


def test_beats_equal_ownership_by_a_tenth_and_covers(rows):
    accuracy = {row.name: row for row in summarise(rows, level=0.8)}
    assert accuracy["ensemble"].skill >= 0.10
    assert 0.75 <= accuracy["ensemble"].coverage <= 0.85
    for row in rows:
        if row.name == "ensemble":
            assert abs(100 * row.residual.projected.sum() - 600) < 1e-9


def test_intervals_fit_cheap_and_dear_contests(rows):
    """Dear fields stray further from their projection; three contests and four tell coverage within a tenth or so."""
    for cheap in (True, False):
        kind = [row for row in rows if row.name == "ensemble" and (row.residual.basis.fee_decades < 1) == cheap]
        assert 0.70 <= np.mean([row.residual.covered(row.dispersion, 0.8).mean() for row in kind]) <= 0.90


def test_is_nowhere_worse_than_salary_alone(rows):
    """In big fields, in dear ones, and in every event; in no contest by more than a hundredth of a point."""
    mine, event, entries = errors(rows, "ensemble")
    salary, _, _ = errors(rows, "salary_only")
    for group in (entries >= 1_000, entries < 1_000):
        assert mine[group].mean() < salary[group].mean()
    for one in np.unique(event):
        assert mine[event == one].mean() <= salary[event == one].mean()
    assert (mine <= salary + 0.01).all()


def test_the_product_does_as_well_with_its_own_defaults(shared_data, rows):
    own = list(leave_one_race_out(OwnershipEnsemble(), with_salaries(read_mma_fields(shared_data))))
    assert errors(own, "ensemble")[0].mean() == pytest.approx(errors(rows, "ensemble")[0].mean(), abs=0.1)


def test_the_defaults_are_what_these_fields_give(shared_data):
    played = with_salaries(read_mma_fields(shared_data))
    fees = np.array([one.slate.contest.entry_fee_dollars for one in played])
    slopes = plain_slopes(played)
    assert np.sort(slopes[fees == 8]) == pytest.approx([0.25, 0.29, 0.33], abs=0.005)
    assert slopes[fees == 8].mean() == pytest.approx(SALARY_SLOPE, abs=0.005)
    assert [slopes[fees > 8].min(), slopes[fees > 8].max()] == pytest.approx([0.28, 0.47], abs=0.005)
    assert slopes[fees > 8].mean() == pytest.approx(0.36, abs=0.005)
    slope, per_decade = slope_and_fee_effect(played)
    assert slope == pytest.approx(SALARY_SLOPE, abs=0.005)
    assert per_decade == pytest.approx(DEFAULT_SHARPNESS_PER_FEATURE[1], abs=0.005)


def test_all_events_salaries_or_not(shared_data):
    seen = leave_one_race_out(SelfInformedEnsemble(), read_mma_fields(shared_data))
    accuracy = {row.name: row for row in summarise(list(seen), level=0.8)}
    assert accuracy["ensemble"].mae <= accuracy["salary_only"].mae
    assert 0.75 <= accuracy["ensemble"].coverage <= 0.85
