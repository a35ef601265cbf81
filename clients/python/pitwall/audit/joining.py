"""The names of standings joined with the drivers of a race, by the same rules as every import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pitwall.problems import invalid
from pitwall.sitefiles import pool_of_race
from pitwall.sitefiles.standings import Standings
from pitwall.types.race import Race


@dataclass(frozen=True)
class Joined:
    """How the names of standings stand for drivers of a race.

    Attributes
    ----------
    ids
        Site id by name of the standings.
    points
        Real points by site id; drivers whose points the standings do not tell are missing, never 0.
    unmatched
        Names of the standings that are no driver of the race.
    unknown
        Names of starters whose points are not known: unmatched, or drafted by nobody and so not listed.
    guesses
        What was guessed, or could be.
    """

    ids: Mapping[str, str]
    points: Mapping[str, float]
    unmatched: tuple[str, ...]
    unknown: tuple[str, ...]
    guesses: tuple[str, ...]


def join_names(race: Race, standings: Standings, *, accept_guesses: bool) -> Joined:
    """Join standings with a race; similar names only where guesses are accepted.

    Raises
    ------
    InvalidInputError
        If fewer than half of the names are drivers of the race.
    """
    # The rules live with the services' domain, which comes with every installation.
    from services.common.domain.names import Match, match_names, propose_pairs

    theirs, ours = [player.name for player in standings.players], [driver.name for driver in race.drivers]
    pairs = match_names(theirs, ours, guess=accept_guesses)
    proposed = [pair for pair in pairs if pair.match is Match.GUESS] or propose_pairs(theirs, ours, pairs)
    ids = {theirs[pair.left]: race.drivers[pair.right].driver_id for pair in pairs}
    if len(ids) < len(theirs) / 2:
        raise invalid("standings", f"{len(theirs) - len(ids)} of {len(theirs)} names are no drivers of {race.race_id}")
    points = {ids[player.name]: player.points for player in standings.players if player.name in ids}
    remedy = "was taken for" if accept_guesses else "may be; --accept-guesses takes it for"
    return Joined(
        ids=ids,
        points=points,
        unmatched=tuple(name for name in theirs if name not in ids),
        unknown=tuple(driver.name for driver in race.starters if driver.driver_id not in points),
        guesses=tuple(
            f"{theirs[pair.left]!r} {remedy} {ours[pair.right]!r} (similarity {pair.score:.2f})" for pair in proposed
        ),
    )


def require_same_roster(race: Race, standings: Standings) -> None:
    """Refuse standings of another site or game, whose lineups cannot meet those of the race.

    Raises
    ------
    InvalidInputError
        If lineups of the standings are longer or shorter than the roster; unfilled entries do not count.
    """
    roster, entered = pool_of_race(race).roster_size, max(len(entry.lineup) for entry in standings.entries)
    if entered not in (0, roster):
        problem = f"its lineups hold {entered} drivers, those of the run {roster}"
        raise invalid("standings", f"{problem}; give the standings of a contest that the run was made for, or --run")


def require_same_salaries(race: Race, standings: Standings, ids: Mapping[str, str]) -> None:
    """Refuse standings of another slate: the same drivers race every week, at other salaries.

    Raises
    ------
    InvalidInputError
        If a lineup of the standings costs more than the cap at the salaries of the race.
    """
    cap = pool_of_race(race).salary_cap_dollars
    salaries = {driver.driver_id: driver.salary_dollars for driver in race.drivers}
    for entry in standings.entries:
        if not entry.lineup <= ids.keys():
            continue
        cost = sum(salaries[ids[name]] for name in entry.lineup)
        if cost > cap:
            problem = f"a lineup costs ${cost:,} at the salaries of {race.race_id}, ${cost - cap:,} above the cap"
            raise invalid(
                "standings",
                f"{problem} ({', '.join(sorted(entry.lineup))}); these are of another race, "
                "or of another slate of it: give those of the run, or --run",
            )
