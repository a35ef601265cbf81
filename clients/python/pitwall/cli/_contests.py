"""``pitwall simulate``: what lineups are worth."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from pitwall._numbers import money
from pitwall.cli._common import (
    Bars,
    JsonOption,
    RaceArgument,
    client_of,
    errors,
    output,
    plural,
    print_json,
    print_table,
)
from pitwall.cli._contest_options import (
    DEFAULT_OPPONENTS,
    ContestOptions,
    InsightOption,
    read_contests,
    with_contest_options,
)
from pitwall.cli._ranges import MAX_SEED, within
from pitwall.client import Client
from pitwall.config import Contest, FieldConfig
from pitwall.job import following_seed
from pitwall.problems import invalid, read_bytes, told_as
from pitwall.sitefiles import pool_of_race, read_lineups
from pitwall.sitefiles.standings import count_opponents
from pitwall.types.contests import ContestResult, EntrySelection, PortfolioResult, SimulationResult
from pitwall.types.race import OnProgress

DEFAULT_KELLY = 0.25

_COMPARED = {"best_single_roi": "the best single returns", "best_cvar_99": "the best upper tails"}


def print_contest(result: ContestResult, names: list[str], *, known_field: bool) -> None:
    """Lineups and the portfolio in a contest."""
    rows = [
        (
            item.index + 1,
            names[item.index],
            100 * item.roi.value,
            100 * item.roi.standard_error,
            _percent(item.win_rate, item.win_rate_standard_error, 2),
            _percent(item.cash_rate, item.cash_rate_standard_error, 1),
            item.expected_duplicates,
        )
        for item in sorted(result.lineups, key=lambda item: -item.roi.value)
    ]
    columns = ("#", "drivers", "ROI %", "+-", "win", "cash", "copies")
    print_table("Lineups by return", columns, rows, narrow=("#", "drivers", "ROI %", "+-", "win"))
    print_portfolio_result(result.portfolio, known_field=known_field)


def print_portfolio_result(whole: PortfolioResult, *, known_field: bool = False) -> None:
    """What all entries together are worth, in a few lines; against a ``known_field`` or a projected one."""
    field = "against the field of the standings" if known_field else "and the field plays as projected"
    output.print(
        f"{plural(whole.n_entries, 'entry', 'entries')} for {money(whole.fees_cents)}: expected profit "
        f"{money(whole.profit_cents.value)} (95 % interval {money(whole.profit_cents_lower)} to "
        f"{money(whole.profit_cents_upper)}), ROI {whole.roi.value:.1%}, "
        f"if races run as simulated{',' if known_field else ''} {field}",
        markup=False,
    )
    loss = _percent(whole.loss_probability, whole.loss_probability_standard_error, 1)
    win = _percent(whole.any_win_probability, whole.any_win_probability_standard_error, 2)
    output.print(
        f"chance to lose money {loss}, to win the contest {win}; "
        f"advised stake {whole.kelly_stake_share:.2%} of the bankroll ({whole.kelly_fraction:g} Kelly)",
        markup=False,
    )


def print_comparisons(selection: EntrySelection) -> None:
    """What looking at entries together brought, against plainer choices, on scenarios that chose none of them."""
    for choice in selection.comparisons:
        if choice.name in _COMPARED:
            lead, size = choice.lead_cents, plural(choice.n_entries, "entry", "entries")
            output.print(
                f"against the {size} of {_COMPARED[choice.name]}: "
                f"{money(lead.value, signed=True)} +- {lead.standard_error / 100:,.2f} on fresh races",
                markup=False,
            )


def _percent(share: float, standard_error: float, digits: int) -> str:
    """``2.72 % +- 0.16``: a share and its standard error."""
    return f"{100 * share:.{digits}f} % +- {100 * standard_error:.{digits}f}"


def print_warnings(warnings: Iterable[str]) -> None:
    """What a careful user should know of a field or a choice, on standard error."""
    for warning in warnings:
        errors.print(f"warning: {warning}", markup=False)


def _set_to_play(client: Client, race_id: str, asked: str, on_progress: OnProgress) -> tuple[str, str]:
    """Id of the set to play on, and a sentence about it.

    Judged on the scenarios that chose them, lineups look better than they are. So where the newest set was
    generated, another of its size is played, and the newest stays the newest.
    """
    doubt = "if it chose the lineups, they look better here than they are"
    if asked:
        given = client.scenarios.get(race_id, asked).scenario_set_id
        return given, f"played on scenario set {given}, as given; {doubt}"
    newest = client.scenarios.get(race_id)
    if newest.recipe is None:
        return newest.scenario_set_id, f"played on the uploaded scenario set {newest.scenario_set_id}; {doubt}"
    seeds = (following_seed(newest.recipe.seed), newest.recipe.seed)
    fresh, _ = [
        client.scenarios.generate(race_id, newest.n_scenarios, seed=seed, on_progress=on_progress) for seed in seeds
    ]
    return fresh.scenario_set_id, (
        f"played on the fresh scenario set {fresh.scenario_set_id} (seed {seeds[0]}), "
        f"not on the one that may have chosen the lineups (seed {seeds[1]})"
    )


_PLACES = {
    r"field\.known\.own_user": "--own-user",
    r"field\.known\.standings": "--standings",
    "scenario_set_id": "--set",
}
"""What fields of a request are called by those who type."""

_LINEUP = r"entries\[([0-9]+)\]\.lineup"
"""A lineup in a request, counted from 0."""


def _checked(client: Client, options: ContestOptions, n_opponents: int, n_own: int) -> Contest:
    """A contest whose prizes can be, told by what describes it otherwise: before any work is done."""
    contest = options.contest(n_opponents, n_own)
    with options.told():
        client.contests.resolve_prizes(contest)
    return contest


def _opponents(stated: int | None, standings: Path | None, own_user: str) -> int:
    """Entries of others: as stated, or those in the standings."""
    if own_user and standings is None:
        raise invalid("--own-user", "is a name in standings; give them with --standings, or leave it out")
    if stated is not None:
        return stated
    if standings is None:
        return DEFAULT_OPPONENTS
    return count_opponents(standings.name, read_bytes(standings), own_user)


@with_contest_options
def simulate(
    context: typer.Context,
    race_id: RaceArgument,
    lineups: Annotated[Path, typer.Option(help="Upload file with the lineups.", show_default=False)],
    opponents: Annotated[
        int | None,
        typer.Option(
            help=f"Entries of others. Default: {DEFAULT_OPPONENTS:,}, or those of the standings.",
            callback=within("opponents", 1),
        ),
    ] = None,
    contest: ContestOptions = ContestOptions(),  # noqa: B008 - frozen, and an option each on the command line
    contests: Annotated[
        Path | None,
        typer.Option(help="TOML file of several contests, each [[contest]] with name, entries, fee, prizes ..."),
    ] = None,
    standings: Annotated[
        Path | None, typer.Option(help="Standings as exported: play against the real opponents, after lock.")
    ] = None,
    own_user: Annotated[str, typer.Option(help="Your name in the standings: these entries are left out.")] = "",
    kelly: Annotated[
        float,
        typer.Option(help="Part of the Kelly stake to advise.", callback=within("kelly", 0, 1, above_low=True)),
    ] = DEFAULT_KELLY,
    scenario_set: Annotated[
        str, typer.Option("--set", help="Id of the scenario set. Default: a fresh one of the size of the newest.")
    ] = "",
    insight: InsightOption = None,
    n_fields: Annotated[
        int, typer.Option(help="Fields of opponents drawn.", callback=within("n-fields", 1, 1000))
    ] = 40,
    seed: Annotated[int, typer.Option(help="Seed of the fields.", callback=within("seed", 0, MAX_SEED))] = 1,
    as_json: JsonOption = False,
) -> None:
    """Play lineups against a simulated field or the real one, on fresh scenarios unless a set is given.

    Example: `pitwall simulate sample --lineups out/lineups.csv`
    """
    described = [contest] if contests is None else read_contests(contests, contest)
    n_opponents = _opponents(opponents, standings, own_user)
    with client_of(context) as client, Bars(shown=not as_json) as bars:
        race = client.races.get(race_id)
        entries = read_lineups(lineups, pool_of_race(race))
        asked = [_checked(client, options, n_opponents, len(entries)) for options in described]
        set_id, note = _set_to_play(client, race_id, scenario_set, bars)
        if not as_json:
            errors.print(note, markup=False, soft_wrap=True)
        with told_as(_PLACES | {_LINEUP: lambda found: f"{lineups}: lineup {int(found[1]) + 1}"}):
            result = client.contests.simulate(
                race_id,
                entries,
                asked,
                field=FieldConfig(standings=standings, own_user=own_user, insight=insight),
                scenario_set_id=set_id,
                n_fields=n_fields,
                seed=seed,
                kelly_fraction=kelly,
                on_progress=bars,
            )
    if as_json:
        print_json(result)
    else:
        names = [", ".join(race.names_by_id[driver] for driver in entry) for entry in entries]
        _print_simulation(result, names, known_field=standings is not None)


def _print_simulation(result: SimulationResult, names: list[str], *, known_field: bool) -> None:
    print_warnings(result.field.warnings)
    several = len(result.contests) > 1
    for contest in result.contests:
        if several:
            output.print(f"\n{contest.name}", style="bold", markup=False)
        print_contest(contest, names, known_field=known_field)
    if result.insight:
        output.print(
            f"insight of the field {result.insight:.2f}, as reached with {plural(result.n_fields, 'field', 'fields')}",
            markup=False,
        )
    if several:
        output.print("\nall contests together", style="bold")
        print_portfolio_result(result.combined, known_field=known_field)
