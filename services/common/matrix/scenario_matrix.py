"""Scenarios of one race in memory, as every consumer of them sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import FailedPrecondition
from services.common.domain.race import Race
from services.common.domain.site_rules import TICKS_PER_POINT

Ticks = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class ScenarioMatrix:
    """Simulated fantasy points: ``ticks[scenario, driver]``, int16, C order, 20 ticks a point.

    Attributes
    ----------
    driver_ids
        Column order; equals ``Race.driver_ids`` of the race it was simulated from.
    content_hash
        SHA-256 of shape, dtype and bytes: names the data in certificates.
    regimes
        Index into ``regime_names`` per scenario; shape (n_scenarios,), uint8.
    """

    race_id: str
    scenario_set_id: str
    content_hash: str
    driver_ids: tuple[str, ...]
    ticks: Ticks
    regime_names: tuple[str, ...]
    regimes: npt.NDArray[np.uint8]

    @property
    def n_scenarios(self) -> int:
        """Number of rows."""
        return int(self.ticks.shape[0])

    @property
    def n_drivers(self) -> int:
        """Number of columns."""
        return int(self.ticks.shape[1])

    @cached_property
    def ticks_by_driver(self) -> Ticks:
        """The transpose in C order, ``ticks[driver, scenario]``: what kernels over drivers read."""
        transposed = np.ascontiguousarray(self.ticks.T)
        transposed.setflags(write=False)
        return transposed

    def require_starters(self, race: Race) -> None:
        """Check that the columns are the starters of the race as it stands.

        Raises
        ------
        FailedPrecondition
            If other drivers start, or in another order.
        """
        if self.driver_ids != race.driver_ids:
            raise FailedPrecondition(
                f"race {race.race_id!r} has changed since scenario set {self.scenario_set_id} was made: "
                "other drivers start; generate scenarios again",
                metadata={"race_id": race.race_id, "scenario_set_id": self.scenario_set_id},
            )

    def mean_points(self) -> npt.NDArray[np.float64]:
        """Mean points per driver; shape (n_drivers,)."""
        return self.ticks.mean(axis=0, dtype=np.float64) / TICKS_PER_POINT
