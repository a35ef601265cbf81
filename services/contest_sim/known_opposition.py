"""Opponents as they are, after lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pitwall.contestsim.v1 import contest_pb2
from services.common.domain.errors import InvalidInput
from services.common.domain.race import Race
from services.contest_sim import answers, mapping
from services.contest_sim.core.contest import Contest
from services.contest_sim.core.field_description import describe_opponents
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.scratched import scratched_warnings, with_scratched

FILLED = 0.98
"""Exports leave out unfilled entries, at most one in a hundred in real fields; fewer opponents than this are told."""

LEAST_FILLED = 0.5
"""With fewer opponents than this share of the places for them, prizes say nothing."""


@dataclass(frozen=True, eq=False)
class KnownOpposition:
    """The opponents as they are."""

    race: Race
    opponents: Opponents
    warnings: tuple[str, ...] = ()

    def report(self, n_entries: int) -> contest_pb2.FieldReport:  # noqa: ARG002 - there are as many as there are
        """What they look like."""
        salaries = self.race.salaries_dollars
        counts = np.zeros(len(salaries))
        for slot in range(self.opponents.lineups.shape[1]):
            np.add.at(counts, self.opponents.lineups[:, slot].astype(np.int64), self.opponents.copies)
        shares = counts / self.opponents.n_entries
        description = describe_opponents(self.opponents, salaries)
        return answers.field_to_proto(self.race, shares, description, warnings=self.warnings)

    def expected_copies(self, lineups: npt.NDArray[np.int8], n_entries: int) -> npt.NDArray[np.float64]:  # noqa: ARG002
        """Copies of each lineup."""
        return self.opponents.copies_of(lineups).astype(np.float64)

    def sample(self, n_entries: int, rng: np.random.Generator) -> Opponents:
        """So many of the entries, each as likely as any other and at most once.

        Raises
        ------
        InvalidInput
            If there are fewer.
        """
        known = self.opponents
        if n_entries > known.n_entries:
            raise InvalidInput.field("n_entries", f"{n_entries} of {known.n_entries} known entries; ask for fewer")
        copies = rng.multivariate_hypergeometric(known.copies, n_entries, method="marginals")
        drawn = copies > 0
        return Opponents(np.ascontiguousarray(known.lineups[drawn]), copies[drawn])


def known_opposition(race: Race, message: contest_pb2.KnownField) -> KnownOpposition:
    """The opponents of a request, those who hold drivers that were scratched among them, with a warning.

    Raises
    ------
    InvalidInput
        For lineups that were never legal, or a standings export that cannot be read.
    """
    listed = with_scratched(race)
    opponents = mapping.opponents_from_proto(listed, message, "field.known")
    notes = scratched_warnings(listed, len(race.driver_ids), opponents.lineups, opponents.copies, "opposing entries")
    return KnownOpposition(listed, opponents, tuple(notes))


def seated(opposition: KnownOpposition, contests: Sequence[Contest], n_own: int) -> KnownOpposition:
    """The opposition, with a warning for each contest that it does not fill.

    Raises
    ------
    InvalidInput
        If they are more than the places beside one's ``n_own`` entries, or fewer than half of them.
    """
    n_known = opposition.opponents.n_entries
    notes = [_note(n_known, contest.n_entries - n_own, contest) for contest in contests]
    return KnownOpposition(opposition.race, opposition.opponents, (*opposition.warnings, *filter(None, notes)))


def _note(n_known: int, n_places: int, contest: Contest) -> str:
    """What is to be said about ``n_known`` opponents on the places of a contest that are left for others."""
    named = f" of {contest.name!r}" if contest.name else ""
    if n_known > n_places:
        text = f"{n_known} known opponents, but a contest{named} has room for {n_places} beside your own entries"
        raise InvalidInput.field("field.known", f"{text}; leave your own entries out of it (own_user)")
    text = f"{n_known} known opponents for the {n_places} places of others{named}"
    if n_known < LEAST_FILLED * n_places:
        remedy = "give all opponents, or as n_entries of the contest the entries that it really had"
        raise InvalidInput.field("field.known", f"{text}; {remedy}")
    if n_known < FILLED * n_places:
        return f"{text}: the others are taken not to play, and all prizes to be paid nevertheless"
    return ""
