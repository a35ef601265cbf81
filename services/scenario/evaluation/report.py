"""A backtest as a document: by track type, with bootstrap errors over races."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import kstest

from services.common.domain.race import TrackType
from services.scenario.calibration.moments import compare_moments, known_alike
from services.scenario.calibration.race_statistics import INDEX
from services.scenario.evaluation.backtest import EVENTS, LEVELS, MODEL, RaceScore
from services.scenario.evaluation.scores import reliability

Floats = npt.NDArray[np.float64]

PIT_BINS = 10
N_BOOTSTRAP = 400
N_TRUTHS = 200
"""Simulated histories that are taken for the real one to see how many moments a true model meets."""
SCATTER = {
    "order": ("favourites_finish", "favourites_top10", "outsiders_last8", "start_finish"),
    "laps led": ("top1_led", "winner_led", "leaders", "led_by_top5", "led_by_first_five", "led_from_21st"),
    "fastest laps": ("fastest_top1", "fastest_top3", "fastest_drivers", "fastest_by_top5", "fastest_by_21st_on"),
    "best points": ("best_ticks", "best6_ticks"),
    "incidents": ("dnf", "crash", "cautions", "fastest_share"),
}
"""Statistics of a race, by what they tell of, whose distance from the expected ones is looked at."""
_EDGES = {"win": (0.0, 0.01, 0.03, 0.06, 0.1, 0.15, 1.0), "top5": (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 1.0)}
_TOP10_EDGES = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 1.0)


def backtest_report(scores: Sequence[RaceScore], *, seed: int = 11) -> dict[str, Any]:
    """All tables of a backtest, ready for JSON.

    ``overall``, ``without_superspeedways`` and one entry per track type hold: number of races; mean Spearman
    correlation, log score over uniform, CRPS, energy and variogram score by forecast with standard errors;
    ``crps_skill`` against the best baseline; coverage; PIT histogram; reliability; hindsight, and the p-value of the
    test that its places are uniform; ``scatter``: squared distance of statistics of races from what was expected, in
    units of the simulated variance (1 is right); moments, and how many of them would agree by the same test if the
    model were true.
    """
    rng = np.random.default_rng(seed)
    groups: dict[str, list[RaceScore]] = {
        "overall": list(scores),
        "without_superspeedways": [one for one in scores if one.track_type is not TrackType.SUPERSPEEDWAY],
    }
    for kind in TrackType:
        groups[kind.value] = [one for one in scores if one.track_type is kind]
    seasons = sorted({one.season for one in scores})
    tables = {name: _group(group, rng) for name, group in groups.items() if group}
    return {"seasons": seasons, "races": len(scores), "groups": tables}


def _group(scores: Sequence[RaceScore], rng: np.random.Generator) -> dict[str, Any]:
    by_forecast = {
        name: _by_forecast([getattr(one, name) for one in scores], rng)
        for name in ("spearman", "log_score", "crps", "energy", "variogram")
    }
    return {
        "races": len(scores),
        **by_forecast,
        "crps_skill": _skill(scores, rng),
        "coverage": {str(level): _mean([one.coverage.get(level, np.nan) for one in scores], rng) for level in LEVELS},
        "pit_histogram": _histogram(np.concatenate([one.pit for one in scores])),
        "reliability": {name: _reliability(scores, name) for name, _ in EVENTS},
        "teammate_correlation": _teammates(scores, rng),
        "hindsight_pit": _mean([one.hindsight_pit for one in scores], rng),
        "hindsight_histogram": _histogram(np.array([one.hindsight_pit for one in scores])),
        "hindsight_ks_p": _uniform_p([one.hindsight_pit for one in scores]),
        "scatter": {name: _mean(_squared_distances(scores, names), rng) for name, names in SCATTER.items()},
        "moments": _moments(scores, rng),
        "moments_if_true": _moments_if_true(scores, rng),
    }


def _mean(values: Sequence[float], rng: np.random.Generator) -> dict[str, float] | None:
    """Mean and its bootstrap standard error over races; None when nothing is known."""
    known = np.array([value for value in values if np.isfinite(value)])
    if not known.size:
        return None
    return {"mean": float(known.mean()), "se": _bootstrap(known.size, lambda pick: float(known[pick].mean()), rng)}


def _bootstrap(n: int, statistic: Callable[[npt.NDArray[np.int64]], float], rng: np.random.Generator) -> float:
    return float(np.std([statistic(rng.integers(0, n, n)) for _ in range(N_BOOTSTRAP)]))


def _by_forecast(rows: Sequence[dict[str, float]], rng: np.random.Generator) -> dict[str, Any]:
    names = sorted({name for row in rows for name in row})
    return {name: _mean([row.get(name, np.nan) for row in rows], rng) for name in names}


def _skill(scores: Sequence[RaceScore], rng: np.random.Generator) -> dict[str, Any] | None:
    """Share by which the model's CRPS is below that of the best baseline, over the races that all could forecast."""
    rows = [one.crps for one in scores if one.crps and np.isfinite(list(one.crps.values())).all()]
    if not rows:
        return None
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    best = min((name for name in table if name != MODEL), key=lambda name: float(table[name].mean()))

    def skill(pick: npt.NDArray[np.int64]) -> float:
        return 1.0 - float(table[MODEL][pick].mean() / table[best][pick].mean())

    everyone = np.arange(len(rows))
    return {
        "best_baseline": best,
        "races": len(rows),
        "mean": skill(everyone),
        "se": _bootstrap(len(rows), skill, rng),
    }


