"""A full portfolio is built exactly when one exists, by brute force over all choices of lineups."""

from dataclasses import dataclass, replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.common.domain.errors import Infeasible
from services.common.domain.work import no_checkpoint
from services.common.universe.rules import Group, Rule, compile_rules
from services.optimizer.core import completion, programmes
from services.optimizer.core.branch_search import BranchSearch
from services.optimizer.core.completion import find_finish
from services.optimizer.core.demand import Demand, bound_rules, demand_of
from services.optimizer.core.exposure import ExposurePlan
from services.optimizer.core.exposure_bounds import ExposureConfig, ExposureMode, exposure_bounds
from services.optimizer.core.objective import Term, build_objective
from services.optimizer.core.portfolio import PortfolioBuilder, PortfolioSpec
from services.optimizer.core.query import Query
from services.optimizer.core.slate import Slate
from services.optimizer.core.structure import DriverTable
from services.optimizer.core.table import build_table
from services.optimizer.core.table_search import TableSearch
from tests.unit.optimizer.oracle import keeps, legal, random_rules, random_slate

TEAMS = ("Ash", "Birch", "Cedar")
_MAX_STEPS = 60_000


@pytest.fixture(scope="module", autouse=True)
def programmes_are_solved_to_the_end():
    """However busy the machine: one that runs out of time leaves open what these tests know."""
    with mock.patch.object(programmes, "_SECONDS_PER_PROGRAMME", 60.0):
        yield


@dataclass(frozen=True, eq=False)
class Case:
    slate: Slate
    drivers: DriverTable
    config: ExposureConfig
    rules: tuple
    n_lineups: int
    min_distinct: int

    @property
    def bounds(self):
        return exposure_bounds(self.config, self.drivers, len(TEAMS), self.n_lineups, ())

    @property
    def plan(self):
        return ExposurePlan(self.bounds, self.drivers, TEAMS, self.slate.salary_cap_dollars)

    def search(self, kind=TableSearch):
        objective = build_objective((Term(0.8, 1.0),), self.slate.n_scenarios)
        if kind is BranchSearch:
            return BranchSearch(self.slate, objective, no_checkpoint)
        return TableSearch(build_table(self.slate, objective, no_checkpoint, max_lineups=10**6), no_checkpoint)

    def builder(self, kind=TableSearch):
        search = self.search(kind)
        spec = PortfolioSpec(
            self.n_lineups,
            np.zeros(self.slate.n_drivers),
            self.rules,
            min_distinct=self.min_distinct,
            mode=self.config.mode,
        )
        return PortfolioBuilder(spec, self.plan, lambda _index: (search, ""), lambda: False, no_checkpoint)

    def build(self, kind=TableSearch):
        """Entries and the names of the rules in conflict."""
        builder = self.builder(kind)
        try:
            return list(builder.build()), builder.outcome.conflict
        except Infeasible as error:
            return [], error.conflict


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    roster_size = draw(st.integers(2, 4))
    n_drivers = draw(st.integers(roster_size + 1, 9))
    slate = random_slate(rng, n_drivers=n_drivers, roster_size=roster_size, n_scenarios=10)
    slate = replace(slate, salary_cap_dollars=slate.salary_cap_dollars + 1_000 * draw(st.integers(0, 12)))
    names = tuple(f"Driver {column}" for column in range(n_drivers))
    drivers = DriverTable(names, slate.salaries_dollars, rng.integers(-1, len(TEAMS), n_drivers), roster_size)
    own = {}
    for column in rng.choice(n_drivers, draw(st.integers(0, 3)), replace=False):
        low, high = draw(st.sampled_from([(0.0, 0.2), (0.2, None), (0.5, None), (0.5, 0.5), (1.0, None), (0.0, 1.0)]))
        own[int(column)] = (low, high)
    config = ExposureConfig(
        max_driver=draw(st.sampled_from([0.4, 0.6, 0.8, 1.0])),
        max_team=draw(st.sampled_from([0.6, 0.8, 1.0, 1.0])),
        drivers=own,
        spread=draw(st.booleans()),
    )
    rules = tuple(random_rules(rng, n_drivers, roster_size)) if draw(st.booleans()) else ()
    n_lineups, min_distinct = draw(st.integers(1, 8)), draw(st.sampled_from([1, 1, 1, 2, 3]))
    return Case(slate, drivers, config, rules, n_lineups, min(min_distinct, roster_size))


