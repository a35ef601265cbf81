"""Joining the names of two files: the same, the same by rule, or a guess that a person has to accept."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

GUESS_CUTOFF = 0.84
"""Similarity from which a pair is worth proposing; "Kyle Busch" and "Kurt Busch" reach 0.80."""

_GENERATION = re.compile(r"\s(jr|sr|ii|iii|iv)$")


class Match(enum.Enum):
    """How a pair of names was joined."""

    EXACT = "exact"
    BY_RULE = "by_rule"
    GUESS = "guess"


@dataclass(frozen=True)
class NamePair:
    """Position of a name on the left, of its partner on the right, and how sure the join is (0 to 1)."""

    left: int
    right: int
    match: Match
    score: float


def plain_name(name: str) -> str:
    """The name in lower case without accents, punctuation and doubled blanks; the generation suffix stays."""
    decomposed = unicodedata.normalize("NFKD", name)
    letters = "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
    return " ".join(re.sub(r"[^a-z0-9]+", " ", re.sub("[.'’`]", "", letters)).split())


def name_key(name: str) -> str:
    """The plain name without its generation suffix ("Jr.", "III")."""
    return _GENERATION.sub("", plain_name(name))


def match_names(left: Sequence[str], right: Sequence[str], *, guess: bool) -> list[NamePair]:
    """Join two lists of names one to one, surest rule first.

    A rule joins a pair only where it is the single candidate on both sides, so that a father and a son in
    one race never share a row. With ``guess`` the most similar names that are left over are joined too.
    """
    pairs: list[NamePair] = []
    rules: tuple[tuple[Callable[[str], str], Match], ...] = (
        (str, Match.EXACT),
        (plain_name, Match.BY_RULE),
        (name_key, Match.BY_RULE),
    )
    for key, match in rules:
        pairs += _join(left, right, pairs, key, match)
    if guess:
        pairs += propose_pairs(left, right, pairs)
    return sorted(pairs, key=lambda pair: pair.left)


def propose_pairs(left: Sequence[str], right: Sequence[str], pairs: Sequence[NamePair]) -> list[NamePair]:
    """The most similar pairs among names that are not joined yet, best first, each name once."""
    open_left, open_right = _open(left, right, pairs)
    scored = [
        (fuzz.token_sort_ratio(name_key(left[i]), name_key(right[j])) / 100.0, i, j)
        for i in open_left
        for j in open_right
    ]
    proposed: list[NamePair] = []
    used_left: set[int] = set()
    used_right: set[int] = set()
    for score, i, j in sorted(scored, key=lambda item: (-item[0], item[1], item[2])):
        if score < GUESS_CUTOFF or i in used_left or j in used_right:
            continue
        used_left.add(i)
        used_right.add(j)
        proposed.append(NamePair(i, j, Match.GUESS, score))
    return proposed


def nearest_name(name: str, candidates: Sequence[str]) -> str:
    """The candidate most like a name, empty when none is near."""
    found = process.extractOne(
        name_key(name), [name_key(candidate) for candidate in candidates], scorer=fuzz.token_sort_ratio, score_cutoff=60
    )
    return candidates[found[2]] if found else ""


def _open(left: Sequence[str], right: Sequence[str], pairs: Sequence[NamePair]) -> tuple[list[int], list[int]]:
    taken_left = {pair.left for pair in pairs}
    taken_right = {pair.right for pair in pairs}
    return (
        [i for i in range(len(left)) if i not in taken_left],
        [j for j in range(len(right)) if j not in taken_right],
    )


def _join(
    left: Sequence[str], right: Sequence[str], pairs: Sequence[NamePair], key: Callable[[str], str], match: Match
) -> list[NamePair]:
    open_left, open_right = _open(left, right, pairs)
    left_keys = [key(left[i]) for i in open_left]
    right_keys = [key(right[j]) for j in open_right]
    return [
        NamePair(i, open_right[right_keys.index(name)], match, 1.0)
        for i, name in zip(open_left, left_keys, strict=True)
        if name and left_keys.count(name) == 1 and right_keys.count(name) == 1
    ]
