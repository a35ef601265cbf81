import json

import pytest

from pitwall.config import Contest, PrizeShape
from pitwall.errors import InvalidInputError, NotFoundError
from pitwall.files import to_json
from pitwall.results import same_findings
from pitwall.runs import RunStore
from pitwall.types.contests import PrizeRow, PrizeTable
from tests.unit.report.runs import job_config, named_report, race, store_run


@pytest.mark.parametrize(
    "prizes", [PrizeShape(first_share=0.4), PrizeTable((PrizeRow(1, 1, 500), PrizeRow(2, 9, 50))), "1st $5\n2nd $1"]
)
def test_settings_come_back_as_they_were(tmp_path, prizes):
    config = job_config(contest=Contest(6, 5.0, prizes))
    run = RunStore(tmp_path).get(store_run(tmp_path, config))
    assert run.config.contest == config.contest
    assert to_json(run.config.portfolio) == to_json(config.portfolio)
    assert run.race == race()
    assert run.config.salaries == run.folder / "salaries.csv"
    assert run.config.race_sheet is None
    assert run.report["title"] == named_report().title


def test_a_run_is_found_by_the_beginning_of_its_id(tmp_path):
    store, run_id = RunStore(tmp_path), store_run(tmp_path)
    assert store.get("latest").run_id == store.get("2026").run_id == store.get(run_id).run_id == run_id
    assert [run.run_id for run in store.list()] == [run_id]


@pytest.mark.parametrize("wanted", ["latest", "2026", "", "../..", "nothing"])
def test_a_run_that_is_not_there_is_not_found(tmp_path, wanted):
    with pytest.raises(NotFoundError):
        RunStore(tmp_path).get(wanted)


@pytest.mark.parametrize("content", ["", "[]", "{", "{}", json.dumps({"config": {"race_id": 5}})])
def test_a_damaged_run_is_named(tmp_path, content):
    run_id = store_run(tmp_path)
    (tmp_path / "runs" / run_id / "run.json").write_text(content)
    with pytest.raises(InvalidInputError, match=r"run\.json"):
        RunStore(tmp_path).get(run_id)
    told = []
    assert RunStore(tmp_path).list(told.append) == []
    assert len(told) == 1


def test_a_data_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("here")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidInputError, match="is no folder"):
            RunStore(folder).list()
    assert RunStore(tmp_path / "not there yet").list() == []


def test_findings_are_the_same_whichever_way_they_were_proven():
    def document(**certificate):
        return {"lineups": [{"roi": 0.1, "certificate": {"objective": 300.0, **certificate}}], "seeds": {"contest": 1}}

    table, branch = document(method="table", lineups_covered=9), document(method="branch_and_bound", lineups_covered=7)
    assert same_findings(table, branch)
    assert not same_findings(table, document(method="table", lineups_covered=9, objective=299.95))
    assert not same_findings(table, {**branch, "seeds": {"contest": 2}})
    assert table["lineups"][0]["certificate"]["method"] == "table"
