"""Moments of races by track type: what a simulator has to share with real racing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.site_rules import TICKS_PER_POINT
from services.scenario.calibration.history import HistoricRace
from services.scenario.calibration.race_statistics import INDEX, START_GROUPS, statistics_rows
from services.scenario.core.race_flow import BlockResult

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Moment = Callable[[Floats], Floats]

_PLAIN = (
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
    "winner_top5_start",
    "favourites_finish",
    "favourites_win",
    "favourites_top5",
    "favourites_top10",
    "outsiders_last8",
    "led_by_top5",
    "led_by_21st_on",
    "cautions",
)
_FASTEST = (
    "fastest_share",
    "fastest_top1",
    "fastest_top3",
    "fastest_drivers",
    "fastest_by_top5",
    "fastest_by_21st_on",
    "fastest_by_top_leader",
)
_MIN_GROUP = 0.5
"""Cars of a start group per race below which its moments say nothing."""


def real_statistics(race: HistoricRace, favourite: Ints) -> Floats:
    """Row of statistics of a race; what hangs on fastest laps is NaN where they are unknown.

    Parameters
    ----------
    favourite
        Rank of each car by what was expected of it, 1 the favourite; shape (n_cars,).
    """
    known = race.has_points
    ticks = race.ticks() if known else np.zeros(race.n_cars, np.int64)
    fastest = race.fastest_laps.astype(np.int64) if known else np.zeros(race.n_cars, np.int64)
    row = statistics_rows(
        start=race.start[None],
        finish=race.finish[None],
        led=race.laps_led[None],
        fastest=fastest[None],
        out=race.out[None],
        laps=np.array([race.laps_run]),
        ticks=ticks[None],
        favourite=favourite,
        cautions=np.array([race.cautions if race.cautions >= 0 else np.nan]),
    )[0]
    if not known:
        row[[INDEX[name] for name in (*_FASTEST, "best_ticks", "best6_ticks")]] = np.nan
        row[INDEX["n_1"] :] = np.nan
    return row


def simulated_statistics(block: BlockResult, favourite: Ints) -> Floats:
    """Row of statistics of each scenario of a race; shape (n_scenarios, n_columns)."""
    return statistics_rows(
        start=block.start,
        finish=block.finish,
        led=block.laps_led,
        fastest=block.fastest_laps,
        out=block.out,
        laps=block.race[:, 0],
        ticks=block.ticks,
        favourite=favourite,
        cautions=block.race[:, 2],
    )


def mean_rows(rows: Floats, weights: Floats | None = None) -> Floats:
    """Mean of each statistic over the races in which it is known.

    Parameters
    ----------
    rows
        A row of statistics per race, NaN where not known; shape (n_races, n_columns).
    weights
        Weights of the races, equal if not given; shape (..., n_races).

    Returns
    -------
    Shape (..., n_columns), NaN where no race of any weight knows the statistic.
    """
    weights = np.ones(len(rows)) if weights is None else weights
    known = np.isfinite(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ np.where(known, rows, 0.0)) / (weights @ known.astype(np.float64)))


def _mean(name: str, unit: float = 1.0) -> Moment:
    column = INDEX[name]
    return lambda means: np.asarray(means[..., column] / unit)


def _rate(name: str) -> Moment:
    return lambda means: np.asarray(means[..., INDEX[name]] / means[..., INDEX["cars"]])


def _variance(name: str, means: Floats) -> Floats:
    return np.asarray(means[..., INDEX[f"{name}_squared"]] - means[..., INDEX[name]] ** 2)


def _variance_ratio(name: str) -> Moment:
    """Variance of the count per race over that of independent cars at the same rate."""

    def ratio(means: Floats) -> Floats:
        mean = means[..., INDEX[name]]
        rate = mean / means[..., INDEX["cars"]]
        return np.asarray(_variance(name, means) / np.maximum(1e-9, mean * (1.0 - rate)))

    return ratio


def _dispersion(name: str) -> Moment:
    """Variance of a count over its mean: 1 for a Poisson count."""
    return lambda means: np.asarray(_variance(name, means) / np.maximum(1e-9, means[..., INDEX[name]]))


def _group(group: str, order: int) -> Moment:
    """Mean, standard deviation or skewness (order 1, 2, 3) of points of the cars that started in a group."""
    first = INDEX[f"n_{group}"]

    def moment(means: Floats) -> Floats:
        count = np.where(means[..., first] < _MIN_GROUP, np.nan, means[..., first])
        mean, square, cube = (means[..., first + power] / count for power in (1, 2, 3))
        sd = np.sqrt(np.maximum(1e-9, square - mean**2))
        return np.asarray((mean, sd, (cube - 3.0 * mean * square + 2.0 * mean**3) / sd**3)[order - 1])

    return moment


MOMENTS: dict[str, Moment] = {
    "dnf_rate": _rate("dnf"),
    "dnf_variance_ratio": _variance_ratio("dnf"),
    "crash_rate": _rate("crash"),
    "crash_variance_ratio": _variance_ratio("crash"),
    **{name: _mean(name) for name in (*_PLAIN, *_FASTEST)},
    "cautions_dispersion": _dispersion("cautions"),
    "best_points": _mean("best_ticks", unit=TICKS_PER_POINT),
    "best6_points": _mean("best6_ticks", unit=TICKS_PER_POINT),
    **{f"points_mean_{group}": _group(group, 1) for group in START_GROUPS},
    **{f"points_sd_{group}": _group(group, 2) for group in START_GROUPS},
    **{f"points_skew_{group}": _group(group, 3) for group in START_GROUPS},
}
"""Moments by name, each a function of mean rows of statistics; shape (..., n_columns) to (...)."""

VARIANCE_RATIOS = ("dnf_variance_ratio", "crash_variance_ratio")


@dataclass(frozen=True)
class MomentComparison:
    """A moment of real races, its bootstrap 95 % interval, and the simulated one.

    ``agrees`` when the simulated value lies in the interval or within 10 % of the real one.
    """

    name: str
    real: float
    low: float
    high: float
    simulated: float

    @property
    def agrees(self) -> bool:
        """Whether real races cannot tell the simulated moment from theirs."""
        inside = self.low <= self.simulated <= self.high
        return inside or abs(self.simulated - self.real) <= 0.1 * abs(self.real)


def compare_moments(
    real: Floats, simulated: Floats, rng: np.random.Generator, *, n_bootstrap: int = 1_000
) -> list[MomentComparison]:
    """Every moment, races drawn again for the intervals; rows of statistics per race, shape (n_races, n_columns).

    A statistic that is not known of a real race does not count of the simulated one either.
    """
    n_races = len(real)
    times_drawn = rng.multinomial(n_races, np.full(n_races, 1.0 / n_races), n_bootstrap).astype(np.float64)
    values, ours = mean_rows(real), mean_rows(known_alike(real, simulated))
    spread = mean_rows(real, times_drawn)
    comparisons = []
    for name, moment in MOMENTS.items():
        found = float(moment(values))
        if np.isfinite(found):
            low, high = np.nanquantile(moment(spread), (0.025, 0.975))
            comparisons.append(MomentComparison(name, found, float(low), float(high), float(moment(ours))))
    return comparisons


def known_alike(real: Floats, simulated: Floats) -> Floats:
    """Simulated rows of statistics, NaN where the real ones are."""
    return np.where(np.isnan(real), np.nan, simulated)


def moment_values(names: Sequence[str], rows: Floats, weights: Floats | None = None) -> Floats:
    """Some moments of rows of statistics (``mean_rows`` says of what shape); shape (n_names, ...)."""
    means = mean_rows(rows, weights)
    return np.array([MOMENTS[name](means) for name in names])
