"""A contest and the entries played in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import FieldViolation, InvalidInput
from services.contest_sim.core.prizes import PrizeTable, dollars

DEFAULT_MAX_ENTRIES_PER_USER = 150


@dataclass(frozen=True)
class Setting:
    """What of a contest shapes its field: ``n_entries`` in all, the fee (0: not known), entries allowed per user."""

    n_entries: int
    entry_fee_cents: int = 0
    max_entries_per_user: int = DEFAULT_MAX_ENTRIES_PER_USER


@dataclass(frozen=True)
class Contest:
    """``n_entries`` includes one's own; ``overlay_cents`` is money the site adds beyond the fees."""

    n_entries: int
    entry_fee_cents: int
    prizes: PrizeTable
    name: str = ""
    max_entries_per_user: int = DEFAULT_MAX_ENTRIES_PER_USER
    overlay_cents: int = 0

    @property
    def setting(self) -> Setting:
        """What shapes its field."""
        return Setting(self.n_entries, self.entry_fee_cents, self.max_entries_per_user)

    @property
    def rake(self) -> float:
        """Share of the fees not paid out; negative with overlay, 0 when entry is free."""
        fees = self.n_entries * self.entry_fee_cents
        return 1.0 - self.prizes.pool_cents / fees if fees else 0.0

    @property
    def top1_places(self) -> int:
        """Places that make up the top 1 %, at least one."""
        return -(-self.n_entries // 100)

    def check(self, field: str = "contest") -> None:
        """Raise ``InvalidInput`` for prizes that the contest cannot hold or pay."""
        violations = []
        last = self.prizes.rows[-1].last_place
        if last > self.n_entries:
            text = f"pays place {last:,} of a contest of {self.n_entries:,} entries; correct the entries or the prizes"
            violations.append(FieldViolation(f"{field}.prizes", text))
        money = self.n_entries * self.entry_fee_cents + self.overlay_cents
        if self.prizes.pool_cents > money:
            text = f"prizes of {dollars(self.prizes.pool_cents)} exceed fees and overlay of {dollars(money)}"
            violations.append(FieldViolation(f"{field}.prizes", f"{text}; state the overlay the site adds"))
        if violations:
            raise InvalidInput.of(violations)

    def check_entries(self, n_own: int, field: str = "contest") -> None:
        """Raise ``InvalidInput`` for more own entries than the contest allows or holds."""
        if n_own > self.max_entries_per_user:
            text = f"{n_own:,} own entries, the contest allows {self.max_entries_per_user:,} per user; enter fewer"
            raise InvalidInput.field(f"{field}.max_entries_per_user", text)
        if n_own > self.n_entries:
            raise InvalidInput.field(
                f"{field}.n_entries",
                f"{n_own:,} own entries in a contest of {self.n_entries:,}; enter fewer, or correct its size",
            )


@dataclass(frozen=True, eq=False)
class Entries:
    """One's own entries: ``lineups[row, slot]`` int8, columns ascending, and ``copies[row]`` int64 of each."""

    lineups: npt.NDArray[np.int8]
    copies: npt.NDArray[np.int64]

    @property
    def n_entries(self) -> int:
        """Entries in all."""
        return int(self.copies.sum())
