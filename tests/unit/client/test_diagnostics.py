"""What the command line says of a portfolio below its lineups: all that the summary holds."""

from types import SimpleNamespace

import pytest

from pitwall._decode import decode
from pitwall.cli import _lineups
from pitwall.cli._lineups import print_diagnostics
from pitwall.contestsim.v1 import contest_pb2
from pitwall.optimizer.v1 import portfolio_pb2
from pitwall.report.facts import diagnostics, headlines
from pitwall.types.contests import ContestResult, FieldReport
from pitwall.types.portfolio import Portfolio, PortfolioSummary


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(_lineups.output, "print", lambda line, **_: lines.append(line))
    return lines


def summary(**fields):
    return Portfolio((), decode(PortfolioSummary, portfolio_pb2.PortfolioSummary(n_built=2, **fields)))


def test_gains_are_told_apart_and_the_cost_of_the_stack_is_stated(said):
    baseline = portfolio_pb2.BaselineReport(tail_gain_points=13.45, built_gain_points=6.8, stack_cost_points=6.65)
    print_diagnostics(summary(baseline=baseline))
    assert "the best one built gains +6.80" in said[1]
    assert "the best without rules +13.45" in said[1]
    assert said[2:] == ["the stack rule costs 6.65 points of the best lineup's objective"]


@pytest.mark.parametrize(
    ("warnings", "lines"),
    [
        ([], ["the stack rule costs 0.00 points of the best lineup's objective"]),
        (["time ran out: the cost of the stack rule is not known"], []),
    ],
)
def test_a_stack_that_costs_nothing_is_said_to_unless_time_ran_out(said, warnings, lines):
    baseline = portfolio_pb2.BaselineReport(tail_gain_points=1.0, built_gain_points=1.0)
    print_diagnostics(summary(baseline=baseline, warnings=warnings), stacked=True)
    assert said[2:] == lines


def test_reports_that_the_summary_holds_are_shown(said):
    validation = portfolio_pb2.ValidationReport(
        objective_in_sample=300, objective_fresh=294, shrinkage=0.02, shrinkage_se=0.006, n_scenarios=10_000
    )
    stability = portfolio_pb2.StabilityReport(
        n_resamples=20,
        objective_cv=0.013,
        same_lineup_share=0.65,
        jaccard_mean=0.8,
        optimism_points=1.25,
        n_contenders=70,
    )
    print_diagnostics(
        summary(
            validation=validation,
            stability=stability,
            regimes=[portfolio_pb2.RegimeReport(regime="chaos", n_scenarios=2_500, n_lineups=1, objective_mean=310)],
        )
    )
    assert said[1:] == [
        "regime chaos: 1 lineup on 2,500 scenarios, objective 310.00, mean 0.00",
        "on 10,000 fresh scenarios: objective 294.00 instead of 300.00, 2.0 % less (+- 0.6)",
        "over 20 resamples: the objective of the best lineup varies by 1.3 %, of 70 contenders it stays best in 65 %, "
        "winners overlap with it by 0.80 (Jaccard), it looks 1.25 points better than it is",
    ]


def test_nothing_is_said_of_what_the_summary_lacks(said):
    print_diagnostics(summary())
    assert len(said) == 1


@pytest.mark.parametrize(
    ("n_allowed", "line", "claim", "fact"),
    [
        (1_234, "best of 1,234 allowed lineups (5,000 legal)", "none of the 1,234 allowed lineups", "1,234"),
        (0, "best of all allowed lineups (5,000 legal)", "none of the allowed lineups", "not counted"),
    ],
)
def test_allowed_lineups_that_cannot_be_counted_are_not_called_none(said, n_allowed, line, claim, fact):
    portfolio = summary(n_legal_lineups=5_000, n_allowed_lineups=n_allowed)
    print_diagnostics(portfolio)
    assert said[0].startswith(line)
    contest = decode(ContestResult, contest_pb2.ContestResult())
    simulation = SimpleNamespace(field=decode(FieldReport, contest_pb2.FieldReport()), n_scenarios=1, n_fields=1)
    result = SimpleNamespace(portfolio=portfolio, built=portfolio, pool=None, contest=contest, simulation=simulation)
    assert claim in {item.name: item.meaning for item in headlines(result)}["proven optimal"]
    assert {item.name: item.value for item in diagnostics(result)}["allowed lineups"] == fact
