"""What is found by looking at records that are sound, gone, damaged, locked or not to be written."""

import shutil
import sqlite3

import pytest
import sqlalchemy as sa

from services.common.database_file import watched_file
from services.common.database_probe import DatabaseProbe
from services.common.domain.errors import StorageDamaged, StorageReadOnly, Unavailable
from services.common.sql import open_engine


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "records.db"


def opened(url):
    """A database whose notes are of version 1, all in its file."""
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE notes_schema (version_num VARCHAR NOT NULL)"))
        connection.execute(sa.text("INSERT INTO notes_schema VALUES ('1')"))
        connection.execute(sa.text("CREATE TABLE notes (body TEXT)"))
        connection.execute(sa.text("INSERT INTO notes VALUES (:body)"), [{"body": "x" * 100_000}] * 5)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return engine


@pytest.fixture
def engine(path):
    engine = opened(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def probe(engine):
    return DatabaseProbe(engine, "notes")


def length_of_notes(engine):
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT sum(length(body)) FROM notes")).scalar()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///{path}"])
def test_sound_records_are_left_as_they_are(url, path):
    engine = opened(url.format(path=path))
    DatabaseProbe(engine, "notes")()
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM notes_schema")).scalars().all() == ["1"]


def test_records_that_are_gone_are_missed_and_not_made_anew(probe, path):
    aside = path.parent.rename(path.parent.with_name("aside"))
    with pytest.raises(Unavailable, match="is not there any more"):
        probe()
    assert not path.parent.exists()
    aside.rename(path.parent)
    probe()


def test_a_file_that_was_written_over_is_damaged_though_an_open_connection_remembers_it(probe, path, engine):
    assert length_of_notes(engine) == 500_000
    sound = path.read_bytes()
    path.write_bytes(b"notes of another program" * 100)
    with pytest.raises(StorageDamaged, match=r"records\.db is damaged"):
        probe()
    path.write_bytes(sound)
    probe()


def test_damage_that_a_call_has_met_is_looked_for_until_it_is_mended(probe, path, engine):
    sound = path.read_bytes()
    engine.dispose()
    path.write_bytes(sound[:-300_000] + b"\xaa" * 300_000)
    probe()
    with pytest.raises(StorageDamaged):
        length_of_notes(engine)
    for _ in range(2):
        with pytest.raises(StorageDamaged, match="put a backup in its place"):
            probe()
    path.write_bytes(sound)
    probe()


def test_records_that_may_not_be_written_are_told(path, engine):
    read_only = open_engine(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert length_of_notes(read_only) == 500_000
    with pytest.raises(StorageReadOnly, match="may not be written"):
        DatabaseProbe(read_only, "notes")()


def test_a_writer_that_holds_on_is_waited_for_as_calls_do(path, engine, monkeypatch):
    monkeypatch.setattr("services.common.sql._LOCK_WAIT_SECONDS", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    probe = DatabaseProbe(engine, "notes")
    with pytest.raises(Unavailable, match="locked"):
        probe()
    other.rollback()
    probe()


def test_a_look_at_records_in_memory_leaves_what_others_are_writing():
    engine = opened("sqlite://")
    probe = DatabaseProbe(engine, "notes")
    with engine.connect() as connection:
        connection.execute(sa.text("INSERT INTO notes VALUES ('kept')"))
        probe()
        connection.commit()
    assert length_of_notes(engine) == 500_004


def test_an_index_that_is_not_that_of_its_table_is_damage(path):
    engine = opened(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE INDEX by_body ON notes (length(body))")
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA writable_schema=ON")
        connection.exec_driver_sql(
            "UPDATE sqlite_schema SET sql = 'CREATE INDEX by_body ON notes (-length(body))' WHERE name = 'by_body'"
        )
    watched_file(engine).met_damage = True
    engine.dispose()
    with pytest.raises(StorageDamaged, match="by_body"):
        DatabaseProbe(engine, "notes")()


def test_a_folder_that_was_emptied_stays_so(probe, path):
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    with pytest.raises(Unavailable):
        probe()
    assert list(path.parent.iterdir()) == []
