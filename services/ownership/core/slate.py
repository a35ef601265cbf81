"""What is known of a slate before lock, and what its field did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import InvalidInput

Floats = npt.NDArray[np.float64]
"""Float64 arrays; one value per driver of a slate unless said otherwise."""


@dataclass(frozen=True)
class Contest:
    """The kind of contest; 0 where not known."""

    n_entries: int = 0
    entry_fee_dollars: float = 0.0
    max_entries_per_user: int = 0


@dataclass(frozen=True, eq=False)
class _Remembering:
    """Keeps what is computed from it: left-out fits ask for the same features again and again."""

    _derived: dict[str, Floats] = field(default_factory=dict, init=False, repr=False, kw_only=True)

    def once(self, name: str, compute: Callable[[], Floats]) -> Floats:
        """What ``compute`` gives, computed the first time only. Two threads may both compute it; they get the same."""
        if name not in self._derived:
            value = compute()
            value.setflags(write=False)
            self._derived[name] = value
        return self._derived[name]


@dataclass(frozen=True, eq=False)
class Slate(_Remembering):
    """The inputs of a projection: arrays of shape (n_drivers,), NaN where a value is not known.

    Attributes
    ----------
    day
        Days since 1970 of the race, ``inf`` for one still to come: histories look at earlier days only.
    driver_keys
        What names a driver across slates, such as his evened-out name: site ids change every week.
        The generation suffix belongs to it, or a father's history would inform his son's.
    ceiling_points
        A high percentile of simulated points.
    optimal_rate
        Share of scenarios whose best lineup holds the driver, in [0, 1].
    win_log_odds
        Log odds of winning by the market.
    """

    race_id: str
    driver_keys: tuple[str, ...]
    salaries_dollars: Floats
    mean_points: Floats
    ceiling_points: Floats
    optimal_rate: Floats
    win_log_odds: Floats
    rating: Floats
    site_average_points: Floats
    roster_size: int = 6
    salary_cap_dollars: float = 50_000.0
    track_type: str = ""
    day: float = float("inf")
    contest: Contest = field(default_factory=Contest)

    def __post_init__(self) -> None:
        if len(self.driver_keys) <= self.roster_size:
            raise InvalidInput.field(
                "race.drivers",
                f"{len(self.driver_keys)} drivers start; ownership needs more than the {self.roster_size} roster slots",
            )

    @property
    def n_drivers(self) -> int:
        """Number of drivers that can be picked."""
        return len(self.driver_keys)


def make_slate(race_id: str, driver_keys: Sequence[str], **known: object) -> Slate:
    """A slate from what is known of it; every array that is not given is NaN throughout."""
    missing = np.full(len(driver_keys), np.nan)
    arrays = {name: known.pop(name, missing) for name in SLATE_ARRAYS}
    values = {name: np.asarray(value, dtype=np.float64) for name, value in arrays.items()}
    return Slate(race_id=race_id, driver_keys=tuple(driver_keys), **values, **known)  # type: ignore[arg-type]


SLATE_ARRAYS = (
    "salaries_dollars",
    "mean_points",
    "ceiling_points",
    "optimal_rate",
    "win_log_odds",
    "rating",
    "site_average_points",
)


@dataclass(frozen=True, eq=False)
class PlayedSlate(_Remembering):
    """A slate with what its field did.

    Attributes
    ----------
    shares
        Share of entries per driver in [0, 1]; shape (n_drivers,). They sum to the roster size, less
        entries that were never filled.
    points
        Points the drivers scored, NaN where not known; shape (n_drivers,).
    """

    slate: Slate
    shares: Floats
    points: Floats

    @property
    def field_shares(self) -> Floats:
        """Shares among filled entries: they sum to the roster size, each in proportion, but none above 1."""
        return _scaled_below_one(self.shares, float(self.slate.roster_size))


def _scaled_below_one(shares: Floats, total: float) -> Floats:
    """``min(1, s * shares)`` with the factor s that gives the total; drivers beyond 1 pass on what is over.

    Where nobody else was picked at all, the others share it alike.
    """
    full = np.zeros(len(shares), dtype=np.bool_)
    while True:
        rest, held = total - full.sum(), shares[~full].sum()
        if held <= 0.0:
            return np.where(full, 1.0, rest / (~full).sum())
        factor = rest / held
        beyond = ~full & (factor * shares > 1.0)
        if not beyond.any():
            return np.where(full, 1.0, factor * shares)
        full |= beyond
