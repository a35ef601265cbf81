"""``pitwall simulate``: what lineups are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pitwall._groups.base import OnProgress
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
from pitwall.cli._ranges import MAX_SEED, within
from pitwall.cli._scenarios import SetOption
from pitwall.client import Client
from pitwall.config import Contest, PrizeShape
from pitwall.errors import InvalidInputError, Violation
from pitwall.job import following_seed
from pitwall.sitefiles import pool_of_race, read_lineups
from pitwall.types.contests import ContestResult, FieldReport

OpponentsOption = Annotated[
    int, typer.Option(help="Entries of others in the contest.", callback=within("opponents", 1))
]
FeeOption = Annotated[float, typer.Option(help="Entry fee in dollars.", callback=within("fee", 0))]
FirstShareOption = Annotated[
    float,
    typer.Option(
        help="First prize as a share of the prize pool.", callback=within("first-share", 0, 1, above_low=True)
    ),
]
PrizesOption = Annotated[
    Path | None, typer.Option(help="Prize table as text from the contest page: '1st $2,000', '4th - 5th $250.00'.")
]
DEFAULT_MAX_ENTRIES = 150
MaxEntriesOption = Annotated[
    int,
    typer.Option(
        help="Entries the contest allows per user: 1, 3, 20, 150 ...", callback=within("max-entries", 1, 100_000)
    ),
]
RakeOption = Annotated[
    float,
    typer.Option(help="Share of the fees that the site keeps.", callback=within("rake", 0, 1, below_high=True)),
]


def contest_of(
    opponents: int,
    own_entries: int,
    fee: float,
    first_share: float,
    rake: float,
    prizes: Path | None,
    max_entries: int = DEFAULT_MAX_ENTRIES,
) -> Contest:
    """The contest that the options describe.

    Raises
    ------
    InvalidInputError
        If there are more own entries than the contest allows, or the prizes cannot be read.
    """
    if own_entries > max_entries:
        problem = f"{own_entries} lineups, but the contest allows {max_entries} entries per user; raise --max-entries"
        raise InvalidInputError(f"--max-entries: {problem}", violations=[Violation("--max-entries", problem)])
    if prizes is None:
        shape = PrizeShape(first_share=first_share, rake=rake)
        return Contest(opponents + own_entries, fee, shape, max_entries_per_user=max_entries)
    try:
        text = prizes.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot read {prizes}: {error}"
        raise InvalidInputError(f"prizes: {problem}", violations=[Violation("prizes", problem)]) from error
    return Contest(opponents + own_entries, fee, text, max_entries_per_user=max_entries)


def print_contest(result: ContestResult, names: list[str]) -> None:
    """Lineups and the portfolio in a contest."""
    rows = [
        (
            item.index + 1,
            names[item.index],
            100 * item.roi.value,
            100 * item.roi.standard_error,
            100 * item.win_rate,
            100 * item.cash_rate,
            item.expected_duplicates,
        )
        for item in sorted(result.lineups, key=lambda item: -item.roi.value)
    ]
    columns = ("#", "drivers", "ROI %", "+-", "win %", "cash %", "copies")
    print_table("Lineups by return", columns, rows, narrow=("#", "drivers", "ROI %", "+-", "win %"))
    print_portfolio_result(result)


def print_portfolio_result(result: ContestResult) -> None:
    """What all entries together are worth, in a few lines."""
    whole = result.portfolio
    output.print(
        f"{plural(whole.n_entries, 'entry', 'entries')} for ${whole.fees_cents / 100:,.2f}: expected profit "
        f"${whole.profit_cents.value / 100:,.2f} (95 % interval ${whole.profit_cents_lower / 100:,.2f} to "
        f"${whole.profit_cents_upper / 100:,.2f}), ROI {whole.roi.value:.1%}, "
        "if races run as simulated and the field plays as projected",
        markup=False,
    )
    output.print(
        f"chance to lose money {whole.loss_probability:.1%}, to win the contest {whole.any_win_probability:.2%}; "
        f"advised stake {whole.kelly_stake_share:.2%} of the bankroll ({whole.kelly_fraction:g} Kelly)",
        markup=False,
    )


def print_field_warnings(field: FieldReport) -> None:
    """What the field could not meet, on standard error."""
    for warning in field.warnings:
        errors.print(f"warning: {warning}", markup=False)


def _set_to_play(client: Client, race_id: str, asked: str, on_progress: OnProgress) -> tuple[str, str]:
    """Id of the set to play on, and a sentence about it.

    Judged on the scenarios that chose them, lineups look better than they are. So where the newest set was
    generated, another of its size is played, and the newest stays the newest.
    """
    doubt = "if it chose the lineups, they look better here than they are"
    if asked:
        return asked, f"played on scenario set {asked}, as given; {doubt}"
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


def simulate(
    context: typer.Context,
    race_id: RaceArgument,
    lineups: Annotated[Path, typer.Option(help="Upload file with the lineups.", show_default=False)],
    opponents: OpponentsOption = 5_000,
    fee: FeeOption = 5.0,
    first_share: FirstShareOption = 0.2,
    rake: RakeOption = 0.15,
    max_entries: MaxEntriesOption = DEFAULT_MAX_ENTRIES,
    prizes: PrizesOption = None,
    scenario_set: SetOption = "",
    n_fields: Annotated[
        int, typer.Option(help="Fields of opponents drawn.", callback=within("n-fields", 1, 1000))
    ] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the fields.", callback=within("seed", 0, MAX_SEED))] = 1,
    as_json: JsonOption = False,
) -> None:
    """Play lineups against a simulated field, on fresh scenarios unless a set is given.

    Example: `pitwall simulate sample --lineups out/lineups.csv`
    """
    with client_of(context) as client, Bars(shown=not as_json) as bars:
        race = client.races.get(race_id)
        entries = read_lineups(lineups, pool_of_race(race))
        contest = contest_of(opponents, len(entries), fee, first_share, rake, prizes, max_entries)
        client.contests.resolve_prizes(contest)
        set_id, note = _set_to_play(client, race_id, scenario_set, bars)
        if not as_json:
            errors.print(note, markup=False, soft_wrap=True)
        result = client.contests.simulate(
            race_id,
            entries,
            contest,
            scenario_set_id=set_id,
            n_fields=n_fields,
            seed=seed,
            on_progress=bars,
        )
    if as_json:
        print_json(result)
        return
    print_field_warnings(result.field)
    names = [", ".join(race.names_by_id[driver_id] for driver_id in entry) for entry in entries]
    print_contest(result.contests[0], names)
