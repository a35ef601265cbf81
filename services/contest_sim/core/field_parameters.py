"""How fields choose among lineups beyond the drivers' ownership.

A factor that is linear in the drivers changes nothing once ownership is fixed, so all terms are curved:

* ``-salary_tilt * log(1 + left / $100)``: money left on the table is disliked, the first hundreds most;
* ``sharpness * (chalk / 10)**2``: entrants differ in how closely they follow the crowd's favourites.
  ``chalk`` is the sum of log-odds of ownership, less its mean over the field;
* ``contrast * (contrast / 10)**2``: entrants differ in how they spend, some on stars with cheap drivers beside
  them, some on six of the middle. A lineup's ``contrast`` is the sum of its squared standardised salaries, less its
  mean over the field.

Why squares: if the log-weight that an entrant gives a lineup is ``b * x`` with ``b`` spread over entrants, the crowd's
mixture bends upwards, to second order by ``variance(b) / 2 * x**2``.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.universe import Universe
from services.contest_sim.core.field_kernels import lineup_sums
from services.contest_sim.core.lineup_space import ROWS_PER_BLOCK

Floats = npt.NDArray[np.float64]

SALARY_STEP_DOLLARS = 100.0
BEND_UNIT = 10.0
MAX_CHALK, MAX_CONTRAST = 20.0, 10.0
"""Chalk and contrast are cut at this distance from the mean, so that no lineup's weight explodes."""


@dataclass(frozen=True)
class FieldParameters:
    """Strength of the terms; all zero is the plain maximum-entropy field."""

    salary_tilt: float = 0.0
    sharpness: float = 0.0
    contrast: float = 0.0


@dataclass(frozen=True, eq=False)
class Prices:
    """What drivers cost, ``salaries_dollars[driver]``, and what a lineup may cost."""

    salaries_dollars: npt.NDArray[np.int64]
    cap_dollars: int


FITTED = ((8.0, FieldParameters(0.47, 0.0, 4.47)), (555.0, FieldParameters(0.95, 5.94, 6.86)))
"""Entry fee in dollars and the parameters fitted there, with ownership matched.

From complete six-pick, $50,000 fields of DraftKings MMA contests, 2026-03-21 to 2026-04-19: three of 4,368-4,408
entries at $8, and four of 169-298 at $555. Salary tilt and contrast are the means of what is likeliest in each field.
Contrast is what users show too: how much those with three entries or more differ in it from each other, over how
much their own lineups do, gives 4.1-6.1 at $8. Sharpness is what duplication hangs on and is set by it: of all values
from 0 on, that under which the shares of unique lineups (in units of 5 points) and the copies of the 20 most
duplicated (in units of 25 %) are missed least; chance leaves about 3 to either side open. The likeliest is 0.5 at $8
and 2.1 at $555, where fields would then look 2.5 points too unique on average. ``tests/unit/contest_sim/field_fit.py``
repeats the fit.
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
    fitted = zip(*(astuple(parameters) for _, parameters in FITTED), strict=True)
    return FieldParameters(*(float(np.interp(at, fees, values)) for values in fitted))


def chalk(universe: Universe, shares: Floats) -> Floats:
    """Sum of the drivers' ownership log-odds, less its mean over the field; shape (n_lineups,).

    ``shares[driver]`` lie inside (0, 1).
    """
    return _beyond_mean(universe, np.log(shares / (1.0 - shares)), shares, MAX_CHALK)


def contrast(universe: Universe, salaries_dollars: npt.NDArray[np.int64], shares: Floats) -> Floats:
    """Sum of the drivers' squared standardised salaries, less its mean over the field; shape (n_lineups,)."""
    distance = salaries_dollars - salaries_dollars.mean()
    variance = float((distance**2).mean())
    squares = distance**2 / variance if variance > 0.0 else np.zeros(len(distance))
    return _beyond_mean(universe, squares, shares, MAX_CONTRAST)


def _beyond_mean(universe: Universe, values: Floats, shares: Floats, limit: float) -> Floats:
    """Sums of ``values[driver]`` over lineups, less their mean over the field, cut at ``limit``."""
    sums = np.empty(universe.n_lineups)

    def work(start: int, stop: int) -> None:
        lineup_sums(universe.lineups[start:stop], values, sums[start:stop])

    for _ in run_blocks(work, cut(universe.n_lineups, ROWS_PER_BLOCK)):
        pass
    sums -= float(shares @ values)
    return np.clip(sums, -limit, limit, out=sums)


def base_weights(universe: Universe, prices: Prices, shares: Floats, parameters: FieldParameters) -> Floats:
    """Weight of each lineup apart from ``theta``, greatest 1; shape (n_lineups,)."""
    left = np.arange(prices.cap_dollars - int(universe.salaries_dollars.min()) + 1, dtype=np.float64)
    table = -parameters.salary_tilt * np.log1p(left / SALARY_STEP_DOLLARS)
    logs = table[prices.cap_dollars - universe.salaries_dollars]
    if parameters.sharpness:
        logs += parameters.sharpness * bend(chalk(universe, shares))
    if parameters.contrast:
        logs += parameters.contrast * bend(contrast(universe, prices.salaries_dollars, shares))
    logs -= logs.max()
    return np.exp(logs, out=logs)


def bend(beyond_mean: Floats) -> Floats:
    """What sharpness and contrast multiply."""
    scaled = beyond_mean / BEND_UNIT
    return scaled * scaled
