"""What operators meet when the storage of a service fails: exit codes, and what health says."""

import os
import subprocess
import sys

import pytest

from tests.system.command import pitwall

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def damaged(tmp_path):
    """A data folder whose races are no database."""
    path = tmp_path / "data" / "scenario" / "scenario.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"notes of another program" * 100)
    return tmp_path / "data"


def test_damaged_records_end_a_verb_with_code_3(damaged):
    told = pitwall("--data-dir", damaged, "race", "list", "--json")
    assert told.code == 3
    assert told.violations["reason"] == "STORAGE_DAMAGED"
    assert "put a backup in its place" in told.violations["message"]


def test_damaged_records_end_the_start_of_a_service_with_code_3(damaged):
    environment = os.environ | {"PITWALL_SCENARIO_PORT": "0", "PITWALL_SCENARIO_DATA_DIR": str(damaged / "scenario")}
    command = [sys.executable, "-m", "services.scenario"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 3
    assert "scenario.db is damaged" in ended.stderr
