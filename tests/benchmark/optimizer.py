"""Proven portfolios over 2.4 million lineups, beside pydfs, the PuLP mean lineup and the exact MILP in the same run.

Compilation is done before the clock starts. `cores` are the seconds of all processors, which a busy machine
distorts less than those on the wall. PITWALL_BENCH_MILP_SECONDS sets the limit of each MILP (default 60).
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pulp

import pitwall
from pitwall.tracks import find_track
from pitwall.types.portfolio import PortfolioSummary
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.domain.work import no_checkpoint
from services.common.universe.rules import compile_rules
from services.optimizer.core.baseline import cbc, mean_lineup
from services.optimizer.core.branch_search import BranchSearch
from services.optimizer.core.exposure import ExposurePlan
from services.optimizer.core.exposure_bounds import ExposureConfig, exposure_bounds
from services.optimizer.core.objective import DEFAULT_TERMS, Term, build_objective
from services.optimizer.core.portfolio import PortfolioBuilder, PortfolioSpec
from services.optimizer.core.query import Query
from services.optimizer.core.slate import Slate, lineup_units
from services.optimizer.core.structure import DriverTable
from services.optimizer.core.table import build_table
from services.optimizer.core.table_search import TableSearch
from tests.conftest import REPOSITORY

N_DRIVERS, N_LINEUPS, N_LAPS = 38, 150, 300
MILP_SECONDS = float(os.environ.get("PITWALL_BENCH_MILP_SECONDS", "60"))
_PYDFS = "pydfs-lineup-optimizer==3.6.1"


class Clock:
    """Seconds on the wall and of all cores."""

    def __enter__(self):
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.wall, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu

    def __str__(self):
        return f"{self.wall:7.2f} s (cores {self.cpu:6.2f} s)"


def race_like_slate(n_scenarios, seed=0):
    """Finish, place differential, laps led and fastest laps by pace; salaries follow pace."""
    rng = np.random.default_rng(seed)
    pace = np.linspace(1.6, -1.6, N_DRIVERS) + rng.normal(0, 0.2, N_DRIVERS)
    steps = ((pace - pace.min()) / np.ptp(pace)) ** 1.5
    salaries = (np.round((5_000 + 6_200 * steps) / 100) * 100).astype(np.int64)
    grid = np.argsort(np.argsort(-(pace + rng.normal(0, 0.8, N_DRIVERS)))) + 1
    finish = DRAFTKINGS_CLASSIC.scoring.finish_table(N_DRIVERS)
    ticks = np.empty((n_scenarios, N_DRIVERS), dtype=np.int16)
    for rows in np.array_split(np.arange(n_scenarios), max(1, n_scenarios // 10_000)):
        form = pace + 0.9 * rng.gumbel(size=(len(rows), N_DRIVERS))
        form[rng.random(form.shape) < 0.12] -= 8
        place = np.argsort(np.argsort(-form, axis=1), axis=1)
        speed = np.exp(2.2 * form)
        led = rng.gamma(1.0, 1.0, form.shape) * speed
        led = np.floor(led / led.sum(axis=1, keepdims=True) * N_LAPS)
        fastest = np.floor(speed**0.6 / (speed**0.6).sum(axis=1, keepdims=True) * 0.8 * N_LAPS)
        ticks[rows] = finish[place] + 20 * (grid - place - 1) + 5 * led + 9 * fastest
    return Slate(np.ascontiguousarray(ticks.T), salaries, 6, 50_000)


def drivers_of(slate, n_teams=13):
    teams = np.random.default_rng(5).permutation(np.repeat(np.arange(n_teams), 3)[:N_DRIVERS])
    names = tuple(f"Driver {column}" for column in range(N_DRIVERS))
    return DriverTable(names, slate.salaries_dollars, teams, slate.roster_size)


class Looks:
    """A checkpoint that remembers the longest time between two looks: how late a cancellation would be noticed."""

    def __init__(self):
        self.longest, self._last = 0.0, time.perf_counter()

    def __call__(self):
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now

    def again(self):
        """Start over; returns the longest time so far."""
        longest, self.longest, self._last = self.longest, 0.0, time.perf_counter()
        return longest


def build(slate, search, config, ownership_penalty, looks):
    """A portfolio of 150; returns how many lineups are proven."""
    drivers = drivers_of(slate)
    ownership = np.clip(6 * slate.mean_points / slate.mean_points.sum(), 0.01, 0.6)
    bounds = exposure_bounds(config, drivers, 13, N_LINEUPS, ())
    plan = ExposurePlan(bounds, drivers, [f"Team {team}" for team in range(13)], slate.salary_cap_dollars)
    spec = PortfolioSpec(N_LINEUPS, -ownership_penalty * 100 * ownership**2, [])
    entries = PortfolioBuilder(spec, plan, lambda _index: (search, ""), never, looks).build()
    return sum(entry.solution.proven for entry in entries)


def plain_query():
    nothing = compile_rules([], N_DRIVERS)
    return Query(np.zeros(N_DRIVERS, dtype=np.int64), nothing, nothing)


def never():
    return False


def table_search(slate, looks=no_checkpoint):
    objective = build_objective(DEFAULT_TERMS, slate.n_scenarios)
    return TableSearch(build_table(slate, objective, looks, max_lineups=10**8), looks)


def portfolios(n_scenarios, targets):
    """One lineup from cold, 150 with all rules, and 150 more with other rules; the wall seconds of the 150."""
    slate = race_like_slate(n_scenarios)
    looks = Looks()
    with Clock() as one:
        search = table_search(slate, looks)
        best = search.solve(plain_query(), never)
    print(f"S = {n_scenarios:,}: one proven lineup of {best.n_covered:,}: {one}  (target {targets[0]})")
    with Clock() as branched:
        objective = build_objective(DEFAULT_TERMS, n_scenarios)
        again = BranchSearch(slate, objective, looks).solve(plain_query(), never)
    assert (again.columns, again.units) == (best.columns, best.units)
    print(f"    the same by branch and bound, without a table:     {branched}")
    with Clock() as first:
        proven = build(slate, search, ExposureConfig(), 1.0, looks)
    print(f"    {proven} of {N_LINEUPS} proven, exposures, leverage and overlap: {first}  (target {targets[1]})")
    with Clock() as second:
        proven = build(slate, search, ExposureConfig(max_driver=0.35, max_team=0.6), 0.3, looks)
    print(f"    {proven} of {N_LINEUPS} proven, other rules, same scenarios:     {second}  (target {targets[2]})")
    print(f"    longest time between two looks at the clock: {looks.again():.2f} s  (target under 1 s)")
    return first.wall + one.wall


def served(n_scenarios, targets):
    """The same through the service on the sample slate, with all that comes with a portfolio by default."""
    with tempfile.TemporaryDirectory() as folder, pitwall.local(folder) as client:
        track, laps = find_track("phoenix")
        files = {"salaries": "examples/DKSalaries.csv", "race_sheet": "examples/race_sheet.csv"}
        files = {name: REPOSITORY / path for name, path in files.items()}
        client.races.import_files("bench", **files, track=track, laps=laps)
        client.scenarios.generate("bench", 2_000, seed=99)
        client.optimizer.build("bench", n_lineups=2, cvar_weights={0.95: 1.0})
        for seed, name, target, options in (
            (1, "1 lineup from cold", targets[0], {"n_lineups": 1}),
            (11, "150 lineups from cold", targets[1], {"n_lineups": N_LINEUPS, "ownership_penalty": 1.0}),
            (11, "150 more, other rules", targets[2], {"n_lineups": N_LINEUPS, "max_driver_exposure": 0.35}),
        ):
            client.scenarios.generate("bench", n_scenarios, seed=seed)
            client.ownership.project("bench")
            started, lineups = time.perf_counter(), []
            for event in client.optimizer.stream("bench", seed=seed, **options):
                if isinstance(event, PortfolioSummary):
                    summary = event
                else:
                    lineups.append(time.perf_counter() - started)
            whole = time.perf_counter() - started
            print(
                f"S = {n_scenarios:,}, served: {name}: last one after {lineups[-1]:.2f} s, summary after {whole:.2f} s"
            )
            stages = {stage: round(seconds, 2) for stage, seconds in summary.timings_seconds.items()}
            print(f"    all proven: {summary.all_proven}  (target {target}); seconds per stage: {stages}")
            stability, check = summary.stability, summary.validation
            print(
                f"    {stability.n_resamples} resamples of {stability.n_contenders} contenders, "
                f"{check.n_scenarios:,} fresh scenarios: {100 * check.shrinkage:.2f} % less; "
                f"generations triggered: {summary.n_generations}"
            )


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def milp(slate, alpha, solver_name):
    """The top-k indicator MILP with the tightest big-M that is cheap; true CVaR of its lineup and the gap left."""
    points = slate.ticks.T.astype(float) / 20
    points -= min(0.0, points.min())
    objective = build_objective([Term(alpha, 1.0)], slate.n_scenarios)
    problem = pulp.LpProblem("tail", pulp.LpMaximize)
    picks = [problem.add_variable(f"x{column}", cat="Binary") for column in range(slate.n_drivers)]
    problem += pulp.lpSum(picks) == slate.roster_size
    problem += pulp.lpSum(int(s) * x for s, x in zip(slate.salaries_dollars, picks, strict=True)) <= 50_000
    worth = [problem.add_variable(f"w{s}", lowBound=0) for s in range(slate.n_scenarios)]
    chosen = [problem.add_variable(f"b{s}", cat="Binary") for s in range(slate.n_scenarios)]
    for s, row in enumerate(points):
        problem += worth[s] <= pulp.lpSum(float(p) * x for p, x in zip(row, picks, strict=True))
        problem += worth[s] <= float(np.sort(row)[-slate.roster_size :].sum()) * chosen[s]
    problem += pulp.lpSum(chosen) == objective.tails[0].k
    problem.setObjective(pulp.lpSum(worth) * (1 / objective.tails[0].k))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        if solver_name == "HiGHS":
            problem.solve(pulp.HiGHS(msg=False, timeLimit=MILP_SECONDS, threads=1))
            gap = problem.solverModel.getInfo().mip_gap
        else:
            problem.solve(cbc(msg=False, timeLimit=MILP_SECONDS, threads=1, logPath=str(log)))
            gap = _cbc_gap(log.read_text())
    columns = tuple(column for column, pick in enumerate(picks) if (pick.value() or 0) > 0.5)
    if len(columns) != slate.roster_size:
        return None, gap
    return objective.points(lineup_units(slate, objective, columns)), gap


def _cbc_gap(log):
    bound = re.search(r"(?:Lower|Upper) bound:\s+(-?[\d.]+)", log)
    value = re.search(r"Objective value:\s+(-?[\d.]+)", log)
    if not (bound and value) or float(value[1]) == 0:
        return float("nan") if "Optimal solution found" not in log else 0.0
    return abs(float(bound[1]) - float(value[1])) / abs(float(value[1]))


def compare_milp():
    for n_scenarios in (500, 1_000):
        slate = race_like_slate(n_scenarios)
        objective = build_objective([Term(0.95, 1.0)], n_scenarios)
        with Clock() as own:
            found = TableSearch(build_table(slate, objective, no_checkpoint, max_lineups=10**8), no_checkpoint)
            best = objective.points(found.solve(plain_query(), never).units)
        print(f"CVaR 95 %, S = {n_scenarios:,}: proven {best:.2f} points in {own}")
        for name in ("HiGHS", "CBC"):
            with Clock() as took:
                value, gap = milp(slate, 0.95, name)
            text = "no lineup" if value is None else f"a lineup of {value:.2f}"
            ratio = took.wall / own.wall
            print(f"    MILP {name:5}: {text}, gap left {100 * gap:.1f} %, {took.wall:.1f} s: {ratio:.0f} x")


def compare_mean(slate):
    with Clock() as took:
        mean_lineup(slate)
    print(f"one PuLP mean lineup: {took}")


_PYDFS_SCRIPT = """
import json, sys, time
from pydfs_lineup_optimizer import Site, Sport, get_optimizer
from pydfs_lineup_optimizer.player import Player
salaries, means, n = json.load(sys.stdin)
optimizer = get_optimizer(Site.DRAFTKINGS, Sport.NASCAR)
position = optimizer.settings.positions[0].positions[0]
optimizer.player_pool.load_players([
    Player(str(i), f"D{i}", "", [position], "", salary, mean) for i, (salary, mean) in enumerate(zip(salaries, means))
])
started = time.perf_counter()
count = sum(1 for _ in optimizer.optimize(n))
print(json.dumps([count, time.perf_counter() - started]))
"""


def pydfs_python():
    """An interpreter with pydfs in an environment of its own: it pins an old PuLP."""
    folder = REPOSITORY / "build" / "pydfs"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", _PYDFS, "setuptools<81"]
        subprocess.run(install, check=True)
        (folder / "ready").touch()
    return python


def compare_pydfs(slate, own_seconds):
    try:
        python = pydfs_python()
    except subprocess.CalledProcessError as error:
        print(f"{_PYDFS} could not be installed, not compared: {error}")
        return
    sent = json.dumps([slate.salaries_dollars.tolist(), slate.mean_points.tolist(), N_LINEUPS])
    done = subprocess.run([str(python), "-c", _PYDFS_SCRIPT], input=sent, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{_PYDFS} failed, not compared: {done.stderr.strip().splitlines()[-1]}")
        return
    count, seconds = json.loads(done.stdout)
    ratio = seconds / own_seconds
    print(f"{_PYDFS}: {count} plain mean lineups in {seconds:.1f} s: {ratio:.1f} x our proven portfolio")


def run() -> None:
    table_search(race_like_slate(300)).solve(plain_query(), never)
    own_seconds = portfolios(10_000, ("0.4 s", "8 s", "3 s"))
    portfolios(100_000, ("-", "60 s", "3 s at S = 10,000"))
    print(f"peak memory so far {peak_mib():,.0f} MiB  (target under 1,024)")
    served(10_000, ("0.4 s", "8 s", "3 s"))
    served(100_000, ("-", "60 s", "-"))
    print(f"peak memory of all four services in one process {peak_mib():,.0f} MiB")
    slate = race_like_slate(10_000)
    compare_mean(slate)
    compare_pydfs(slate, own_seconds)
    compare_milp()
