"""Standard errors of means over scenarios that are dealt out among independent fields.

The variance of the mean is that of one scenario over the scenarios plus that of one field over the fields.
Means per field vary by both, so it is estimated by their variance over their number; where chance puts that
below what the scenarios alone leave, the latter stands.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def standard_error(field_means: Floats, variance: Floats, n_scenarios: int) -> Floats:
    """Standard error of a mean.

    Parameters
    ----------
    field_means
        Mean of the scenarios of each field; shape (n_fields, ...).
    variance
        Variance over all scenarios; shape (...).
    """
    n_fields = len(field_means)
    between = field_means.var(axis=0, ddof=1) if n_fields > 1 else np.zeros(field_means.shape[1:])
    return error_of_mean(between, n_fields, variance / n_scenarios)


def error_of_mean(between_fields: Floats, n_fields: int, within: Floats) -> Floats:
    """Standard error from the variance of the fields' means and the variance of the mean that scenarios leave."""
    return np.sqrt(np.maximum(within, between_fields / n_fields))


def rate_variance(n_times: Ints, n_scenarios: int) -> Floats:
    """Variance of a share of scenarios that came true ``n_times``, as if one more had and one more had not.

    So what never happened in n scenarios is known to about 1 / n, not for certain.
    """
    share = (n_times + 1.0) / (n_scenarios + 2.0)
    return share * (1.0 - share) / n_scenarios


def means_by_field(values: npt.NDArray[np.generic], field_of_scenario: Ints, n_fields: int) -> Floats:
    """Mean of ``values[scenario]`` over the scenarios of each field; shape (n_fields,)."""
    totals = np.bincount(field_of_scenario, weights=values, minlength=n_fields)
    return totals / np.bincount(field_of_scenario, minlength=n_fields)
