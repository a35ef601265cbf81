"""The lineup universe: all legal lineups of a race, and kernels over them."""

from services.common.universe.enumeration import (
    Universe,
    UniverseTooLarge,
    count_lineups,
    enumerate_lineups,
)

__all__ = ["Universe", "UniverseTooLarge", "count_lineups", "enumerate_lineups"]
