"""Integer programming against exhaustive search, and the linear programme that must not be used.

The top-k indicator MILP is exact on small instances. The Rockafellar-Uryasev programme turned round to
maximise is not: unbounded, and with bounds on its variables a constant that ignores the lineup.
"""

import itertools

import numpy as np
import pulp
import pytest

from services.common.domain.work import no_checkpoint
from services.common.universe.rules import compile_rules
from services.optimizer.core import baseline
from services.optimizer.core.baseline import cbc, installed_solver, mean_lineup
from services.optimizer.core.objective import Term, build_objective
from services.optimizer.core.query import Query
from services.optimizer.core.slate import Slate, lineup_units
from services.optimizer.core.table import build_table
from services.optimizer.core.table_search import TableSearch
from tests.unit.optimizer.oracle import legal, random_slate, value_points

ALPHA = 0.8


@pytest.fixture(scope="module")
def small():
    """Twenty scenarios, six drivers, pick three, k = 4, as in the table of the method's reference."""
    rng = np.random.default_rng(11)
    ticks = (rng.exponential(18, (6, 20)) * 20).astype(np.int16)
    return Slate(ticks, np.array([9, 8, 7, 6, 5, 4]) * 1_000, 3, 21_000)


def points(slate):
    return slate.ticks.T / 20


def picks_of(problem_picks):
    return tuple(column for column, pick in enumerate(problem_picks) if pick.value() > 0.5)


def lineup_model(slate):
    problem = pulp.LpProblem("tail", pulp.LpMaximize)
    picks = [problem.add_variable(f"x{column}", cat="Binary") for column in range(slate.n_drivers)]
    problem += pulp.lpSum(picks) == slate.roster_size
    salaries = slate.salaries_dollars.tolist()
    problem += pulp.lpSum(s * x for s, x in zip(salaries, picks, strict=True)) <= slate.salary_cap_dollars
    totals = [pulp.lpSum(float(p) * x for p, x in zip(row, picks, strict=True)) for row in points(slate)]
    return problem, picks, totals


def top_k_milp(slate, k):
    """max (1/k) sum w_s with w_s <= T_s(x), w_s <= M_s b_s, sum b_s = k; points are not negative."""
    problem, picks, totals = lineup_model(slate)
    most = [np.sort(row)[-slate.roster_size :].sum() for row in points(slate)]
    worth = [problem.add_variable(f"w{s}", lowBound=0) for s in range(slate.n_scenarios)]
    chosen = [problem.add_variable(f"b{s}", cat="Binary") for s in range(slate.n_scenarios)]
    for s, total in enumerate(totals):
        problem += worth[s] <= total
        problem += worth[s] <= float(most[s]) * chosen[s]
    problem += pulp.lpSum(chosen) == k
    problem.setObjective(pulp.lpSum(worth) * (1 / k))
    problem.solve(installed_solver(60))
    assert problem.sol_status == pulp.LpSolutionOptimal
    return picks_of(picks), pulp.value(problem.objective)


def exact(slate, alpha):
    objective = build_objective([Term(alpha, 1.0)], slate.n_scenarios)
    nothing = compile_rules([], slate.n_drivers)
    search = TableSearch(build_table(slate, objective, no_checkpoint, max_lineups=10**6), no_checkpoint)
    solution = search.solve(Query(np.zeros(slate.n_drivers, dtype=np.int64), nothing, nothing), lambda: False)
    return solution.columns, objective.points(solution.units)


def test_the_top_k_milp_agrees(small):
    columns, value = top_k_milp(small, 4)
    assert exact(small, ALPHA) == (columns, pytest.approx(value))


@pytest.mark.parametrize("seed", range(4))
def test_the_top_k_milp_agrees_on_random_slates(seed):
    slate = random_slate(np.random.default_rng(seed), n_drivers=8, roster_size=3, n_scenarios=15)
    slate = Slate(np.abs(slate.ticks), slate.salaries_dollars, 3, slate.salary_cap_dollars)
    _, value = top_k_milp(slate, 3)
    assert exact(slate, ALPHA)[1] == pytest.approx(value)


def test_the_objective_is_the_mean_of_the_top_k_and_differs_between_lineups(small):
    objective = build_objective([Term(ALPHA, 1.0)], 20)
    values = {columns: lineup_units(small, objective, columns) for columns in legal(small)}
    for columns, units in values.items():
        top = np.sort(points(small)[:, list(columns)].sum(axis=1))[-4:]
        assert objective.points(units) == pytest.approx(top.mean())
    assert len(set(values.values())) > len(values) / 2


def rockafellar_uryasev(slate, k, z_bound, u_bound, fixed=None):
    """max z + (1/k) sum u_s with u_s >= T_s(x) - z: the textbook programme with the sign turned."""
    problem, picks, totals = lineup_model(slate)
    z = problem.add_variable("z", lowBound=0, upBound=z_bound)
    excess = [problem.add_variable(f"u{s}", lowBound=0, upBound=u_bound) for s in range(slate.n_scenarios)]
    for s, total in enumerate(totals):
        problem += excess[s] >= total - z
    for column, pick in enumerate(picks if fixed is not None else []):
        problem += pick == int(column in fixed)
    problem.setObjective(z + pulp.lpSum(excess) * (1 / k))
    problem.solve(installed_solver(60))
    return problem


def test_the_linear_programme_is_unbounded_without_bounds_on_both(small):
    for z_bound, u_bound in ((None, None), (100, None), (None, 80)):
        assert rockafellar_uryasev(small, 4, z_bound, u_bound).sol_status != pulp.LpSolutionOptimal


def test_with_bounds_it_is_one_constant_for_every_lineup(small):
    highest = max(points(small)[:, list(columns)].sum(axis=1).max() for columns in legal(small))
    z_bound, u_bound = 100.0, max(80.0, float(highest))
    expected = z_bound + 20 / 4 * u_bound
    for columns in list(itertools.islice(legal(small), 0, None, 3)):
        problem = rockafellar_uryasev(small, 4, z_bound, u_bound, fixed=columns)
        assert pulp.value(problem.objective) == pytest.approx(expected)


@pytest.mark.filterwarnings("error::DeprecationWarning")
@pytest.mark.parametrize("make", [pulp.HiGHS, cbc])
def test_the_mean_baseline_is_the_best_mean_with_either_solver(make, monkeypatch):
    monkeypatch.setattr(baseline, "installed_solver", lambda: make(msg=False))
    for seed in range(5):
        slate = random_slate(np.random.default_rng(seed))
        best = max(value_points(slate, [Term(None, 1.0)], columns) for columns in legal(slate))
        assert value_points(slate, [Term(None, 1.0)], mean_lineup(slate)) == best
