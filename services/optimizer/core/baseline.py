"""The lineup of the greatest mean, by integer programming: what every report compares with."""

from __future__ import annotations

import shutil
from typing import Any

import pulp
from pulp.apis import coin_api

from services.common.domain.errors import Infeasible, ServiceError
from services.optimizer.core.slate import Slate


def mean_lineup(slate: Slate) -> tuple[int, ...]:
    """Return the columns of a legal lineup with the greatest mean points.

    Raises
    ------
    Infeasible
        If no lineup is legal.
    """
    problem = pulp.LpProblem("mean_lineup", pulp.LpMaximize)
    picks = [problem.add_variable(f"x{column}", cat="Binary") for column in range(slate.n_drivers)]
    problem += pulp.lpSum(float(mean) * pick for mean, pick in zip(slate.mean_points, picks, strict=True))
    problem += pulp.lpSum(picks) == slate.roster_size
    salaries = zip(slate.salaries_dollars, picks, strict=True)
    problem += pulp.lpSum(int(salary) * pick for salary, pick in salaries) <= slate.salary_cap_dollars
    problem.solve(installed_solver())
    # PuLP calls a run that its time limit stopped "Optimal"; only sol_status tells a proof from an incumbent.
    if problem.sol_status != pulp.LpSolutionOptimal:
        raise Infeasible("no lineup is legal under the salary cap", conflict=["salary cap"])
    return tuple(column for column, pick in enumerate(picks) if pick.value() > 0.5)


def installed_solver(time_limit_seconds: float | None = None) -> pulp.LpSolver:
    """HiGHS, else CBC.

    Raises
    ------
    ServiceError
        If neither is installed.
    """
    for make in (pulp.HiGHS, cbc):
        solver = make(msg=False, timeLimit=time_limit_seconds)
        if solver.available():
            return solver
    raise ServiceError("neither HiGHS nor CBC is installed: pip install highspy")


def cbc(**options: Any) -> pulp.LpSolver:
    """CBC as it is on the path, else the one that comes with PuLP 3; ``options`` are those of ``COIN_CMD``."""
    return pulp.COIN_CMD(path=shutil.which("cbc") or coin_api.pulp_cbc_path, **options)
