# ruff: noqa: N803  # X is the name of scikit-learn's convention
"""What the estimators of ownership have in common: scikit-learn's conventions over slates.

An estimator is fitted on slates and the shares their fields had, and predicts the shares of another slate.
``X`` is a sequence of `PlayedSlate` (to fit) or `Slate` (to predict), ``y`` a sequence of arrays of shares of
shape (n_drivers,), each summing to the roster size. Parameters of the constructor are stored as given and read by
``get_params``; what ``fit`` learns ends in an underscore. An estimator that was never fitted predicts from its
documented defaults.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator

from services.ownership.core.calibration import Batch, shares_from_logits
from services.ownership.core.slate import Floats, PlayedSlate, Slate
from services.ownership.core.slate_logit import Design, fit_slate_logit


class SlateEstimator(ABC, BaseEstimator):  # type: ignore[misc]
    """Shares as a logistic function of some features, with one constant per slate.

    Parameters
    ----------
    prior_races
        Weight of the default coefficients, in races.
    """

    name: ClassVar[str]
    prior: ClassVar[Mapping[str, float]]
    """Features with their default coefficients, per standard deviation within the slate."""

    n_price_features: ClassVar[int] = 0
    """Leading features that describe the price alone. An estimator that has any adds to what others say of price
    and value; one that has none says it all by itself."""

    prior_races: float
    coefficients_: Floats

    @abstractmethod
    def features(self, slate: Slate) -> Floats:
        """Features of a slate's drivers; shape (n_drivers, n_features), no NaN."""

    @abstractmethod
    def information(self, slate: Slate) -> Floats:
        """How much of what the estimator looks at is known, per driver in [0, 1]."""

    @property
    def default_coefficients(self) -> Floats:
        """The documented defaults; shape (n_features,)."""
        return np.array(list(self.prior.values()))

    @property
    def races_behind_defaults(self) -> Floats:
        """Weight of each default coefficient, in races that vary by 1 in the feature; shape (n_features,)."""
        return np.full(len(self.prior), self.prior_races)

    @property
    def coefficients(self) -> Floats:
        """Fitted coefficients, the defaults before a fit; shape (n_features,)."""
        return getattr(self, "coefficients_", self.default_coefficients)

    def learn_history(self, X: Sequence[PlayedSlate], y: Sequence[Floats]) -> None:
        """Take up the histories that features look back on; nothing by default."""

    def training_features(self, X: Sequence[PlayedSlate]) -> list[Floats]:
        """Features of the slates that are fitted, each seeing only what came before it."""
        return [self.features(played.slate) for played in X]

    def fit(self, X: Sequence[PlayedSlate], y: Sequence[Floats], sample_weight: Floats | None = None) -> Self:
        """Learn histories and coefficients; ``sample_weight`` per slate, shape (n_slates,)."""
        self.learn_history(X, y)
        batch = Batch.of([played.slate.n_drivers for played in X], [float(shares.sum()) for shares in y])
        weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        design = Design(batch, batch.stack(self.training_features(X)), batch.stack(y), weights)
        self.coefficients_ = fit_slate_logit(design, self.default_coefficients, prior_races=self.races_behind_defaults)
        return self

    def signal(self, slate: Slate) -> Floats:
        """Log odds that the estimator has to say beyond the price curve, up to a constant; shape (n_drivers,)."""
        beyond = slice(self.n_price_features, None)
        return np.asarray(self.features(slate)[:, beyond] @ self.coefficients[beyond], dtype=np.float64)

    def predict(self, X: Sequence[Slate]) -> list[Floats]:
        """Shares of each slate, in (0, 1), summing to its roster size."""
        return [shares_from_logits(self.features(s) @ self.coefficients, s.roster_size) for s in X]

    def state(self) -> dict[str, Any]:
        """What `fit` learnt, as plain values; `load_state` takes it back."""
        return {"coefficients": self.coefficients.tolist()}

    def load_state(self, state: Mapping[str, Any]) -> Self:
        """Become the estimator whose `state` this is."""
        self.coefficients_ = np.array(state["coefficients"], dtype=np.float64)
        return self


class PricedEstimator(SlateEstimator):
    """An estimator whose first feature is the salary, with the default of its coefficient as a parameter."""

    salary_slope: float

    @property
    def default_coefficients(self) -> Floats:
        """The documented defaults, that of the salary as given; shape (n_features,)."""
        return np.array(list({**self.prior, "salary": self.salary_slope}.values()))
