"""The fit of the field's parameters to real fields; ``field_parameters.FITTED`` holds what it finds.

``python -m tests.unit.contest_sim.field_fit DATA`` prints it.

Tastes (salary, contrast, opponents) come from who plays what, by maximum likelihood. Sharpness is what duplication
hangs on, and is chosen by duplication: by the share of unique lineups and by the copies of the most duplicated,
each counted in what a prediction may miss it by.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import poisson

from services.contest_sim.core.field_description import describe_field
from tests.unit.contest_sim.prediction import N_TOP, Prediction, predict
from tests.unit.contest_sim.real_fields import (
    RealField,
    fit_terms,
    insight,
    load_fields,
    pooled_insight,
    users_contrast,
)

UNIQUE_TOLERANCE = 0.05
"""By how much a prediction may miss the share of unique lineups."""
COPIES_TOLERANCE = 0.25
"""By what part it may miss the copies of the most duplicated lineups."""

_NEVER = 1e-9
"""Lineups that have a number of copies less often than this are not asked for more."""

SHARPNESS = 1
"""Column of the sharpness among the weights: see ``RealField.terms``."""


def fit_weights(fields: Sequence[RealField], terms: dict[str, np.ndarray]) -> np.ndarray:
    """Weights of all terms for contests like ``fields``, whose own likeliest weights are ``terms[contest_id]``."""
    weights = pooled([terms[field.contest_id] for field in fields])
    weights[SHARPNESS] = fit_sharpness(fields, weights)
    return weights


def pooled(weights: list[np.ndarray]) -> np.ndarray:
    """Mean over contests; what is less than two standard errors from zero counts as zero."""
    stacked = np.array(weights)
    error = stacked.std(axis=0, ddof=1) / np.sqrt(len(stacked))
    mean = stacked.mean(axis=0)
    return np.where(np.abs(mean) >= 2.0 * error, mean, 0.0)


def fit_sharpness(fields: Sequence[RealField], weights: np.ndarray) -> float:
    """The sharpness under which the duplication of ``fields`` is missed least, in squares; other weights as given.

    It stands for a variance among users, so it is never negative.
    """

    def misses(sharpness: np.ndarray) -> np.ndarray:
        trial = weights.copy()
        trial[SHARPNESS] = sharpness[0]
        return np.concatenate([duplication_misses(predict(field, trial)) for field in fields])

    start = [max(weights[SHARPNESS], 1.0)]
    fit = least_squares(misses, start, bounds=(0.0, np.inf), method="dogbox", diff_step=0.01, xtol=1e-4, ftol=1e-6)
    return float(fit.x[0])


def duplication_misses(prediction: Prediction) -> np.ndarray:
    """By how many tolerances the unique share and the most copies are missed; shape (2,)."""
    field = prediction.field
    unique = np.mean([describe_field(model, field.n_entries).unique_share for model in prediction.models])
    real_unique = (field.copies == 1).sum() / field.n_entries
    real_copies = np.sort(field.copies)[-N_TOP:].sum()
    misses = unique - real_unique, expected_top_copies(prediction) / real_copies - 1.0
    return np.array(misses) / (UNIQUE_TOLERANCE, COPIES_TOLERANCE)


def expected_top_copies(prediction: Prediction) -> float:
    """Expected copies of the most duplicated lineups together; copies of a lineup taken as Poisson.

    ``sum over c >= 1 of E min(N_TOP, N_c)``, where the number ``N_c`` of lineups with c copies or more is
    Poisson too, nearly, as a sum of many rare events. The mean over the models, each of which may be the true one.
    """
    n_entries = prediction.field.n_entries
    return float(np.mean([_top_copies(model.entry_shares * n_entries) for model in prediction.models]))


def _top_copies(expected_copies: np.ndarray) -> float:
    total, copies = 0.0, 0
    while expected_copies.size:
        copies += 1
        chances = poisson.sf(copies - 1, expected_copies)
        total += float(poisson.sf(np.arange(N_TOP), chances.sum()).sum())
        expected_copies = expected_copies[chances > _NEVER]
    return total


def left_out_weights(fields: list[RealField], terms: dict[str, np.ndarray], field: RealField) -> np.ndarray:
    """Weights from contests of the same stakes at other events."""
    return fit_weights(
        [other for other in fields if other.high_stakes == field.high_stakes and other.event_id != field.event_id],
        terms,
    )


def main() -> None:
    fields = load_fields(Path(sys.argv[1]))
    terms = {field.contest_id: fit_terms(field) for field in fields}
    for field in fields:
        likeliest = np.round(terms[field.contest_id], 3)
        shown = users_contrast(field)
        print(f"{field.contest_id:42s} {field.n_entries:5d} entries {likeliest}, contrast by users {shown:.1f}")
    for high in (False, True):
        chosen = [field for field in fields if field.high_stakes == high]
        print("high stakes" if high else "low stakes", np.round(fit_weights(chosen, terms), 2))
        print("  insight", np.round([insight(field)[0] for field in chosen], 2))
    print("insight and its standard error", np.round(pooled_insight(fields), 3))


if __name__ == "__main__":
    main()
