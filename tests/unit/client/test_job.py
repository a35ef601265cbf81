"""Which scenarios each stage of the main job sees."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from pitwall._decode import decode
from pitwall.config import Contest, PortfolioConfig
from pitwall.errors import InfeasibleError, InvalidInputError
from pitwall.job import JobConfig, SelectRule, run_job
from pitwall.optimizer.v1 import portfolio_pb2
from pitwall.tracks import find_track
from pitwall.types.portfolio import Portfolio, PortfolioSummary
from tests.conftest import REPOSITORY

TRACK, LAPS = find_track("phoenix", 0)
EXPOSED = portfolio_pb2.Exposure(name="1", n_lineups=2, max_lineups=3)


def job(**changes):
    return JobConfig(
        "race", REPOSITORY / "examples" / "DKSalaries.csv", None, TRACK, LAPS, Contest(100, 5.0), **changes
    )


@pytest.fixture
def client():
    """A stack that answers with nothing, but for a portfolio that bounds one driver."""
    client = MagicMock()
    race = SimpleNamespace(race_id="race", names_by_id={"1": "One"}, starters=())
    client.races.import_files.return_value = (race, None)
    client.scenarios.generate.side_effect = lambda race_id, _n, seed, on_progress: SimpleNamespace(
        race_id=race_id, scenario_set_id=seed, on_progress=on_progress
    )
    summary = portfolio_pb2.PortfolioSummary(n_requested=6, n_built=6, driver_exposures=[EXPOSED])
    client.optimizer.build.return_value = Portfolio(lineups=(), summary=decode(PortfolioSummary, summary))
    client.contests.select_entries.return_value.lineups = ()
    return client


@pytest.mark.parametrize("select", SelectRule)
def test_what_is_judged_is_judged_on_races_that_did_not_make_it(client, select):
    """Lineups are made on one set, selected on another, and played on a third; the first stays the newest."""
    run_job(client, job(seed=7, select=select))

    def seen(stage):
        return stage.call_args.kwargs["scenario_set_id"]

    made = [seen(client.optimizer.build), seen(client.contests.simulate)]
    if select is SelectRule.EQUITY:
        made.append(seen(client.contests.select_entries))
    assert len({*made}) == len(made)
    assert seen(client.ownership.project) == made[0] == client.scenarios.generate.call_args.kwargs["seed"] == 7
    assert client.scenarios.generate.call_count == len(made)


def test_entries_are_selected_under_the_exposures_of_the_pool(client):
    found = run_job(client, job(select=SelectRule.EQUITY, portfolio=PortfolioConfig(n_lineups=2)))
    (limit,) = client.contests.select_entries.call_args.kwargs["limits"]
    assert (limit.driver_ids, limit.max, limit.name) == (("1",), 0.5, "One")
    assert found.built is found.pool is client.optimizer.build.return_value
    assert (found.portfolio.summary.n_requested, found.portfolio.summary.n_built) == (2, 0)


def test_soft_exposures_give_way_where_no_selection_keeps_them(client):
    answer = client.contests.select_entries.return_value
    client.contests.select_entries.side_effect = [InfeasibleError("none"), answer]
    run_job(client, job(select=SelectRule.EQUITY, portfolio=PortfolioConfig(n_lineups=2, soft_exposures=True)))
    first, second = client.contests.select_entries.call_args_list
    assert (len(first.kwargs["limits"]), len(second.kwargs["limits"])) == (1, 0)
    client.contests.select_entries.side_effect = InfeasibleError("none")
    with pytest.raises(InfeasibleError):
        run_job(client, job(select=SelectRule.EQUITY, portfolio=PortfolioConfig(n_lineups=2)))


def test_least_shares_are_refused_where_entries_are_selected_before_any_work(client):
    portfolio = PortfolioConfig(n_lineups=2, driver_exposures={"1": (0.2, 0.5)})
    with pytest.raises(InvalidInputError, match="least shares are kept by select='tail' only"):
        run_job(client, job(select=SelectRule.EQUITY, portfolio=portfolio))
    assert client.mock_calls == []
    run_job(client, job(select=SelectRule.TAIL, portfolio=portfolio))
