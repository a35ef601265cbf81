"""Economics against closed forms: duplicates, variance, maxima, Kelly, and confidence intervals that cover."""

import numpy as np
import pytest
from scipy.stats import norm

from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.economics import lineup_worth, portfolio_worth
from services.contest_sim.core.exposures import driver_exposures, regime_exposures
from services.contest_sim.core.field import fit_field
from services.contest_sim.core.field_parameters import FieldParameters
from services.contest_sim.core.field_plan import Drawn, KnownPlan, ModelPlan
from services.contest_sim.core.kelly import kelly_share
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.play import play_contests
from services.contest_sim.core.prizes import PrizeRow, PrizeTable
from services.contest_sim.core.standard_errors import rate_variance, standard_error

WINNER_TAKES_ALL = PrizeTable.checked([PrizeRow(1, 1, 10_000)])


def one_entry(*lineup):
    return Entries(np.array([lineup], dtype=np.int8), np.ones(1, dtype=np.int64))


@pytest.mark.parametrize("expected_copies", [0.2, 1.0, 5.0])
def test_winner_take_all_keeps_what_duplicates_leave(small, expected_copies):
    """The best lineup with m expected copies keeps (1 - exp(-m)) / m of the prize; exactly, for F binomial draws,
    (1 - (1 - p)^(F + 1)) / ((F + 1) p)."""
    field = fit_field(small.universe, small.prices, small.shares, FieldParameters())
    row = int(np.argsort(field.entry_shares)[-20])
    p = field.entry_shares[row]
    n_opponents = round(expected_copies / p)
    lineup = small.universe.lineups[row]
    n_fields = 1500
    ticks = np.zeros((n_fields, 12), dtype=np.int16)
    ticks[:, lineup.astype(int)] = 100
    plan = ModelPlan([field], [n_opponents], [0.0], 11)
    outcome = play_contests(
        ticks,
        [Contest(n_opponents + 1, 100, WINNER_TAKES_ALL, overlay_cents=10_000)],
        one_entry(*lineup),
        plan.draw,
        n_fields=n_fields,
    )[0]
    worth = lineup_worth(outcome, 100)
    exact = (1 - (1 - p) ** (n_opponents + 1)) / ((n_opponents + 1) * p)
    m = n_opponents * p
    assert exact == pytest.approx((1 - np.exp(-m)) / m, rel=0.02)
    assert abs(worth.profit[0] + 100 - 10_000 * exact) < 4 * worth.profit_se[0]
    assert worth.expected_duplicates[0] == pytest.approx(m)
    assert worth.realised_duplicates[0] == pytest.approx(m, abs=4 * np.sqrt(m / n_fields))


@pytest.mark.parametrize("margin", [-30.0, 30.0])
def test_variance_is_bought_below_the_benchmark_and_sold_above(margin):
    """Haugh and Singal, proposition 4.1: winning chances are norm.cdf(margin / sd), rising in sd only below 0."""
    rng = np.random.default_rng(3)
    spreads = np.array([10.0, 20.0, 40.0, 80.0])
    n_scenarios = 40_000
    ticks = np.zeros((n_scenarios, 5), dtype=np.int16)
    ticks[:, :4] = np.round(margin + spreads * rng.normal(size=(n_scenarios, 1)))
    field = Opponents.compress(np.array([[4]], dtype=np.int8))
    contest = Contest(2, 6000, WINNER_TAKES_ALL)
    worth = []
    for driver in range(4):
        outcome = play_contests(ticks, [contest], one_entry(driver), KnownPlan(field, 1).draw, n_fields=1)[0]
        worth.append(outcome.portfolio.mean() / 10_000)
    assert worth == pytest.approx(norm.cdf(margin / spreads), abs=4 * 0.5 / np.sqrt(n_scenarios))
    assert (np.diff(worth) > 0).all() if margin < 0 else (np.diff(worth) < 0).all()


def test_expected_maximum_of_two_gaussians_is_clarks():
    """E max = integral of P(max > z): one contest per level z against an opponent who scores z; Clark 1961."""
    rng = np.random.default_rng(12)
    n_scenarios, mean, spread, rho = 20_000, np.array([200.0, 190.0]), np.array([30.0, 50.0]), 0.4
    covariance = np.outer(spread, spread) * np.array([[1, rho], [rho, 1]])
    scores = rng.multivariate_normal(mean, covariance, n_scenarios)
    levels = np.arange(0, 480, 8)
    # Own scores are even, levels odd: no ties.
    ticks = np.zeros((n_scenarios, 2 + len(levels)), dtype=np.int16)
    ticks[:, :2] = 2 * np.round(scores)
    ticks[:, 2:] = 2 * levels + 7
    own = Entries(np.array([[0], [1]], dtype=np.int8), np.ones(2, dtype=np.int64))
    fields = [Drawn(Opponents.compress(np.array([[2 + i]], dtype=np.int8))) for i in range(len(levels))]
    contests = [Contest(3, 4000, WINNER_TAKES_ALL)] * len(levels)
    outcomes = play_contests(ticks, contests, own, lambda _: fields, n_fields=1)
    simulated = sum(outcome.any_win.mean() for outcome in outcomes) * 8
    a = np.sqrt(spread @ spread - 2 * rho * spread.prod())
    z = (mean[0] - mean[1]) / a
    closed = mean[0] * norm.cdf(z) + mean[1] * norm.cdf(-z) + a * norm.pdf(z)
    assert simulated == pytest.approx(closed, abs=4 * 40 / np.sqrt(n_scenarios))


