"""Simulating the sample slate: seconds for 10,000 and 100,000 scenarios, growth, and the gain of two workers.

Scenario counts are run in one process after one warm-up, so compiled code is warm. Linear growth shows as a
ratio of 10; memory is that of the matrix and a few blocks.
"""

import resource
import time

from services.common.domain.race import Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.scenario.calibration_file import read_calibration
from services.scenario.core.optimal import optimal_rates
from services.scenario.core.race_import import ImportRequest, NamedFile, import_race
from services.scenario.core.simulate import simulate
from services.scenario.core.strength import driver_skill
from services.scenario.sets import simulation_input
from tests.conftest import EXAMPLES


def sample_race():
    request = ImportRequest("sample", Track(TrackType.SHORT, "Copper Basin", 1.0), 312, DRAFTKINGS_CLASSIC)
    files = [NamedFile(name, (EXAMPLES / name).read_bytes()) for name in ("DKSalaries.csv", "race_sheet.csv")]
    return import_race(request, *files)[0]


def seconds(work):
    """Wall time; beside it the processor time, which a busy machine does not stretch."""
    started, busy = time.perf_counter(), time.process_time()
    work()
    print(f"  {time.perf_counter() - started:.2f} s, {time.process_time() - busy:.2f} s of processor time")
    return time.perf_counter() - started


def run():
    race, calibration = sample_race(), read_calibration()
    inputs = simulation_input(race, calibration)
    simulate(inputs, 100, seed=0)
    small, small_two = (seconds(lambda w=w: simulate(inputs, 10_000, seed=1, workers=w)) for w in (1, 2))
    large, large_two = (seconds(lambda w=w: simulate(inputs, 100_000, seed=1, workers=w)) for w in (1, 2))
    ticks = simulate(inputs, 10_000, seed=1).ticks
    rules = {"roster_size": 6, "salary_cap_dollars": 50_000}
    optimal_rates(ticks[:10], race.salaries_dollars, **rules)
    best = seconds(lambda: optimal_rates(ticks, race.salaries_dollars, **rules))
    skill = seconds(lambda: driver_skill(race, calibration))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"10,000 x {len(race.starters)}: {small:.2f} s on one worker, {small_two:.2f} s on two (limit 1.5)")
    print(f"100,000 x {len(race.starters)}: {large:.2f} s on one worker, {large_two:.2f} s on two (limit 12)")
    print(
        f"growth for ten times the scenarios: {large_two / small_two:.1f}; gain of two workers: {large / large_two:.2f}"
    )
    print(f"best-in-hindsight lineups of 2,000 scenarios: {best:.2f} s; strengths: {1e3 * skill:.1f} ms")
    print(f"peak memory of the process: {peak:.0f} MiB")
