"""Records and their migrations in a real PostgreSQL server; skipped where it is not installed."""

import contextlib
import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

import pitwall
from pitwall.tracks import find_track
from services.common.domain.errors import FailedPrecondition, InvalidInput, StorageReadOnly
from services.common.migration import upgrade
from services.common.rpc.peers import ScenarioPeer
from services.common.rpc.testing import serve
from services.common.sql import open_engine
from services.ownership import __main__ as ownership
from services.ownership.settings import OwnershipSettings
from services.ownership.store import OwnershipStore, StoredModel
from services.scenario import __main__ as scenario
from services.scenario.records import Records
from services.scenario.settings import ScenarioSettings
from tests.conftest import EXAMPLES
from tests.unit.common.migrations import SERVICES, differences, revisions_that_end_with
from tests.unit.common.old_databases import (
    OWNERSHIP,
    SCENARIO_WITHOUT_REQUEST_TIME,
    SET_IDS,
    fill_ownership,
    fill_scenario,
    make_tables,
    old_record,
)


def server_program(name):
    found = shutil.which(name) or next(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), None)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed")
    return found


def as_server_user(*command):
    """The server refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """URL of an empty database."""
    initdb, pg_ctl = server_program("initdb"), server_program("pg_ctl")
    folder = tmp_path_factory.mktemp("postgres")
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    if os.geteuid() == 0:
        try:
            shutil.chown(folder, "postgres")
        except LookupError:
            pytest.skip("there is no user to run PostgreSQL as")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = folder / "cluster"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(as_server_user(initdb, "-A", "trust", "-U", "pitwall", "-D", str(cluster)), **quiet)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    start = (pg_ctl, "-D", str(cluster), "-o", options, "-l", str(folder / "log"), "-w", "start")
    subprocess.run(as_server_user(*start), **quiet)
    yield f"postgresql+psycopg://pitwall@127.0.0.1:{port}/postgres"
    with contextlib.suppress(subprocess.CalledProcessError):
        subprocess.run(as_server_user(pg_ctl, "-D", str(cluster), "-m", "immediate", "stop"), **quiet)


@contextlib.contextmanager
def services_on(database, folder):
    """Scenario and ownership with their records in the database."""
    settings = ScenarioSettings(data_dir=folder, database_url=database)
    with serve([scenario.build(settings)]) as channel:
        peer = ScenarioPeer(channel)
        with serve([ownership.build(OwnershipSettings(database_url=database), peer)]) as ownership_channel:
            yield channel, ownership_channel


def clients(channels):
    from pitwall._calls import Caller
    from pitwall._groups.ownership import Ownership
    from pitwall._groups.races import Races
    from pitwall._groups.scenarios import Scenarios
    from pitwall.ownership.v1.ownership_service_pb2_grpc import OwnershipServiceStub
    from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceStub

    stub, caller = ScenarioServiceStub(channels[0]), Caller()
    return Races(stub, caller), Scenarios(stub, caller), Ownership(OwnershipServiceStub(channels[1]), caller)


def test_records_outlive_the_services(database, tmp_path):
    track, laps = find_track("phoenix")
    examples = EXAMPLES
    with services_on(database, tmp_path) as channels:
        races, scenarios, projections = clients(channels)
        race, _ = races.import_files(
            "copper",
            salaries=examples / "DKSalaries.csv",
            race_sheet=examples / "race_sheet.csv",
            track=track,
            laps=laps,
        )
        made = scenarios.generate("copper", 500, seed=3)
        equal_share = 600 / len(race.starters)
        projections.record("copper", "c1", percent={driver.driver_id: equal_share for driver in race.starters})
    with services_on(database, tmp_path) as channels:
        races, scenarios, projections = clients(channels)
        assert [item.race_id for item in races.list()] == ["copper"]
        assert scenarios.get("copper") == made
        assert [record.contest_id for record in projections.records("copper")] == ["c1"]
        assert races.delete("copper") == 1
        with pytest.raises(pitwall.NotFoundError):
            races.get("copper")


@pytest.fixture
def empty(database):
    """URL of a database of its own, dropped afterwards."""
    server = sa.create_engine(database, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE old"))
    yield database.replace("/postgres", "/old")
    with server.connect() as connection:
        connection.execute(sa.text("DROP DATABASE old WITH (FORCE)"))
    server.dispose()


def test_an_old_database_is_upgraded_by_one_of_many(empty):
    """Nine replicas start at once on tables of the first shape; each finds what the records were."""
    fill_scenario(make_tables(empty, SCENARIO_WITHOUT_REQUEST_TIME))
    fill_ownership(make_tables(empty, OWNERSHIP), old_record())

    def start(_):
        records, store = Records(empty), OwnershipStore(open_engine(empty))
        found = [item.scenario_set_id for item in records.list_sets("a", 9, "")[0]], len(store.records())
        records.close()
        store.close()
        return found

    with ThreadPoolExecutor(9) as pool:
        assert list(pool.map(start, range(9))) == [(list(reversed(SET_IDS)), 1)] * 9
    for service, (_, metadata) in SERVICES.items():
        assert differences(open_engine(empty), service, metadata) == []


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty, tmp_path):
    engine = make_tables(empty, SCENARIO_WITHOUT_REQUEST_TIME)
    fill_scenario(engine)
    with pytest.raises(ZeroDivisionError):
        upgrade(engine, "scenario", revisions_that_end_with(tmp_path, "1 / 0"))
    assert sorted(sa.inspect(engine).get_table_names()) == ["races", "scenario_sets"]
    assert "request_time" not in {column["name"] for column in sa.inspect(engine).get_columns("scenario_sets")}
    engine.dispose()


def test_a_newer_database_is_refused_without_telling_its_password(empty):
    Records(empty).close()
    engine = sa.create_engine(empty)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE scenario_schema SET version_num = '0999'"))
    engine.dispose()
    with pytest.raises(FailedPrecondition, match=r"\*\*\*@127.* newer version") as refused:
        Records(empty.replace("pitwall@", "pitwall:secret@"))
    assert "secret" not in str(refused.value)


def test_a_probe_tells_a_server_that_takes_no_writes(empty):
    records = Records(empty)
    records.probe()
    records.close()
    standby = Records(f"{empty}?options=-c%20default_transaction_read_only%3Don")
    with pytest.raises(StorageReadOnly, match="may not be written"):
        standby.probe()
    standby.close()


def test_of_racing_writers_one_gets_the_contest(empty):
    """Each takes the contest for a race of its own; whoever comes second is told so."""
    store = OwnershipStore(open_engine(empty))
    records = [old_record(f"race{i}", "123", seed=i).record for i in range(12)]

    def stored(record):
        try:
            store.put_record(record)
        except InvalidInput:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(stored, records)) == 1
    store.close()


def test_of_models_fitted_at_once_one_is_active(empty):
    """Replicas fit the same records to the same model, or others to another."""
    store = OwnershipStore(open_engine(empty))
    models = [StoredModel(version, 1.0, True, 3, {}) for version in "abcab" * 8]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda model: store.put_model(model, {}), models))
    assert sorted(model.model_version for model in store.models()) == ["a", "b", "c"]
    assert sum(model.active for model in store.models()) == 1
    store.close()


def test_with_the_last_of_records_deleted_at_once_the_model_goes(empty):
    """Each of two that delete one of the last two records would otherwise see the other's still there."""
    store = OwnershipStore(open_engine(empty))
    for _ in range(8):
        records = [old_record(f"race{i}", f"{i}", seed=i).record for i in range(4)]
        for record in records:
            store.put_record(record)
        store.put_model(StoredModel("a", 1.0, True, 3, {}), {})
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda record: store.delete_record(record.race_id, record.contest_id), records))
        assert store.active_version() is None
    store.close()
