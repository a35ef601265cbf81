"""Data folders of other versions, opened by the command line."""

import os
import subprocess
import sys

import pytest
import sqlalchemy as sa

from services.common.sql import open_engine
from tests.system.command import Outcome, pitwall
from tests.unit.common.old_databases import (
    OWNERSHIP,
    SCENARIO_WITHOUT_REQUEST_TIME,
    fill_ownership,
    fill_scenario,
    make_tables,
    old_record,
)

pytestmark = pytest.mark.timeout(300)


def alone(service, settings):
    """How a service ends that is run by itself and cannot start."""
    ours = {f"PITWALL_{service}_{name}".upper(): value for name, value in ({"port": "0"} | settings).items()}
    command = [sys.executable, "-m", f"services.{service}"]
    done = subprocess.run(command, env=os.environ | ours, capture_output=True, text=True, timeout=60, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"log_level": "loud"}, "PITWALL_OWNERSHIP_LOG_LEVEL"),
        ({"database_url": "nonsense"}, "is no URL of a database"),
        ({"tls_key_path": "/no/key", "tls_certificate_path": "/no/chain"}, "cannot read /no/key"),
    ],
)
def test_a_service_by_itself_ends_with_code_2_where_a_setting_is_not_right(settings, says):
    told = alone("ownership", settings)
    assert told.code == 2
    assert says in told.err
    assert "Traceback" not in told.err


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
    told = [pitwall("--data-dir", data_dir, *verb) for verb in (("race", "list"), ("serve", "--port", "0"))]
    for one in (*told, alone(service, {"DATA_DIR": str(data_dir / service)})):
        assert one.code == 2
        assert f"{service}.db was written by a newer version of Pitwall" in one.err
        assert "PITWALL_DATA_DIR" in one.err
        assert "Traceback" not in one.err
    assert pitwall("--data-dir", data_dir, "race", "list", "--json").violations["reason"] == "FAILED_PRECONDITION"


@pytest.mark.parametrize("setting", ["DATA_DIR", "MATRIX_URL"])
def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(setting):
    told = alone("scenario", {setting: "/proc/none"})
    assert told.code == 2
    assert told.err.startswith("cannot start: /proc/none")
    assert f"PITWALL_SCENARIO_{setting}" in told.err
    assert "Traceback" not in told.err
