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
from pitwall.types.portfolio import Portfolio, PortfolioLineup, PortfolioSummary
from tests.conftest import EXAMPLES

TRACK, LAPS = find_track("phoenix", 0)
EXPOSED = portfolio_pb2.Exposure(name="1", n_lineups=2, max_lineups=3)


def job(**changes):
    return JobConfig("race", EXAMPLES / "DKSalaries.csv", None, TRACK, LAPS, Contest(100, 5.0), **changes)


@pytest.fixture
def client():
    """A stack that answers with nothing, but for a portfolio that bounds one driver."""
    client = MagicMock()
    race = SimpleNamespace(race_id="race", names_by_id={"1": "One"}, starters=())
    client.races.import_files.return_value = (race, None)
    client.scenarios.generate.side_effect = lambda race_id, _n, seed, on_progress: SimpleNamespace(
        race_id=race_id, scenario_set_id=seed, on_progress=on_progress
    )
    client.optimizer.build.return_value = pool_of()
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


def lineup(index, *driver_ids):
    message = portfolio_pb2.PortfolioLineup(index=index, certificate={"proven_optimal": True})
    message.lineup.driver_ids.extend(driver_ids)
    return decode(PortfolioLineup, message)


def pool_of(*rosters):
    summary = portfolio_pb2.PortfolioSummary(n_requested=6, n_built=len(rosters), driver_exposures=[EXPOSED])
    lineups = tuple(lineup(index, *ids) for index, ids in enumerate(rosters))
    return Portfolio(lineups, decode(PortfolioSummary, summary))


def answer(*rosters):
    return SimpleNamespace(lineups=[SimpleNamespace(driver_ids=ids) for ids in rosters])


def equity(**portfolio):
    return job(select=SelectRule.EQUITY, portfolio=PortfolioConfig(n_lineups=2, **portfolio))


def test_entries_are_selected_under_the_exposures_of_the_pool(client):
    pool = client.optimizer.build.return_value = pool_of(("1", "2"), ("1", "3"), ("2", "3"))
    client.contests.select_entries.return_value = answer(("2", "3"), ("1", "2"))
    found = run_job(client, equity())
    (limit,) = client.contests.select_entries.call_args.kwargs["limits"]
    assert (limit.driver_ids, limit.max, limit.name) == (("1",), 0.5, "One")
    assert found.built is found.pool is pool
    assert [item.driver_ids for item in found.portfolio.lineups] == [("2", "3"), ("1", "2")]
    assert (found.portfolio.summary.n_requested, found.portfolio.summary.n_built) == (2, 2)
    assert found.portfolio.summary.warnings == ()


@pytest.mark.parametrize(
    ("soft", "entered"), [(False, [("1", "2")]), (True, [("1", "2"), ("1", "3")])], ids=["hard", "soft"]
)
def test_where_no_choice_keeps_the_exposures_the_first_that_do_are_entered(client, soft, entered):
    """What was built is not lost; soft exposures give way, hard ones leave fewer entries than wanted."""
    client.optimizer.build.return_value = pool_of(("1", "2"), ("1", "3"))
    impossible = InfeasibleError("none", metadata={"conflict": "One; uniques"})
    client.contests.select_entries.side_effect = [impossible, answer(*entered)]
    summary = run_job(client, equity(soft_exposures=soft)).portfolio.summary
    _, again = client.contests.select_entries.call_args_list
    assert again.args[1] == len(entered)
    assert (again.kwargs["pool"], again.kwargs["limits"]) == (entered, ())
    assert (summary.n_requested, summary.n_built) == (2, len(entered))
    assert f"entered are the first {len(entered)}, not" in summary.warnings[0]
    assert summary.conflicting_rules == ("One", "uniques"), "it was no want of time"
    assert summary.broken_exposures == (("exposure of One",) if soft else ())


def test_least_shares_are_refused_where_entries_are_selected_before_any_work(client):
    portfolio = PortfolioConfig(n_lineups=2, driver_exposures={"1": (0.2, 0.5)})
    with pytest.raises(InvalidInputError, match="least shares are kept by select='tail' only"):
        run_job(client, job(select=SelectRule.EQUITY, portfolio=portfolio))
    assert client.mock_calls == []
    run_job(client, job(select=SelectRule.TAIL, portfolio=portfolio))
