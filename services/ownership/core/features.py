"""Features of drivers that mean the same on every slate: standardised within the slate, NaN taken as average."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.ownership.core.slate import Contest, Floats, Slate

_MIN_KNOWN = 3
"""Known values below which a feature has no spread worth standardising by."""
_MAX_Z = 3.5
_N_SIGNALS = 4
"""Of strength: simulated points, odds, rating, the site's average."""
_SATURATION = 2.2
"""Standard deviations at which liking levels off: a driver three above the mean is not liked thrice as much as one
who is one above, as everybody can pick him only once."""

CONTEST_FEATURES = ("log10_entries", "log10_fee", "log10_max_entries")
TYPICAL_CONTEST = Contest(n_entries=5_000, entry_fee_dollars=8.0, max_entries_per_user=150)
"""The contest the defaults are made for, and what stands in for unknowns: a low-stakes tournament."""


def standardise(values: Floats) -> Floats:
    """``(x - mean) / sd`` over the known values, at most 3.5 in size; 0 where unknown or without spread."""
    known = np.isfinite(values)
    if known.sum() < _MIN_KNOWN:
        return np.zeros(len(values))
    spread = float(values[known].std())
    if spread <= 1e-9 * (1.0 + float(np.abs(values[known]).max())):
        return np.zeros(len(values))
    z = (np.where(known, values, 0.0) - values[known].mean()) / spread
    return np.where(known, np.clip(z, -_MAX_Z, _MAX_Z), 0.0)


def liking(values: Floats) -> Floats:
    """Standardised values that level off far from the mean: ``s tanh(z / s)``."""
    return _SATURATION * np.tanh(standardise(values) / _SATURATION)


def salary_z(slate: Slate) -> Floats:
    """Standardised salary."""
    return slate.once("salary_z", lambda: standardise(slate.salaries_dollars))


def points_per_dollar(points: Floats, slate: Slate) -> Floats:
    """Points per $1,000 of salary."""
    return points / slate.salaries_dollars * 1_000.0


def blind(slate: Slate) -> npt.NDArray[np.bool_]:
    """Drivers without simulated mean or ceiling where others have both; shape (n_drivers,)."""
    known = np.isfinite(slate.mean_points) & np.isfinite(slate.ceiling_points)
    return np.asarray(~known & known.any())


def strength(slate: Slate) -> Floats:
    """How strong a driver is by what is known: the mean of his standardised signals, NaN without any."""
    return slate.once("strength", lambda: _strength(slate))


def _strength(slate: Slate) -> Floats:
    signals = _signals_of_strength(slate)
    known = np.isfinite(signals)
    total = np.where(known, signals, 0.0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(slate.n_drivers, np.nan), where=known.any(axis=0))


def known_of_strength(slate: Slate) -> Floats:
    """How much of a driver's strength is known, in [0, 1]: each further signal of four halves what is left to know."""
    n_known = np.isfinite(_signals_of_strength(slate)).sum(axis=0)
    return np.asarray((1.0 - 0.5**n_known) / (1.0 - 0.5**_N_SIGNALS))


def _signals_of_strength(slate: Slate) -> Floats:
    """Standardised signals that tell drivers apart, NaN where not known; shape (n_signals, n_drivers)."""
    signals = (slate.mean_points, slate.win_log_odds, slate.rating, slate.site_average_points)
    usable = [np.where(np.isfinite(signal), standardise(signal), np.nan) for signal in signals]
    telling = [signal for signal in usable if np.nanmax(np.abs(signal), initial=0.0) > 0.0]
    return np.array(telling).reshape(-1, slate.n_drivers)


def residual_on(values: Floats, explained_by: Floats) -> Floats:
    """What a straight line through ``explained_by`` leaves of ``values``; NaN where those are unknown."""
    known = np.isfinite(values) & np.isfinite(explained_by)
    if known.sum() < _MIN_KNOWN:
        return np.full(len(values), np.nan)
    x, y = explained_by[known] - explained_by[known].mean(), values[known] - values[known].mean()
    slope = float(x @ y) / max(float(x @ x), 1e-12)
    result = np.full(len(values), np.nan)
    result[known] = y - slope * x
    return result


def contest_features(contest: Contest) -> Floats:
    """Contest against the typical one, in decades: ``CONTEST_FEATURES``, 0 where not known; shape (3,)."""
    pairs = (
        (contest.n_entries, TYPICAL_CONTEST.n_entries),
        (contest.entry_fee_dollars, TYPICAL_CONTEST.entry_fee_dollars),
        (contest.max_entries_per_user, TYPICAL_CONTEST.max_entries_per_user),
    )
    return np.array([np.log10(value / typical) if value > 0 else 0.0 for value, typical in pairs])
