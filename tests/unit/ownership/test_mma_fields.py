"""Real fields of the same roster form, left out event by event. Salaries are all that is known before lock."""

import numpy as np
import pytest

from services.ownership.core.ensemble import OwnershipEnsemble
from services.ownership.core.evaluation import leave_one_race_out, summarise
from tests.benchmark.mma_fields import read_mma_fields, with_salaries

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def rows(shared_data):
    return list(leave_one_race_out(OwnershipEnsemble(), with_salaries(read_mma_fields(shared_data))))


def errors(rows, name):
    """Mean absolute error in points per contest, with its event and number of entries."""
    mine = [row for row in rows if row.name == name]
    maes = np.array([100 * np.abs(row.residual.projected - row.residual.actual).mean() for row in mine])
    return maes, np.array([row.race_id for row in mine]), np.array([row.residual.n_entries for row in mine])


def test_beats_equal_ownership_by_a_tenth_and_covers(rows):
    accuracy = {row.name: row for row in summarise(rows, level=0.8)}
    assert accuracy["ensemble"].skill >= 0.10
    assert 0.75 <= accuracy["ensemble"].coverage <= 0.85
    for row in rows:
        if row.name == "ensemble":
            assert abs(100 * row.residual.projected.sum() - 600) < 1e-9


def test_is_nowhere_worse_than_salary_alone(rows):
    """In big fields, in dear ones, and in every event."""
    mine, event, entries = errors(rows, "ensemble")
    salary, _, _ = errors(rows, "salary_only")
    for group in (entries >= 1_000, entries < 1_000):
        assert mine[group].mean() < salary[group].mean()
    for one in np.unique(event):
        assert mine[event == one].mean() <= salary[event == one].mean()


def test_all_events_salaries_or_not(shared_data):
    accuracy = {
        r.name: r
        for r in summarise(list(leave_one_race_out(OwnershipEnsemble(), read_mma_fields(shared_data))), level=0.8)
    }
    assert accuracy["ensemble"].mae <= accuracy["salary_only"].mae
    assert 0.75 <= accuracy["ensemble"].coverage <= 0.85
