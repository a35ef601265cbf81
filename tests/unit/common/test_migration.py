"""Old databases are opened by today's code, newer ones refused, and no table changes without a revision."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from services.common.domain.errors import FailedPrecondition, InvalidInput
from services.common.migration import upgrade, version_table
from services.common.sql import open_engine
from services.ownership.store import OwnershipStore
from services.scenario import records as scenario_records
from services.scenario.records import Records
from tests.conftest import REPOSITORY
from tests.unit.common.migrations import SERVICES, differences, revisions_that_end_with
from tests.unit.common.old_databases import (
    OWNERSHIP,
    RACE,
    SCENARIO_WITH_REQUEST_TIME,
    SCENARIO_WITHOUT_REQUEST_TIME,
    SET_IDS,
    fill_ownership,
    fill_scenario,
    make_tables,
    old_record,
)

SHAPES = {
    "scenario, none": ("scenario", ()),
    "scenario, first": ("scenario", SCENARIO_WITHOUT_REQUEST_TIME),
    "scenario, request_time": ("scenario", SCENARIO_WITH_REQUEST_TIME),
    "ownership, none": ("ownership", ()),
    "ownership, first": ("ownership", OWNERSHIP),
}


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'records.db'}"


def dump(engine):
    """All that an SQLite file holds, as text."""
    with engine.connect() as connection:
        return list(connection.connection.dbapi_connection.iterdump())


@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_shape_it_had_a_database_gets_the_tables_of_the_code(shape, url):
    service, statements = SHAPES[shape]
    engine = make_tables(url, statements)
    revisions, metadata = SERVICES[service]
    upgrade(engine, service, revisions)
    assert differences(engine, service, metadata) == []
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.append_column(sa.Column("new", sa.Text)),
        lambda table: sa.Index("new", *list(table.columns)[-2:]),
        lambda table: table._columns.remove(list(table.columns)[-1]),
        lambda table: setattr(list(table.columns)[-1], "nullable", True),
    ],
    ids=["column", "index", "column dropped", "nullable"],
)
@pytest.mark.parametrize("service", SERVICES)
def test_the_comparison_sees_a_table_that_was_changed_without_a_revision(service, change, url):
    revisions, metadata = SERVICES[service]
    changed = sa.MetaData()
    for table in metadata.tables.values():
        change(table.to_metadata(changed))
    engine = open_engine(url)
    upgrade(engine, service, revisions)
    assert differences(engine, service, changed)


def test_races_and_sets_from_before_request_time_are_read_newest_first(url):
    fill_scenario(make_tables(url, SCENARIO_WITHOUT_REQUEST_TIME))
    records = Records(url)
    assert records.get_race("a").race == RACE
    sets, _ = records.list_sets("a", 9, "")
    assert [(item.scenario_set_id, item.n_scenarios, item.regimes) for item in sets] == [
        (set_id, 10, (("normal", 10),)) for set_id in reversed(SET_IDS)
    ]
    records.add_set(sets[-1])
    assert records.newest_set("a", sets[-1].versions).scenario_set_id == SET_IDS[0]
    assert sorted(records.delete_race("a")) == list(SET_IDS)


def test_sets_with_a_request_time_keep_it(url):
    later, earlier = "2026-02-02T00:00:00.000000+00:00", "2026-02-01T00:00:00.000000+00:00"
    fill_scenario(make_tables(url, SCENARIO_WITH_REQUEST_TIME), request_time=(later, earlier))
    assert [item.scenario_set_id for item in Records(url).list_sets("a", 9, "")[0]] == list(SET_IDS)


def test_records_and_models_from_before_revisions_are_read(url):
    old = [old_record("race1", "c1", seed=1), old_record("race2", "c2", seed=2)]
    fill_ownership(make_tables(url, OWNERSHIP), *old)
    store = OwnershipStore(open_engine(url))
    assert [record.record_id for record in store.records()] == [item.record.record_id for item in old]
    assert [record.picks for record in store.records()] == [item.record.picks for item in old]
    assert store.active_version() == "fit-a"
    same_picks = old_record("race3", "c3", seed=1).record
    with pytest.raises(InvalidInput, match="contest 'c1' of race 'race1'"):
        store.put_record(same_picks)


def test_the_file_of_the_first_place_is_taken_over_once(tmp_path):
    first = tmp_path / "ownership.sqlite"
    fill_ownership(
        make_tables(f"sqlite:///{first}", OWNERSHIP), old_record("race1", "c1"), old_record("race2", "c2", 2)
    )
    (tmp_path / "ownership").mkdir()
    place = f"sqlite:///{tmp_path / 'ownership' / 'ownership.db'}"
    newer = old_record("race1", "c1", seed=3)
    fill_ownership(make_tables(place, OWNERSHIP), newer, active="fit-b")
    before = dump(open_engine(f"sqlite:///{first}"))
    store = OwnershipStore(open_engine(place))
    assert {record.race_id: record.picks for record in store.records()} == {
        "race1": newer.record.picks,
        "race2": old_record("race2", "c2", 2).record.picks,
    }
    assert [(model.model_version, model.active) for model in store.models()] == [("fit-a", False), ("fit-b", True)]
    assert dump(open_engine(f"sqlite:///{first}")) == before
    store.delete_record("race2", "c2")
    assert [record.race_id for record in OwnershipStore(open_engine(place)).records()] == ["race1"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_newer_database_is_refused_and_left_alone(service, tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'newer.db'}")
    revisions, _ = SERVICES[service]
    upgrade(engine, service, revisions)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {version_table(service)} SET version_num = '0999'"))
    before = dump(engine)
    with pytest.raises(FailedPrecondition, match=r"newer\.db was written by a newer version .*0999.*PITWALL_DATA_DIR"):
        upgrade(engine, service, revisions)
    assert dump(engine) == before


def test_a_migration_that_fails_leaves_the_database_as_it_was(url, tmp_path):
    engine = make_tables(url, SCENARIO_WITHOUT_REQUEST_TIME)
    fill_scenario(engine)
    before = dump(engine)
    with pytest.raises(ZeroDivisionError):
        upgrade(engine, "scenario", revisions_that_end_with(tmp_path, "1 / 0"))
    assert dump(engine) == before
    upgrade(engine, "scenario", scenario_records.MIGRATIONS)
    assert len(Records(url).list_sets("a", 9, "")[0]) == 2


def test_a_migration_that_orphans_rows_is_undone(url, tmp_path):
    engine = make_tables(url, SCENARIO_WITHOUT_REQUEST_TIME)
    fill_scenario(engine)
    before = dump(engine)
    revisions = revisions_that_end_with(tmp_path, "")
    last = revisions / "v9999_last.py"
    last.write_text(last.read_text().replace("DELETE FROM scenario_sets", "DELETE FROM races").replace("op.drop", "#"))
    with pytest.raises(RuntimeError, match="scenario_sets"):
        upgrade(engine, "scenario", revisions)
    assert dump(engine) == before


def in_process(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


UPGRADE = (
    "import sys; from pathlib import Path; from services.common.migration import upgrade;"
    "from services.common.sql import open_engine; engine = open_engine(sys.argv[1]);"
    "print('ready', flush=True); sys.stdin.readline(); upgrade(engine, 'scenario', Path(sys.argv[2]))"
)


def test_a_process_that_dies_in_a_migration_leaves_the_database_as_it_was(url, tmp_path):
    engine = make_tables(url, SCENARIO_WITHOUT_REQUEST_TIME)
    fill_scenario(engine)
    before = dump(engine)
    process = in_process(UPGRADE, url, revisions_that_end_with(tmp_path, "os._exit(7)"))
    process.communicate(b"\n")
    assert process.returncode == 7
    assert dump(engine) == before


@pytest.mark.parametrize("statements", [(), SCENARIO_WITHOUT_REQUEST_TIME], ids=["new", "old"])
def test_processes_that_start_at_once_upgrade_once(statements, url):
    engine = make_tables(url, statements)
    if statements:
        fill_scenario(engine)
    else:
        engine.dispose()
        os.remove(url.removeprefix("sqlite:///"))
    processes = [in_process(UPGRADE, url, scenario_records.MIGRATIONS) for _ in range(5)]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 5
    assert len(Records(url).list_races(9, "")[0]) == bool(statements)


def test_threads_and_services_share_a_database(url):
    """Each service keeps its own account of its own tables."""

    def open_all(_):
        Records(url).close()
        OwnershipStore(open_engine(url)).close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(open_all, range(6)))
    for service, (_, metadata) in SERVICES.items():
        assert differences(open_engine(url), service, metadata) == []


def test_a_database_in_memory_is_made_whole():
    engine = open_engine("sqlite://")
    store = OwnershipStore(engine)
    store.put_record(old_record().record)
    assert json.loads(old_record().row["body"])["driver_ids"] == list(store.records()[0].driver_ids)