def full_portfolio_exists(demand, allowed):
    """Depth-first over all choices of lineups in order; None when that takes too long to tell."""
    if not allowed:
        return False
    held, teams = demand.incidence(np.array(allowed, dtype=np.int8))
    steps = 0

    def extend(start, chosen):
        nonlocal steps
        steps += 1
        if steps > _MAX_STEPS:
            raise TimeoutError
        counts, left = held[:, chosen].sum(axis=1), demand.n_lineups - len(chosen)
        if left == 0:
            return bool((counts >= demand.least).all())
        if (demand.least - counts).max() > left:
            return False
        for row in range(start, len(allowed)):
            near = any(len(set(allowed[row]) - set(allowed[other])) < demand.min_distinct for other in chosen)
            if near or (counts + held[:, row] > demand.most).any():
                continue
            if (teams[:, [*chosen, row]].sum(axis=1) > demand.team_most).any():
                continue
            # Without a distance, lineups may repeat.
            if extend(row + (demand.min_distinct > 0), [*chosen, row]):
                return True
        return False

    try:
        return extend(0, [])
    except TimeoutError:
        return None


def whole_demand(case):
    rules = [*bound_rules(case.bounds, case.drivers, TEAMS), *distance(case)]
    return demand_of(rules, case.n_lineups, case.plan.team_members)


def distance(case):
    return [rule for rule in case.builder().bounds if rule.min_distinct]


def meets(demand, lineups, allowed):
    held, teams = demand.incidence(np.array(lineups, dtype=np.int8))
    apart = [len(set(one) - set(two)) for at, one in enumerate(lineups) for two in lineups[:at]]
    return (
        len(lineups) == demand.n_lineups
        and (held.sum(axis=1) >= demand.least).all()
        and (held.sum(axis=1) <= demand.most).all()
        and (teams.sum(axis=1) <= demand.team_most).all()
        and min(apart, default=9) >= demand.min_distinct
        and set(map(tuple, lineups)) <= set(allowed)
    )


@pytest.mark.parametrize("kind", [TableSearch, BranchSearch])
@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_a_full_portfolio_is_built_exactly_when_one_exists(kind, case):
    allowed = [columns for columns in legal(case.slate) if keeps(case.rules, columns)]
    demand = whole_demand(case)
    exists = full_portfolio_exists(demand, allowed)
    assume(exists is not None)
    entries, conflict = case.build(kind)
    assert (len(entries) == case.n_lineups) == exists
    assert bool(conflict) == (not exists)
    assert all(entry.solution.proven for entry in entries)
    if exists:
        assert meets(demand, [entry.solution.columns for entry in entries], allowed)


@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_the_rules_named_collide_and_none_of_them_can_be_spared(case):
    _, conflict = case.build()
    assume(conflict)
    case = replace(case, rules=tuple(replace(rule, name=f"{rule.name} {at}") for at, rule in enumerate(case.rules)))
    _, conflict = case.build()
    bounds = {rule.name: rule for rule in case.builder().bounds}

    def possible(names):
        kept = [rule for rule in case.rules if rule.name in names]
        allowed = [columns for columns in legal(case.slate) if keeps(kept, columns)]
        demand = demand_of([bounds[name] for name in names & set(bounds)], case.n_lineups, case.plan.team_members)
        return full_portfolio_exists(demand, allowed)

    found = [possible(set(conflict))] + [possible(set(conflict) - {name}) for name in conflict]
    assume(None not in found)
    assert found == [False] + [True] * len(conflict)


