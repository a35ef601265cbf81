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
Moment = Callable[[Floats], float]

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
)
_FASTEST = ("fastest_share", "fastest_top1", "fastest_top3", "fastest_drivers")
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
    )[0]
    if not known:
        row[[INDEX[name] for name in (*_FASTEST, "best_ticks")]] = np.nan
        row[INDEX["n_1"] :] = np.nan
    return row


def simulated_statistics(block: BlockResult, favourite: Ints) -> Floats:
    """Mean row of statistics over the scenarios of a race."""
    return statistics_rows(
        start=block.start,
        finish=block.finish,
        led=block.laps_led,
        fastest=block.fastest_laps,
        out=block.out,
        laps=block.race[:, 0],
        ticks=block.ticks,
        favourite=favourite,
    ).mean(axis=0)


def _mean(name: str, unit: float = 1.0) -> Moment:
    """Mean over the races in which the statistic is known, in some unit; NaN without one."""
    column = INDEX[name]

    def mean(rows: Floats) -> float:
        known = rows[np.isfinite(rows[:, column]), column]
        return float(known.mean()) / unit if known.size else float("nan")

    return mean


def _rate(name: str) -> Moment:
    return lambda rows: float(rows[:, INDEX[name]].sum() / rows[:, INDEX["cars"]].sum())


def _variance_ratio(name: str) -> Moment:
    """Variance of the count per race over that of independent cars at the same rate."""

    def ratio(rows: Floats) -> float:
        mean = rows[:, INDEX[name]].mean()
        variance = rows[:, INDEX[f"{name}_squared"]].mean() - mean**2
        rate = mean / rows[:, INDEX["cars"]].mean()
        return float(variance / max(1e-9, mean * (1.0 - rate)))

    return ratio


def _group(group: str, order: int) -> Moment:
    """Mean, standard deviation or skewness (order 1, 2, 3) of points of the cars that started in a group."""
    first = INDEX[f"n_{group}"]

    def moment(rows: Floats) -> float:
        known = rows[np.isfinite(rows[:, first])]
        count, p1, p2, p3 = known[:, first : first + 4].sum(axis=0)
        if count < max(1.0, _MIN_GROUP * len(known)):
            return float("nan")
        mean, square, cube = p1 / count, p2 / count, p3 / count
        sd = np.sqrt(max(1e-9, square - mean**2))
        return float((mean, sd, (cube - 3.0 * mean * square + 2.0 * mean**3) / sd**3)[order - 1])

    return moment


MOMENTS: dict[str, Moment] = {
    "dnf_rate": _rate("dnf"),
    "dnf_variance_ratio": _variance_ratio("dnf"),
    "crash_rate": _rate("crash"),
    "crash_variance_ratio": _variance_ratio("crash"),
    **{name: _mean(name) for name in (*_PLAIN, *_FASTEST)},
    "best_points": _mean("best_ticks", unit=TICKS_PER_POINT),
    **{f"points_mean_{group}": _group(group, 1) for group in START_GROUPS},
    **{f"points_sd_{group}": _group(group, 2) for group in START_GROUPS},
    **{f"points_skew_{group}": _group(group, 3) for group in START_GROUPS},
}
"""Moments by name, each a function of rows of statistics (one per race)."""

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
    """Every moment, races drawn again for the intervals; rows of statistics per race, shape (n_races, n_columns)."""
    picks = rng.integers(0, len(real), (n_bootstrap, len(real)))
    comparisons = []
    for name, moment in MOMENTS.items():
        values = _quiet(moment, real)
        if not np.isfinite(values):
            continue
        spread = np.array([_quiet(moment, real[pick]) for pick in picks])
        low, high = np.nanquantile(spread, (0.025, 0.975))
        comparisons.append(MomentComparison(name, values, float(low), float(high), _quiet(moment, simulated)))
    return comparisons


def moment_values(names: Sequence[str], rows: Floats) -> Floats:
    """Some moments of rows of statistics; shape (n_names,)."""
    return np.array([_quiet(MOMENTS[name], rows) for name in names])


def _quiet(moment: Moment, rows: Floats) -> float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return moment(rows) if np.isfinite(rows[:, : INDEX["fastest_share"]]).any() else float("nan")
