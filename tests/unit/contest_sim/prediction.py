"""What the product's field model says of a real field whose event it was not fitted on, from ownership and salaries.

``make bench ARGS=fields`` prints it beside what the field was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import spearmanr

from services.contest_sim.core.entrants import Entrants, entry_limit
from services.contest_sim.core.field import Field, fit_to_ownership
from services.contest_sim.core.field_description import describe_field
from services.contest_sim.core.field_parameters import FieldParameters, base_weights
from services.contest_sim.core.lineup_space import LineupSpace
from services.contest_sim.core.max_entropy import interior_shares
from tests.unit.contest_sim.real_fields import RealField

N_DRAWS = 200
"""Fields drawn from the model to tell what chance does to one."""

N_TOP = 20
POPULAR_SHARE = 0.05
"""The most chosen lineups that make up this share of choices count as popular."""

SALARY_LEVELS = np.arange(1, 10) / 10


@dataclass(frozen=True)
class Compared:
    """A number of the real field beside the model's, and the standard deviation of fields that the model draws."""

    real: float
    predicted: float
    deviation: float

    @property
    def miss(self) -> float:
        return self.real - self.predicted

    @property
    def z(self) -> float:
        return self.miss / self.deviation


@dataclass(frozen=True, eq=False)
class Prediction:
    """One model per pairing that the salaries leave possible, each as likely as the others."""

    field: RealField
    models: list[Field]

    @cached_property
    def entry_shares(self) -> np.ndarray:
        """Expected share of entries on each lineup."""
        return np.mean([model.entry_shares for model in self.models], axis=0)

    @cached_property
    def drawn(self) -> list[np.ndarray]:
        """Copies of the lineups of fields drawn from the models in turn."""
        models, n_entries = self.models, self.field.n_entries
        return [models[i % len(models)].sample(n_entries, np.random.default_rng(i)).copies for i in range(N_DRAWS)]

    @property
    def unique_share(self) -> Compared:
        """Share of entries whose lineup nobody else plays."""
        expected = np.mean([describe_field(model, self.field.n_entries).unique_share for model in self.models])
        return self._compared(lambda copies: (copies == 1).sum() / copies.sum(), float(expected))

    @property
    def top_copies(self) -> Compared:
        """Copies of the most duplicated lineups together."""
        return self._compared(lambda copies: np.sort(copies)[-N_TOP:].sum())

    def on_popular(self, fewest: int, most: int) -> Compared:
        """Share of entries on popular lineups, of the users with ``fewest`` to ``most`` entries.

        By the model a user with n entries holds a lineup with probability ``1 - (1 - p)^n``. The deviation is that of
        the real share when other users come, as entries of one user resemble each other.
        """
        chosen = np.mean([model.chosen_between(0, model.universe.n_lineups) for model in self.models], axis=0)
        order = np.argsort(-chosen)
        popular = np.zeros(len(chosen), dtype=bool)
        popular[order[: np.searchsorted(np.cumsum(chosen[order]), POPULAR_SHARE)]] = True

        _, user, sizes = np.unique(self.field.users, return_inverse=True, return_counts=True)
        played = np.bincount(user, popular[self.field.entries])
        group = (sizes >= fewest) & (sizes <= most)
        sizes, played = sizes[group], played[group]
        real = played.sum() / sizes.sum()
        expected = sum(n * _held(chosen, popular, n) for n in sizes) / sizes.sum()
        deviation = np.sqrt(((played - real * sizes) ** 2).sum()) / sizes.sum()
        return Compared(float(real), float(expected), float(deviation))

    def _compared(self, measure, expected: float | None = None) -> Compared:
        values = [measure(copies) for copies in self.drawn]
        predicted = float(np.mean(values)) if expected is None else expected
        return Compared(float(measure(self.field.copies)), predicted, float(np.std(values, ddof=1)))

    @property
    def salary_miss(self) -> float:
        """Greatest distance in dollars between deciles of the salary used."""
        salaries = self.field.universe.salaries_dollars
        order = np.argsort(salaries, kind="stable")
        reached = np.cumsum(self.entry_shares[order])
        expected = salaries[order][np.searchsorted(reached, SALARY_LEVELS)]
        real = np.quantile(np.repeat(salaries, self.field.copies), SALARY_LEVELS, method="inverted_cdf")
        return float(np.abs(expected - real).max())

    @cached_property
    def _product(self) -> np.ndarray:
        """Log of the product of ownerships of each lineup."""
        return np.log(np.clip(self.field.shares, 1e-9, 1.0))[self.field.universe.lineups.astype(int)].sum(axis=1)

    def ranks(self, rows: np.ndarray) -> tuple[float, float]:
        """Rank correlation with the copies of lineups ``rows``: of the model, and of the product of ownerships."""
        copies = self.field.copies[rows]
        return tuple(spearmanr(copies, guess[rows]).statistic for guess in (self.entry_shares, self._product))

    @property
    def lead_over_entries(self) -> Lead:
        """By how much the model ranks the copies of all entries' lineups better."""
        return Lead(self, np.flatnonzero(self.field.copies), self.field.copies)

    @property
    def lead_over_repeated(self) -> Lead:
        """The same over the lineups that are played more than once, each once."""
        return Lead(self, np.flatnonzero(self.field.copies >= 2), np.ones_like(self.field.copies))


def _held(chosen: np.ndarray, popular: np.ndarray, n_entries: int) -> float:
    """Share of the entries of a user who does not repeat himself that are ``popular``."""
    held = -np.expm1(n_entries * np.log1p(-chosen))
    return float(held[popular].sum() / held.sum())


@dataclass(frozen=True, eq=False)
class Lead:
    """The model's rank correlation with copies less the product's, over ``lineups``, each ``times[row]`` times."""

    prediction: Prediction
    lineups: np.ndarray
    times: np.ndarray

    @property
    def value(self) -> float:
        return self._over(self.lineups)

    @property
    def error(self) -> float:
        """Standard error, over resamples of the lineups."""
        rngs = map(np.random.default_rng, range(N_DRAWS))
        return float(np.std([self._over(rng.choice(self.lineups, len(self.lineups))) for rng in rngs], ddof=1))

    def _over(self, rows: np.ndarray) -> float:
        by_model, by_product = self.prediction.ranks(np.repeat(rows, self.times[rows]))
        return by_model - by_product


def predict(field: RealField, weights: np.ndarray) -> Prediction:
    """The prediction from true ownership and salaries, with ``weights`` fitted elsewhere.

    The last weight is that of pairs of opponents, which users avoid; the others are the product's own parameters.
    """
    entrants = Entrants(entry_limit(field.n_entries, 150))
    shares = interior_shares(field.shares, 6)
    base = base_weights(field.universe, field.prices, shares, FieldParameters(*weights[:-1].tolist()))
    models = []
    for opponents in field.bouts:
        space = LineupSpace(field.universe, base * np.exp(-weights[-1] * field.pairs(opponents)))
        models.append(fit_to_ownership(space, field.shares, entrants=entrants))
    return Prediction(field, models)
