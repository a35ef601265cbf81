"""Drivers who were scratched after lock: entries that hold them play on, with nobody in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from services.common.domain.race import Race
from services.common.matrix.scenario_matrix import ScenarioMatrix


def with_scratched(race: Race) -> Race:
    """The race with a column for everybody listed, those withdrawn after the starters."""
    withdrawn = [replace(driver, withdrawn=False) for driver in race.drivers if driver.withdrawn]
    return replace(race, drivers=(*race.starters, *withdrawn)) if withdrawn else race


def scoring_nothing(matrix: ScenarioMatrix, race: Race) -> ScenarioMatrix:
    """The matrix of a race's starters with a column of zeros for each driver who is withdrawn: see ``with_scratched``.

    Raises
    ------
    FailedPrecondition
        If the matrix is of other starters.
    """
    matrix.require_starters(race)
    listed = with_scratched(race).driver_ids
    n_scratched = len(listed) - matrix.n_drivers
    if not n_scratched:
        return matrix
    return replace(matrix, ticks=np.pad(matrix.ticks, ((0, 0), (0, n_scratched))), driver_ids=listed)


def scratched_warnings(
    race: Race, n_starters: int, lineups: npt.NDArray[np.int8], copies: npt.NDArray[np.int64], whose: str
) -> Sequence[str]:
    """A warning for each driver from column ``n_starters`` on whom some of ``lineups[row, slot]`` hold."""
    texts = []
    for column in range(n_starters, len(race.driver_ids)):
        n_held = int(copies[(lineups == column).any(axis=1)].sum())
        if n_held:
            name = race.starters[column].name
            texts.append(f"{name} does not start and scores 0 points in {n_held:,} of {int(copies.sum()):,} {whose}")
    return texts
