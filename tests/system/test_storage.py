"""What operators meet when the storage of a service fails: exit codes, and what health says."""

import os
import subprocess
import sys

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pitwall.rpc import open_channel
from tests.system.command import pitwall
from tests.system.processes import start

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


def test_health_of_a_running_service_follows_its_storage_down_and_up_again(tmp_path):
    folder = tmp_path / "scenario"
    settings = {"PORT": "0", "DATA_DIR": str(folder), "PROBE_SECONDS": "0.1"}
    service = start("services.scenario", {f"PITWALL_SCENARIO_{name}": value for name, value in settings.items()})
    try:
        with open_channel(service.address) as channel:
            watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
            told = [next(watched).status]
            aside = folder.rename(tmp_path / "aside")
            told.append(next(watched).status)
            aside.rename(folder)
            told.append(next(watched).status)
        assert service.terminate() == 0
    finally:
        service.process.kill()
    statuses = health_pb2.HealthCheckResponse
    assert told == [statuses.SERVING, statuses.NOT_SERVING, statuses.SERVING]
    (failed,) = service.lines_with("storage fails")
    assert "scenario.db is not there any more" in failed
    assert len(service.lines_with("storage works again")) == 1
