"""Which scenarios each stage of the main job sees."""

from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from pitwall.config import Contest
from pitwall.job import JobConfig, SelectRule, run_job
from pitwall.tracks import find_track
from pitwall.types.portfolio import Portfolio


@pytest.mark.parametrize("select", SelectRule)
def test_what_is_judged_is_judged_on_races_that_did_not_make_it(select):
    """Lineups are made on one set, selected on another, and played on a third; the first stays the newest."""
    client = MagicMock()
    client.races.import_files.return_value = (SimpleNamespace(race_id="race", names_by_id={}), None)
    client.scenarios.generate.side_effect = lambda race_id, _n, seed, on_progress: SimpleNamespace(
        race_id=race_id, scenario_set_id=seed, on_progress=on_progress
    )
    client.optimizer.build.return_value = Portfolio(lineups=(), summary=None)
    client.contests.select_entries.return_value.lineups = ()
    track, laps = find_track("phoenix", 0)
    run_job(client, JobConfig("race", Path("a"), None, track, laps, Contest(100, 5.0), seed=7, select=select))

    def seen(stage):
        return stage.call_args.kwargs["scenario_set_id"]

    made = [seen(client.optimizer.build), seen(client.contests.simulate)]
    if select is SelectRule.EQUITY:
        made.append(seen(client.contests.select_entries))
    assert len({*made}) == len(made)
    assert seen(client.ownership.project) == made[0] == client.scenarios.generate.call_args.kwargs["seed"] == 7
    assert client.scenarios.generate.call_count == len(made)
