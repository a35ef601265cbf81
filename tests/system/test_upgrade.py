"""Data folders of other versions, opened by the command line."""

import pytest
import sqlalchemy as sa

from services.common.sql import open_engine
from tests.system.command import pitwall
from tests.unit.common.old_databases import (
    OWNERSHIP,
    SCENARIO_WITHOUT_REQUEST_TIME,
    fill_ownership,
    fill_scenario,
    make_tables,
    old_record,
)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def data_dir(tmp_path):
    """A folder as the first version left it: the ownership file lay beside the folders of the services."""
    folder = tmp_path / "data"
    (folder / "scenario").mkdir(parents=True)
    fill_scenario(make_tables(f"sqlite:///{folder / 'scenario' / 'scenario.db'}", SCENARIO_WITHOUT_REQUEST_TIME))
    fill_ownership(make_tables(f"sqlite:///{folder / 'ownership.sqlite'}", OWNERSHIP), old_record("a", "c1"))
    return folder


def test_an_older_folder_is_upgraded_and_goes_on(data_dir):
    for _ in range(2):
        assert [race["race_id"] for race in pitwall("--data-dir", data_dir, "race", "list", "--json").json] == ["a"]
        records = pitwall("--data-dir", data_dir, "ownership", "records", "--json").json
        assert [(record["race_id"], record["contest_id"]) for record in records] == [("a", "c1")]
    made = pitwall("--data-dir", data_dir, "scenarios", "generate", "a", "--n", 200, "--json").json
    summary = pitwall("--data-dir", data_dir, "scenarios", "summary", "a", "--json")
    assert made["scenario_set_id"] in summary.out


@pytest.mark.parametrize("service", ["scenario", "ownership"])
def test_a_newer_folder_is_refused_with_code_2(data_dir, service):
    pitwall("--data-dir", data_dir, "race", "list")
    engine = open_engine(f"sqlite:///{data_dir / service / f'{service}.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {service}_schema SET version_num = '0999'"))
    engine.dispose()
    for verb in (("race", "list"), ("serve", "--port", "0")):
        told = pitwall("--data-dir", data_dir, *verb)
        assert told.code == 2
        assert f"{service}.db was written by a newer version of Pitwall" in told.err
        assert "PITWALL_DATA_DIR" in told.err
    assert pitwall("--data-dir", data_dir, "race", "list", "--json").violations["reason"] == "FAILED_PRECONDITION"
