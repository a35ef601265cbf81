"""A database whose file is removed or replaced while it is open."""

import os
import shutil
import sqlite3

import pytest
import sqlalchemy as sa

from services.common.domain.errors import Unavailable
from services.common.sql import open_engine


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def engine(folder):
    """A database with one note, opened and in use."""
    engine = open_engine(f"sqlite:///{folder / 'records.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE notes (body TEXT)"))
    note(engine, "first")
    yield engine
    engine.dispose()


def note(engine, body):
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO notes VALUES (:body)"), {"body": body})


def notes(engine):
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT body FROM notes")).scalars().all()


def test_a_folder_that_is_gone_is_named_with_the_remedy_and_not_made_anew(engine, folder):
    shutil.rmtree(folder)
    for _ in range(2):  # by an open connection, and by one that would be opened
        with pytest.raises(Unavailable, match=r"records\.db is not there any more .*put its folder back") as caught:
            note(engine, "lost")
    assert caught.value.metadata == {"database": str(folder / "records.db")}
    assert not folder.exists()


def test_a_folder_that_comes_back_is_used_again_with_all_that_it_held(engine, folder):
    folder.rename(folder.with_name("aside"))
    with pytest.raises(Unavailable):
        note(engine, "lost")
    folder.with_name("aside").rename(folder)
    note(engine, "second")
    assert notes(engine) == ["first", "second"]


def test_a_write_under_way_when_the_folder_goes_is_not_told_to_be_done(engine, folder):
    with engine.connect() as connection:
        connection.execute(sa.text("INSERT INTO notes VALUES ('lost')"))
        aside = folder.rename(folder.with_name("aside"))
        with pytest.raises(Unavailable, match="is not there any more"):
            connection.commit()
    aside.rename(folder)
    assert notes(engine) == ["first"]


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="numbers of files are held by O_PATH")
def test_a_new_file_is_told_from_a_removed_one_whose_number_is_free(engine, folder):
    shutil.rmtree(folder)
    with pytest.raises(Unavailable):
        notes(engine)  # the pool lets the removed file go
    folder.mkdir()
    for number in range(20):  # a file system gives a free number to the next file
        other = sqlite3.connect(folder / "records.db")
        other.execute("CREATE TABLE notes (body TEXT)")
        other.close()
        with pytest.raises(Unavailable, match="is not the file"):
            notes(engine)
        (folder / "records.db").rename(folder / f"{number}.db")


def test_an_empty_folder_in_its_place_stays_empty(engine, folder):
    shutil.rmtree(folder)
    folder.mkdir()
    for _ in range(2):
        with pytest.raises(Unavailable, match="restart the service"):
            notes(engine)
    assert os.listdir(folder) == []


def test_another_file_in_its_place_is_opened_by_a_restart_only(engine, folder):
    folder.rename(folder.with_name("aside"))
    other = open_engine(str(engine.url))
    with other.begin() as connection:
        connection.execute(sa.text("CREATE TABLE notes (body TEXT)"))
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"is not the file that the service has opened: .*stop the service"):
            note(engine, "lost")
    note(other, "kept")
    assert notes(other) == ["kept"]
    other.dispose()


def test_connections_of_a_file_that_was_replaced_leave_what_stands_there_now(engine, folder):
    """The write-ahead log that belongs to the new file goes by the name of the old one's."""
    folder.rename(folder.with_name("aside"))
    other = open_engine(str(engine.url))
    with other.begin() as connection:
        connection.execute(sa.text("CREATE TABLE notes (body TEXT)"))
    note(other, "not yet in the file itself")
    with pytest.raises(Unavailable):
        notes(engine)
    engine.dispose()
    assert (folder / "records.db-wal").exists()
    assert notes(other) == ["not yet in the file itself"]
    other.dispose()


def test_a_uri_of_sqlite_itself_is_left_to_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = open_engine(f"sqlite:///file:{tmp_path / 'records.db'}?uri=true")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE notes (body TEXT)"))
    note(engine, "kept")
    assert notes(engine) == ["kept"]
    engine.dispose()
