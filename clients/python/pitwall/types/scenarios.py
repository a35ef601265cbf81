"""Scenario sets and their summaries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True)
class ScenarioRecipe:
    """Everything that determines a generated set."""

    race_snapshot_hash: str
    model_version: str
    calibration_version: str
    n_scenarios: int
    seed: int


@dataclass(frozen=True)
class RegimeShare:
    """Scenarios of one race flow; of an uploaded matrix without labels about 15 % are dominator, 15 % chaos."""

    regime: str
    n_scenarios: int


@dataclass(frozen=True)
class ScenarioSet:
    """A matrix of simulated points; ``source`` is generated or uploaded, ``stale`` if the race changed since.

    ``warnings`` tell of projections that no simulated mean reaches and of race flows told from points alone.
    """

    scenario_set_id: str
    race_id: str
    source: str
    recipe: ScenarioRecipe | None
    n_scenarios: int
    driver_ids: tuple[str, ...]
    content_hash: str
    size_bytes: int
    regimes: tuple[RegimeShare, ...]
    create_time: datetime | None
    stale: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ScenarioMatrix:
    """Rows of a scenario set.

    Attributes
    ----------
    points
        ``points[scenario, driver]``, float32, read-only.
    regimes
        Name of the race flow per row.
    """

    scenario_set_id: str
    content_hash: str
    driver_ids: tuple[str, ...]
    points: npt.NDArray[np.float32]
    regimes: npt.NDArray[np.str_]

    def frame(self) -> pd.DataFrame:
        """One row per scenario, one column per driver id."""
        return pd.DataFrame(self.points, columns=list(self.driver_ids))


@dataclass(frozen=True)
class Percentile:
    """Points at a level in (0, 100)."""

    level: float
    points: float


@dataclass(frozen=True)
class DriverSummary:
    """What the scenarios say about one driver; rates are shares of scenarios, None where not known."""

    driver_id: str
    name: str
    mean_points: float
    mean_points_se: float
    sd_points: float
    percentiles: tuple[Percentile, ...]
    win_rate: float | None
    top5_rate: float | None
    top10_rate: float | None
    dnf_rate: float | None
    mean_finish: float | None
    mean_laps_led: float | None
    mean_fastest_laps: float | None
    optimal_rate: float | None
    optimal_rate_se: float | None


@dataclass(frozen=True, eq=False)
class ScenarioSummary:
    """A scenario set, driver by driver; ``correlations`` when asked for."""

    scenario_set: ScenarioSet
    drivers: tuple[DriverSummary, ...]
    correlations: pd.DataFrame | None = None

    def frame(self) -> pd.DataFrame:
        """One row per driver, indexed by site id, percentiles as columns p5, p25, ..."""
        rows = []
        for driver in self.drivers:
            row = {name: value for name, value in vars(driver).items() if name != "percentiles"}
            rows.append(row | {f"p{item.level:g}": item.points for item in driver.percentiles})
        return pd.DataFrame(rows).set_index("driver_id")
