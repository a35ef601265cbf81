"""Prize tables in integer cents: what each place pays and how ties share it.

Sites pool the prizes of tied places and split them to the cent: each entry gets the whole cents of an equal
part, and the cents left over go one each to some of them. Which ones is the site's affair, so an entry can
expect the equal part itself, a fraction of cents from which what it is paid differs by less than one. Over
all entries these parts add up to the pool exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import FieldViolation, InvalidInput


@dataclass(frozen=True)
class PrizeRow:
    """Each place from ``first_place`` to ``last_place`` pays ``prize_cents``."""

    first_place: int
    last_place: int
    prize_cents: int

    @property
    def n_places(self) -> int:
        """Places of the range."""
        return self.last_place - self.first_place + 1


@dataclass(frozen=True)
class PrizeTable:
    """Ranges from first place down, without gaps or overlaps, prizes never rising from one to the next."""

    rows: tuple[PrizeRow, ...]

    @classmethod
    def checked(cls, rows: Sequence[PrizeRow], field: str = "prizes") -> PrizeTable:
        """A table, every broken rule named.

        Raises
        ------
        InvalidInput
            If a range is turned round, negative, leaves a gap, overlaps, or pays more than the one before.
        """
        violations = [
            FieldViolation(f"{field}.rows[{index}]", text)
            for index, row in enumerate(rows)
            for text in _faults(row, rows[index - 1] if index else None)
        ]
        if not rows:
            violations.append(FieldViolation(field, "holds no prize; give at least one row"))
        if violations:
            raise InvalidInput.of(violations)
        return cls(tuple(rows))

    @property
    def n_paid(self) -> int:
        """Places that pay anything."""
        return sum(row.n_places for row in self.rows if row.prize_cents > 0)

    @property
    def pool_cents(self) -> int:
        """All prizes together."""
        return sum(row.n_places * row.prize_cents for row in self.rows)

    def cumulative_cents(self, n_entries: int) -> npt.NDArray[np.int64]:
        """Return ``cents[m]``, the money of the ``m`` best places; shape (n_entries + 1,), int64.

        Entries that tie over places a+1 .. b share ``cents[b] - cents[a]``.
        """
        prizes = np.zeros(n_entries, dtype=np.int64)
        for row in self.rows:
            prizes[row.first_place - 1 : row.last_place] = row.prize_cents
        return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(prizes)])


def dollars(cents: float) -> str:
    """``-$1,250.05``."""
    return f"{'-' if cents < 0 else ''}${abs(cents) / 100:,.2f}"


def _faults(row: PrizeRow, before: PrizeRow | None) -> list[str]:
    """What is wrong with a row that follows ``before``."""
    expected = before.last_place + 1 if before else 1
    faults = []
    if row.last_place < row.first_place:
        faults.append(f"ends at place {row.last_place}, before it starts at {row.first_place}")
    starts = f"it starts at place {row.first_place}, place {expected} comes next"
    if row.first_place > expected:
        faults.append(f"leaves a gap: {starts}; pay every place down to the last one paid")
    if row.first_place < expected:
        faults.append(f"overlaps: {starts}; pay each place once")
    if row.prize_cents < 0:
        faults.append(f"pays {dollars(row.prize_cents)}; prizes are never negative")
    if before and row.prize_cents > before.prize_cents:
        paid = f"{dollars(row.prize_cents)}, more than the better places before it ({dollars(before.prize_cents)})"
        faults.append(f"pays {paid}; list the best prizes first")
    return faults
