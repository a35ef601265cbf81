"""Complete fields of real six-pick, $50,000 contests (DraftKings MMA), and what each tells of its users' tastes.

Two things differ from racing: there are half as many choices, and each has one opponent who loses what he
wins, so lineups with both stand apart. That aversion is fitted too, and used for these fields only; who faces whom
is told by the salaries. What the file says of it is held against that, and used for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from services.common.universe import Universe, enumerate_lineups
from services.contest_sim.core.field_parameters import (
    BEND_UNIT,
    SALARY_STEP_DOLLARS,
    Prices,
    bend,
    chalk,
    contrast,
)
from tests.unit.contest_sim.bouts import count_bouts, possible_bouts

CAP = 50_000
HIGH_STAKES_USD = 100
MIN_ENTRIES = 150
LEAST_OF_USER = 3
"""Entries of a user that tell his tastes from chance."""
PICKS = ["p1", "p2", "p3", "p4", "p5", "p6"]


@dataclass(frozen=True, eq=False)
class RealField:
    """A contest as it was played; entries with a late substitute who has no salary are left out (0-5 each)."""

    contest_id: str
    event_id: str
    fee_usd: float
    salaries: np.ndarray
    stated_opponents: np.ndarray
    universe: Universe
    entries: np.ndarray
    users: np.ndarray
    points: np.ndarray

    @property
    def high_stakes(self) -> bool:
        return self.fee_usd >= HIGH_STAKES_USD

    @property
    def n_entries(self) -> int:
        return len(self.entries)

    @cached_property
    def copies(self) -> np.ndarray:
        """Entries with each lineup."""
        return np.bincount(self.entries, minlength=self.universe.n_lineups)

    @cached_property
    def shares(self) -> np.ndarray:
        """True ownership."""
        owned = np.zeros(len(self.salaries))
        for slot in range(6):
            np.add.at(owned, self.universe.lineups[:, slot].astype(int), self.copies)
        return owned / self.n_entries

    @property
    def prices(self) -> Prices:
        return Prices(self.salaries, CAP)

    @cached_property
    def bouts(self) -> list[np.ndarray]:
        """Who may face whom, by the salaries."""
        return possible_bouts(self.salaries)

    def pairs(self, opponents: np.ndarray) -> np.ndarray:
        """How many pairs of opponents each lineup holds."""
        return count_bouts(opponents, self.universe.lineups)

    @cached_property
    def terms(self) -> np.ndarray:
        """What the parameters multiply, one column each: salary left, chalk, contrast."""
        left = CAP - self.universe.salaries_dollars
        inside = np.clip(self.shares, 1e-6, 1 - 1e-6)
        bends = bend(chalk(self.universe, inside)), bend(contrast(self.universe, self.salaries, inside))
        return np.column_stack([-np.log1p(left / SALARY_STEP_DOLLARS), *bends])


def load_fields(shared_data: Path) -> list[RealField]:
    """All contests with salaries and enough entries to speak of a field."""
    folder = shared_data / "contest_fields_mma"
    players = pd.read_csv(folder / "players.csv")
    entries = pd.read_csv(folder / "entries.csv.gz")
    big = players[(players.entries >= MIN_ENTRIES) & players.salary.notna()]
    return [_field(str(key), rows, entries[entries.contest_id == key]) for key, rows in big.groupby("contest_id")]


def _field(contest_id: str, players: pd.DataFrame, entries: pd.DataFrame) -> RealField:
    column = {name: index for index, name in enumerate(players.fighter)}
    salaries = players.salary.to_numpy(dtype=np.int64)
    universe = enumerate_lineups(salaries, 6, CAP)
    filled = entries[entries[PICKS].isin(list(column)).all(axis=1)]
    rows = [universe.find(column[name] for name in picks) for picks in filled[PICKS].to_numpy()]
    return RealField(
        contest_id=contest_id,
        event_id=str(players.event_id.iloc[0]),
        fee_usd=float(players.entry_fee.iloc[0]),
        salaries=salaries,
        stated_opponents=np.array([column.get(name, -1) for name in players.opponent]),
        universe=universe,
        entries=np.array(rows),
        users=filled.entrant_id.to_numpy(),
        points=players.actual_points.to_numpy(),
    )


@threadpool_limits.wrap(limits=1)  # small products on busy machines: BLAS threads would only wait for each other
def fit_terms(field: RealField) -> np.ndarray:
    """Maximum-likelihood weights of the terms, ownership matched: salary tilt, sharpness, contrast, aversion to pairs.

    Where salaries leave several pairings, the one under which the entries are likeliest.
    """
    fits = [_fit(field, np.column_stack([field.terms, -field.pairs(opponents)])) for opponents in field.bouts]
    return max(fits, key=lambda fit: fit[0])[1]


def _fit(field: RealField, terms: np.ndarray) -> tuple[float, np.ndarray]:
    """Log-likelihood per entry, and the weights of ``terms[lineup, term]``, the last of them the pairs.

    With all drivers in the model too this is an exponential family: the likelihood is greatest where the
    expected terms equal their means over the entries, found by Newton's method.
    """
    owned = np.zeros((field.universe.n_lineups, len(field.salaries)))
    np.put_along_axis(owned, field.universe.lineups.astype(int), 1.0, axis=1)
    features = np.hstack([owned, terms])
    wanted = field.copies @ features / field.n_entries
    # A field without a single pair would send the aversion to infinity: half an entry keeps it finite.
    wanted[-1] = min(wanted[-1], -0.5 / field.n_entries)
    weights = np.append(np.log(np.clip(field.shares, 1e-4, 1 - 1e-4)), np.zeros(terms.shape[1]))
    value, p = _log_partition(features, weights)
    for _ in range(40):
        mean = p @ features
        gap = mean - wanted
        if np.abs(gap).max() < 1e-6:
            break
        curvature = (features * p[:, None]).T @ features - np.outer(mean, mean)
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(gap)), gap)
        length = 1.0
        while length > 1e-2:
            trial = weights - length * step
            trial_value, trial_p = _log_partition(features, trial)
            if trial_value - trial @ wanted <= value - weights @ wanted:
                weights, value, p = trial, trial_value, trial_p
                break
            length /= 2
        else:
            break
    return float(weights @ wanted - value), weights[-terms.shape[1] :]


def _log_partition(features: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    logs = features @ weights
    top = logs.max()
    p = np.exp(logs - top)
    return float(top + np.log(p.sum())), p / p.sum()


def users_contrast(field: RealField) -> float:
    """Strength of the contrast term as users show it, without any fit: see ``field_parameters``.

    A user who weighs contrast by ``b`` plays lineups whose mean contrast lies ``b`` times its variance off that of
    the others. So half the variance of ``b`` is half that of the users' means (without what few entries add to
    it: one-way analysis of variance) over the squared variance of a user's own lineups.
    """
    played = pd.DataFrame(
        {"user": field.users, "value": contrast(field.universe, field.salaries, field.shares)[field.entries]}
    )
    of_user = played.groupby("user").value
    played = played[of_user.transform("size") >= LEAST_OF_USER]
    of_user = played.groupby("user").value
    sizes, n, k = of_user.size(), len(played), of_user.ngroups
    within = ((played.value - of_user.transform("mean")) ** 2).sum() / (n - k)
    between = (sizes * (of_user.mean() - played.value.mean()) ** 2).sum() / (k - 1)
    variance = (between - within) / ((n - (sizes**2).sum() / n) / (k - 1))
    return float(BEND_UNIT**2 * variance / (2.0 * within**2))


def insight(field: RealField) -> tuple[float, int]:
    """Correlation of log-odds of ownership and points, both less what salary explains; and over how many picks."""
    known = np.isfinite(field.points)
    shares = np.clip(field.shares[known], 0.5 / field.n_entries, 1 - 0.5 / field.n_entries)
    salary = np.column_stack([np.ones(known.sum()), field.salaries[known]])
    surprises = np.column_stack([np.log(shares / (1 - shares)), field.points[known]])
    surprises -= salary @ np.linalg.lstsq(salary, surprises, rcond=None)[0]
    return float(np.corrcoef(surprises.T)[0, 1]), int(known.sum())


def pooled_insight(fields: list[RealField]) -> tuple[float, float]:
    """Mean over events of the mean over their contests, and its standard error by Fisher's z.

    Contests of one event share its results, so an event counts once; z has variance 1 / (n - 4) with one
    variable partialled out.
    """
    by_event: dict[str, list[tuple[float, int]]] = {}
    for field in fields:
        by_event.setdefault(field.event_id, []).append(insight(field))
    means = [np.mean([value for value, _ in found]) for found in by_event.values()]
    variances = [(1 - mean**2) ** 2 / (found[0][1] - 4) for mean, found in zip(means, by_event.values(), strict=True)]
    return float(np.mean(means)), float(np.sqrt(np.sum(variances)) / len(means))
