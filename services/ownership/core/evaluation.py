"""Accuracy on races that a model did not see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from scipy.stats import spearmanr
from sklearn.base import clone

from services.common.domain.errors import FailedPrecondition
from services.ownership.core.constraints import field_shares
from services.ownership.core.dispersion import Dispersion, Residual, fit_dispersion
from services.ownership.core.ensemble import OwnershipEnsemble, Work
from services.ownership.core.estimators import SalaryBaseline, SlateEstimator, UniformBaseline, ValueBaseline
from services.ownership.core.left_out import basis_of, folds
from services.ownership.core.slate import Floats, PlayedSlate

POPULAR_LEVELS = (0.2, 0.3, 0.4)
UNIFORM = UniformBaseline.name
ENSEMBLE = "ensemble"
_NO_ERROR = 1e-9
"""Below this an error is that of floating point."""
INNER_FOLDS = 5
"""Groups of races left out inside each evaluation to fit the weights; more cost time and change little."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """One contest of a race left out, seen by one model."""

    name: str
    race_id: str
    residual: Residual
    dispersion: Dispersion


@dataclass(frozen=True)
class Accuracy:
    """Accuracy of one model over races left out; errors are shares in [0, 1].

    Attributes
    ----------
    mae, mae_se
        Mean over races of the mean absolute error per driver, and its standard error.
    weighted_mae
        Absolute error weighted by actual ownership.
    bias
        Mean of projected minus actual: 0 but for rounding, as both sum to the roster size.
    spearman
        Mean rank correlation within a race, 0 for a projection without ranks.
    coverage
        Share of actual values inside the interval of the evaluated level.
    skill
        ``1 - mae / mae of equal ownership``; 0 where every field was one of equal ownership, which nothing can beat.
    recall
        Share of drivers owned at least 20, 30 and 40 % that were projected so; 1 when there was none.
    popular_bias
        Mean of projected minus actual among those drivers; 0 when there was none.
    """

    name: str
    mae: float
    mae_se: float
    weighted_mae: float
    bias: float
    spearman: float
    coverage: float
    skill: float
    recall: tuple[float, float, float]
    popular_bias: tuple[float, float, float]


def _baselines() -> tuple[SlateEstimator, ...]:
    return UniformBaseline(), SalaryBaseline(), ValueBaseline()


@dataclass(frozen=True, eq=False)
class _Alone:
    """A fitted estimator that projects alone, with the dispersion of its own errors."""

    estimator: SlateEstimator
    dispersion: Dispersion

    def sees(self, played: PlayedSlate) -> LeftOut:
        slate = played.slate
        known = basis_of(slate, self.estimator.information(slate))
        residual = Residual(self.estimator.predict([slate])[0], played.field_shares, known)
        return LeftOut(self.estimator.name, slate.race_id, residual, self.dispersion)


def _ensemble_sees(model: OwnershipEnsemble, played: PlayedSlate) -> LeftOut:
    slate = played.slate
    opinions = model.opinions(slate)
    projected = field_shares(model.blend_.logits(opinions), slate, cap_use=model.cap_use_).shares
    residual = Residual(projected, played.field_shares, basis_of(slate, model.blend_.knowledge(opinions)))
    return LeftOut(ENSEMBLE, slate.race_id, residual, model.dispersion_)


def _members(model: OwnershipEnsemble) -> list[_Alone]:
    return [
        _Alone(member, fit_dispersion([seen.residual(k) for seen in model.left_out_]))
        for k, member in enumerate(model.members_)
    ]


def _baseline(estimator: SlateEstimator, kept: Sequence[PlayedSlate], y: Sequence[Floats]) -> _Alone:
    """Fitted on what is kept; its dispersion comes from races left out of that in turn."""
    residuals = []
    for out in folds(kept, INNER_FOLDS):
        if not out.all():
            estimator.fit(list(compress(kept, ~out)), list(compress(y, ~out)))
        residuals += [_Alone(estimator, Dispersion()).sees(played).residual for played in compress(kept, out)]
    return _Alone(estimator.fit(kept, y), fit_dispersion(residuals))


def leave_one_race_out(
    model: OwnershipEnsemble, played: Sequence[PlayedSlate], work: Work | None = None
) -> Iterator[LeftOut]:
    """Every contest as seen by the ensemble, its members and the baselines, all fitted without its race.

    Each has the dispersion of its own errors on races left out inside that fit.

    The weights inside each fit come from races left out of that fit in turn, so no number has seen its race.

    Raises
    ------
    FailedPrecondition
        With records of fewer than two races.
    """
    work = work or Work()
    groups = folds(played, len(played))
    if len(groups) < 2:
        raise FailedPrecondition(
            f"evaluation leaves races out and needs records of two at least, there are {len(groups)}; "
            "record the ownership of more races first"
        )
    for done, out in enumerate(groups):
        work.report("evaluate", done, len(groups))
        kept, held = list(compress(played, ~out)), list(compress(played, out))
        yield from _without(model, kept, held, work)
    work.report("evaluate", len(groups), len(groups))


def _without(
    model: OwnershipEnsemble, kept: Sequence[PlayedSlate], held: Sequence[PlayedSlate], work: Work
) -> Iterator[LeftOut]:
    y = [p.field_shares for p in kept]
    quiet = Work(checkpoint=work.checkpoint)
    fitted = clone(model).set_params(max_folds=INNER_FOLDS).fit(kept, y, work=quiet)
    work.checkpoint()
    alone = [*_members(fitted), *(_baseline(baseline, kept, y) for baseline in _baselines())]
    for one in held:
        yield _ensemble_sees(fitted, one)
        yield from (each.sees(one) for each in alone)


def _rank_correlation(residual: Residual) -> float:
    if np.ptp(residual.projected) < 1e-12 or np.ptp(residual.actual) < 1e-12:
        return 0.0
    return float(spearmanr(residual.projected, residual.actual).statistic)


def _recall(residuals: Sequence[Residual], level: float) -> float:
    popular = [residual.actual >= level for residual in residuals]
    found = sum(int(((r.projected >= level) & p).sum()) for r, p in zip(residuals, popular, strict=True))
    total = sum(int(p.sum()) for p in popular)
    return found / total if total else 1.0


def _race_maes(rows: Sequence[LeftOut]) -> Floats:
    """Mean absolute error per race, contests of a race averaged; shape (n_races,)."""
    by_race: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        by_race[row.race_id].append(float(np.abs(row.residual.projected - row.residual.actual).mean()))
    return np.array([np.mean(values) for values in by_race.values()])


def _accuracy(name: str, rows: Sequence[LeftOut], level: float, uniform_mae: float) -> Accuracy:
    residuals = [row.residual for row in rows]
    error = np.concatenate([r.projected - r.actual for r in residuals])
    actual = np.concatenate([r.actual for r in residuals])
    maes = _race_maes(rows)
    recall = [_recall(residuals, at) for at in POPULAR_LEVELS]
    popular_bias = [float(error[actual >= at].mean()) if (actual >= at).any() else 0.0 for at in POPULAR_LEVELS]
    return Accuracy(
        name=name,
        mae=float(maes.mean()),
        mae_se=float(maes.std(ddof=1) / np.sqrt(len(maes))),
        weighted_mae=float((np.abs(error) * actual).sum() / actual.sum()),
        bias=float(error.mean()),
        spearman=float(np.mean([_rank_correlation(r) for r in residuals])),
        coverage=float(np.concatenate([row.residual.covered(row.dispersion, level) for row in rows]).mean()),
        skill=1.0 - float(maes.mean()) / uniform_mae if uniform_mae > _NO_ERROR else 0.0,
        recall=(recall[0], recall[1], recall[2]),
        popular_bias=(popular_bias[0], popular_bias[1], popular_bias[2]),
    )


def summarise(rows: Sequence[LeftOut], *, level: float) -> list[Accuracy]:
    """Accuracy of the ensemble, its members and the baselines, in that order."""
    by_name: dict[str, list[LeftOut]] = defaultdict(list)
    for row in rows:
        by_name[row.name].append(row)
    uniform_mae = float(_race_maes(by_name[UNIFORM]).mean())
    return [_accuracy(name, seen, level, uniform_mae) for name, seen in by_name.items()]