def test_confidence_intervals_cover_the_truth(small):
    """Independent repetitions, each with its own scenarios and fields: nine in ten or more hold the common mean."""
    field = fit_field(small.universe, small.prices, small.shares, FieldParameters())
    own = Entries(small.universe.lineups[:3], np.ones(3, dtype=np.int64))
    table = PrizeTable.checked([PrizeRow(1, 1, 2000), PrizeRow(2, 6, 500)])
    repeats = []
    for seed in range(200):
        ticks = np.random.default_rng(seed).integers(-60, 400, size=(60, 12)).astype(np.int16)
        plan = ModelPlan([field], [27], [0.0], seed)
        outcome = play_contests(ticks, [Contest(30, 200, table)], own, plan.draw, n_fields=10)[0]
        repeats.append(portfolio_worth([outcome], [600], 3))
    truth = np.mean([worth.profit for worth in repeats])
    covered = np.mean([worth.profit_lower <= truth <= worth.profit_upper for worth in repeats])
    assert 0.90 <= covered <= 1.0
    spread = np.std([worth.profit for worth in repeats])
    assert np.mean([worth.profit_se for worth in repeats]) == pytest.approx(spread, rel=0.35)


def test_standard_error_counts_noise_between_fields():
    means = np.array([0.0, 10.0, 20.0, 30.0])
    within = np.array(100.0)
    assert standard_error(means, within, 400) == pytest.approx(means.std(ddof=1) / 2)
    assert standard_error(means * 1e-6, within, 400) == pytest.approx(0.5)
    assert standard_error(means[:1], within, 400) == pytest.approx(0.5)


def test_portfolio_over_several_contests_adds_scenario_by_scenario(small):
    own = Entries(small.universe.lineups[:2], np.array([1, 2], dtype=np.int64))
    field = Opponents.compress(small.universe.lineups[50:90])
    table = PrizeTable.checked([PrizeRow(1, 1, 2000), PrizeRow(2, 6, 100)])
    contests = [Contest(43, 100, table), Contest(43, 500, WINNER_TAKES_ALL)]
    outcomes = play_contests(small.ticks, contests, own, KnownPlan(field, 2).draw, n_fields=1)
    together = portfolio_worth(outcomes, [300, 1500], 3)
    profit = outcomes[0].portfolio + outcomes[1].portfolio - 1800
    assert together.profit == pytest.approx(profit.mean())
    assert together.loss_probability == pytest.approx((profit < 0).mean())
    assert together.quantiles[0] == profit.min()
    assert together.quantiles[-1] == profit.max()
    assert together.profit_sd == pytest.approx(profit.std(ddof=1))


def test_exposures_split_all_prize_money(small):
    own = Entries(small.universe.lineups[::100], np.ones(len(small.universe.lineups[::100]), dtype=np.int64))
    field = Opponents.compress(small.universe.lineups[50:60])
    n = own.n_entries + 10
    outcome = play_contests(
        small.ticks, [Contest(n, 1000, WINNER_TAKES_ALL)], own, KnownPlan(field, 1).draw, n_fields=1
    )[0]
    drivers = driver_exposures([outcome], own, 12, fee_cents=1000)
    assert sum(item.mean_prize for item in drivers) == pytest.approx(4 * outcome.portfolio.mean())
    assert sum(item.share for item in drivers) == pytest.approx(4.0)
    assert sum(item.mean_profit for item in drivers) == pytest.approx(
        4 * (outcome.portfolio.mean() - 1000 * len(own.lineups))
    )
    best = int(np.argmax([item.mean_prize for item in drivers]))
    holding = (own.lineups == best).any(axis=1)
    earned = (outcome.money.sum(axis=0) / outcome.n_scenarios)[holding].sum()
    assert drivers[best].mean_profit == pytest.approx(earned - 1000 * holding.sum())
    assert earned > 0
    regimes = (np.arange(60) % 3).astype(np.uint8)
    parts = regime_exposures([outcome], regimes, 4, fees_cents=1000 * own.n_entries)
    assert sum(item.share for item in parts) == pytest.approx(1.0)
    assert parts[1].mean_prize == pytest.approx(outcome.portfolio[regimes == 1].mean())
    assert parts[1].mean_profit == pytest.approx(outcome.portfolio[regimes == 1].mean() - 1000 * own.n_entries)
    assert parts[3].mean_prize == parts[3].mean_profit == 0.0


@pytest.mark.parametrize(("chance", "odds"), [(0.55, 1.0), (0.3, 4.0), (0.02, 80.0)])
def test_kelly_of_a_single_bet_is_its_closed_form(chance, odds):
    n = 100_000
    returns = np.where(np.arange(n) < round(chance * n), odds, -1.0)
    assert kelly_share(returns) == pytest.approx(chance - (1 - chance) / odds, abs=1e-9)


