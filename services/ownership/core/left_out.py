"""Races left out in turn: which ones together, and how members see them that did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.ownership.core.dispersion import Basis, Residual
from services.ownership.core.estimators import SlateEstimator
from services.ownership.core.features import blind, contest_features
from services.ownership.core.slate import Floats, PlayedSlate, Slate
from services.ownership.core.stacking import Opinions


def folds(slates: Sequence[PlayedSlate], max_folds: int) -> list[np.ndarray[Any, np.dtype[np.bool_]]]:
    """Masks of the slates left out together: all contests of a race, races dealt out in turn; each (n_slates,)."""
    races = list(dict.fromkeys(played.slate.race_id for played in slates))
    fold_of = {race: index % min(max_folds, len(races)) for index, race in enumerate(races)}
    fold = np.array([fold_of[played.slate.race_id] for played in slates])
    return [fold == index for index in range(min(max_folds, len(races)))]


def basis_of(slate: Slate, knowledge: Floats) -> Basis:
    """What a projection of the slate rests on, of which this share is known per driver."""
    return Basis(knowledge, blind(slate), slate.contest.n_entries, float(contest_features(slate.contest)[1]))


@dataclass(frozen=True, eq=False)
class LeftOutSlate:
    """A slate as seen by members that did not see its race.

    Attributes
    ----------
    member_shares
        What each member projects alone; shape (n_members, n_drivers).
    actual
        What the field did; shape (n_drivers,).
    """

    slate: Slate
    opinions: Opinions
    member_shares: Floats
    actual: Floats

    def residual(self, member: int) -> Residual:
        """What happened against what one member projected."""
        known = self.opinions.information[:, member]
        return Residual(self.member_shares[member], self.actual, basis_of(self.slate, known))


def opinions_of(members: Sequence[SlateEstimator], slate: Slate) -> Opinions:
    """What each member says of a slate."""
    return Opinions(
        signals=np.stack([member.signal(slate) for member in members], axis=1),
        information=np.stack([member.information(slate) for member in members], axis=1),
        complete=np.array([member.n_price_features == 0 for member in members]),
        contest=contest_features(slate.contest),
    )


def seen_by(members: Sequence[SlateEstimator], slate: Slate, actual: Floats) -> LeftOutSlate:
    """A slate as members see it that were fitted without its race."""
    alone = np.stack([member.predict([slate])[0] for member in members])
    return LeftOutSlate(slate, opinions_of(members, slate), alone, actual)
