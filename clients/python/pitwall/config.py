"""What to ask for: frozen settings of the long calls, with the defaults of a sensible tournament."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pitwall.types.contests import PrizeTable


@dataclass(frozen=True)
class Group:
    """At least ``min`` and at most ``max`` drivers of a set, if ``if_driver_id`` is in the lineup (or always)."""

    driver_ids: Sequence[str]
    min: int = 0
    max: int | None = None
    if_driver_id: str = ""
    name: str = ""


@dataclass(frozen=True)
class ExposureLimit:
    """At most ``max`` (a share) of the entries hold any of the drivers: one of his own, or a team."""

    driver_ids: Sequence[str]
    max: float
    name: str = ""


@dataclass(frozen=True)
class PortfolioConfig:
    """How to build a portfolio.

    Attributes
    ----------
    n_lineups
        Lineups wanted, 1-500.
    cvar_weights
        Weight per level of upper-tail CVaR. Empty: 0.7 x 99 % + 0.3 x 95 %.
    mean_weight
        Weight of the mean in the objective.
    driver_points
        Points added to lineups that hold a driver, by site id.
    max_driver_exposure, max_team_exposure
        Greatest share of lineups with a driver, with any driver of a team.
    driver_exposures
        Least and greatest share by site id.
    spread_exposures
        Keep exposures close to even through the portfolio, instead of using them up at its start.
    soft_exposures
        Trade exposure rules at ``soft_price_points`` instead of ending in a conflict.
    min_distinct_drivers
        Drivers in which any two lineups differ at least.
    overlap_penalty
        Points taken per driver for each earlier lineup that holds him.
    ownership_penalty
        Weight of the quadratic penalty on projected ownership.
    max_driver_ownership_percent, max_total_ownership_percent, max_ownership_product, max_expected_duplicates
        Caps on what the field plays; None for no cap. ``field_entries`` is the field of the last.
    min_low_owned, low_owned_percent
        At least so many drivers below this ownership.
    locked, excluded
        Site ids in every lineup, in none.
    salary_floor_dollars
        Least salary used.
    stack
        (least, most) drivers of a team that is used at all; None for no rule.
    groups
        Rules on sets of drivers.
    max_dominators, dominator_laps_led_share
        At most so many drivers who lead at least this share of laps on average; None for no rule.
    regime_weights
        Share of the portfolio optimised on each race flow.
    ownership_percent
        Own ownership by site id in place of the service's.
    shortage
        When the set is too small for the tail: generate, fall_back or refuse.
    scenario_share
        Share of scenarios, drawn anew for each lineup; 0 or 1 for all.
    time_limit_seconds
        Time for the search; 0 for the deadline of the call.
    validate_on_fresh_scenarios
        Re-score on an independent scenario set, which is simulated unless the service has it.
    stability_resamples
        Resamples of the stability report, 0 for none; None for 200, or 20 with ``exact_stability``.
    exact_stability
        Search all allowed lineups in each resample, instead of comparing those close to the best one.
    """

    n_lineups: int = 20
    cvar_weights: Mapping[float, float] = field(default_factory=dict)
    mean_weight: float = 0.0
    driver_points: Mapping[str, float] = field(default_factory=dict)
    max_driver_exposure: float | None = None
    max_team_exposure: float | None = None
    driver_exposures: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    spread_exposures: bool = True
    soft_exposures: bool = False
    soft_price_points: float | None = None
    min_distinct_drivers: int = 0
    overlap_penalty: float | None = None
    ownership_penalty: float = 0.0
    max_driver_ownership_percent: float | None = None
    max_total_ownership_percent: float | None = None
    max_ownership_product: float | None = None
    max_expected_duplicates: float | None = None
    field_entries: int = 0
    min_low_owned: int = 0
    low_owned_percent: float = 0.0
    locked: Sequence[str] = ()
    excluded: Sequence[str] = ()
    salary_floor_dollars: int = 0
    stack: tuple[int, int] | None = None
    groups: Sequence[Group] = ()
    max_dominators: int | None = None
    dominator_laps_led_share: float = 0.0
    regime_weights: Mapping[str, float] = field(default_factory=dict)
    ownership_percent: Mapping[str, float] = field(default_factory=dict)
    shortage: str = "generate"
    scenario_share: float = 0.0
    seed: int = 0
    time_limit_seconds: float = 0.0
    validate_on_fresh_scenarios: bool = True
    stability_resamples: int | None = None
    exact_stability: bool = False


@dataclass(frozen=True)
class PrizeShape:
    """Prizes described by their shape; shares are of the pool and of the entries.

    Where ``paid_share`` leaves one paid place, that takes the whole pool whatever ``first_share`` says.
    """

    first_share: float = 0.2
    paid_share: float = 0.22
    min_cash_multiple: float = 1.5
    rake: float = 0.15


@dataclass(frozen=True)
class Contest:
    """A contest.

    Attributes
    ----------
    n_entries
        Entries including one's own.
    entry_fee_dollars
        Fee of an entry.
    prizes
        A table, the text of the contest page ("1st $2,000", one range per line), or a shape.
    max_entries_per_user
        Entries allowed per user.
    overlay_dollars
        Money the site adds beyond the fees.
    """

    n_entries: int
    entry_fee_dollars: float
    prizes: PrizeTable | PrizeShape | str = field(default_factory=PrizeShape)
    name: str = ""
    max_entries_per_user: int = 150
    overlay_dollars: float = 0.0


@dataclass(frozen=True)
class FieldConfig:
    """Who plays against us.

    Attributes
    ----------
    ownership_percent
        Own ownership by site id in place of the service's.
    salary_tilt, sharpness, contrast
        How fully the field spends the cap, how unevenly it follows favourites, and how unevenly it mixes dear and cheap
        drivers; None for the fitted values.
    redraw_ownership
        Draw ownership once per simulated field from its uncertainty.
    insight
        How much the field knows that you do not, from 0: the correlation of what ownership and points do beyond
        expectation. None for the fitted value. Takes effect with ``redraw_ownership``.
    known_lineups
        The real opponents and how many entries play each, in place of a model.
    standings
        The site's standings export, plain or zipped, in place of a model: a path or the bytes.
    own_user
        User in the standings whose entries are one's own and left out.
    """

    ownership_percent: Mapping[str, float] = field(default_factory=dict)
    salary_tilt: float | None = None
    sharpness: float | None = None
    contrast: float | None = None
    redraw_ownership: bool = True
    insight: float | None = None
    known_lineups: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    standings: str | Path | bytes | None = None
    own_user: str = ""
