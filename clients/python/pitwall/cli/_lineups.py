"""``pitwall optimize``: lineups with their proofs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from pitwall._numbers import less_or_more
from pitwall.cli._common import (
    Bars,
    JsonOption,
    RaceArgument,
    client_of,
    errors,
    first_few,
    is_typed,
    output,
    plural,
    print_json,
    print_table,
)
from pitwall.cli._portfolio_options import (
    ExcludeOption,
    FormatOption,
    LineupsOption,
    LockOption,
    MaxExposureOption,
    MaxTeamExposureOption,
    OwnershipPenaltyOption,
    ResamplesOption,
    SoftOption,
    StackOption,
    UniquesOption,
    ValidateOption,
    driver_ids,
    parse_stack,
)
from pitwall.cli._ranges import MAX_SEED, within
from pitwall.cli._rules_file import read_rules
from pitwall.cli._scenarios import SetOption
from pitwall.config import PortfolioConfig
from pitwall.errors import DeadlineExceededError, InfeasibleError
from pitwall.files import write_atomically
from pitwall.sitefiles import lineup_file
from pitwall.types.portfolio import Portfolio, PortfolioSummary
from pitwall.types.race import Race

_OPTION_OF = {
    "n_lineups": "lineups",
    "max_driver_exposure": "max_exposure",
    "max_team_exposure": "max_team_exposure",
    "min_distinct_drivers": "uniques",
    "locked": "lock",
    "excluded": "exclude",
    "stack": "stack",
    "ownership_penalty": "ownership_penalty",
    "soft_exposures": "soft",
    "validate_on_fresh_scenarios": "validate",
    "stability_resamples": "resamples",
    "seed": "seed",
}
"""Option of the command line for each rule that has one."""


def print_portfolio(portfolio: Portfolio, race: Race, *, stacked: bool = False) -> None:
    """Lineups as a table, then what they have in common; ``stacked`` with a stack rule."""
    rows = [
        (
            item.index + 1,
            ", ".join(race.names_by_id[driver_id] for driver_id in item.driver_ids),
            item.metrics.salary_dollars,
            item.certificate.objective,
            "yes" if item.certificate.proven_optimal else f"gap {item.certificate.gap:.2f}",
            item.metrics.mean_points,
            item.metrics.ownership_total_percent,
        )
        for item in portfolio.lineups
    ]
    columns = ("#", "drivers", "salary $", "objective", "proven", "mean", "own %")
    print_table(
        f"{plural(len(rows), 'lineup')} of {race.race_id}",
        columns,
        rows,
        narrow=("#", "drivers", "objective", "proven"),
    )
    print_diagnostics(portfolio, stacked=stacked)


def print_diagnostics(portfolio: Portfolio, *, stacked: bool = False) -> None:
    """How the portfolio stands, in a few lines; ``stacked`` has the cost of the stack rule said where it is 0 too."""
    summary = portfolio.summary
    allowed = f"{summary.n_allowed_lineups:,}" if summary.n_allowed_lineups else "all"
    output.print(
        f"best of {allowed} allowed lineups ({summary.n_legal_lineups:,} legal), "
        f"{'all' if summary.all_proven else 'not all'} proven optimal",
        markup=False,
    )
    for line in _comparisons(summary, stacked=stacked):
        output.print(line, markup=False, soft_wrap=True)
    conflict = "; ".join(summary.conflicting_rules)
    for warning in summary.warnings:
        # Which rules collide is said once, by `refuse_shortage`.
        if not (conflict and conflict in warning):
            errors.print(f"warning: {warning}", markup=False)


def _comparisons(summary: PortfolioSummary, *, stacked: bool) -> Iterator[str]:
    """What the lineups gain, what rules cost them, and how sure it is."""
    if (baseline := summary.baseline) is not None:
        yield (
            f"against the best-mean lineup: the best one built gains {baseline.built_gain_points:+.2f} in the tail; "
            f"the best without rules {baseline.tail_gain_points:+.2f} for {baseline.mean_given_up_points:.2f} of mean"
        )
        # Where time ran out a warning says so, and 0 stands for a cost that is not known.
        known = not any("the cost of the stack rule is not known" in warning for warning in summary.warnings)
        if baseline.stack_cost_points or (stacked and known):
            yield f"the stack rule costs {baseline.stack_cost_points:.2f} points of the best lineup's objective"
    for regime in summary.regimes:
        yield (
            f"regime {regime.regime}: {plural(regime.n_lineups, 'lineup')} on {regime.n_scenarios:,} scenarios, "
            f"objective {regime.objective_mean:.2f}, mean {regime.mean_points:.2f}"
        )
    if (check := summary.validation) is not None:
        yield (
            f"on {check.n_scenarios:,} fresh scenarios: objective {check.objective_fresh:.2f} instead of "
            f"{check.objective_in_sample:.2f}, {less_or_more(check.shrinkage)} (+- {100 * check.shrinkage_se:.1f})"
        )
    if (stability := summary.stability) is not None:
        varies, same = 100 * stability.objective_cv, 100 * stability.same_lineup_share
        among = f"of {stability.n_contenders} contenders " if stability.n_contenders else ""
        overlap, optimism = stability.jaccard_mean, stability.optimism_points
        yield (
            f"over {plural(stability.n_resamples, 'resample')}: the objective of the best lineup varies by "
            f"{varies:.1f} %, {among}it stays best in {same:.0f} %, "
            f"winners overlap with it by {overlap:.2f} (Jaccard), it looks {optimism:.2f} points better than it is"
        )


def print_pool(pool: Portfolio) -> None:
    """What the lines that follow are about, where entries were chosen from a pool; why it is small, if it is."""
    summary = pool.summary
    output.print(
        f"these entries were chosen from a pool of {plural(summary.n_built, 'lineup')}; of the pool as a whole:",
        markup=False,
    )
    if summary.n_built < summary.n_requested:
        why = first_few(summary.conflicting_rules, 3, "; ")
        reason = f"these rules leave no further one: {why}" if why else "time ran out"
        errors.print(f"warning: {summary.n_requested:,} were wanted for the pool; {reason}", markup=False)


def refuse_shortage(portfolio: Portfolio) -> None:
    """Say so where there are fewer lineups than asked for; to be called when the files are written.

    Raises
    ------
    InfeasibleError
        With the rules that collide, the first three of them, and what to do about it.
    DeadlineExceededError
        Without any: it was the time.
    """
    summary = portfolio.summary
    if summary.n_built >= summary.n_requested:
        return
    built = f"{summary.n_built} of {plural(summary.n_requested, 'lineup')} built"
    if not summary.conflicting_rules:
        raise DeadlineExceededError(f"{built}: time ran out before the others; allow more, or lower --lineups")
    raise InfeasibleError(
        f"{built}: these rules leave no further one: {first_few(summary.conflicting_rules, 3, '; ')}. "
        "Raise --max-exposure or --max-team-exposure, lower --uniques or --lineups, or give --soft",
        metadata={"conflict": "; ".join(summary.conflicting_rules)},
    )


def optimize(
    context: typer.Context,
    race_id: RaceArgument,
    lineups: LineupsOption = 20,
    scenario_set: SetOption = "",
    max_exposure: MaxExposureOption = None,
    max_team_exposure: MaxTeamExposureOption = None,
    uniques: UniquesOption = 1,
    lock: LockOption = None,
    exclude: ExcludeOption = None,
    stack: StackOption = "",
    ownership_penalty: OwnershipPenaltyOption = 0.0,
    soft: SoftOption = False,
    validate: ValidateOption = True,
    resamples: ResamplesOption = None,
    seed: Annotated[
        int, typer.Option(help="Seed of everything random in the build.", callback=within("seed", 0, MAX_SEED))
    ] = 1,
    rules: Annotated[
        Path | None,
        typer.Option(help="TOML or JSON file with any rules of PortfolioConfig; options on the line go before it."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the lineups for upload.")] = None,
    layout: FormatOption = "",
    as_json: JsonOption = False,
) -> None:
    """Build lineups, each proven the best one allowed. Example: `pitwall optimize sample --lineups 20`"""
    with client_of(context) as client, Bars(shown=not as_json) as bars:
        race = client.races.get(race_id)
        options = {
            "n_lineups": lineups,
            "max_driver_exposure": max_exposure,
            "max_team_exposure": max_team_exposure,
            "min_distinct_drivers": uniques,
            "locked": driver_ids(race, lock, "lock"),
            "excluded": driver_ids(race, exclude, "exclude"),
            "stack": parse_stack(stack),
            "ownership_penalty": ownership_penalty,
            "soft_exposures": soft,
            "validate_on_fresh_scenarios": validate,
            "stability_resamples": resamples,
            "seed": seed,
        }
        from_file = read_rules(rules, lambda name: driver_ids(race, [name], str(rules))[0]) if rules else {}
        typed = {name for name, option in _OPTION_OF.items() if is_typed(context, option)}
        config = PortfolioConfig(**{**options, **{k: v for k, v in from_file.items() if k not in typed}})
        portfolio = client.optimizer.build(
            race_id, config, scenario_set_id=scenario_set, driver_names=race.names_by_id, on_progress=bars
        )
    if out is not None:
        write_atomically(out, lineup_file(race, [item.driver_ids for item in portfolio.lineups], layout))
    if as_json:
        print_json({"lineups": _named(portfolio, race), "summary": portfolio.summary})
    else:
        print_portfolio(portfolio, race, stacked=config.stack is not None)
    refuse_shortage(portfolio)


def _named(portfolio: Portfolio, race: Race) -> list[dict[str, object]]:
    rows = []
    for item in portfolio.lineups:
        row = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
        rows.append(row | {"drivers": [race.names_by_id[driver_id] for driver_id in item.driver_ids]})
    return rows
