"""Kernels: who is on the grid, when the race is slowed, who falls out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.scenario.core.race_flow import Cars, Field, RaceFlow

MAX_CAUTIONS = 64
SKIP_CHANCE = 0.25
"""Chance that the next car in line drives through an accident untouched."""
GREEN_TRIES = 8
"""Draws of a lap for a caution before it may fall into another one."""
DAMAGE_PACE = 0.5
"""Share of the score lost by damage that is pace; the rest is laps lost in the pits."""
QUALIFYING = 1.5
"""How much more strengths count in qualifying than in the race."""
RUNNING, CRASHED, FAILED = 0, 1, 2
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def reverse_gumbel(rng: np.random.Generator) -> float:
    """Noise of the attrition form of Plackett-Luce: minus a standard Gumbel variable, mean 0.

    Sorting ``u - G`` in descending order draws the last place first, with worth ``exp(-u)``.
    """
    return float(np.log(rng.standard_exponential() + 1e-300) + 0.5772156649015329)


@njit(cache=True, nogil=True)
def draw_grid(rng: np.random.Generator, flow: RaceFlow, field: Field, grid: Ints) -> None:
    """Fill ``grid`` with places 1 .. n: those known, and open places in the order of a simulated qualifying."""
    n = field.start.size
    taken = np.zeros(n + 1, np.bool_)
    score = np.full(n, -np.inf)
    for i in range(n):
        grid[i] = field.start[i]
        taken[grid[i]] = True
        if grid[i] == 0:
            score[i] = QUALIFYING * flow.sharpness * field.strength[i] + reverse_gumbel(rng)
    place = 1
    for _ in range(n):
        best = np.argmax(score)
        if score[best] == -np.inf:
            return
        while taken[place]:
            place += 1
        grid[best] = place
        taken[place] = True
        score[best] = -np.inf


@njit(cache=True, nogil=True)
def draw_lap(rng: np.random.Generator, laps: int, late: float) -> int:
    """A lap from 0 to laps - 1, evenly spread but for the share ``late`` in the last tenth."""
    fraction = 0.9 + 0.1 * rng.random() if rng.random() < late else rng.random()
    return min(laps - 1, int(fraction * laps))


@njit(cache=True, nogil=True)
def incident_count(rng: np.random.Generator, mean: float, shape: float, limit: int) -> int:
    """Over-dispersed Poisson: its mean is gamma-distributed, so the variance is ``mean + mean**2 / shape``."""
    return min(int(rng.poisson(mean * rng.standard_gamma(shape) / shape)), limit)


@njit(cache=True, nogil=True)
def is_green(lap: int, length: int, starts: Ints, stage_ends: Ints) -> bool:
    """Whether a caution may start on ``lap``: none that starts before still lasts, and it runs into no other.

    Only the end of a stage it may cover: the field is then under caution already.
    """
    green = True
    for start in starts:
        green &= abs(lap - start) >= length
    for end in stage_ends:
        green &= not 0 <= lap - end < length
    return green


@njit(cache=True, nogil=True)
def caution_starts(rng: np.random.Generator, flow: RaceFlow, field: Field, laps: int) -> tuple[Ints, Ints]:
    """Laps on which accidents (in order) and other causes bring out a caution; stage ends are not among them.

    Cars that follow the pace car have no accident, so a lap under caution is drawn again, while there is room.
    """
    n_accidents = incident_count(rng, flow.accident_mean, flow.accident_shape, MAX_CAUTIONS // 2)
    n_others = incident_count(rng, flow.caution_mean, flow.caution_shape, MAX_CAUTIONS // 4)
    starts = np.empty(n_accidents + n_others, np.int64)
    length = int(flow.caution_laps + 1.0)
    for k in range(starts.size):
        late = flow.accident_late if k < n_accidents else 0.0
        starts[k] = draw_lap(rng, laps, late)
        for _ in range(GREEN_TRIES):
            if is_green(starts[k], length, starts[:k], field.stage_ends):
                break
            starts[k] = draw_lap(rng, laps, late)
    return np.sort(starts[:n_accidents]), starts[n_accidents:]


@njit(cache=True, nogil=True)
def accident_size(rng: np.random.Generator, flow: RaceFlow, running: int, starters: int) -> int:
    """Number of cars in an accident: one, or two and more by a geometric law.

    The fewer cars still run, the further apart they are and the sooner it ends.
    """
    if rng.random() < flow.accident_single:
        return 1
    size = 2
    growth = flow.accident_growth * running / starters
    while size < running and rng.random() < growth:
        size += 1
    return size


@njit(cache=True, nogil=True)
def running_share(flow: RaceFlow, fraction: float) -> float:
    """How far the field has moved from grid order (0) to race pace (1) after this fraction of the race."""
    return fraction * (1.0 + flow.settle) / (fraction + flow.settle)


@njit(cache=True, nogil=True)
def pace_on(lap: int, i: int, cars: Cars) -> float:
    """Race pace of a car on a lap, less what damage has cost it by then."""
    return cars.pace[i] - (DAMAGE_PACE * cars.damage[i] if lap >= cars.damage_lap[i] else 0.0)


@njit(cache=True, nogil=True)
def score_lost(lap: int, i: int, cars: Cars) -> float:
    """What trouble and damage have cost a car by a lap."""
    lost = cars.setback[i] if lap >= cars.trouble_lap[i] else 0.0
    return float(lost + (cars.damage[i] if lap >= cars.damage_lap[i] else 0.0))


@njit(cache=True, nogil=True)
def running_score(share: float, lap: int, i: int, cars: Cars) -> float:
    """How far in front a car runs on a lap, from its place on the grid (share 0) to its race pace (1)."""
    running = (1.0 - share) * cars.early[i] + share * pace_on(lap, i, cars) + cars.front[i]
    return running - (cars.setback[i] if lap >= cars.trouble_lap[i] else 0.0)


@njit(cache=True, nogil=True)
def strike(rng: np.random.Generator, flow: RaceFlow, order: Ints, lap: int, cars: Cars) -> None:
    """One accident: neighbours in the running order are hit; some retire on this lap, the others are damaged.

    Parameters
    ----------
    order
        Cars still running, the leader first.
    """
    n = order.size
    size = accident_size(rng, flow, n, cars.score.size)
    # Inverse of the distribution with density proportional to exp(tilt * x) on [0, 1].
    tilt = flow.accident_tilt
    u = rng.random()
    depth = u if abs(tilt) < 1e-6 else np.log1p(u * np.expm1(tilt)) / tilt
    place = min(n - 1, int(depth * n))
    hit = 0
    while hit < size and place < n:
        if hit == 0 or rng.random() >= SKIP_CHANCE:
            hit += 1
            car = order[place]
            if rng.random() < flow.crash_out:
                cars.out_lap[car] = lap
                cars.out[car] = CRASHED
            else:
                cars.damage[car] += flow.damage_score * rng.standard_exponential()
                cars.damage_lap[car] = min(cars.damage_lap[car], lap)
        place += 1


@njit(cache=True, nogil=True)
def run_accidents(rng: np.random.Generator, flow: RaceFlow, when: Ints, laps: int, cars: Cars) -> None:
    """Play the accidents in time order over the cars that still run."""
    n = cars.early.size
    behind = np.empty(n)
    for k in range(when.size):
        share = running_share(flow, (when[k] + 0.5) / laps)
        alive = 0
        for i in range(n):
            behind[i] = np.inf
            if cars.out_lap[i] > when[k]:
                alive += 1
                behind[i] = -running_score(share, when[k], i, cars) - flow.run_sd * rng.standard_normal()
        if alive <= 1:
            return
        strike(rng, flow, np.argsort(behind)[:alive], when[k], cars)


@njit(cache=True, nogil=True)
def run_failures(rng: np.random.Generator, flow: RaceFlow, strength: Floats, laps: int, cars: Cars) -> None:
    """Mechanical failures: a hazard per car that falls with strength and sums to the mean of the field."""
    n = strength.size
    hazard = np.exp(-flow.mechanical_slope * strength)
    hazard *= flow.mechanical_mean * n / hazard.sum()
    for i in range(n):
        if rng.random() < hazard[i]:
            cars.out_lap[i] = draw_lap(rng, laps, 0.0)
            cars.out[i] = FAILED


@njit(cache=True, nogil=True)
def slow_laps(
    rng: np.random.Generator, flow: RaceFlow, field: Field, incidents: Ints, laps: int, yellow: npt.NDArray[np.bool_]
) -> tuple[int, int]:
    """Mark the laps under caution and give the laps run, overtime included, and the number of cautions.

    A caution that covers the scheduled end leads to overtime: the race goes on for two laps after it.
    """
    yellow[:] = False
    starts = np.concatenate((incidents, field.stage_ends))
    starts.sort()
    cautions = 0
    until = -1
    for k in range(starts.size):
        if starts[k] >= laps or starts[k] < until:
            continue
        cautions += 1
        until = starts[k] + max(1, int(flow.caution_laps * (0.5 + rng.random()) + 0.5))
        yellow[starts[k] : min(until, yellow.size)] = True
    overtime = until >= laps and laps == field.scheduled_laps and rng.random() < flow.overtime_chance
    if overtime:
        return min(until + 2, yellow.size), cautions
    return laps, cautions
