import sqlite3
import threading

import pytest
import sqlalchemy as sa

from services.common.domain.errors import InvalidInput, StorageDamaged, StorageFull, StorageReadOnly, Unavailable
from services.common.sql import open_engine, service_error


def fill(engine):
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE notes (body TEXT)"))
        connection.execute(sa.text("INSERT INTO notes VALUES (:body)"), [{"body": "x" * 100_000}] * 50)


@pytest.mark.parametrize("url", ["nonsense", "oracle://user:secret@host/x", "://"])
def test_a_url_of_no_database_is_refused_without_telling_it(url):
    with pytest.raises(InvalidInput, match="database_url") as caught:
        open_engine(url)
    assert "secret" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_told_with_what_brings_it():
    with pytest.raises(InvalidInput, match=r"needs pg8000.*pitwall\[postgres\]"):
        open_engine("postgresql+pg8000://user@host/database")


def test_a_full_disk_is_named(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'records.db'}")

    @sa.event.listens_for(engine, "connect")
    def limit(connection, _record):
        connection.execute("PRAGMA max_page_count=20")

    with pytest.raises(StorageFull, match="free some space"):
        fill(engine)


def test_a_database_that_may_not_be_written_is_named_with_the_remedy(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'records.db'}")

    @sa.event.listens_for(engine, "connect")
    def forbid(connection, _record):
        connection.execute("PRAGMA query_only=ON")

    with pytest.raises(StorageReadOnly, match=r"records\.db may not be written .*PITWALL_DATA_DIR"):
        fill(engine)


@pytest.mark.parametrize(("query", "seconds"), [("", 10), ("?connect_timeout=3", 3)])
def test_a_server_that_does_not_answer_is_given_up(query, seconds):
    engine, asked = open_engine(f"postgresql+psycopg://user@host/database{query}"), []

    @sa.event.listens_for(engine, "do_connect")
    def note(_dialect, _record, _arguments, options):
        asked.append(int(options["connect_timeout"]))
        raise ConnectionError

    with pytest.raises(ConnectionError):
        engine.connect()
    assert asked == [seconds]


def test_the_folder_of_a_file_is_made(tmp_path):
    fill(open_engine(f"sqlite:///{tmp_path / 'deep' / 'records.db'}"))
    assert (tmp_path / "deep" / "records.db").exists()


def test_threads_share_a_database_in_memory():
    engine = open_engine("sqlite://")
    fill(engine)
    counts = []

    def count():
        with engine.connect() as connection:
            counts.append(connection.execute(sa.text("SELECT count(*) FROM notes")).scalar())

    thread = threading.Thread(target=count)
    thread.start()
    thread.join()
    assert counts == [50]


@pytest.mark.parametrize("held", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_file_that_another_process_is_making_is_waited_for(held, tmp_path):
    path = tmp_path / "records.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute(f"BEGIN {held}")
    other.execute("CREATE TABLE notes (body TEXT)")
    timer = threading.Timer(0.2, other.commit)
    timer.start()
    with open_engine(f"sqlite:///{path}").connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("SELECT count(*) FROM notes").scalar() == 0
    timer.join()


def test_a_file_that_stays_locked_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.setattr("services.common.sql._LOCK_WAIT_SECONDS", 0.1)
    path = tmp_path / "records.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE notes (body TEXT)")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        open_engine(f"sqlite:///{path}").connect()


def test_a_disk_that_cannot_be_read_is_unavailable():
    error = service_error(sqlite3.OperationalError("disk I/O error"), is_disconnect=False, database="records.db")
    assert isinstance(error, Unavailable)


def test_a_server_that_is_gone_is_unavailable():
    with pytest.raises(Unavailable):
        open_engine("postgresql+psycopg://nobody@127.0.0.1:1/none").connect()


def test_a_defect_of_ours_stays_one(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'records.db'}")
    with pytest.raises(sa.exc.OperationalError, match="no such table"), engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO nowhere VALUES (1)"))
    assert service_error(ValueError("syntax"), is_disconnect=False, database="") is None


def test_a_file_that_is_no_database_is_named_with_the_remedy(tmp_path):
    path = tmp_path / "records.db"
    path.write_bytes(b"notes of another program" * 100)
    with pytest.raises(StorageDamaged, match=r"records\.db is damaged.* backup"):
        open_engine(f"sqlite:///{path}").connect()


def test_a_file_with_damaged_pages_is_named_when_they_are_read(tmp_path):
    path = tmp_path / "records.db"
    engine = open_engine(f"sqlite:///{path}")
    fill(engine)
    engine.dispose()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(content)
    with (
        pytest.raises(StorageDamaged, match=r"records\.db is damaged"),
        open_engine(f"sqlite:///{path}").connect() as connection,
    ):
        connection.execute(sa.text("SELECT sum(length(body)) FROM notes")).scalar()
