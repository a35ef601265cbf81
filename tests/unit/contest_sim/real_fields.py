"""Complete fields of real six-pick, $50,000 contests (DraftKings MMA), and the fit of field parameters to them.

``python -m tests.unit.contest_sim.real_fields`` prints the numbers that ``field_parameters.FITTED`` holds.
Two things differ from racing: there are half as many choices, and each has one opponent who loses what he
wins, so lineups with both stand apart. That aversion is fitted too, and used for these fields only.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from services.common.universe import Universe, enumerate_lineups
from services.contest_sim.core.entrants import Entrants, entry_limit
from services.contest_sim.core.field import Field, fit_to_ownership
from services.contest_sim.core.field_parameters import (
    CHALK_UNIT,
    SALARY_STEP_DOLLARS,
    FieldParameters,
    base_weights,
    chalk,
)
from services.contest_sim.core.lineup_space import LineupSpace
from services.contest_sim.core.max_entropy import interior_shares

CAP = 50_000
HIGH_STAKES_USD = 100
MIN_ENTRIES = 150
PICKS = ["p1", "p2", "p3", "p4", "p5", "p6"]


@dataclass(frozen=True, eq=False)
class RealField:
    """A contest as it was played; entries with a late substitute who has no salary are left out (0-5 each)."""

    contest_id: str
    event_id: str
    fee_usd: float
    salaries: np.ndarray
    opponents: np.ndarray
    universe: Universe
    copies: np.ndarray
    points: np.ndarray

    @property
    def high_stakes(self) -> bool:
        return self.fee_usd >= HIGH_STAKES_USD

    @property
    def n_entries(self) -> int:
        return int(self.copies.sum())

    @cached_property
    def shares(self) -> np.ndarray:
        """True ownership."""
        owned = np.zeros(len(self.salaries))
        for slot in range(6):
            np.add.at(owned, self.universe.lineups[:, slot].astype(int), self.copies)
        return owned / self.n_entries

    @cached_property
    def pairs(self) -> np.ndarray:
        """How many pairs of opponents each lineup holds."""
        lineups = self.universe.lineups.astype(int)
        facing = self.opponents[lineups]
        return (facing[:, :, None] == lineups[:, None, :]).sum(axis=(1, 2)) / 2.0

    @cached_property
    def terms(self) -> np.ndarray:
        """What the parameters multiply, one column each: salary left, chalk, pairs of opponents."""
        left = CAP - self.universe.salaries_dollars
        inside = np.clip(self.shares, 1e-6, 1 - 1e-6)
        bend = (chalk(self.universe, inside) / CHALK_UNIT) ** 2
        return np.column_stack([-np.log1p(left / SALARY_STEP_DOLLARS), bend, -self.pairs])


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
    copies = np.zeros(universe.n_lineups, dtype=np.int64)
    for picks in filled[PICKS].to_numpy():
        copies[universe.find(column[name] for name in picks)] += 1
    opponents = np.array([column.get(name, -1) for name in players.opponent])
    first = players.iloc[0]
    points = players.actual_points.to_numpy()
    return RealField(
        contest_id, str(first.event_id), float(first.entry_fee), salaries, opponents, universe, copies, points
    )


@threadpool_limits.wrap(limits=1)  # small products on busy machines: BLAS threads would only wait for each other
def fit_terms(field: RealField) -> np.ndarray:
    """Maximum-likelihood weights of the terms, ownership matched: salary tilt, sharpness, aversion to pairs.

    With all drivers in the model too this is an exponential family: the likelihood is greatest where the
    expected terms equal their means over the entries, found by Newton's method.
    """
    owned = np.zeros((field.universe.n_lineups, len(field.salaries)))
    np.put_along_axis(owned, field.universe.lineups.astype(int), 1.0, axis=1)
    features = np.hstack([owned, field.terms])
    wanted = field.copies @ features / field.n_entries
    # A field without a single pair would send the aversion to infinity: half an entry keeps it finite.
    wanted[-1] = min(wanted[-1], -0.5 / field.n_entries)
    weights = np.append(np.log(np.clip(field.shares, 1e-4, 1 - 1e-4)), np.zeros(3))
    value, p = _log_partition(features, weights)
    for _ in range(40):
        gap = p @ features - wanted
        if np.abs(gap).max() < 1e-6:
            break
        mean = p @ features
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
    return weights[-3:]


def _log_partition(features: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    logs = features @ weights
    top = logs.max()
    p = np.exp(logs - top)
    return float(top + np.log(p.sum())), p / p.sum()


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


def predict(field: RealField, weights: np.ndarray) -> Field:
    """The product's field from true ownership and salaries, with parameters from elsewhere.

    It takes one thing more than ownership and salaries: which picks face each other, whose pairs entrants avoid.
    """
    parameters = FieldParameters(salary_tilt=float(weights[0]), sharpness=float(weights[1]))
    entrants = Entrants(entry_limit(field.n_entries, 150))
    avoided = np.exp(-weights[2] * field.pairs)
    base = base_weights(field.universe, CAP, interior_shares(field.shares, 6), parameters) * avoided
    return fit_to_ownership(LineupSpace(field.universe, base), field.shares, entrants=entrants)


def pooled(weights: list[np.ndarray]) -> np.ndarray:
    """Mean over contests; what is less than two standard errors from zero counts as zero."""
    stacked = np.array(weights)
    error = stacked.std(axis=0, ddof=1) / np.sqrt(len(stacked))
    mean = stacked.mean(axis=0)
    return np.where(np.abs(mean) >= 2.0 * error, mean, 0.0)


def left_out_weights(fitted: dict[str, np.ndarray], fields: list[RealField], field: RealField) -> np.ndarray:
    """Weights from contests of the same stakes at other events."""
    others = [
        fitted[other.contest_id]
        for other in fields
        if other.high_stakes == field.high_stakes and other.event_id != field.event_id
    ]
    return pooled(others)


def main() -> None:
    fields = load_fields(Path(sys.argv[1]))
    fitted = {field.contest_id: fit_terms(field) for field in fields}
    for field in fields:
        print(f"{field.contest_id:42s} {field.n_entries:5d} entries", np.round(fitted[field.contest_id], 3))
    for high in (False, True):
        chosen = [fitted[field.contest_id] for field in fields if field.high_stakes == high]
        print("high stakes" if high else "low stakes", np.round(pooled(chosen), 2))
        print("  insight", np.round([insight(field)[0] for field in fields if field.high_stakes == high], 2))
    print("insight and its standard error", np.round(pooled_insight(fields), 3))


if __name__ == "__main__":
    main()
