"""Statistics of one race, real or simulated, by the same code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_Counts = npt.NDArray[np.integer[Any]]

START_GROUPS = ("1", "2-5", "6-10", "11-20", "21-30", "31+")
_GROUP_LAST = np.array([1, 5, 10, 20, 30, 1 << 30])

BASE = (
    "cars",
    "dnf",
    "dnf_squared",
    "crash",
    "crash_squared",
    "top1_led",
    "top2_led",
    "top3_led",
    "winner_led",
    "leaders",
    "led_by_first_five",
    "led_from_21st",
    "top_leader_wins",
    "start_finish",
    "start_finish_running",
    "fastest_share",
    "fastest_top1",
    "fastest_top3",
    "fastest_drivers",
    "winner_top5_start",
    "best_ticks",
    "favourites_finish",
    "favourites_win",
    "favourites_top5",
    "favourites_top10",
    "outsiders_last8",
    "led_by_top5",
    "led_by_21st_on",
    "fastest_by_top5",
    "fastest_by_21st_on",
    "fastest_by_top_leader",
    "best6_ticks",
    "cautions",
    "cautions_squared",
)
_N_BASE = len(BASE)
COLUMNS = BASE + tuple(f"{name}_{group}" for group in START_GROUPS for name in ("n", "p1", "p2", "p3"))
"""Columns of a row of statistics; p1, p2, p3 are sums of powers of points of the cars that started in a group."""

INDEX = {name: column for column, name in enumerate(COLUMNS)}


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
def race_statistics(
    start: Ints,
    finish: Ints,
    led: Ints,
    fastest: Ints,
    out: Ints,
    laps: float,
    ticks: Ints,
    favourite: Ints,
    cautions: float,
    group_last: Ints,
    row: Floats,
) -> None:
    """Fill ``row`` (the columns of ``COLUMNS``) for one race; per-car arrays of shape (n,), ``laps`` the laps run."""
    n = start.size
    row[:] = 0.0
    crash = dnf = 0
    for i in range(n):
        dnf += out[i] > 0
        crash += out[i] == 1
    row[0], row[1], row[2], row[3], row[4] = n, dnf, dnf * dnf, crash, crash * crash
    by_led = np.argsort(-led)
    row[5], row[6], row[7] = led[by_led[0]] / laps, led[by_led[1]] / laps, led[by_led[2]] / laps
    for i in range(n):
        if finish[i] == 1:
            row[8] = led[i] / laps
            row[19] = start[i] <= 5
        row[9] += led[i] > 0
        row[10] += led[i] / laps if start[i] <= 5 else 0.0
        row[11] += led[i] / laps if start[i] >= 21 else 0.0
    row[12] = finish[by_led[0]] == 1
    row[13] = _rank_correlation(start, finish, np.ones(n, np.bool_))
    row[14] = _rank_correlation(start, finish, out == 0)
    green = fastest.sum()
    by_fastest = np.sort(fastest)
    row[15] = green / laps
    if green > 0:
        row[16], row[17] = by_fastest[-1] / green, (by_fastest[-1] + by_fastest[-2] + by_fastest[-3]) / green
    row[20] = ticks.max()
    row[21] = _rank_correlation(favourite, finish, np.ones(n, np.bool_))
    for i in range(n):
        row[22] += finish[i] == 1 and favourite[i] <= 3
        row[23] += (finish[i] <= 5 and favourite[i] <= 5) / 5.0
        row[24] += (finish[i] <= 10 and favourite[i] <= 10) / 10.0
        row[25] += (finish[i] > n - 8 and favourite[i] > n - 8) / 8.0
        row[26] += led[i] / laps if finish[i] <= 5 else 0.0
        row[27] += led[i] / laps if finish[i] >= 21 else 0.0
        row[28] += fastest[i] / max(1, green) if finish[i] <= 5 else 0.0
        row[29] += fastest[i] / max(1, green) if finish[i] >= 21 else 0.0
    row[30] = fastest[by_led[0]] / max(1, green)
    row[31] = np.sort(ticks)[-6:].sum()
    row[32], row[33] = cautions, cautions**2
    for i in range(n):
        row[18] += fastest[i] > 0
        group = np.searchsorted(group_last, start[i])
        points = ticks[i] / 20.0
        first = _N_BASE + 4 * group
        row[first] += 1.0
        row[first + 1] += points
        row[first + 2] += points**2
        row[first + 3] += points**3


@njit(cache=True, nogil=True)
def _block(
    start: Ints,
    finish: Ints,
    led: Ints,
    fastest: Ints,
    out: Ints,
    laps: Ints,
    ticks: Ints,
    favourite: Ints,
    cautions: Floats,
    group_last: Ints,
    rows: Floats,
) -> None:
    for s in range(start.shape[0]):
        race_statistics(
            start[s],
            finish[s],
            led[s],
            fastest[s],
            out[s],
            laps[s],
            ticks[s],
            favourite,
            cautions[s],
            group_last,
            rows[s],
        )


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
    _block(
        _wide(start),
        _wide(finish),
        _wide(led),
        _wide(fastest),
        _wide(out),
        _wide(laps),
        _wide(ticks),
        _wide(favourite),
        np.ascontiguousarray(cautions, dtype=np.float64),
        _GROUP_LAST,
        rows,
    )
    return rows


def _wide(values: _Counts) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int64)
