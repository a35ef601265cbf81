"""Statistics of one race, real or simulated, by the same code."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from services.common.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_Counts = npt.NDArray[np.integer[Any]]

START_GROUPS = ("1", "2-5", "6-10", "11-20", "21-30", "31+")
_GROUP_LAST = np.array([1, 5, 10, 20, 30, 1 << 30])


class Column(enum.IntEnum):
    """Columns of a row before those of the start groups; laps are shares of the laps run, fastest laps of the green."""

    CARS = 0
    DNF = 1
    DNF_SQUARED = 2
    CRASH = 3
    CRASH_SQUARED = 4
    TOP1_LED = 5
    TOP2_LED = 6
    TOP3_LED = 7
    WINNER_LED = 8
    LEADERS = 9
    LED_BY_FIRST_FIVE = 10
    LED_FROM_21ST = 11
    TOP_LEADER_WINS = 12
    START_FINISH = 13
    START_FINISH_RUNNING = 14
    FASTEST_SHARE = 15
    FASTEST_TOP1 = 16
    FASTEST_TOP3 = 17
    FASTEST_DRIVERS = 18
    WINNER_TOP5_START = 19
    BEST_TICKS = 20
    FAVOURITES_FINISH = 21
    FAVOURITES_WIN = 22
    FAVOURITES_TOP5 = 23
    FAVOURITES_TOP10 = 24
    OUTSIDERS_LAST8 = 25
    LED_BY_TOP5 = 26
    LED_BY_21ST_ON = 27
    FASTEST_BY_TOP5 = 28
    FASTEST_BY_21ST_ON = 29
    FASTEST_BY_TOP_LEADER = 30
    BEST6_TICKS = 31
    CAUTIONS = 32
    CAUTIONS_SQUARED = 33


BASE = tuple(column.name.lower() for column in Column)
_N_BASE = len(BASE)
COLUMNS = BASE + tuple(f"{name}_{group}" for group in START_GROUPS for name in ("n", "p1", "p2", "p3"))
"""Columns of a row of statistics; p1, p2, p3 are sums of powers of points of the cars that started in a group."""

INDEX = {name: column for column, name in enumerate(COLUMNS)}


class Cars(NamedTuple):
    """What became of each car of a race; arrays of shape (n_cars,).

    ``out`` is 0 for a car that runs at the end and 1 for one out by a crash; ``favourite`` ranks by what was expected.
    """

    start: Ints
    finish: Ints
    led: Ints
    fastest: Ints
    out: Ints
    ticks: Ints
    favourite: Ints


@njit(cache=True, nogil=True)
def _rank_correlation(start: Ints, finish: Ints, keep: npt.NDArray[np.bool_]) -> float:
    """Spearman correlation of two permutations over some cars; 0 for fewer than three."""
    n = start.size
    start_of, finish_of = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    for i in range(n):
        if keep[i]:
            start_of[start[i]], finish_of[finish[i]] = 1, 1
    kept = 0
    for k in range(1, n + 1):
        start_of[k] += start_of[k - 1]
        finish_of[k] += finish_of[k - 1]
    squares = 0.0
    for i in range(n):
        if keep[i]:
            kept += 1
            squares += (start_of[start[i]] - finish_of[finish[i]]) ** 2
    return 1.0 - 6.0 * squares / (kept * (kept * kept - 1.0)) if kept > 2 else 0.0


@njit(cache=True, nogil=True)
def _count_out(cars: Cars, row: Floats) -> None:
    """Cars that were out at the end, of crashes and in all."""
    dnf, crash = (cars.out > 0).sum(), (cars.out == 1).sum()
    row[Column.CARS] = cars.out.size
    row[Column.DNF], row[Column.DNF_SQUARED] = dnf, dnf * dnf
    row[Column.CRASH], row[Column.CRASH_SQUARED] = crash, crash * crash


@njit(cache=True, nogil=True)
def _share_laps_led(cars: Cars, by_led: Ints, laps: float, row: Floats) -> None:
    """Who led, and where they came from and got to."""
    start, finish, led = cars.start, cars.finish, cars.led
    row[Column.TOP1_LED] = led[by_led[0]] / laps
    row[Column.TOP2_LED] = led[by_led[1]] / laps
    row[Column.TOP3_LED] = led[by_led[2]] / laps
    row[Column.TOP_LEADER_WINS] = finish[by_led[0]] == 1
    for i in range(start.size):
        share = led[i] / laps
        if finish[i] == 1:
            row[Column.WINNER_LED] = share
            row[Column.WINNER_TOP5_START] = start[i] <= 5
        row[Column.LEADERS] += led[i] > 0
        row[Column.LED_BY_FIRST_FIVE] += share if start[i] <= 5 else 0.0
        row[Column.LED_FROM_21ST] += share if start[i] >= 21 else 0.0
        row[Column.LED_BY_TOP5] += share if finish[i] <= 5 else 0.0
        row[Column.LED_BY_21ST_ON] += share if finish[i] >= 21 else 0.0


@njit(cache=True, nogil=True)
def _share_fastest_laps(cars: Cars, top_leader: int, laps: float, row: Floats) -> None:
    """Who set fastest laps, one on each green lap."""
    finish, fastest = cars.finish, cars.fastest
    green = fastest.sum()
    ranked = np.sort(fastest)
    row[Column.FASTEST_SHARE] = green / laps
    if green > 0:
        row[Column.FASTEST_TOP1] = ranked[-1] / green
        row[Column.FASTEST_TOP3] = (ranked[-1] + ranked[-2] + ranked[-3]) / green
    row[Column.FASTEST_BY_TOP_LEADER] = fastest[top_leader] / max(1, green)
    for i in range(finish.size):
        share = fastest[i] / max(1, green)
        row[Column.FASTEST_DRIVERS] += fastest[i] > 0
        row[Column.FASTEST_BY_TOP5] += share if finish[i] <= 5 else 0.0
        row[Column.FASTEST_BY_21ST_ON] += share if finish[i] >= 21 else 0.0


@njit(cache=True, nogil=True)
def _follow_order(cars: Cars, row: Floats) -> None:
    """How the finish follows the start, and what was expected."""
    start, finish, favourite = cars.start, cars.finish, cars.favourite
    n = start.size
    everybody = np.ones(n, np.bool_)
    row[Column.START_FINISH] = _rank_correlation(start, finish, everybody)
    row[Column.START_FINISH_RUNNING] = _rank_correlation(start, finish, cars.out == 0)
    row[Column.FAVOURITES_FINISH] = _rank_correlation(favourite, finish, everybody)
    for i in range(n):
        row[Column.FAVOURITES_WIN] += finish[i] == 1 and favourite[i] <= 3
        row[Column.FAVOURITES_TOP5] += (finish[i] <= 5 and favourite[i] <= 5) / 5.0
        row[Column.FAVOURITES_TOP10] += (finish[i] <= 10 and favourite[i] <= 10) / 10.0
        row[Column.OUTSIDERS_LAST8] += (finish[i] > n - 8 and favourite[i] > n - 8) / 8.0


@njit(cache=True, nogil=True)
def _add_points(cars: Cars, group_last: Ints, row: Floats) -> None:
    """The best points, and powers of points by start group."""
    ticks = cars.ticks
    row[Column.BEST_TICKS] = ticks.max()
    row[Column.BEST6_TICKS] = np.sort(ticks)[-6:].sum()
    for i in range(ticks.size):
        first = _N_BASE + 4 * np.searchsorted(group_last, cars.start[i])
        points = ticks[i] / 20.0
        row[first] += 1.0
        row[first + 1] += points
        row[first + 2] += points**2
        row[first + 3] += points**3


@njit(cache=True, nogil=True)
def race_statistics(cars: Cars, laps: float, cautions: float, group_last: Ints, row: Floats) -> None:
    """Fill ``row`` (the columns of ``COLUMNS``) for one race of ``laps`` laps run."""
    row[:] = 0.0
    by_led = np.argsort(-cars.led)
    _count_out(cars, row)
    _share_laps_led(cars, by_led, laps, row)
    _share_fastest_laps(cars, by_led[0], laps, row)
    _follow_order(cars, row)
    _add_points(cars, group_last, row)
    row[Column.CAUTIONS], row[Column.CAUTIONS_SQUARED] = cautions, cautions**2


@njit(cache=True, nogil=True)
def _fill_rows(races: Cars, laps: Ints, cautions: Floats, group_last: Ints, rows: Floats) -> None:
    """Rows of races with a field in common: arrays of ``races`` have a first axis of races, but for ``favourite``."""
    for s in range(len(rows)):
        cars = Cars(
            races.start[s],
            races.finish[s],
            races.led[s],
            races.fastest[s],
            races.out[s],
            races.ticks[s],
            races.favourite,
        )
        race_statistics(cars, laps[s], cautions[s], group_last, rows[s])


def statistics_rows(
    *,
    start: _Counts,
    finish: _Counts,
    led: _Counts,
    fastest: _Counts,
    out: _Counts,
    laps: _Counts,
    ticks: _Counts,
    favourite: _Counts,
    cautions: npt.NDArray[Any],
) -> Floats:
    """Rows of statistics of races that share a field; arrays of shape (n_races, n_cars).

    ``laps`` and ``cautions`` have shape (n_races,), ``favourite`` (n_cars,): the rank of each car by what was
    expected of it. Cautions may be NaN.
    """
    rows = np.empty((start.shape[0], len(COLUMNS)))
    races = Cars(*map(_wide, (start, finish, led, fastest, out, ticks, favourite)))
    _fill_rows(races, _wide(laps), np.ascontiguousarray(cautions, dtype=np.float64), _GROUP_LAST, rows)
    return rows


def _wide(values: _Counts) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int64)
