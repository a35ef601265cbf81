"""Which picks of a combat slate face each other, from nothing but their salaries.

A site prices the two sides of a bout against each other: what the favourite costs more the outsider costs less, so that
the salaries of all bouts add up to the same, which is then twice the mean salary of the slate. Where several pairings
do that, each is as likely as any other.
"""

from __future__ import annotations

from itertools import chain, permutations, product

import numpy as np

MAX_PAIRINGS = 64


def possible_bouts(salaries: np.ndarray) -> list[np.ndarray]:
    """Every pairing of all picks in which each pair's salaries add up to twice the mean; none on other slates.

    A pairing is ``opponent[pick]``. Pairs of equal salaries are told apart by nothing, so all assignments are listed.
    """
    total = 2.0 * salaries.mean()
    groups = []
    for low in np.unique(salaries[2.0 * salaries <= total]):
        cheap, dear = np.flatnonzero(salaries == low), np.flatnonzero(salaries == total - low)
        ways = _within(cheap.tolist()) if 2.0 * low == total else _between(cheap, dear)
        groups.append(ways)
    n_pairings = np.prod([len(ways) for ways in groups], dtype=float)
    n_paired = sum(2 * len(ways[0]) for ways in groups if ways)
    if n_pairings == 0 or n_paired < len(salaries):
        return []
    if n_pairings > MAX_PAIRINGS:
        raise ValueError(f"{n_pairings:.0f} pairings are possible, too many to look at each")
    return [_opponents([*chain(*ways)]) for ways in product(*groups)]


def _between(cheap: np.ndarray, dear: np.ndarray) -> list[list[tuple[int, int]]]:
    """All ways to give each of ``cheap`` one of ``dear``; none unless there are as many."""
    if len(cheap) != len(dear):
        return []
    return [list(zip(cheap.tolist(), order, strict=True)) for order in permutations(dear.tolist())]


def _within(picks: list[int]) -> list[list[tuple[int, int]]]:
    """All ways to split ``picks`` into pairs."""
    if not picks:
        return [[]]
    first, *others = picks
    return [[(first, other), *rest] for other in others for rest in _within([pick for pick in others if pick != other])]


def _opponents(pairs: list[tuple[int, int]]) -> np.ndarray:
    opponents = np.empty(2 * len(pairs), dtype=np.int64)
    for one, other in pairs:
        opponents[one], opponents[other] = other, one
    return opponents


def count_bouts(opponents: np.ndarray, lineups: np.ndarray) -> np.ndarray:
    """How many pairs of opponents each of ``lineups[row, slot]`` holds; shape (n_lineups,)."""
    columns = lineups.astype(int)
    return (opponents[columns][:, :, None] == columns[:, None, :]).sum(axis=(1, 2)) / 2.0
