"""A small slate on which everything can be done by hand."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from services.common.universe import Universe, enumerate_lineups
from services.contest_sim.core.field_parameters import Prices


@dataclass(frozen=True)
class SmallSlate:
    salaries: npt.NDArray[np.int64]
    cap: int
    universe: Universe
    shares: npt.NDArray[np.float64]
    ticks: npt.NDArray[np.int16]

    @property
    def prices(self) -> Prices:
        return Prices(self.salaries, self.cap)


@pytest.fixture(scope="session")
def small() -> SmallSlate:
    """Twelve drivers, four to a lineup, 60 scenarios with many ties."""
    generator = np.random.default_rng(4)
    salaries = np.array([10500, 9900, 9400, 9000, 8300, 8000, 7400, 7000, 6500, 6100, 5600, 5000], dtype=np.int64)
    cap = 31_000
    universe = enumerate_lineups(salaries, 4, cap)
    # Ownership that a field can have: some mixture of legal lineups.
    weights = generator.gamma(0.5, size=universe.n_lineups)
    counts = np.zeros(12)
    for slot in range(4):
        np.add.at(counts, universe.lineups[:, slot].astype(int), weights)
    ticks = (generator.integers(-3, 25, size=(60, 12)) * 20).astype(np.int16)
    return SmallSlate(salaries, cap, universe, counts / weights.sum(), ticks)
