"""Complete DraftKings MMA fields as played slates: the nearest public stand-in for NASCAR ownership.

Six picks from one list without positions under $50,000, as in NASCAR; 24-28 choices instead of 36-40. Nothing is
known before lock but salaries, and those for four of the seven events only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from services.ownership.core.constraints import CapUse, mean_lineup_salary
from services.ownership.core.defaults import Defaults
from services.ownership.core.ensemble import OwnershipEnsemble
from services.ownership.core.estimators import (
    HistoricalEstimator,
    ProjectionEstimator,
    RecentFormEstimator,
    SalaryBaseline,
    SalarySkillEstimator,
)
from services.ownership.core.features import TYPICAL_CONTEST
from services.ownership.core.slate import Contest, Floats, PlayedSlate, make_slate

MIN_ENTRIES = 100
"""Fields below this (6-15 entries at $1,060 and more) say more about a handful of people than about fields."""


def _played(event: str, rows: pd.DataFrame, most_entries: int) -> PlayedSlate:
    slate = make_slate(
        event,
        rows.fighter.tolist(),
        salaries_dollars=rows.salary.to_numpy(dtype=float),
        # Days since 1970 in the event's id order the events; the data hold no other date.
        day=float((pd.Timestamp(event.removeprefix("mma_")) - pd.Timestamp("1970-01-01")).days),
        contest=Contest(int(rows.entries.iloc[0]), float(rows.entry_fee.iloc[0]), most_entries),
    )
    return PlayedSlate(slate, rows.pct_drafted.to_numpy(dtype=float) / 100.0, np.full(len(rows), np.nan))


def read_mma_fields(shared_data: Path, *, min_entries: int = MIN_ENTRIES) -> list[PlayedSlate]:
    """All contests of at least so many entries; ``race_id`` is the event."""
    folder = shared_data / "contest_fields_mma"
    players = pd.read_csv(folder / "players.csv")
    entries = pd.read_csv(folder / "entries.csv.gz", usecols=["contest_id", "entrant_id"])
    most = entries.value_counts().groupby(level="contest_id").max()
    large = players[players.entries >= min_entries]
    return [
        _played(str(event), rows, int(most.get(contest, 0)))
        for (event, contest), rows in large.groupby(["event_id", "contest_id"])
    ]


def with_salaries(played: list[PlayedSlate]) -> list[PlayedSlate]:
    """The contests whose salaries are known."""
    return [one for one in played if np.isfinite(one.slate.salaries_dollars).all()]


def plain_slopes(played: list[PlayedSlate]) -> Floats:
    """Log odds per standard deviation of salary that fit each contest alone best; shape (n_contests,)."""
    fits = [SalaryBaseline(prior_races=1e-9).fit([one], [one.field_shares]) for one in played]
    return np.array([fit.coefficients[0] for fit in fits])


def cap_uses(played: list[PlayedSlate]) -> Floats:
    """Mean salary of each contest's lineups over the cap; shape (n_contests,)."""
    return np.array([mean_lineup_salary(one.field_shares, one.slate) / one.slate.salary_cap_dollars for one in played])


def slope_and_fee_effect(played: list[PlayedSlate]) -> tuple[float, float]:
    """Salary slope at the fee of the typical contest, and how its logarithm rises per decade of the fee."""
    decades = np.log10([one.slate.contest.entry_fee_dollars / TYPICAL_CONTEST.entry_fee_dollars for one in played])
    rise, level = np.polyfit(decades, np.log(plain_slopes(played)), 1)
    return float(np.exp(level)), float(rise)


class SelfInformedEnsemble(OwnershipEnsemble):
    """The ensemble with its defaults taken from the fields it is fitted to, where the product's were taken from all
    of these events: leaving an event out then leaves it out of the defaults too."""

    def fit(self, X, y, *, work=None):
        """Derive the defaults, then fit as ever."""
        salaried = with_salaries(X)
        slope, rise = slope_and_fee_effect(salaried)
        mean, half_width = float(cap_uses(salaried).mean()), 0.5 * (CapUse.high - CapUse.low)
        self.members = [
            HistoricalEstimator(salary_slope=slope),
            ProjectionEstimator(),
            SalarySkillEstimator(salary_slope=slope),
            RecentFormEstimator(salary_slope=slope),
        ]
        self.defaults = Defaults(
            sharpness_per_feature=(0.0, rise, 0.0), cap_use=CapUse(mean - half_width, mean + half_width)
        )
        return super().fit(X, y, work=work)
