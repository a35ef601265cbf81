"""The character of a race: coefficients that differ from race to race around those of the track type.

Tracks of a type, tyres, weather and rules differ, so races scatter more than luck within one set of coefficients
allows. Walking forward through 144 Cup races of 2018-2021 with one set, squared distances from what was expected were,
in simulated variances (``evaluation.report.SCATTER``), 1.3 +- 0.1 for the order, 1.6 +- 0.1 for laps led, 2.7 +- 0.8
for fastest laps and 1.6 +- 0.2 for the best points; the spread that comes with Pitwall was chosen to make them 1.
Numbers and sizes of accidents, cautions and failures scatter by laws of their own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri

from services.scenario.core.race_flow import RaceFlow

FlowTable = npt.NDArray[np.void]
"""Coefficients of each race: records with the fields of ``RaceFlow``, float64, which kernels read as one; shape
(n_races,)."""

SHARPNESS_SPREAD = 0.6
"""Spread of how much expected scores count, in units of that of the other coefficients."""

FACTORS = (
    "sharpness",
    "damage_score",
    "grid_hold",
    "settle",
    "trouble_size",
    "run_sd",
    "front_sd",
    "lead_sharpness",
    "closing_bonus",
    "takeover_laps",
    "fast_sharpness",
    "fast_day_sd",
    "fast_sd",
)
CHANCES = (
    "race_day",
    "trouble_rate",
    "lead_hold",
    "lead_change_rate",
    "stint_rate",
    "stint_floor",
    "fast_front",
    "fast_leader",
)
LEVELS = ("fast_level", "fast_fresh")
"""Coefficients that differ from race to race: by ratios, by odds, by differences."""
_LEAST_CHANCE = 1e-9
_RECORD = np.dtype([(name, np.float64) for name in RaceFlow._fields])


def alike(flow: RaceFlow, n_races: int) -> FlowTable:
    """The same coefficients for every race."""
    return np.full(n_races, np.array(tuple(flow), dtype=_RECORD))


def draw_characters(rng: np.random.Generator, flow: RaceFlow, n_races: int) -> FlowTable:
    """Coefficients of each race: factors log-normal, chances logit-normal, levels normal around those of ``flow``.

    Their standard deviation on that scale is ``flow.race_spread``, that of the sharpness ``SHARPNESS_SPREAD`` of it.
    Every coefficient takes each of ``n_races`` normal quantiles once (Latin hypercube; McKay, Beckman and Conover
    1979), so a block of races scatters evenly; a block of one race has the coefficients of its type.
    """
    table = alike(flow, n_races)
    if flow.race_spread == 0.0:
        return table
    normal = ndtri((np.arange(n_races) + 0.5) / n_races) * flow.race_spread
    for name in FACTORS:
        units = SHARPNESS_SPREAD if name == "sharpness" else 1.0
        table[name] *= np.exp(units * rng.permutation(normal))
    for name in CHANCES:
        odds = logit(np.clip(table[name], _LEAST_CHANCE, 1.0 - _LEAST_CHANCE))
        table[name] = expit(odds + rng.permutation(normal))
    for name in LEVELS:
        table[name] += rng.permutation(normal)
    return table
