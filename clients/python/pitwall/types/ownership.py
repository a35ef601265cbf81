"""Ownership: projections, records, models."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import pandas as pd


@dataclass(frozen=True)
class ContestProfile:
    """The kind of contest; 0 where not known."""

    n_entries: int = 0
    entry_fee_cents: int = 0
    max_entries_per_user: int = 0


@dataclass(frozen=True)
class OwnershipComponent:
    """What one estimator of the ensemble says of a driver."""

    estimator: str
    percent: float
    weight: float


@dataclass(frozen=True)
class DriverOwnership:
    """Share of entries that hold a driver, in per cent, with the bounds of its interval."""

    driver_id: str
    percent: float
    lower_percent: float
    upper_percent: float
    components: tuple[OwnershipComponent, ...] = ()


@dataclass(frozen=True)
class OwnershipProjection:
    """Projected ownership of a slate; the percentages sum to 100 x roster size."""

    race_id: str
    scenario_set_id: str
    model_version: str
    drivers: tuple[DriverOwnership, ...]
    total_percent: float
    interval_level: float
    concentration: float
    projection_id: str
    warnings: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """One row per driver, indexed by site id, each estimator's percentage as a column."""
        rows = []
        for driver in self.drivers:
            row = {name: value for name, value in vars(driver).items() if name != "components"}
            rows.append(row | {component.estimator: component.percent for component in driver.components})
        return pd.DataFrame(rows).set_index("driver_id")


@dataclass(frozen=True)
class OwnershipRecord:
    """Actual ownership in one contest.

    Attributes
    ----------
    race_time
        When the race was run, one time for all of its contests.
    warnings
        What to know of a record just made, such as a date that had to be guessed; empty in lists.
    """

    record_id: str
    race_id: str
    contest_id: str
    contest: ContestProfile
    drivers: tuple[DriverOwnership, ...]
    create_time: datetime | None
    race_time: datetime | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class OwnershipModel:
    """A fitted ensemble."""

    model_version: str
    n_races: int
    weights: dict[str, float]
    active: bool
    create_time: datetime | None


@dataclass(frozen=True)
class OwnershipAccuracy:
    """Accuracy of one estimator, the ensemble or a baseline on races it did not see."""

    name: str
    mae: float
    mae_se: float
    weighted_mae: float
    bias: float
    spearman: float
    coverage: float
    skill: float
    recall_20: float
    recall_30: float
    recall_40: float
    bias_20: float
    bias_30: float
    bias_40: float


@dataclass(frozen=True)
class OwnershipEvaluation:
    """Accuracy of all estimators, leaving races out in turn."""

    rows: tuple[OwnershipAccuracy, ...]
    n_races: int

    def frame(self) -> pd.DataFrame:
        """One row per estimator."""
        return pd.DataFrame([asdict(row) for row in self.rows]).set_index("name")
