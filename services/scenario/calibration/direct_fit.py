"""Coefficients of the race flow that history shows directly, without simulating."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.scenario.calibration.form import KnownRace
from services.scenario.calibration.history import HistoricRace
from services.scenario.calibration.order_fit import OrderFit
from services.scenario.core.race_flow import RaceFlow

Floats = npt.NDArray[np.float64]

LATE_FRACTION = 0.9
PRIOR_RACES = 6.0
"""Races that the starting value of a coefficient counts as."""
LABEL_RACES = 30
"""Newest races of a type whose upper quantiles say what chaos and dominance are."""


def fit_direct(start: RaceFlow, known: Sequence[KnownRace], fit: OrderFit, weights: Floats) -> RaceFlow:
    """The flow with the coefficients that can be read off races, each shrunk to its starting value.

    Parameters
    ----------
    weights
        Weight per race, the newest near 1; shape (n_races,).
    """
    races = [item.race for item in known]
    newest = races[-LABEL_RACES:]

    def shrunk(values: Floats, prior: float) -> float:
        seen = np.isfinite(values)
        total = float((weights[seen] * values[seen]).sum()) + PRIOR_RACES * prior
        return total / (float(weights[seen].sum()) + PRIOR_RACES)

    late = shrunk(np.array([_late_share(race) for race in races]), start.accident_late + (1.0 - LATE_FRACTION))
    return start._replace(
        mechanical_mean=shrunk(np.array([(race.out == 2).mean() for race in races]), start.mechanical_mean),
        mechanical_slope=_mechanical_slope(known, fit, start.mechanical_slope),
        accident_late=float(np.clip((late - 0.1) / 0.9, 0.0, 0.6)),
        shortened_chance=float(np.clip(shrunk(np.array([_shortened(race) for race in races]), 0.02), 0.0, 0.2)),
        lead_lap_share=shrunk(np.array([_lead_lap_share(race) for race in races]), start.lead_lap_share),
        lap_step=shrunk(np.array([_lap_step(race) for race in races]), start.lap_step),
        chaos_cars_out=_upper_count([(race.out == 1).sum() for race in newest], start.chaos_cars_out),
        dominator_share=_upper_share([race.laps_led.max() / race.laps_run for race in newest], start.dominator_share),
    )


def _late_share(race: HistoricRace) -> float:
    """Share of the cars out by accident that went out in the last tenth; NaN without one."""
    crashed = race.laps[race.out == 1]
    return float((crashed >= LATE_FRACTION * race.laps_run).mean()) if crashed.size else np.nan


def _shortened(race: HistoricRace) -> float:
    return float(race.laps_run < 0.97 * race.scheduled_laps)


def _lead_lap_share(race: HistoricRace) -> float:
    running = race.laps[race.out == 0]
    return float((running == race.laps_run).mean()) if running.size else np.nan


def _lap_step(race: HistoricRace) -> float:
    """Laps lost per place behind the last car on the lead lap, slopes through the origin."""
    down = np.sort(race.laps_run - race.laps[race.out == 0])
    behind = np.minimum(down[down > 0], 20)
    places = np.arange(1, behind.size + 1)
    return float((places * behind).sum() / (places**2).sum()) if behind.size else 0.0


def _mechanical_slope(known: Sequence[KnownRace], fit: OrderFit, prior: float) -> float:
    """Log hazard per unit of strength lost, to first order: the tilt that moves the mean strength of failed cars."""
    strength = np.concatenate([fit.strength(item.signals) for item in known])
    strength = strength - strength.mean()
    failed = np.concatenate([item.race.out == 2 for item in known])
    if failed.sum() < 10 or strength.std() < 1e-3:
        return prior
    tilt = -float(strength[failed].mean()) / float(strength.var())
    share = failed.sum() / (failed.sum() + 20.0)
    return float(np.clip(share * tilt + (1.0 - share) * prior, 0.0, 2.5))


def _upper_count(counts: Sequence[int], prior: float) -> float:
    return max(3.0, float(np.ceil(np.quantile(counts, 0.85)))) if len(counts) >= 8 else prior


def _upper_share(shares: Sequence[float], prior: float) -> float:
    return float(np.round(np.quantile(shares, 0.75), 3)) if len(shares) >= 8 else prior
