"""A choice that has run into its own rules, completed by giving up as few of its entries as need be.

Taking the best first can end before all entries are chosen although other choices keep every rule. Whether any
does is an integer programme: one variable a candidate, a row for each driver's exposure, and one for each set of
drivers that only one of the entries may hold. Two entries differ in at least ``u`` of ``r`` drivers if and only
if no ``r - u + 1`` drivers are in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from services.common.blocks import run_apart
from services.common.domain.errors import Infeasible
from services.common.domain.shares import at_most
from services.common.domain.work import Checkpoint, no_checkpoint
from services.contest_sim.core.lineup_keys import lineup_keys
from services.contest_sim.core.selection_rules import SelectionRules

Floats = npt.NDArray[np.float64]
Lineups = npt.NDArray[np.int8]
Rows = npt.NDArray[np.int64]

ALL_CANDIDATES = 4_000
"""Pools up to this size are looked at whole, so that what they do not hold is proven."""

BEST, BEST_PER_DRIVER = 1_500, 50
"""Of larger pools the best payouts, and the best with each driver: rules run out of drivers, not of money."""

TIME_LIMIT_SECONDS = 10.0

MOST_NAMED, MOST_LISTED = 4, 10
"""Rules that a message of failure names, and limits that it carries, the tightest first: there may be one for each
driver and team."""

_KEPT = 2.0
"""Worth of an entry that is kept, in greatest payouts."""


def complete_choice(
    pool: Lineups,
    payouts: Floats,
    picked: Sequence[int],
    rules: SelectionRules,
    *,
    checkpoint: Checkpoint = no_checkpoint,
) -> Rows:
    """Rows of ``pool[row, slot]`` that keep the rules together, as many as are wanted, most of ``picked`` among them.

    Raises
    ------
    Infeasible
        If there is no such choice, or none was found in a large pool.
    """
    candidates = _candidates(pool, payouts, picked, checkpoint)
    worth = payouts[candidates] / max(1.0, float(payouts.max())) + _KEPT * np.isin(candidates, picked)

    lineups, n_drivers = pool[candidates], int(pool.max()) + 1
    # The solver takes no word while it works, not even between the steps of its first relaxation.
    result = run_apart(lambda: _solve(lineups, worth, rules, n_drivers), checkpoint)
    if result.x is None:
        raise _infeasible(rules, len(picked), len(pool), proven=result.status == 2 and len(candidates) == len(pool))
    return candidates[result.x > 0.5]


def check_exposure(pool: Lineups, rules: SelectionRules) -> None:
    """Refuse what counting shows to be impossible before any work is done.

    Raises
    ------
    Infeasible
        If the places of all entries are more than the drivers of ``pool[row, slot]`` may fill.
    """
    holders = np.bincount(pool.ravel())
    if np.minimum(holders, rules.caps(len(holders)).most_by_driver).sum() < rules.n_entries * pool.shape[1]:
        raise _infeasible(rules, 0, len(pool), proven=True)


def _candidates(pool: Lineups, payouts: Floats, picked: Sequence[int], checkpoint: Checkpoint) -> Rows:
    """Rows worth looking at, ascending."""
    if len(pool) <= ALL_CANDIDATES:
        return np.arange(len(pool), dtype=np.int64)
    parts = [np.asarray(picked, dtype=np.int64), np.argpartition(-payouts, BEST)[:BEST]]
    for driver in range(int(pool.max()) + 1):
        checkpoint()
        holders = np.flatnonzero((pool == driver).any(axis=1))
        n = min(len(holders), BEST_PER_DRIVER)
        parts.append(holders[np.argpartition(-payouts[holders], n - 1)[:n]] if n else holders)
    return np.unique(np.concatenate(parts))


def _solve(lineups: Lineups, worth: Floats, rules: SelectionRules, n_drivers: int) -> OptimizeResult:
    """The choice of greatest ``worth`` that keeps the rules."""
    n, roster = lineups.shape
    caps = rules.caps(n_drivers)
    exposure = sparse.csr_array(caps.held_by(lineups).astype(np.float64))
    constraints = [
        LinearConstraint(np.ones((1, n)), rules.n_entries, rules.n_entries),
        LinearConstraint(exposure, -np.inf, caps.most),
    ]
    shared = _shared_drivers(lineups, roster - rules.min_distinct_drivers + 1)
    if shared.shape[0]:
        constraints.append(LinearConstraint(shared, -np.inf, 1))
    options = {"time_limit": TIME_LIMIT_SECONDS, "mip_rel_gap": 0.02}
    return milp(-worth, constraints=constraints, integrality=np.ones(n), bounds=Bounds(0, 1), options=options)


def _shared_drivers(lineups: Lineups, size: int) -> sparse.csr_array:
    """A row for each set of ``size`` drivers that several lineups hold, a one for each that does."""
    n, roster = lineups.shape
    if size <= 0:  # more drivers apart than a lineup has: no two entries can be
        return sparse.csr_array(np.ones((1, n)))
    keys = np.concatenate([lineup_keys(lineups[:, list(slots)]) for slots in combinations(range(roster), size)])
    _, sets, holders = np.unique(keys, return_inverse=True, return_counts=True)
    several = holders[sets] > 1
    columns = np.tile(np.arange(n), len(keys) // n)[several]
    _, rows = np.unique(sets[several], return_inverse=True)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(int(rows.max(initial=-1)) + 1, n))


def _infeasible(rules: SelectionRules, n_picked: int, n_pool: int, *, proven: bool) -> Infeasible:
    conflict = [f"min_distinct_drivers {max(1, rules.min_distinct_drivers)}"]
    if rules.max_driver_exposure < 1.0:
        conflict.append(f"max_driver_exposure {rules.max_driver_exposure:g} ({rules.max_per_driver} entries a driver)")
    tightest = sorted((limit for limit in rules.limits if limit.max_share < 1.0), key=lambda limit: limit.max_share)
    conflict += [
        f"{limit.name or 'limit'} {limit.max_share:.3g} ({at_most(limit.max_share, rules.n_entries)} entries)"
        for limit in tightest[:MOST_LISTED]
    ]
    found = (
        f"no {rules.n_entries} of the {n_pool:,} candidates keep all rules together"
        if proven
        else f"{n_picked} of {rules.n_entries} entries were found that keep all rules together"
    )
    named = "; ".join(conflict[:MOST_NAMED])
    return Infeasible(f"{found} ({named}); relax a rule or enlarge the pool", conflict=conflict)