@given(case=cases(), n_listed=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_with_columns_generated_what_is_found_and_what_is_proven_is_so(case, n_listed):
    allowed = [columns for columns in legal(case.slate) if keeps(case.rules, columns)]
    demand = whole_demand(case)
    exists = full_portfolio_exists(demand, allowed)
    assume(exists is not None)
    nothing = compile_rules([], case.slate.n_drivers)
    rules = compile_rules(case.rules, case.slate.n_drivers)
    asked = Query(np.zeros(case.slate.n_drivers, dtype=np.int64), rules, nothing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(completion, "_ALL", n_listed)
        patch.setattr(completion, "_SPREAD", 2)
        found = find_finish(demand, asked, case.search(), no_checkpoint)
    if found.lineups is not None:
        assert meets(demand, [tuple(map(int, lineup)) for lineup in found.lineups], allowed)
    elif found.proven:
        assert not exists


def four_drivers():
    """Any pair is legal; the two best drivers are in one team."""
    ticks = np.array([[400], [380], [100], [90]], dtype=np.int16).repeat(10, axis=1)
    slate = Slate(ticks, np.array([5, 5, 5, 5]) * 1_000, 2, 10_000)
    return slate, DriverTable(("Ann", "Bob", "Cid", "Dot"), slate.salaries_dollars, np.array([0, 0, 1, 1]), 2)


def test_the_best_lineup_gives_way_when_nothing_could_follow_it():
    slate, drivers = four_drivers()
    # Every driver once. After Ann and Bob only Cid and Dot are left, and those two are not allowed together.
    apart = Rule("Cid without Dot", group=Group(drivers.mask([2, 3]), 0, 1))
    entries, conflict = Case(slate, drivers, ExposureConfig(max_driver=0.5, max_team=1.0), (apart,), 2, 1).build()
    assert not conflict
    assert [entry.solution.columns for entry in entries] == [(0, 2), (1, 3)]
    assert "the portfolio can be finished" in entries[0].momentary_rules


def test_in_the_soft_mode_only_the_number_of_lineups_can_run_out():
    slate, drivers = four_drivers()
    wishes = dict.fromkeys(range(4), (1.0, None))
    soft = ExposureConfig(max_driver=0.2, max_team=0.2, drivers=wishes, mode=ExposureMode.SOFT)
    entries, conflict = Case(slate, drivers, soft, (), 6, 1).build()
    assert len({entry.solution.columns for entry in entries}) == 6
    assert not conflict
    entries, conflict = Case(slate, drivers, soft, (), 7, 1).build()
    assert len(entries) == 6
    assert conflict == ("no lineup twice",)


def tight(seed):
    """A demand that one random portfolio meets to the letter, among hundreds of lineups, of which forty are listed."""
    rng = np.random.default_rng(seed)
    n_drivers, roster_size = int(rng.integers(11, 14)), int(rng.integers(4, 6))
    slate = random_slate(rng, n_drivers=n_drivers, roster_size=roster_size, n_scenarios=5)
    slate = replace(slate, salary_cap_dollars=slate.salary_cap_dollars + 6_000)
    allowed = legal(slate)
    chosen = [allowed[row] for row in rng.permutation(len(allowed))[: int(rng.integers(6, 20))]]
    exact = np.bincount(np.concatenate(chosen), minlength=n_drivers)
    teams = rng.integers(0, 3, n_drivers) == np.arange(3)[:, None]
    team_most = np.array([sum(bool(team[list(columns)].any()) for columns in chosen) for team in teams])
    return slate, allowed, Demand(len(chosen), exact, exact, team_most, teams, 1)


@pytest.mark.parametrize("dives", [True, False])
def test_dives_find_the_portfolios_that_a_programme_over_one_pool_misses(dives, monkeypatch):
    monkeypatch.setattr(completion, "_ALL", 40)
    if not dives:
        monkeypatch.setattr(completion, "dive", lambda *_: None)
    missed = 0
    for seed in range(16):
        slate, allowed, demand = tight(seed)
        search = Case(slate, None, None, (), 0, 1).search()
        nothing = compile_rules([], slate.n_drivers)
        asked = Query(np.zeros(slate.n_drivers, dtype=np.int64), nothing, nothing)
        found = find_finish(demand, asked, search, no_checkpoint)
        assert found.lineups is not None or not found.proven
        missed += found.lineups is None
        if found.lineups is not None:
            assert meets(demand, [tuple(map(int, lineup)) for lineup in found.lineups], allowed)
    assert bool(missed) == (not dives)