def _histogram(values: Floats) -> list[int]:
    return [int(count) for count in np.histogram(values[np.isfinite(values)], bins=PIT_BINS, range=(0.0, 1.0))[0]]


def _uniform_p(places: Sequence[float]) -> float | None:
    """p-value of the Kolmogorov-Smirnov test that places in [0, 1] are uniform; None when nothing is known."""
    known = np.array([place for place in places if np.isfinite(place)])
    return float(kstest(known, "uniform").pvalue) if known.size else None


def _squared_distances(scores: Sequence[RaceScore], names: Sequence[str]) -> list[float]:
    """Mean over some statistics of the squared standardised distance of the real from the simulated, per race."""
    columns = [INDEX[name] for name in names]
    return [_squared_distance(one.real_statistics[columns], one.simulated_statistics[:, columns]) for one in scores]


def _squared_distance(real: Floats, simulated: Floats) -> float:
    spread = simulated.std(axis=0)
    known = np.isfinite(real) & (spread > 0)
    distances = (real[known] - simulated.mean(axis=0)[known]) / spread[known]
    return float((distances**2).mean()) if known.any() else float("nan")


def _reliability(scores: Sequence[RaceScore], event: str) -> dict[str, Any]:
    chances = np.concatenate([one.events[event][0] for one in scores])
    happened = np.concatenate([one.events[event][1] for one in scores])
    table = reliability(event, chances, happened, np.array(_EDGES.get(event, _TOP10_EDGES)))
    return {"forecast": table.forecast, "observed": table.observed, "counts": table.counts}


def _teammates(scores: Sequence[RaceScore], rng: np.random.Generator) -> dict[str, float] | None:
    rows = np.array([one.teammates for one in scores if one.teammates[2]], dtype=np.float64)
    if not len(rows):
        return None

    def correlation(column: int, pick: npt.NDArray[np.int64]) -> float:
        return float(rows[pick, column].sum() / rows[pick, 2].sum())

    everyone = np.arange(len(rows))
    return {
        "real": correlation(0, everyone),
        "real_se": _bootstrap(len(rows), lambda pick: correlation(0, pick), rng),
        "simulated": correlation(1, everyone),
    }


def _moments(scores: Sequence[RaceScore], rng: np.random.Generator) -> list[dict[str, Any]]:
    real = np.array([one.real_statistics for one in scores])
    simulated = np.array([one.simulated_statistics.mean(axis=0) for one in scores])
    return [
        {
            "name": item.name,
            "real": item.real,
            "low": item.low,
            "high": item.high,
            "simulated": item.simulated,
            "agrees": item.agrees,
        }
        for item in compare_moments(real, simulated, rng, n_bootstrap=N_BOOTSTRAP)
    ]


def _moments_if_true(scores: Sequence[RaceScore], rng: np.random.Generator) -> dict[str, float]:
    """How many moments agree when one simulated scenario of each race is taken for what really happened.

    Intervals of few races are narrow by chance and moments are many, so even then not all agree: this is what a model
    can reach. On average, in 19 histories of 20 (``at_least``), and the share of histories in which ``all`` agree.
    """
    real = np.array([one.real_statistics for one in scores])
    simulated = np.array([one.simulated_statistics for one in scores])
    means, races = simulated.mean(axis=1), np.arange(len(scores))
    counts, complete = [], []
    for _ in range(N_TRUTHS):
        truth = known_alike(real, simulated[races, rng.integers(simulated.shape[1], size=len(scores))])
        compared = compare_moments(truth, means, rng, n_bootstrap=N_BOOTSTRAP)
        counts.append(sum(item.agrees for item in compared))
        complete.append(counts[-1] == len(compared))
    return {
        "average": float(np.mean(counts)),
        "at_least": float(np.quantile(counts, 0.05)),
        "all": float(np.mean(complete)),
    }
