"""Numbers of a run that stand alone, each with what it means."""

from __future__ import annotations

from pitwall._numbers import less_or_more, money
from pitwall.job import JobResult
from pitwall.report.data import Fact
from pitwall.results import result_document
from pitwall.types.portfolio import PortfolioSummary


def headlines(result: JobResult) -> tuple[Fact, ...]:
    """The numbers at the top of the report."""
    whole, summary = result.contest.portfolio, result.portfolio.summary
    facts = [
        Fact(
            "expected profit",
            money(whole.profit_cents.value),
            f"all {whole.n_entries} entries together; 95 % interval "
            f"{money(whole.profit_cents_lower)} to {money(whole.profit_cents_upper)}, from scenario and field noise",
        ),
        Fact(
            "return on fees",
            f"{whole.roi.value:+.1%}",
            f"expected prizes over fees of {money(whole.fees_cents)}, less 1; "
            f"standard error {whole.roi.standard_error:.1%}",
        ),
        Fact(
            "chance to lose money",
            f"{whole.loss_probability:.1%}",
            "share of simulated contests with prizes below the fees; "
            f"standard error {whole.loss_probability_standard_error:.1%}",
        ),
        Fact(
            "chance to win the contest",
            f"{whole.any_win_probability:.2%}",
            "share of simulated contests in which an entry comes first; "
            f"standard error {whole.any_win_probability_standard_error:.2%}",
        ),
        Fact(
            "advised stake",
            f"{whole.kelly_stake_share:.2%}",
            f"of the bankroll on these entries: {whole.kelly_fraction:g} of the Kelly stake",
        ),
        Fact(
            "proven optimal",
            f"{sum(item.certificate.proven_optimal for item in result.portfolio.lineups)} of {summary.n_built}",
            f"lineups with a certificate that none of the {_allowed(summary)}allowed lineups is better",
        ),
    ]
    if (baseline := result.built.summary.baseline) is not None:
        facts.append(
            Fact(
                "tail gained",
                f"{baseline.tail_gain_points:+.2f} points",
                f"objective of the best lineup against the lineup of the greatest mean, for "
                f"{baseline.mean_given_up_points:.2f} points of mean",
            )
        )
    return tuple(facts)


def _allowed(summary: PortfolioSummary) -> str:
    """The number of allowed lineups and a blank; empty where it is not known."""
    return f"{summary.n_allowed_lineups:,} " if summary.n_allowed_lineups else ""


def diagnostics(result: JobResult) -> tuple[Fact, ...]:
    """How far the numbers can be trusted."""
    return (*_portfolio_facts(result), *_field_facts(result))


def _portfolio_facts(result: JobResult) -> list[Fact]:
    summary = result.portfolio.summary
    facts = [
        Fact("legal lineups", f"{summary.n_legal_lineups:,}", "all sets of drivers that fill the roster under the cap"),
        Fact(
            "allowed lineups",
            _allowed(summary).strip() or "not counted",
            "those that keep your structure rules too; every one is covered by each certificate",
        ),
    ]
    if result.pool is not None:
        facts.append(
            Fact(
                "pool of the entries",
                f"{len(result.pool.lineups):,} lineups",
                "built and proven; the entries are a choice of these",
            )
        )
    if result.portfolio.lineups:
        tails = result.portfolio.lineups[0].certificate.tails
        sizes = ", ".join(f"{100 * tail.alpha:g} %: {tail.k}" for tail in tails)
        facts.append(
            Fact(
                "scenarios in the tail",
                sizes,
                "CVaR is the mean of this many best totals; below 100 it is a rough estimate",
            )
        )
    built = result.built.summary
    if (check := built.validation) is not None:
        facts.append(
            Fact(
                "objective on fresh scenarios",
                f"{check.objective_fresh:.2f}",
                f"against {check.objective_in_sample:.2f} on those that chose the lineups: "
                f"{less_or_more(check.shrinkage)} (+- {100 * check.shrinkage_se:.1f}); less is the winner's curse",
            )
        )
    if (stability := built.stability) is not None:
        facts.append(
            Fact(
                "resamples of scenarios with the same best lineup",
                f"{stability.same_lineup_share:.0%}",
                f"of {stability.n_resamples}; winners overlap with it by {stability.jaccard_mean:.2f} "
                f"(Jaccard), its objective varies by {100 * stability.objective_cv:.1f} % and looks "
                f"{stability.optimism_points:.2f} points better than it is",
            )
        )
    if summary.diversity is not None:
        facts.append(
            Fact(
                "overlap of lineups",
                f"{summary.diversity.jaccard_mean:.2f}",
                f"mean Jaccard index of pairs (0 none, 1 equal); any two differ in "
                f"{summary.diversity.min_distinct_drivers} drivers or more",
            )
        )
    return facts


def _field_facts(result: JobResult) -> list[Fact]:
    field = result.simulation.field
    return [
        Fact(
            "field against projected ownership",
            f"{field.max_ownership_error:.2f} points",
            "greatest distance of any driver between the simulated field and the projection",
        ),
        Fact(
            "unique lineups in the field",
            f"{100 * field.unique_share:.1f} %",
            "expected share of opponents whose lineup nobody else plays",
        ),
        Fact(
            "most played lineup",
            f"{field.max_expected_copies:.1f} copies",
            "expected entries of opponents with the same lineup",
        ),
        Fact("salary used by the field", f"${field.mean_salary_dollars:,.0f}", "mean over opponents"),
        Fact("rake", f"{result.contest.rake:.1%}", "share of the fees that is not paid out as prizes"),
        Fact(
            "simulated contests",
            f"{result.simulation.n_scenarios:,} races, {result.simulation.n_fields} fields",
            "races are dealt out evenly among fields drawn from the ownership's uncertainty",
        ),
    ]


def recipe(result: JobResult) -> dict[str, str]:
    """Versions, seeds and hashes: with these and the input files the run can be repeated."""
    document = result_document(result)
    groups = {"version": document["versions"], "seed": document["seeds"], "hash": document["hashes"]}
    return {f"{group}: {name}": str(value) for group, items in groups.items() for name, value in items.items()}


def warnings(result: JobResult) -> tuple[str, ...]:
    """What a careful user should know."""
    report = result.import_report
    guesses = (f"guessed: {pair.salary_name} = {pair.sheet_name}" for pair in report.matched if pair.match == "guess")
    sources = (
        guesses,
        report.warnings,
        result.ownership.warnings,
        result.simulation.field.warnings,
        result.portfolio.summary.warnings,
    )
    return tuple(dict.fromkeys(text for source in sources for text in source))
