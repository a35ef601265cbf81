"""Which field each simulated race is played against.

A field's ownership departs from the projection for reasons: its entrants have watched practice, read of a
changed engine, seen the odds move. So what is owned beyond expectation also scores beyond expectation, and a
contest simulated with surprises of ownership that are independent of the race flatters everybody who plays
against it. *Insight* measures that: the correlation, over the drivers of a slate, of the surprise in log-odds
of ownership and the surprise in points. Races are dealt to fields so that its mean is the one asked for, while every
race is played once, every field meets equally many, and neither's own distribution changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut
from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.jit import njit

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Ticks = npt.NDArray[np.int16]

SCENARIOS_AT_A_TIME = 10_000
"""Races dealt together at most."""

PAIRS_AT_A_TIME = 2_000_000
"""Races times fields looked at together: some tens of megabytes, and some hundredths of a second a pass."""

GREATEST_STRENGTH = 500.0
"""Beyond it every race goes to the best aligned field that has room."""

_BISECTIONS = 14


@dataclass(frozen=True, eq=False)
class Dealing:
    """``field_of_scenario[scenario]``, and the mean ``insight`` it achieves."""

    field_of_scenario: Ints
    insight: float


def deal_evenly(n_scenarios: int, n_fields: int) -> Dealing:
    """Deal in turn, whoever meets whom: shares differ by one scenario at most."""
    return Dealing(np.arange(n_scenarios, dtype=np.int64) % n_fields, 0.0)


def deal_by_insight(
    ticks: Ticks,
    surprises: Floats,
    insight: float,
    rng: np.random.Generator,
    *,
    checkpoint: Checkpoint = no_checkpoint,
) -> Dealing:
    """Deal so that the mean correlation of surprises within a race is ``insight``, or the nearest that can be.

    Every race picks, in random order, among the fields with room left, with log-weights proportional to its
    alignment with them (and Gumbel noise, which makes the pick a draw); the factor is found by bisection. Few fields
    offer little choice: with 38 drivers some 40 are needed for 0.28.

    Parameters
    ----------
    ticks
        Points; shape (n_scenarios, n_drivers).
    surprises
        Ownership of each field less the projected one, in log-odds; shape (n_fields, n_drivers).
    """
    expected = ticks.mean(axis=0, dtype=np.float64)
    towards = _standardised(surprises)
    numbers = np.arange(len(ticks), dtype=np.int64)
    dealt = np.empty(len(ticks), dtype=np.int64)
    strength, total = -1.0, 0.0
    for start, stop in cut(len(ticks), min(SCENARIOS_AT_A_TIME, PAIRS_AT_A_TIME // len(surprises))):
        checkpoint()
        rows = slice(start, stop)
        aligned = (_standardised(ticks[rows] - expected) @ towards.T).astype(np.float32)
        noise = rng.gumbel(size=aligned.shape).astype(np.float32)
        order = rng.permutation(len(aligned))
        sizes = np.bincount(numbers[rows] % len(surprises), minlength=len(surprises))
        if strength < 0.0:
            strength = _strength(aligned, noise, order, sizes, insight, checkpoint)
        total += _deal(aligned, noise, order, sizes, strength, dealt[rows])
    return Dealing(dealt, total / len(ticks))


def _standardised(values: Floats) -> Floats:
    """Rows with mean 0 and length 1, so that products are correlations; rows without spread become 0."""
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    scaled: Floats = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0.0)
    return scaled


def _strength(
    aligned: Floats32, noise: Floats32, order: Ints, sizes: Ints, insight: float, checkpoint: Checkpoint
) -> float:
    """The factor at which the mean alignment is ``insight``; the greatest where it cannot be reached."""
    dealt = np.empty(len(aligned), dtype=np.int64)
    low, high = 0.0, GREATEST_STRENGTH
    for _ in range(_BISECTIONS):
        checkpoint()
        middle = (low + high) / 2
        if _deal(aligned, noise, order, sizes, middle, dealt) < insight * len(aligned):
            low = middle
        else:
            high = middle
    return high


@njit(cache=True, nogil=True)
def _deal(aligned: Floats32, noise: Floats32, order: Ints, sizes: Ints, strength: float, dealt: Ints) -> float:
    """Write the field of each scenario to ``dealt`` and return the sum of alignments."""
    room = sizes.copy()
    total = 0.0
    for scenario in order:
        best, best_value = -1, -np.inf
        for field in range(len(room)):
            value = strength * aligned[scenario, field] + noise[scenario, field]
            if room[field] > 0 and value > best_value:
                best, best_value = field, value
        dealt[scenario] = best
        room[best] -= 1
        total += aligned[scenario, best]
    return total
