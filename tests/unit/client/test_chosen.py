"""Entries chosen from a pool: the limits they keep, and what is said of them alone."""

from types import SimpleNamespace

import pytest

from pitwall._chosen import bounds_of_pool, chosen_portfolio, first_that_keep
from pitwall.types.portfolio import Exposure, Lineup, Portfolio, PortfolioLineup, PortfolioSummary
from pitwall.types.race import Driver, Race, Rules, Track

TEAMS = ("Red", "Red", "Blue", "Blue", "", "Alone")
RACE = Race(
    "r",
    Track("short"),
    100,
    tuple(Driver(str(at), f"Driver {at}", 5_000, team=team) for at, team in enumerate(TEAMS)),
    Rules("draftkings", 2, 50_000),
)
ROSTERS = [("0", "1"), ("0", "2"), ("3", "4"), ("0", "4"), ("2", "5"), ("1", "5")]


def entry(index, ids, proven=True):
    certificate = SimpleNamespace(proven_optimal=proven)
    metrics = SimpleNamespace(
        ownership_total_percent=10.0 * index,
        ownership_mean_percent=5.0 * index,
        ownership_max_percent=7.0 * index,
        leverage_percent=-1.0 * index,
    )
    return PortfolioLineup(index, Lineup(ids), certificate, metrics, regime="", soft_paid_points=0.5)


def pool(n_requested=6, most=4):
    lineups = tuple(entry(index, ids, proven=index != 5) for index, ids in enumerate(ROSTERS))
    drivers = tuple(Exposure(str(at), 1, 0.1, 0, most if at else n_requested) for at in range(6))
    teams = (Exposure("Red", 4, 0.6, 0, 5), Exposure("Blue", 3, 0.5, 0, 3), Exposure("Alone", 2, 0.3, 0, 5))
    summary = PortfolioSummary(
        portfolio_id="p",
        race_id="r",
        scenario_set_id="s",
        n_requested=n_requested,
        n_built=6,
        all_proven=False,
        n_legal_lineups=15,
        n_allowed_lineups=15,
        driver_exposures=drivers,
        team_exposures=teams,
        diversity=None,
        baseline="baseline",
        validation="validation",
        stability="stability",
        n_generations=0,
        warnings=("few races",),
        conflicting_rules=(),
        timings_seconds={"lineups": 1.0},
        ownership="ownership",
    )
    return Portfolio(lineups, summary)


def test_bounds_are_the_shares_that_the_pool_was_built_under():
    bounds = bounds_of_pool(pool(), RACE, 3)
    assert bounds.drivers == {"0": 3, "1": 2, "2": 2, "3": 2, "4": 2, "5": 2}
    assert bounds.teams == {"Red": 2, "Blue": 1, "Alone": 2}


def test_bounds_are_told_as_shares_of_the_entries_there_are():
    """Of a pool too small, entries are fewer than wanted: the bounds are those of what was wanted."""
    limits = {limit.name: limit for limit in bounds_of_pool(pool(), RACE, 3).limits(2)}
    assert (limits["Driver 0"].driver_ids, limits["Driver 0"].max) == (("0",), 1.0)
    assert (limits["Red"].driver_ids, limits["Red"].max) == (("0", "1"), 1.0)
    assert (limits["Blue"].driver_ids, limits["Blue"].max) == (("2", "3"), 0.5)
    assert len(limits) == 9


@pytest.mark.parametrize("share", [0.05, 0.333, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("n", [1, 2, 7, 20, 150])
def test_a_third_of_the_pool_may_hold_what_the_share_meant(share, n):
    """Whole lineups of a pool of three times as many, as a share, are those of the share itself."""
    most = max(1, int(share * 3 * n + 1e-9))
    bounds = bounds_of_pool(pool(n_requested=3 * n, most=most), RACE, n)
    assert bounds.drivers["3"] == max(1, int(share * n + 1e-9))
    assert int(bounds.limits(n)[3].max * n + 1e-9) == bounds.drivers["3"]


def test_the_first_that_keep_the_bounds_are_taken_and_soft_ones_filled_up():
    whole = pool(most=2)
    bounds = bounds_of_pool(whole, RACE, 3)
    assert (bounds.drivers["1"], bounds.teams["Red"], bounds.teams["Blue"]) == (1, 2, 1)
    assert first_that_keep(whole, bounds, 3, soft=False) == [("0", "1"), ("0", "2")]
    assert first_that_keep(whole, bounds, 3, soft=True) == [("0", "1"), ("0", "2"), ("3", "4")]


def test_the_summary_is_about_the_chosen_alone():
    whole = pool()
    bounds = bounds_of_pool(whole, RACE, 3)
    chosen = chosen_portfolio(whole, bounds, [("2", "5"), ("0", "1"), ("0", "4")], 3, warnings=["told"])
    assert [item.driver_ids for item in chosen.lineups] == [("2", "5"), ("0", "1"), ("0", "4")]
    assert [item.index for item in chosen.lineups] == [0, 1, 2]
    summary = chosen.summary
    assert (summary.n_requested, summary.n_built, summary.all_proven) == (3, 3, True)
    assert [(row.name, row.n_lineups, row.max_lineups) for row in summary.driver_exposures] == [
        ("0", 2, 3),
        ("1", 1, 2),
        ("2", 1, 2),
        ("4", 1, 2),
        ("5", 1, 2),
    ]
    assert summary.driver_exposures[0].share == pytest.approx(2 / 3)
    assert [(row.name, row.n_lineups, row.max_lineups) for row in summary.team_exposures] == [
        ("Red", 2, 2),
        ("Alone", 1, 2),
        ("Blue", 1, 1),
    ]
    assert summary.diversity.jaccard_mean == pytest.approx((0 + 0 + 1 / 3) / 3)
    assert summary.diversity.jaccard_max == pytest.approx(1 / 3)
    assert (summary.diversity.most_similar_first, summary.diversity.most_similar_second) == (1, 2)
    assert summary.diversity.min_distinct_drivers == 1
    assert summary.ownership.total_mean_percent == pytest.approx((40 + 0 + 30) / 3)
    assert (summary.ownership.total_max_percent, summary.ownership.driver_max_percent) == (40.0, 28.0)
    assert summary.soft_paid_points == 1.5
    assert (summary.baseline, summary.validation, summary.stability) == (None, None, None)
    assert summary.warnings == ("few races", "told")
    assert summary.broken_exposures == ()
    assert not chosen_portfolio(whole, bounds, [("1", "5")], 1).summary.all_proven


def test_exposures_that_the_choice_breaks_are_named_drivers_apart_from_teams_of_one():
    whole = pool(most=2)
    bounds = bounds_of_pool(whole, RACE, 3)
    summary = chosen_portfolio(whole, bounds, [("2", "5"), ("1", "5"), ("0", "2")], 3).summary
    assert (bounds.drivers["5"], bounds.teams["Alone"]) == (1, 2)
    assert summary.broken_exposures == ("exposure of Driver 2", "exposure of Driver 5", "exposure of Blue")
    assert summary.warnings[-1] == "3 exposures are broken by the entries: Driver 2; Driver 5; Blue"
