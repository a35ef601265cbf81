"""How fields choose among lineups beyond the drivers' ownership.

A factor that is linear in the drivers changes nothing once ownership is fixed, so both terms are curved:

* ``-salary_tilt * log(1 + left / $100)``: money left on the table is disliked, the first hundreds most;
* ``sharpness * (chalk / 10)**2``: entrants differ in how closely they follow the crowd's favourites. If the
  log-weight of a lineup is ``b * chalk`` with ``b`` spread over entrants, the crowd's mixture bends upwards:
  to second order ``variance(b) / 2 * chalk**2``. ``chalk`` is the sum of log-odds of ownership, less its
  mean over the field.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.universe import Universe
from services.contest_sim.core.field_kernels import lineup_sums
from services.contest_sim.core.lineup_space import ROWS_PER_BLOCK

Floats = npt.NDArray[np.float64]

SALARY_STEP_DOLLARS = 100.0
CHALK_UNIT = 10.0
MAX_CHALK = 20.0
"""Chalk is cut at this distance from the mean, so that no lineup's weight explodes."""


@dataclass(frozen=True)
class FieldParameters:
    """Strength of the two terms; both zero is the plain maximum-entropy field."""

    salary_tilt: float = 0.0
    sharpness: float = 0.0


FITTED = ((8.0, FieldParameters(0.47, 0.0)), (555.0, FieldParameters(0.93, 2.50)))
"""Entry fee in dollars and the parameters fitted there, by maximum likelihood with ownership matched.

From complete six-pick, $50,000 fields of DraftKings MMA contests, 2026-03-21 to 2026-04-19: the mean over three
fields of 4,368-4,408 entries at $8, and over four of 169-298 at $555. Sharpness at $8 is less than two standard
errors from zero and left at that. ``tests/unit/contest_sim/real_fields.py`` repeats the fit.
"""


INSIGHT = 0.29
"""Correlation over a slate's picks of what ownership (log-odds) and points do beyond what salary explains.

From the same contests, of 167 entries and more: the mean of four events is 0.29, with a standard error of 0.10 by
Fisher's z; contests at $8 and at $100 and more do not differ. In racing ownership is projected from more
than salary, so this is rather too high than too low; nothing is known that would say by how much.
"""


def default_parameters(entry_fee_cents: int) -> FieldParameters:
    """Parameters for a fee: linear in its logarithm between the fitted fees, constant beyond them."""
    fees = np.log([fee for fee, _ in FITTED])
    at = np.log(max(entry_fee_cents, 1) / 100.0)
    tilts, sharpnesses = zip(*((fit.salary_tilt, fit.sharpness) for _, fit in FITTED), strict=True)
    return FieldParameters(float(np.interp(at, fees, tilts)), float(np.interp(at, fees, sharpnesses)))


def chalk(universe: Universe, shares: Floats) -> Floats:
    """Sum of the drivers' ownership log-odds, less its mean over the field; shape (n_lineups,).

    ``shares[driver]`` lie inside (0, 1).
    """
    log_odds = np.log(shares / (1.0 - shares))
    sums = np.empty(universe.n_lineups)

    def work(start: int, stop: int) -> None:
        lineup_sums(universe.lineups[start:stop], log_odds, sums[start:stop])

    for _ in run_blocks(work, cut(universe.n_lineups, ROWS_PER_BLOCK)):
        pass
    return np.clip(sums - float(shares @ log_odds), -MAX_CHALK, MAX_CHALK)


def base_weights(universe: Universe, salary_cap_dollars: int, shares: Floats, parameters: FieldParameters) -> Floats:
    """Weight of each lineup apart from ``theta``, greatest 1; shape (n_lineups,)."""
    left = np.arange(salary_cap_dollars - int(universe.salaries_dollars.min()) + 1, dtype=np.float64)
    table = -parameters.salary_tilt * np.log1p(left / SALARY_STEP_DOLLARS)
    logs = table[salary_cap_dollars - universe.salaries_dollars]
    if parameters.sharpness:
        logs += parameters.sharpness * (chalk(universe, shares) / CHALK_UNIT) ** 2
    logs -= logs.max()
    return np.exp(logs, out=logs)
