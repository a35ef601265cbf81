"""Kernels: who leads each lap, who is fastest on each green lap, who finishes where."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.scenario.core.incident_kernels import RUNNING, pace_on, running_score, running_share, score_lost
from services.scenario.core.race_flow import Cars, LapSheet, RaceFlow

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LEAST_LOG, MOST_LOG = -200.0, 60.0
"""Bounds of the logs of weights, so that a car that runs always has one, and sums stay finite."""


@njit(cache=True, nogil=True)
def finish_order(flow: RaceFlow, laps: int, cars: Cars) -> Ints:
    """Cars in finishing order; fills the laps each has completed.

    Cars running at the end stand by score, the rear of them laps down; a car that is out stands by the laps it
    completed, so one that retires on the last laps still beats cars that were lapped.
    """
    n = cars.score.size
    alive = 0
    key = np.empty(n)
    for i in range(n):
        alive += cars.out[i] == RUNNING
        key[i] = -cars.score[i] if cars.out[i] == RUNNING else 1e9 - cars.out_lap[i]
    order = np.argsort(key)
    on_lead_lap = max(1.0, flow.lead_lap_share * alive)
    for place in range(n):
        car = order[place]
        down = max(0, int((place + 1 - on_lead_lap) * flow.lap_step))
        cars.completed[car] = max(1, laps - down) if cars.out[car] == RUNNING else cars.out_lap[car]
    return by_laps(order, cars)


@njit(cache=True, nogil=True)
def by_laps(order: Ints, cars: Cars) -> Ints:
    """Cars by the laps they have completed; among equals an earlier order stands."""
    key = np.empty(order.size)
    for place in range(order.size):
        key[order[place]] = place - float(order.size) * cars.completed[order[place]]
    return np.argsort(key)


@njit(cache=True, nogil=True)
def complete_laps(order: Ints, cars: Cars) -> Ints:
    """The finishing order once each car has completed the laps that it led or was the fastest on.

    The laps that a running car is down are drawn by its place alone. Where it turns out to have led more, running cars
    in front of it have completed as many, and cars that are out with fewer fall behind.
    """
    least = 0
    for place in range(order.size - 1, -1, -1):
        car = order[place]
        if cars.out[car] == RUNNING:
            least = max(least, cars.completed[car], cars.led[car], cars.fastest[car])
            cars.completed[car] = least
    return by_laps(order, cars)


@njit(cache=True, nogil=True)
def weight_of(log_weight: float) -> float:
    """A weight from its log, within the bounds."""
    return float(np.exp(min(MOST_LOG, max(LEAST_LOG, log_weight))))


@njit(cache=True, nogil=True)
def run_weights(rng: np.random.Generator, flow: RaceFlow, share: float, lap: int, cars: Cars) -> None:
    """Weights of leading and cumulated weights of the fastest lap for the green run that begins on ``lap``."""
    total = 0.0
    for i in range(cars.early.size):
        cars.lead[i] = 0.0
        if cars.out_lap[i] > lap:
            noise = rng.standard_normal()
            running = running_score(share, lap, i, cars) + flow.run_sd * noise
            cars.lead[i] = weight_of(flow.lead_sharpness * running)
            spread = cars.quick[i] + flow.fast_sd * (0.5 * noise + rng.standard_normal())
            lost = score_lost(lap, i, cars)
            if lost > 0.0:
                spread -= flow.fast_fresh * np.expm1(-lost)
            speed = weight_of(flow.fast_sharpness * pace_on(lap, i, cars) + spread)
            total += speed / (1.0 + speed * np.exp(-flow.fast_level))
        cars.fast[i] = total


@njit(cache=True, nogil=True)
def draw_car(rng: np.random.Generator, weights: Floats) -> int:
    """A car drawn in proportion to its weight."""
    left = rng.random() * weights.sum()
    last = 0
    for i in range(weights.size):
        if weights[i] > 0.0:
            last = i
            left -= weights[i]
            if left < 0.0:
                return i
    return last


@njit(cache=True, nogil=True)
def draw_off_sequence(rng: np.random.Generator, flow: RaceFlow, weights: Floats) -> int:
    """A car that leads out of sequence: any that runs, those with pace more often."""
    top = weights.max()
    for _ in range(40):
        car = int(rng.random() * weights.size)
        if weights[car] > 0.0 and rng.random() < flow.stint_floor + np.sqrt(weights[car] / top):
            return car
    return draw_car(rng, weights)


@njit(cache=True, nogil=True)
def trouble_leaves(flow: RaceFlow, i: int, cars: Cars) -> float:
    """Share of its odds of leading that trouble leaves a car."""
    return float(np.exp(-flow.lead_sharpness * cars.setback[i]))


@njit(cache=True, nogil=True)
def mark_events(laps: int, cars: Cars, eventful: Flags) -> None:
    """Mark the laps on which a car retires or has trouble."""
    eventful[:laps] = False
    for i in range(cars.out_lap.size):
        for lap in (cars.out_lap[i], cars.trouble_lap[i]):
            if lap < laps:
                eventful[lap] = True


@njit(cache=True, nogil=True)
def drop_back(flow: RaceFlow, lap: int, cars: Cars) -> None:
    """Take trouble and retirements of a lap within a run into the weights of leading."""
    for i in range(cars.lead.size):
        if cars.out_lap[i] <= lap:
            cars.lead[i] = 0.0
        elif cars.trouble_lap[i] == lap:
            cars.lead[i] = max(cars.lead[i] * trouble_leaves(flow, i, cars), weight_of(LEAST_LOG))


@njit(cache=True, nogil=True)
def next_leader(
    rng: np.random.Generator, flow: RaceFlow, lap: int, leader: int, restart: bool, green: bool, cars: Cars
) -> int:
    """The leader of a lap: the one before, unless a restart, a pass, his trouble or retirement takes the lead away."""
    if leader < 0 or cars.out_lap[leader] <= lap:
        return draw_car(rng, cars.lead)
    if cars.trouble_lap[leader] == lap and rng.random() >= trouble_leaves(flow, leader, cars):
        return draw_car(rng, cars.lead)
    if not green:
        return leader
    chance = 1.0 - flow.lead_hold if restart else flow.lead_change_rate
    return draw_car(rng, cars.lead) if rng.random() < chance else leader


@njit(cache=True, nogil=True)
def run_laps(rng: np.random.Generator, flow: RaceFlow, laps: int, sheet: LapSheet, winner: int, cars: Cars) -> int:
    """Lead every lap and give out the fastest lap of every green one; returns the number of green laps.

    Reads the yellow laps of the sheet and fills the rest of it. Off-sequence stints lie over the real order: when they
    end, the leader is back in front. The winner leads the last lap.
    """
    yellow, eventful, leader_of = sheet
    mark_events(laps, cars, eventful)
    final_run = last_restart(yellow, laps)
    leader, guest, guest_until, green_laps = -1, -1, 0, 0
    for lap in range(laps):
        restart = lap == 0 or (yellow[lap - 1] and not yellow[lap])
        if restart:
            run_weights(rng, flow, running_share(flow, lap / laps), lap, cars)
            if lap >= final_run:
                cars.lead[winner] *= flow.closing_bonus
        elif eventful[lap]:
            drop_back(flow, lap, cars)
        if restart or not yellow[lap] or eventful[lap]:
            leader = next_leader(rng, flow, lap, leader, restart, not yellow[lap], cars)
        if lap < guest_until and cars.trouble_lap[guest] == lap:
            guest_until = lap
        if not yellow[lap] and lap >= guest_until and rng.random() < flow.stint_rate:
            guest = draw_off_sequence(rng, flow, cars.lead)
            guest_until = lap + 1 + int(flow.stint_laps * rng.standard_exponential())
        leader_of[lap] = guest if lap < guest_until and cars.out_lap[guest] > lap else leader
        if not yellow[lap]:
            green_laps += 1
            car = draw_fastest(rng, flow, cars.fast, leader_of[lap])
            cars.fastest[car if cars.out_lap[car] > lap else leader_of[lap]] += 1
    take_over(rng, flow, laps, final_run, winner, leader_of)
    return green_laps


@njit(cache=True, nogil=True)
def draw_fastest(rng: np.random.Generator, flow: RaceFlow, fast: Floats, leader: int) -> int:
    """The fastest car of a green lap, by clean air or by pace."""
    if rng.random() < flow.fast_leader:
        return leader
    return min(fast.size - 1, int(np.searchsorted(fast, rng.random() * fast[-1], side="right")))


@njit(cache=True, nogil=True)
def last_restart(yellow: Flags, laps: int) -> int:
    """Lap on which the last green run begins."""
    for lap in range(laps - 1, 0, -1):
        if yellow[lap - 1] and not yellow[lap]:
            return lap
    return 0


@njit(cache=True, nogil=True)
def take_over(
    rng: np.random.Generator, flow: RaceFlow, laps: int, final_run: int, winner: int, leader_of: Ints
) -> None:
    """Let the winner lead from his late pass to the flag."""
    if leader_of[laps - 1] == winner:
        return
    length = 1 + int(flow.takeover_laps * rng.standard_exponential())
    first = max(laps - length, min(final_run, laps - 1))
    leader_of[first:laps] = winner
