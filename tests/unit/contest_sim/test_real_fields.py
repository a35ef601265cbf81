"""The field model and the prize arithmetic against real contests, parameters fitted on other events.

The model is given true ownership and salaries, and the pairs of picks that face each other: without a term for
these it does not reach the bounds.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.field_description import describe_field
from services.contest_sim.core.field_parameters import FITTED, INSIGHT
from services.contest_sim.core.field_plan import KnownPlan
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.play import play_contests
from services.contest_sim.core.prizes import PrizeRow, PrizeTable
from tests.unit.contest_sim.real_fields import (
    PICKS,
    fit_terms,
    left_out_weights,
    load_fields,
    pooled,
    pooled_insight,
    predict,
)

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def fields(shared_data):
    return load_fields(shared_data)


@pytest.fixture(scope="module")
def fitted(fields):
    return {field.contest_id: fit_terms(field) for field in fields}


@pytest.fixture(scope="module")
def predicted(fields, fitted):
    return [(field, predict(field, left_out_weights(fitted, fields, field))) for field in fields]


def every_row(field):
    return np.arange(field.universe.n_lineups)


def test_committed_parameters_are_those_of_the_data(fields, fitted):
    for (_, committed), high in zip(FITTED, (False, True), strict=True):
        mean = pooled([fitted[field.contest_id] for field in fields if field.high_stakes == high])
        assert (committed.salary_tilt, committed.sharpness) == pytest.approx(tuple(mean[:2]), abs=0.006)


def test_committed_insight_is_that_of_the_data(fields):
    mean, error = pooled_insight(fields)
    assert pytest.approx(mean, abs=0.006) == INSIGHT
    assert mean > 2 * error


def test_ownership_is_matched(predicted):
    for _, model in predicted:
        assert np.abs(model.shares - model.target_shares).max() < 1e-4


def test_unique_share(predicted):
    """Within five points, or within what chance does to a field of some 200 entries that the model itself draws."""
    beyond = 0
    for field, model in predicted:
        real = (field.copies == 1).sum() / field.n_entries
        miss = real - describe_field(model, field.n_entries).unique_share
        if abs(miss) >= 0.05:
            beyond += 1
            drawn = [model.sample(field.n_entries, np.random.default_rng(i)).copies for i in range(100)]
            own_deviation = np.std([(copies == 1).sum() / field.n_entries for copies in drawn], ddof=1)
            assert field.n_entries <= 200
            assert abs(miss) < 2 * own_deviation
    assert beyond <= 1


def test_copies_of_the_twenty_most_duplicated_lineups(predicted):
    for field, model in predicted:
        drawn = [np.sort(model.sample(field.n_entries, np.random.default_rng(i)).copies)[-20:].sum() for i in range(20)]
        assert np.mean(drawn) == pytest.approx(np.sort(field.copies)[-20:].sum(), rel=0.25)


def test_salary_deciles(predicted):
    levels = np.arange(1, 10) / 10
    for field, model in predicted:
        salaries = field.universe.salaries_dollars
        order = np.argsort(salaries, kind="stable")
        reached = np.cumsum(model.entry_shares[order])
        expected = salaries[order][np.searchsorted(reached, levels)]
        real = np.quantile(np.repeat(salaries, field.copies), levels, method="inverted_cdf")
        assert np.abs(expected - real).max() <= 150


def test_copies_are_ranked_better_than_by_the_product_of_ownership(predicted):
    """Rank correlation over entries: how many others play my lineup."""
    for field, model in predicted:
        lineups = field.universe.lineups.astype(int)
        entries = np.repeat(every_row(field), field.copies)
        copies = field.copies[entries]
        product = np.log(np.clip(field.shares, 1e-9, 1.0))[lineups].sum(axis=1)[entries]
        by_model, by_product = (spearmanr(copies, guess).statistic for guess in (model.entry_shares[entries], product))
        assert by_model > by_product + 0.05


def test_repeated_lineups_are_ranked_better_too(predicted):
    """Among lineups that somebody repeats. Fields of some hundred entries repeat 22-35: no single one can tell.

    There the model leads on average, and nowhere trails by more than chance: two standard errors of the
    difference, over resamples of the lineups.
    """
    small = []
    for field, model in predicted:
        repeated = np.flatnonzero(field.copies >= 2)
        product = np.log(np.clip(field.shares, 1e-9, 1.0))[field.universe.lineups.astype(int)].sum(axis=1)

        def lead(rows, field=field, model=model, product=product):
            guesses = (model.entry_shares[rows], product[rows])
            by_model, by_product = (spearmanr(field.copies[rows], guess).statistic for guess in guesses)
            return by_model - by_product

        if len(repeated) > 100:
            assert lead(repeated) > 0.05
            continue
        resampled = [lead(np.random.default_rng(i).choice(repeated, len(repeated))) for i in range(300)]
        small.append((lead(repeated), np.std(resampled)))
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
