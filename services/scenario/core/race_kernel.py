"""The kernel that runs whole races, one scenario after the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.scenario.core.incident_kernels import (
    CRASHED,
    RUNNING,
    caution_starts,
    draw_grid,
    reverse_gumbel,
    run_accidents,
    run_failures,
    slow_laps,
)
from services.scenario.core.lap_kernels import complete_laps, finish_order, run_laps
from services.scenario.core.race_character import FlowTable
from services.scenario.core.race_flow import NEVER, BlockResult, Cars, Field, LapSheet, RaceFlow, Scoring
from services.scenario.core.scores import bent

OVERTIME_LAPS = 20
"""Laps after the scheduled distance at most: the bound on points and the distances of history go by it, too."""
LEAST_TROUBLE = 0.5
"""Part of the mean loss by trouble that every car with trouble has; the rest is exponential."""
NORMAL, DOMINATOR, CHAOS, FUEL_MILEAGE = 0, 1, 2, 3
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def race_distance(rng: np.random.Generator, flow: RaceFlow, scheduled_laps: int) -> int:
    """Scheduled laps, or fewer when weather ends the race after half distance."""
    if rng.random() < flow.shortened_chance:
        return max(1, int(scheduled_laps * (0.55 + 0.42 * rng.random())))
    return scheduled_laps


@njit(cache=True, nogil=True)
def new_cars(n: int) -> Cars:
    """Room for the state of ``n`` cars."""
    return Cars(
        np.empty(n, np.int64),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n),
        np.empty(n, np.int64),
        np.empty(n),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
    )


@njit(cache=True, nogil=True)
def draw_trouble(rng: np.random.Generator, flow: RaceFlow, laps: int) -> tuple[float, int]:
    """What trouble costs a car (0 for most) and the lap that it comes on.

    What costs the result is what no time is left to make good: the chance grows evenly through the race. In 12 races
    of 2025 (lap by lap, lapraptor.com) cars that ran in the first ten for a tenth of the race, and finished beyond
    20th, ran there for the last time at a share x of the race with a density like x**0.6 +- 0.3, at superspeedways
    x**2.6 +- 0.5; the model takes x for all.
    """
    if rng.random() >= flow.trouble_rate:
        return 0.0, NEVER
    loss = flow.trouble_size * (LEAST_TROUBLE + (1.0 - LEAST_TROUBLE) * rng.standard_exponential())
    return loss, int(laps * np.sqrt(rng.random()))


@njit(cache=True, nogil=True)
def line_up(rng: np.random.Generator, flow: RaceFlow, field: Field, laps: int, cars: Cars) -> None:
    """Put the cars on the grid and draw their day: strength, grid, the team's shock and each car's luck."""
    draw_grid(rng, flow, field, cars.grid)
    n = cars.grid.size
    shock = np.empty(n)
    for k in range(n):
        shock[k] = flow.team_sd * rng.standard_normal()
    for i in range(n):
        day = shock[field.team[i]] if field.team[i] >= 0 else flow.team_sd * rng.standard_normal()
        place_score = field.start_score[cars.grid[i] - 1]
        base = field.strength[i] + flow.start_effect * place_score
        base = day + flow.sharpness * bent(base, flow.score_bend)
        luck = reverse_gumbel(rng)
        cars.early[i] = flow.grid_hold * place_score
        cars.pace[i] = base + flow.race_day * luck
        cars.setback[i], cars.trouble_lap[i] = draw_trouble(rng, flow, laps)
        cars.score[i] = base + luck - cars.setback[i]
        suited = rng.standard_normal()
        cars.front[i] = flow.front_sd * suited
        apart = np.sqrt(1.0 - flow.fast_front**2) * rng.standard_normal()
        cars.quick[i] = flow.fast_day_sd * (flow.fast_front * suited + apart)
        cars.out[i], cars.out_lap[i] = RUNNING, NEVER
        cars.damage[i], cars.damage_lap[i] = 0.0, NEVER
        cars.led[i], cars.fastest[i] = 0, 0


@njit(cache=True, nogil=True)
def settle_scores(rng: np.random.Generator, flow: RaceFlow, fuel: bool, cars: Cars) -> None:
    """Take damage, and the luck of the last fuel run, into the score."""
    for i in range(cars.score.size):
        cars.score[i] -= cars.damage[i]
        if fuel:
            cars.score[i] += flow.fuel_sd * rng.standard_normal()


@njit(cache=True, nogil=True)
def classify(flow: RaceFlow, crashed: int, top_share: float, fuel: bool) -> int:
    """The race flow, the most disruptive one first."""
    if crashed >= flow.chaos_cars_out:
        return CHAOS
    if fuel:
        return FUEL_MILEAGE
    return DOMINATOR if top_share >= flow.dominator_share else NORMAL


@njit(cache=True, nogil=True)
def is_fuel_race(rng: np.random.Generator, flow: RaceFlow, yellow: npt.NDArray[np.bool_], laps: int) -> bool:
    """Whether a last green run of at least a sixth of the race becomes a matter of fuel."""
    for lap in range(laps - laps // 6, laps):
        if yellow[lap]:
            return False
    return bool(rng.random() < flow.fuel_chance)


@njit(cache=True, nogil=True)
def count_leaders(leader_of: Ints, laps: int, cars: Cars) -> int:
    """Fill the laps led and return the number of changes of the lead."""
    changes = 0
    for lap in range(laps):
        cars.led[leader_of[lap]] += 1
        changes += lap > 0 and leader_of[lap] != leader_of[lap - 1]
    return changes


@njit(cache=True, nogil=True)
def write_cars(scoring: Scoring, order: Ints, cars: Cars, s: int, result: BlockResult) -> int:
    """Score row ``s`` of the result; returns the number of cars that crashed out."""
    crashed = 0
    for place in range(order.size):
        i = order[place]
        crashed += cars.out[i] == CRASHED
        points = scoring.finish[place] + scoring.place_differential * (cars.grid[i] - place - 1)
        points += scoring.lap_led * cars.led[i] + scoring.fastest_lap * cars.fastest[i]
        result.ticks[s, i] = points + scoring.lap_completed * cars.completed[i]
        result.start[s, i], result.finish[s, i] = cars.grid[i], place + 1
        result.laps_led[s, i], result.fastest_laps[s, i] = cars.led[i], cars.fastest[i]
        result.laps_completed[s, i], result.out[s, i] = cars.completed[i], cars.out[i]
    return crashed


@njit(cache=True, nogil=True)
def run_block(rng: np.random.Generator, flows: FlowTable, field: Field, scoring: Scoring, result: BlockResult) -> None:
    """Simulate ``result.ticks.shape[0]`` races, each with the coefficients of its row, and write them into ``result``.

    Conserved in every scenario: finishes are a permutation of 1 .. n, laps led sum to the laps run, fastest
    laps to the green laps, place differentials to zero.
    """
    cars = new_cars(field.strength.size)
    room = field.scheduled_laps + OVERTIME_LAPS
    sheet = LapSheet(np.empty(room, np.bool_), np.empty(room, np.bool_), np.empty(room, np.int64))
    for s in range(result.ticks.shape[0]):
        flow = flows[s]
        laps = race_distance(rng, flow, field.scheduled_laps)
        line_up(rng, flow, field, laps, cars)
        accidents, others = caution_starts(rng, flow, field, laps)
        run_failures(rng, flow, field.strength, laps, cars)
        run_accidents(rng, flow, accidents, laps, cars)
        laps, cautions = slow_laps(rng, flow, field, np.concatenate((accidents, others)), laps, sheet.yellow)
        fuel = is_fuel_race(rng, flow, sheet.yellow, laps)
        settle_scores(rng, flow, fuel, cars)
        order = finish_order(flow, laps, cars)
        if cars.out[order[0]] != RUNNING:
            # Should everybody fall out, the first of them limps to the flag: a race has a winner.
            cars.out[order[0]], cars.out_lap[order[0]], cars.completed[order[0]] = RUNNING, NEVER, laps
        green = run_laps(rng, flow, laps, sheet, order[0], cars)
        changes = count_leaders(sheet.leader_of, laps, cars)
        crashed = write_cars(scoring, complete_laps(order, cars), cars, s, result)
        result.race[s, 0], result.race[s, 1], result.race[s, 2], result.race[s, 3] = laps, green, cautions, changes
        result.regimes[s] = classify(flow, crashed, cars.led.max() / laps, fuel)
