"""The field model and the prize arithmetic against real contests, parameters fitted on other events.

The model is given true ownership and salaries, and nothing else: the picks that face each other, whom users do not
combine, follow from salaries.
"""

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest

from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.field_parameters import FITTED, INSIGHT
from services.contest_sim.core.field_plan import KnownPlan
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.play import play_contests
from services.contest_sim.core.prizes import PrizeRow, PrizeTable
from tests.unit.contest_sim.field_fit import expected_top_copies, fit_weights, left_out_weights
from tests.unit.contest_sim.prediction import predict
from tests.unit.contest_sim.real_fields import PICKS, fit_terms, load_fields, pooled_insight, users_contrast

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def fields(shared_data):
    return load_fields(shared_data)


@pytest.fixture(scope="module")
def fitted(fields):
    return {field.contest_id: fit_terms(field) for field in fields}


@pytest.fixture(scope="module")
def predicted(fields, fitted):
    return [predict(field, left_out_weights(fields, fitted, field)) for field in fields]


def test_committed_parameters_are_those_of_the_data(fields, fitted):
    for (_, committed), high in zip(FITTED, (False, True), strict=True):
        weights = fit_weights([field for field in fields if field.high_stakes == high], fitted)
        assert astuple(committed) == pytest.approx(tuple(weights[:-1]), abs=0.006)


def test_users_differ_in_contrast_as_much_as_the_fit_says(fields, fitted):
    """Two ways to one number: the shape of the whole field, and who played what. Small fields have too few users."""
    for field in fields:
        if not field.high_stakes:
            assert users_contrast(field) == pytest.approx(fitted[field.contest_id][2], rel=0.4)


def test_committed_insight_is_that_of_the_data(fields):
    mean, error = pooled_insight(fields)
    assert pytest.approx(mean, abs=0.006) == INSIGHT
    assert mean > 2 * error


def test_bouts_follow_from_salaries(fields):
    """One pairing of all picks is possible and it is the real one; in one event four are, the real one among them."""
    for field in fields:
        assert len(field.bouts) == (4 if "2026-04-12" in field.event_id else 1)
        assert sum((opponents == field.stated_opponents).all() for opponents in field.bouts) == 1


def test_ownership_is_matched(predicted):
    for prediction in predicted:
        for model in prediction.models:
            assert np.abs(model.shares - model.target_shares).max() < 1e-4


def test_unique_share(predicted):
    """Within five points in every field; in the small ones, where chance moves it as much, also on average."""
    for prediction in predicted:
        assert abs(prediction.unique_share.miss) < 0.05
    small = [prediction.unique_share for prediction in predicted if prediction.field.high_stakes]
    assert all(abs(unique.z) < 2 for unique in small)
    assert abs(np.mean([unique.miss for unique in small])) < 0.02


def test_most_copies_in_closed_form_are_those_of_drawn_fields(predicted):
    """The closed form that the fit uses, against fields drawn from the model; its users may repeat themselves."""
    for prediction in predicted:
        if prediction.field.high_stakes:
            assert expected_top_copies(prediction) == pytest.approx(prediction.top_copies.predicted, rel=0.03)


def test_copies_of_the_twenty_most_duplicated_lineups(predicted):
    for prediction in predicted:
        top = prediction.top_copies
        assert top.predicted == pytest.approx(top.real, rel=0.25)


def test_salary_deciles(predicted):
    assert max(prediction.salary_miss for prediction in predicted) <= 150


def test_copies_are_ranked_better_than_by_the_product_of_ownership(predicted):
    """Rank correlation over entries: how many others play my lineup. That of the product is 0.34-0.68."""
    for prediction in predicted:
        assert prediction.lead_over_entries.value > 0.05


def test_repeated_lineups_are_ranked_better_too(predicted):
    """Among lineups that somebody repeats. Fields of some hundred entries repeat 22-35: no single one can tell.

    There the model leads on average, and nowhere trails by more than chance: two standard errors of the
    difference, over resamples of the lineups.
    """
    small = []
    for prediction in predicted:
        lead, error = prediction.lead_over_repeated.value, prediction.lead_over_repeated.error
        if prediction.field.high_stakes:
            small.append((lead, error))
        else:
            assert lead - 2 * error > 0.05
    leads, errors = np.array(small).T
    assert leads.mean() > 0.05
    assert (leads > -2 * errors).all()


def real_contests(shared_data):
    """Contests all of whose results are known, with points in whole hundredths."""
    folder = shared_data / "contest_fields_mma"
    players = pd.read_csv(folder / "players.csv")
    entries = pd.read_csv(folder / "entries.csv.gz")
    payouts = pd.read_csv(folder / "payouts.csv")
    for contest_id, rows in players.groupby("contest_id"):
        prizes = payouts[payouts.contest_id == contest_id].sort_values("place")
        complete = (prizes.place.to_numpy() == np.arange(1, len(prizes) + 1)).all() and len(prizes) > 0
        if rows.actual_points.notna().all() and complete:
            yield rows, entries[entries.contest_id == contest_id], prizes


@pytest.mark.parametrize("n_own_of_ten", [10, 3])
def test_ranks_and_prizes_of_real_contests(shared_data, n_own_of_ten):
    """Every entry's rank and prize follow from the points in the file; ties by points rounded to two decimals."""
    n_checked = 0
    for players, entries, prizes in real_contests(shared_data):
        column = {name: index for index, name in enumerate(players.fighter)}
        filled = entries[entries[PICKS].isin(list(column)).all(axis=1) & entries.actual_points.notna()]
        lineups = np.sort([[column[name] for name in row] for row in filled[PICKS].to_numpy()], axis=1).astype(np.int8)
        mine = np.arange(len(lineups)) % 10 < n_own_of_ten
        hundredths = np.round(players.actual_points.to_numpy() * 100).astype(np.int16)[None]
        cents = np.round(prizes.payout_usd.to_numpy() * 100).astype(int)
        table = PrizeTable.checked([PrizeRow(i + 1, i + 1, int(c)) for i, c in enumerate(cents)])
        contest = Contest(len(lineups), 0, table, overlay_cents=table.pool_cents)
        own = Entries(lineups[mine], np.ones(mine.sum(), dtype=np.int64))
        others = Opponents.compress(lineups[~mine])
        outcome = play_contests(hundredths, [contest], own, KnownPlan(others, 1).draw, n_fields=1)[0]

        points = filled.actual_points.round(2)
        rank = points.rank(method="min", ascending=False).astype(int)
        padded = np.concatenate([cents, np.zeros(len(lineups), dtype=int)])
        by_place = points.rank(method="first", ascending=False).astype(int).map(lambda place, p=padded: p[place - 1])
        shared = by_place.groupby(points).transform("mean")
        assert (outcome.best_ranks == rank[mine].to_numpy()).all()
        assert outcome.money[0] == pytest.approx(shared[mine].to_numpy(), abs=1e-6)
        n_checked += int(mine.sum())
    assert n_checked > 5_000