def test_kelly_stakes_nothing_on_a_losing_game_and_little_on_a_small_edge(rng):
    assert kelly_share(np.array([0.5, -1.0])) == 0.0
    returns = 0.01 + 0.5 * rng.choice([-1.0, 1.0], 200_000)
    mean, spread = returns.mean(), returns.std()
    assert kelly_share(returns) == pytest.approx(mean / (spread**2 + mean**2), rel=0.01)


def test_errors_of_rates_are_the_spread_of_repeated_simulations(small):
    """Win, top-1 % and cash rates, mean rank and the portfolio's chances vary between repeats as their errors say.

    Every repeat draws scenarios and fields anew, so both noises are in the spread.
    """
    field = fit_field(small.universe, small.prices, small.shares, FieldParameters())
    own = Entries(small.universe.lineups[[40, 200]], np.array([1, 1], dtype=np.int64))
    table = PrizeTable.checked([PrizeRow(1, 1, 2000), PrizeRow(2, 6, 500)])
    names = ("win_rate", "top1_rate", "cash_rate", "mean_rank")
    chances = ("loss_probability", "any_win_probability", "any_top1_probability")
    values, errors = [], []
    for seed in range(200):
        ticks = np.random.default_rng(seed).integers(-60, 400, size=(60, 12)).astype(np.int16)
        plan = ModelPlan([field], [27], [15.0], seed)
        outcome = play_contests(ticks, [Contest(29, 200, table)], own, plan.draw, n_fields=10)[0]
        lineup, whole = lineup_worth(outcome, 200), portfolio_worth([outcome], [400], 2)
        values.append([getattr(lineup, name)[0] for name in names] + [getattr(whole, name) for name in chances])
        errors.append([getattr(lineup, f"{n}_se")[0] for n in names] + [getattr(whole, f"{n}_se") for n in chances])
    # The larger of two estimates of one variance is a little too large on average: errors may be, by a third.
    ratio = np.mean(errors, axis=0) / np.std(values, axis=0)
    assert ((ratio > 0.9) & (ratio < 1.35)).all(), ratio


def test_mean_rank_varies_by_field_where_all_scenarios_are_alike(small):
    """The same race 40 times against 8 fields: only the fields' noise is left, and it is counted whole."""
    own = one_entry(*small.universe.lineups[200])
    fields = [Opponents.compress(small.universe.lineups[start : start + 30]) for start in range(0, 230, 30)]
    ticks = np.repeat(small.ticks[:1], 40, axis=0)
    plan = [[Drawn(field)] for field in fields]
    outcome = play_contests(ticks, [Contest(31, 100, WINNER_TAKES_ALL)], own, plan.__getitem__, n_fields=8)[0]
    totals = ticks[0].astype(int)
    mine = totals[small.universe.lineups[200].astype(int)].sum()
    ranks = [1 + (totals[field.lineups.astype(int)].sum(axis=1) > mine).sum() for field in fields]
    worth = lineup_worth(outcome, 100)
    assert worth.mean_rank[0] == pytest.approx(np.mean(ranks))
    assert worth.mean_rank_se[0] == pytest.approx(np.std(ranks, ddof=1) / np.sqrt(8))


def test_what_never_happened_is_not_certain():
    """A share of 0 or 1 in n scenarios has an error of about 1 / n; elsewhere that of the binomial."""
    n = 10_000
    never, half, always = np.sqrt(rate_variance(np.array([0, n // 2, n]), n)) * n
    assert never == pytest.approx(1.0, rel=0.01)
    assert always == pytest.approx(1.0, rel=0.01)
    assert half == pytest.approx(np.sqrt(n * 0.25), rel=0.01)


def test_exposures_of_several_contests_are_those_of_each_added_up(small):
    own = Entries(small.universe.lineups[:2], np.array([1, 2], dtype=np.int64))
    field = Opponents.compress(small.universe.lineups[50:90])
    contests = [Contest(43, 100, WINNER_TAKES_ALL), Contest(43, 500, PrizeTable.checked([PrizeRow(1, 9, 700)]))]
    outcomes = play_contests(small.ticks, contests, own, KnownPlan(field, 2).draw, n_fields=1)
    together = driver_exposures(outcomes, own, 12, fee_cents=600)
    parts = [
        driver_exposures([outcome], own, 12, fee_cents=fee) for outcome, fee in zip(outcomes, (100, 500), strict=True)
    ]
    for whole, first, second in zip(together, *parts, strict=True):
        assert whole.mean_prize == pytest.approx(first.mean_prize + second.mean_prize)
        assert whole.mean_profit == pytest.approx(first.mean_profit + second.mean_profit)
    assert sum(item.share for item in together) == pytest.approx(4.0)
    regimes = (np.arange(60) % 3).astype(np.uint8)
    money = outcomes[0].portfolio + outcomes[1].portfolio
    assert regime_exposures(outcomes, regimes, 3, fees_cents=1800)[2].mean_prize == pytest.approx(
        money[regimes == 2].mean()
    )
