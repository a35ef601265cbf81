"""Portfolios over random slates: bounds exact, distance kept, every lineup optimal among what was allowed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.domain.errors import Infeasible, InvalidInput
from services.common.domain.shares import at_most
from services.common.domain.work import no_checkpoint
from services.common.universe.rules import Group, Rule
from services.optimizer.core import finish_guard
from services.optimizer.core.allocation import allocate, interleave
from services.optimizer.core.branch_search import BranchSearch
from services.optimizer.core.conflict import smallest_conflict
from services.optimizer.core.exposure import ExposurePlan
from services.optimizer.core.exposure_bounds import ExposureConfig, ExposureMode, exposure_bounds
from services.optimizer.core.objective import Term, build_objective
from services.optimizer.core.portfolio import PortfolioBuilder, PortfolioSpec
from services.optimizer.core.programmes import Finish
from services.optimizer.core.structure import DriverTable
from services.optimizer.core.table import build_table
from services.optimizer.core.table_search import TableSearch
from tests.unit.optimizer.oracle import legal, random_slate, value_points

TERMS = (Term(0.9, 0.7), Term(0.8, 0.3))


def setting(seed, n_drivers=14, roster_size=4):
    rng = np.random.default_rng(seed)
    slate = random_slate(rng, n_drivers=n_drivers, roster_size=roster_size, n_scenarios=60)
    teams = rng.integers(-1, 5, n_drivers)
    names = tuple(f"Driver {column}" for column in range(n_drivers))
    return slate, DriverTable(names, slate.salaries_dollars, teams, roster_size)


def search_of(slate, kind=TableSearch):
    objective = build_objective(TERMS, slate.n_scenarios)
    if issubclass(kind, BranchSearch):
        return kind(slate, objective, no_checkpoint)
    return kind(build_table(slate, objective, no_checkpoint, max_lineups=10**6), no_checkpoint)


def builder(slate, drivers, config, n_lineups, rules=(), should_stop=lambda: False, price=5.0, search=None, **options):
    search = search or search_of(slate)
    bounds = exposure_bounds(config, drivers, 5, n_lineups, ())
    plan = ExposurePlan(bounds, drivers, [f"Team {index}" for index in range(5)], slate.salary_cap_dollars)
    spec = PortfolioSpec(
        n_lineups, np.zeros(slate.n_drivers), rules, mode=config.mode, soft_price_points=price, **options
    )
    return PortfolioBuilder(spec, plan, lambda _index: (search, ""), should_stop, no_checkpoint), plan


@given(st.integers(0, 2**32), st.integers(2, 12), st.sampled_from([0.4, 0.6, 1.0]), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_whatever_is_built_keeps_every_bound(seed, n_lineups, max_driver, min_distinct):
    slate, drivers = setting(seed)
    config = ExposureConfig(max_driver=max_driver, max_team=0.8, drivers={3: (0.3, None)})
    build, plan = builder(slate, drivers, config, n_lineups, min_distinct=min_distinct)
    try:
        entries = list(build.build())
    except Infeasible:
        # Named in test_rules_that_collide_are_named.
        return
    held = np.zeros((len(entries), slate.n_drivers), dtype=int)
    for row, entry in enumerate(entries):
        assert entry.solution.proven
        held[row, list(entry.solution.columns)] = 1
    assert (held.sum(axis=0) == plan.used).all()
    assert (held.sum(axis=0) <= plan.bounds.driver_max).all()
    for team in range(5):
        assert held[:, drivers.team_index == team].any(axis=1).sum() <= plan.bounds.team_max[team]
    overlaps = held @ held.T - np.eye(len(entries), dtype=int) * 100
    assert overlaps.max() <= slate.roster_size - min_distinct
    if len(entries) == n_lineups:
        assert (held.sum(axis=0) >= plan.bounds.driver_min).all()
    else:
        assert build.outcome.conflict


@pytest.mark.parametrize(("stop_after", "n_built"), [(0, 1), (1, 1), (3, 3)])
def test_no_lineup_is_begun_once_time_is_over(stop_after, n_built):
    slate, drivers = setting(3)
    config = ExposureConfig(1.0, 1.0)
    build, _ = builder(slate, drivers, config, 6, should_stop=lambda: len(build.outcome.entries) >= stop_after)
    list(build.build())
    assert len(build.outcome.entries) == n_built
    assert build.outcome.conflict == ()


def test_each_lineup_is_the_best_under_its_own_penalties():
    slate, drivers = setting(4)
    config = ExposureConfig(max_driver=1.0, max_team=1.0)
    build, _ = builder(slate, drivers, config, 8, overlap_penalty=0.7)
    used = np.zeros(slate.n_drivers)
    chosen = []
    for entry in build.build():
        scored = [
            (float(value_points(slate, TERMS, columns)) - 0.7 * used[list(columns)].sum(), columns)
            for columns in legal(slate)
            if columns not in chosen
        ]
        best = max(value for value, _ in scored)
        assert entry.objective.points(entry.solution.units) == pytest.approx(best, abs=1e-6)
        chosen.append(entry.solution.columns)
        used[list(entry.solution.columns)] += 1


def best_under(slate, chosen, allowed):
    scored = [float(value_points(slate, TERMS, c)) for c in legal(slate) if c not in chosen and allowed(c)]
    return max(scored)


@pytest.mark.parametrize("seed", range(4))
def test_without_spread_only_used_up_exposures_stand_beside_the_rules(seed):
    """The proof is about every lineup that the bounds leave open, by brute force; the names say what does not."""
    slate, drivers = setting(seed, n_drivers=16)
    config = ExposureConfig(max_driver=0.5, max_team=1.0, spread=False)
    build, plan = builder(slate, drivers, config, 6, overlap_penalty=0.0)
    chosen, used = [], np.zeros(slate.n_drivers, dtype=int)
    for entry in build.build():
        open_drivers = used < plan.bounds.driver_max
        if not any("together" in name for name in entry.momentary_rules):
            best = best_under(slate, chosen, lambda columns, free=open_drivers: free[list(columns)].all())
            assert entry.objective.points(entry.solution.units) == pytest.approx(best, abs=1e-6)
        assert all(name.startswith("exposure") for name in entry.momentary_rules)
        chosen.append(entry.solution.columns)
        used[list(entry.solution.columns)] += 1


def test_a_certificate_names_the_spread_that_narrows_its_claim():
    slate, drivers = setting(9, n_drivers=20)
    build, _ = builder(slate, drivers, ExposureConfig(max_driver=0.5, max_team=1.0), 10, overlap_penalty=0.0)
    entries = list(build.build())
    assert entries[0].momentary_rules == ()
    assert best_under(slate, [], lambda _columns: True) == pytest.approx(
        entries[0].objective.points(entries[0].solution.units), abs=1e-6
    )
    assert any("even spread" in name for entry in entries for name in entry.momentary_rules)


def test_where_rounding_makes_bounds_cross_the_minimum_holds():
    _, drivers = setting(2)
    bounds = exposure_bounds(ExposureConfig(drivers={2: (0.3, 0.3)}), drivers, 5, 7, ())
    assert bounds.driver_min[2] == bounds.driver_max[2] == 3


def test_exposure_is_spread_rather_than_used_up_at_the_start():
    slate, drivers = setting(9, n_drivers=20)
    build, plan = builder(slate, drivers, ExposureConfig(max_driver=0.5, max_team=1.0), 20, overlap_penalty=0.0)
    first = [entry.solution.columns for entry in build.build()][:10]
    star = int(plan.used.argmax())
    assert plan.used[star] == 10
    assert sum(star in columns for columns in first) <= 7


PRICE = 5.0


def fines(drivers, bounds, before, n_left, columns):
    """Bounds that a lineup breaks for good after the lineups ``before``, counted one by one."""
    held = np.array([np.isin(np.arange(len(drivers.names)), lineup) for lineup in [*before, columns]])
    used = held.sum(axis=0)
    over = held[-1] & (used > bounds.driver_max)
    short = ~held[-1] & (used + n_left < bounds.driver_min)
    teams = 0
    for team in range(5):
        in_team = held[:, drivers.team_index == team].any(axis=1)
        teams += bool(in_team[-1]) and in_team.sum() > bounds.team_max[team]
    return int(over.sum() + short.sum() + teams)


@pytest.mark.parametrize("seed", range(3))
def test_soft_bounds_are_traded_at_the_stated_price(seed):
    """Each lineup is the best by brute force after its fines, and none is ever worth more than without them."""
    slate, drivers = setting(seed, n_drivers=9, roster_size=3)
    config = ExposureConfig(0.34, 0.5, {0: (0.8, None), 1: (0.5, None)}, ExposureMode.SOFT, PRICE, spread=False)
    build, plan = builder(slate, drivers, config, 6, overlap_penalty=0.0)
    chosen, paid = [], 0.0
    for entry in build.build():
        left = 5 - entry.index
        values = {
            columns: float(value_points(slate, TERMS, columns))
            - PRICE * fines(drivers, plan.bounds, chosen, left, columns)
            for columns in legal(slate)
            if columns not in chosen
        }
        columns = entry.solution.columns
        assert entry.objective.points(entry.solution.units) == pytest.approx(values[columns], abs=1e-6)
        assert values[columns] == pytest.approx(max(values.values()), abs=1e-6)
        fined = PRICE * fines(drivers, plan.bounds, chosen, left, columns)
        assert entry.objective.points(entry.paid_units) == pytest.approx(fined, abs=1e-6)
        paid += fined
        chosen.append(columns)
    assert len(chosen) == 6
    assert paid > 0
    assert plan.broken()


def test_a_price_nobody_pays_makes_soft_bounds_hold():
    slate, drivers = setting(2)
    config = ExposureConfig(0.5, 1.0, {0: (0.5, None)}, ExposureMode.SOFT, spread=False)
    dear, plan = builder(slate, drivers, config, 6, price=100_000.0)
    assert len(list(dear.build())) == 6
    assert plan.broken() == []
    assert plan.used[0] >= 3


def test_soft_bounds_at_no_price_are_as_good_as_none():
    slate, drivers = setting(2)
    free, plan = builder(slate, drivers, ExposureConfig(0.2, 1.0, mode=ExposureMode.SOFT), 6, price=0.0)
    bare, _ = builder(slate, drivers, ExposureConfig(1.0, 1.0), 6)
    assert [e.solution for e in free.build()] == [e.solution for e in bare.build()]
    assert "exposure of " + drivers.names[int(plan.used.argmax())] + " at most 1 of 6" in plan.broken()


def test_the_smallest_conflict_has_no_rule_to_spare():
    rules = [Rule(name) for name in "abcdefg"]
    collide = ({"b", "e"}, {"c", "d", "f"})

    def allowed(kept):
        return not any(names <= {rule.name for rule in kept} for names in collide)

    found = {rule.name for rule in smallest_conflict(rules, allowed)}
    assert found in collide


def test_rules_that_collide_are_named():
    slate, drivers = setting(1)
    mask = drivers.mask([0, 1, 2])
    rules = [
        Rule("at least three", group=Group(mask, 3)),
        Rule("at most one", group=Group(mask, 0, 1)),
        Rule("harmless", group=Group(drivers.mask([7]), 0, 1)),
    ]
    build, _ = builder(slate, drivers, ExposureConfig(1.0, 1.0), 3, rules)
    with pytest.raises(Infeasible) as caught:
        list(build.build())
    assert set(caught.value.conflict) <= {"at least three", "at most one"}


def test_drivers_too_dear_for_one_lineup_are_told_of_the_cap():
    slate, drivers = setting(4)
    dearest = np.argsort(-slate.salaries_dollars)[: slate.roster_size]
    rules = [Rule(f"lock {drivers.names[i]}", group=Group(drivers.mask([int(i)]), 1)) for i in dearest]
    build, _ = builder(slate, drivers, ExposureConfig(1.0, 1.0), 1, rules)
    with pytest.raises(Infeasible, match="within the salary cap keeps all rules; these collide: lock") as caught:
        list(build.build())
    assert set(caught.value.conflict) <= {rule.name for rule in rules}


@pytest.mark.parametrize("kind", [TableSearch, BranchSearch])
@pytest.mark.parametrize(("most_asked", "spare"), [(3, set()), (1, {"harmless"})])
def test_lineups_are_kept_when_the_time_ends_while_the_conflict_is_looked_for(kind, most_asked, spare, monkeypatch):
    slate, drivers = setting(3)
    asked = []

    class Watched(kind):
        def allows_any(self, query, checkpoint):
            found = super().allows_any(query, checkpoint)
            asked.append(found)
            return found

    only = legal(slate)[0]
    rules = [
        Rule("one lineup", group=Group(drivers.mask(only), slate.roster_size)),
        Rule("harmless", group=Group(drivers.mask(only), 1)),
    ]
    # As on a slate so large that a way to finish is neither found nor refuted.
    monkeypatch.setattr(finish_guard, "find_finish", lambda *_: Finish(None, proven=False))
    build, _ = builder(
        slate,
        drivers,
        ExposureConfig(1.0, 1.0),
        3,
        rules,
        should_stop=lambda: len(asked) == most_asked,
        search=search_of(slate, Watched),
    )
    assert [entry.solution.columns for entry in build.build()] == [only]
    assert len(asked) == most_asked
    assert set(build.outcome.conflict) == {"no lineup twice", "one lineup"} | spare


def test_bounds_are_whole_lineups():
    assert [at_most(0.5, n) for n in (1, 2, 3, 20, 150)] == [1, 1, 1, 10, 75]
    assert at_most(0.7, 10) == 7
    assert at_most(0.0, 10) == 0
    _, drivers = setting(0)
    with pytest.raises(InvalidInput, match=r"exposure.drivers\[0\].min"):
        exposure_bounds(ExposureConfig(drivers={1: (0.6, 0.3)}), drivers, 5, 10, ())
    with pytest.raises(InvalidInput, match="locked"):
        exposure_bounds(ExposureConfig(drivers={1: (0.0, 0.3)}), drivers, 5, 10, (1,))
    lifted = exposure_bounds(ExposureConfig(drivers={1: (0.9, None)}), drivers, 5, 10, (2,))
    assert (lifted.driver_min[1], lifted.driver_max[1], lifted.driver_max[2]) == (9, 9, 10)


def test_race_flows_share_the_portfolio_in_whole_lineups():
    assert allocate([0.5, 0.3, 0.2], 20) == [10, 6, 4]
    assert allocate([1, 1, 1.1], 10) == [3, 3, 4]
    order = interleave([10, 6, 4])
    assert [order.count(part) for part in range(3)] == [10, 6, 4]
    assert {0, 1, 2} == set(order[:5])
