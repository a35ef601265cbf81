"""Whether the site would take a lineup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pitwall.errors import Violation
from pitwall.problems import refuse
from pitwall.sitefiles.pool import PlayerPool


def lineup_problems(pool: PlayerPool, player_ids: Sequence[str]) -> tuple[str, ...]:
    """What is wrong with a lineup; empty for a legal one."""
    problems = []
    unknown = [player_id for player_id in player_ids if player_id not in pool.by_id]
    if len(player_ids) != pool.roster_size:
        problems.append(f"has {len(player_ids)} drivers; a roster has {pool.roster_size}")
    problems += [f"{player_id!r} is not in the player pool" for player_id in unknown]
    for player_id, count in Counter(player_ids).items():
        if count > 1:
            problems.append(f"{player_id!r} stands {count} times; a driver counts once")
    known = [pool.by_id[player_id] for player_id in player_ids if player_id in pool.by_id]
    problems += [f"{player.name} does not start" for player in known if player.withdrawn]
    salary = sum(player.salary_dollars for player in known)
    if salary > pool.salary_cap_dollars:
        problems.append(f"costs ${salary:,}; the cap is ${pool.salary_cap_dollars:,}")
    return tuple(problems)


def require_legal(pool: PlayerPool, lineups: Sequence[Sequence[str]], *, source: str = "lineups") -> None:
    """Refuse lineups that the site would not take.

    Raises
    ------
    InvalidInputError
        Naming each illegal lineup by its number, from 1, and why.
    """
    refuse(
        [
            Violation(f"{source}: lineup {number}", problem)
            for number, lineup in enumerate(lineups, start=1)
            for problem in lineup_problems(pool, lineup)
        ]
    )
