"""Options of a portfolio, for the verbs that build one."""

from __future__ import annotations

from typing import Annotated

import typer
from rapidfuzz import fuzz, process

from pitwall.cli._ranges import within
from pitwall.errors import InvalidInputError, Violation
from pitwall.problems import invalid
from pitwall.sitefiles import FORMATS
from pitwall.types.race import Race

_MAX_ROSTER = 10
"""Drivers in the largest roster that a site's rules may ask for."""


def known_format(layout: str) -> str:
    """The layout, if there is one of that name (or none is given).

    Raises
    ------
    InvalidInputError
        For any other.
    """
    if layout and layout not in FORMATS:
        raise invalid("--format", f"must be one of {', '.join(FORMATS)}, not {layout!r}")
    return layout


LineupsOption = Annotated[
    int, typer.Option("--lineups", help="Lineups to build, 1-500.", callback=within("lineups", 1, 500))
]
MaxExposureOption = Annotated[
    float | None,
    typer.Option(
        help="Greatest share of lineups for any driver (0.5).", callback=within("max-exposure", 0, 1, above_low=True)
    ),
]
MaxTeamExposureOption = Annotated[
    float | None,
    typer.Option(
        help="Greatest share of lineups for any team (0.7).", callback=within("max-team-exposure", 0, 1, above_low=True)
    ),
]
UniquesOption = Annotated[
    int,
    typer.Option(help="Drivers in which any two lineups differ at least, 1-10.", callback=within("uniques", 1, 10)),
]
LockOption = Annotated[list[str] | None, typer.Option(help="Driver in every lineup, by name or id; repeatable.")]
ExcludeOption = Annotated[list[str] | None, typer.Option(help="Driver in no lineup, by name or id; repeatable.")]
StackOption = Annotated[str, typer.Option(help="Least-most drivers of a team that is used at all, such as 2-3.")]
OwnershipPenaltyOption = Annotated[
    float,
    typer.Option(
        help="Weight of the penalty on projected ownership.", callback=within("ownership-penalty", 0, 100_000)
    ),
]
FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        help=f"Layout of the file: {', '.join(FORMATS)}. Default: the site's upload file.",
        callback=known_format,
    ),
]
ValidateOption = Annotated[
    bool,
    typer.Option(
        "--validate/--no-validate",
        help="Score the lineups on scenarios that did not choose them too; simulated unless they are there.",
    ),
]
ResamplesOption = Annotated[
    int | None,
    typer.Option(help="Resamples of the stability report, 0 for none (200).", callback=within("resamples", 0, 1000)),
]
SoftOption = Annotated[bool, typer.Option("--soft", help="Trade exposure rules at a price instead of failing.")]


def driver_ids(race: Race, names: list[str] | None, option: str) -> list[str]:
    """Site ids of drivers given by name or id.

    Raises
    ------
    InvalidInputError
        Naming the option, for a driver that the race does not have.
    """
    by_name = {driver.name.casefold(): driver.driver_id for driver in race.drivers}
    found = []
    for name in names or []:
        driver_id = name if name in race.names_by_id else by_name.get(name.casefold())
        if driver_id is None:
            near = process.extractOne(
                name, race.names_by_id.values(), scorer=fuzz.WRatio, processor=str.casefold, score_cutoff=60
            )
            meant = f"; did you mean {near[0]}?" if near else ";"
            problem = f"no driver is called {name!r}{meant} `pitwall race show {race.race_id}` lists them"
            raise InvalidInputError(f"{option}: {problem}", violations=[Violation(option, problem)])
        found.append(driver_id)
    return found


def parse_stack(text: str) -> tuple[int, int] | None:
    """``2-3`` as (2, 3), empty as None.

    Raises
    ------
    InvalidInputError
        If the text has another form, or the range is turned round, empty or larger than a roster.
    """
    if not text:
        return None
    least, dash, most = text.partition("-")
    if not (dash and least.isdecimal() and most.isdecimal()):
        raise invalid("--stack", f"write least-most, such as 2-3, not {text!r}")
    if not 1 <= int(least) <= int(most) <= _MAX_ROSTER:
        raise invalid("--stack", f"must rise from at least 1 to at most {_MAX_ROSTER}, such as 2-3, not {text!r}")
    return int(least), int(most)
