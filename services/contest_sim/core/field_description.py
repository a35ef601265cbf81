"""What a field looks like, in closed form from its distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.contest_sim.core.field import Field
from services.contest_sim.core.opponents import Opponents


@dataclass(frozen=True)
class FieldDescription:
    """Shape of a field of a given number of entries.

    ``unique_share`` is the expected share of entries whose lineup nobody else plays, ``max_expected_copies``
    the expected copies of the most played lineup, ``effective_lineups`` the exponential of the entropy.
    """

    mean_salary_dollars: float
    unique_share: float
    max_expected_copies: float
    effective_lineups: float


def describe_field(field: Field, n_entries: int) -> FieldDescription:
    """Describe ``n_entries`` entries of a field.

    With p the share of entries on a lineup: unique share ``sum p (1 - p)^(n - 1)``, copies ``n p``, entropy
    ``-sum p log p``.
    """
    salaries = field.universe.salaries_dollars
    salary = unique = entropy = largest = 0.0
    for start, stop in field.space.blocks:
        p = field.shares_between(start, stop)
        held = p > 0.0
        p = p[held]
        salary += float(p @ salaries[start:stop][held])
        unique += float(p @ np.exp((n_entries - 1) * np.log1p(-np.minimum(p, 1.0 - 1e-16))))
        entropy -= float(p @ np.log(p))
        largest = max(largest, float(p.max(initial=0.0)))
    return FieldDescription(salary, unique, n_entries * largest, float(np.exp(entropy)))


def describe_opponents(opponents: Opponents, salaries_dollars: np.ndarray) -> FieldDescription:
    """Describe opponents that are known; ``salaries_dollars[driver]``."""
    n_entries = opponents.n_entries
    shares = opponents.copies / n_entries
    used = salaries_dollars[opponents.lineups.astype(np.int64)].sum(axis=1)
    return FieldDescription(
        mean_salary_dollars=float(shares @ used),
        unique_share=float(shares[opponents.copies == 1].sum()),
        max_expected_copies=float(opponents.copies.max()),
        effective_lineups=float(np.exp(-(shares @ np.log(shares)))),
    )
