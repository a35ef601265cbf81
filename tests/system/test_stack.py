"""Four services as separate processes: the main job through the SDK, grpcurl, drain, and a service that dies."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pitwall
from pitwall.config import PortfolioConfig
from pitwall.job import JobConfig, run_job
from pitwall.results import result_document, write_outputs
from pitwall.runs import RunStore
from pitwall.tracks import find_track
from tests.conftest import EXAMPLES, REPOSITORY
from tests.system.processes import deployed_stack

SERVICE_NAMES = {
    "scenario": "pitwall.scenario.v1.ScenarioService",
    "ownership": "pitwall.ownership.v1.OwnershipService",
    "optimizer": "pitwall.optimizer.v1.OptimizerService",
    "contestsim": "pitwall.contestsim.v1.ContestSimService",
}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with deployed_stack(tmp_path_factory.mktemp("stack")) as services:
        yield services


@pytest.fixture(scope="module")
def client(stack):
    with pitwall.connect(**{name: service.address for name, service in stack.items()}) as client:
        yield client


def sample_job(**changes):
    track, laps = find_track("phoenix")
    settings = {
        "race_id": "sample",
        "salaries": EXAMPLES / "DKSalaries.csv",
        "race_sheet": EXAMPLES / "race_sheet.csv",
        "track": track,
        "laps": laps,
        "contest": pitwall.Contest(1_005, 5.0),
        "portfolio": PortfolioConfig(n_lineups=5),
        "n_scenarios": 2_000,
    }
    return JobConfig(**(settings | changes))


@pytest.fixture(scope="module")
def result(client):
    return run_job(client, sample_job(portfolio=PortfolioConfig(n_lineups=5, shortage="fall_back")))


def test_the_main_job_runs_across_processes(result, tmp_path):
    assert len(result.portfolio.lineups) == 5
    assert result.portfolio.summary.all_proven
    assert abs(result.ownership.total_percent - 600) < 1e-6
    lineups_path, result_path = write_outputs(result, tmp_path)
    header, *rows = lineups_path.read_text().splitlines()
    assert header == "D,D,D,D,D,D"
    assert len(rows) == 5
    document = json.loads(result_path.read_text())
    assert {"drivers", "salary", "objective", "upper_bound", "proven_optimal", "cvar_99", "mean", "roi"} <= set(
        document["lineups"][0]
    )


def test_a_run_keeps_the_files_that_it_used(client, tmp_path):
    files = {"salaries": tmp_path / "DKSalaries.csv", "race_sheet": tmp_path / "race_sheet.csv"}
    used = {role: (EXAMPLES / path.name).read_bytes() for role, path in files.items()}
    for role, path in files.items():
        path.write_bytes(used[role])

    def save_over(stage):
        if stage == "scenarios":
            files["salaries"].write_text("of another slate")
            files["race_sheet"].unlink()

    small = {"race_id": "kept", "n_scenarios": 500, "portfolio": PortfolioConfig(n_lineups=1)}
    result = run_job(client, sample_job(**files, **small), on_stage=save_over)
    run = RunStore(tmp_path).save(result, {})
    assert {role: getattr(run.config, role).read_bytes() for role in files} == used
    hashes = {role: hashlib.sha256(content).hexdigest() for role, content in used.items()}
    assert {file.role: file.sha256 for file in run.inputs} == hashes


def test_an_embedded_stack_gives_the_same_answers(result, tmp_path):
    with pitwall.local(tmp_path) as local:
        embedded = run_job(local, result.config)
    ours, theirs = result_document(embedded), result_document(result)
    assert ours["hashes"] == theirs["hashes"]
    for mine, other in zip(ours["lineups"], theirs["lineups"], strict=True):
        assert mine["drivers"] == other["drivers"]
        assert mine["objective"] == other["objective"]
        assert mine["roi"] == pytest.approx(other["roi"], rel=1e-12)


def test_the_matrix_is_the_one_the_summary_speaks_of(client, result):
    matrix = client.scenarios.matrix("sample", result.scenario_set.scenario_set_id)
    summary = client.scenarios.summary("sample", result.scenario_set.scenario_set_id)
    assert matrix.points.shape == (2_000, len(summary.drivers))
    assert matrix.points.mean(axis=0) == pytest.approx([driver.mean_points for driver in summary.drivers], abs=1e-3)


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_the_command_line_prints_its_settings(name):
    module = {"contestsim": "services.contest_sim"}.get(name, f"services.{name}")
    printed = subprocess.run(
        [sys.executable, "-m", module, "--print-config"], capture_output=True, text=True, check=True
    )
    assert json.loads(printed.stdout)["max_concurrent_rpcs"] > 0


def grpcurl(*arguments):
    tool = shutil.which("grpcurl") or str(REPOSITORY / "build" / "bin" / "grpcurl")
    if not Path(tool).exists():
        pytest.skip("grpcurl is not on PATH")
    return subprocess.run([tool, "-plaintext", *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_grpcurl_lists_and_describes(stack, name):
    listed = grpcurl(stack[name].address, "list")
    assert SERVICE_NAMES[name] in listed.stdout.split(), listed.stderr
    described = grpcurl(stack[name].address, "describe", SERVICE_NAMES[name])
    assert "rpc " in described.stdout, described.stderr
    health = grpcurl(
        "-d", json.dumps({"service": SERVICE_NAMES[name]}), stack[name].address, "grpc.health.v1.Health/Check"
    )
    assert json.loads(health.stdout) == {"status": "SERVING"}


def call(stack, name, method, request):
    return grpcurl("-d", json.dumps(request), stack[name].address, f"{SERVICE_NAMES[name]}/{method}")


@pytest.mark.usefixtures("result")
def test_grpcurl_calls_every_service(stack):
    race = json.loads(call(stack, "scenario", "GetRace", {"race_id": "sample"}).stdout)["race"]
    assert race["race_id"] == "sample"
    projection = json.loads(call(stack, "ownership", "ProjectOwnership", {"race_id": "sample"}).stdout)["projection"]
    assert projection["total_percent"] == pytest.approx(600)
    counts = json.loads(call(stack, "optimizer", "DescribeUniverse", {"race_id": "sample"}).stdout)
    assert int(counts["n_legal_lineups"]) > 100_000
    contest = {"n_entries": 100, "entry_fee_cents": 500, "shape": {}}
    prizes = json.loads(call(stack, "contestsim", "ResolvePrizes", {"contest": contest}).stdout)
    assert int(prizes["pool_cents"]) <= 50_000


def test_grpcurl_shows_what_is_wrong(stack):
    answer = call(stack, "scenario", "GetRace", {"race_id": "../secret"})
    assert answer.returncode != 0
    assert "InvalidArgument" in answer.stderr
    assert "race_id" in answer.stderr


def test_buf_curl_calls_by_reflection(stack):
    buf = Path(sys.executable).parent / "buf"
    url = f"http://{stack['scenario'].address}/{SERVICE_NAMES['scenario']}/ListRaces"
    answer = subprocess.run(
        [str(buf), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect", "-d", "{}", url],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"HOME": os.environ.get("HOME", "/tmp")},
    )
    assert answer.returncode == 0, answer.stderr


def test_a_log_line_says_who_asked_what_and_how_it_went(stack, client):
    with pytest.raises(pitwall.NotFoundError):
        client.races.get("nowhere")
    entries = [json.loads(line) for line in stack["scenario"].lines_with('"nowhere"')]
    assert entries[-1]["code"] == "NOT_FOUND"
    assert entries[-1]["method"] == "GetRace"
    assert {"request_id", "milliseconds", "peer"} <= set(entries[-1])


def test_a_dead_service_is_unavailable_to_clients_and_to_its_peers(tmp_path):
    with deployed_stack(tmp_path) as services:
        addresses = {name: service.address for name, service in services.items()}
        with pitwall.connect(**addresses) as client:
            run_job(client, sample_job(portfolio=PortfolioConfig(n_lineups=2, shortage="fall_back")))
            services["ownership"].process.kill()
            services["ownership"].process.wait()
            with pytest.raises(pitwall.UnavailableError):
                client.ownership.project("sample")
            with pytest.raises(pitwall.UnavailableError):
                _simulate_cheapest(client)


def _simulate_cheapest(client):
    portfolio = client.scenarios.summary("sample")
    ids = [driver.driver_id for driver in sorted(portfolio.drivers, key=lambda driver: driver.mean_points)[:6]]
    client.contests.simulate("sample", [ids], pitwall.Contest(100, 5.0))


def test_sigterm_drains_and_exits_cleanly(tmp_path):
    with deployed_stack(tmp_path) as services:
        for service in reversed(list(services.values())):
            assert service.terminate() == 0, "".join(service.log[-20:])
            assert service.lines_with('"stopped"')
