"""Databases as every released shape of the tables left them, before they said which shape they had."""

import json
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from google.protobuf import json_format

from services.common.mapping import race_to_proto
from services.common.sql import open_engine
from services.ownership.core.slate import Contest, PlayedSlate
from services.ownership.records import StoredRecord, record_body, record_id
from services.scenario.core.race_checks import complete_race
from tests.unit.ownership.slates import a_slate
from tests.unit.scenario.slates import make_race

_RACES = (
    "CREATE TABLE races (race_id VARCHAR NOT NULL, document VARCHAR NOT NULL, create_time VARCHAR NOT NULL,"
    " update_time VARCHAR NOT NULL, PRIMARY KEY (race_id))",
    "CREATE INDEX races_by_change ON races (update_time, race_id)",
)
_SETS = (
    "CREATE TABLE scenario_sets (scenario_set_id VARCHAR NOT NULL, race_id VARCHAR NOT NULL, race_document VARCHAR"
    " NOT NULL, facts VARCHAR NOT NULL, create_time VARCHAR NOT NULL, {more} PRIMARY KEY (scenario_set_id),"
    " FOREIGN KEY(race_id) REFERENCES races (race_id))"
)
SCENARIO_WITHOUT_REQUEST_TIME = (
    *_RACES,
    _SETS.format(more=""),
    "CREATE INDEX sets_by_race ON scenario_sets (race_id, create_time)",
)
SCENARIO_WITH_REQUEST_TIME = (
    *_RACES,
    _SETS.format(more="request_time VARCHAR NOT NULL,"),
    "CREATE INDEX sets_by_race ON scenario_sets (race_id, request_time)",
)
OWNERSHIP = (
    "CREATE TABLE ownership_records (record_id VARCHAR(64) NOT NULL, race_id VARCHAR(64) NOT NULL, contest_id"
    " VARCHAR(64) NOT NULL, created_at FLOAT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (record_id))",
    "CREATE INDEX ix_ownership_records_race_id ON ownership_records (race_id)",
    "CREATE INDEX ix_ownership_records_created_at ON ownership_records (created_at)",
    "CREATE TABLE ownership_models (model_version VARCHAR(64) NOT NULL, created_at FLOAT NOT NULL, active BOOLEAN"
    " NOT NULL, n_races INTEGER NOT NULL, weights TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (model_version))",
)

RACE = complete_race(make_race(race_id="a"))
SET_IDS = ("0a" * 16, "0b" * 16)
_TIMES = ("2026-01-01T00:00:00.000000+00:00", "2026-01-02T00:00:00.000000+00:00")
_FACTS = {
    "uploaded": False,
    "model_version": "race-1",
    "calibration_version": "1",
    "n_scenarios": 10,
    "seed": 1,
    "content_hash": "00",
    "size_bytes": 240,
    "regimes": [["normal", 10]],
}


@dataclass(frozen=True)
class OldRecord:
    """A record as it was recorded, and the row that held it."""

    record: StoredRecord
    row: dict


def make_tables(url, statements):
    """An engine on a database with these tables."""
    engine = open_engine(str(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    return engine


def insert(engine, table, *rows):
    columns = ", ".join(rows[0])
    values = ", ".join(f":{name}" for name in rows[0])
    with engine.begin() as connection:
        connection.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), list(rows))


def fill_scenario(engine, **more):
    """One race with two sets, the second made later; ``more`` are columns that the first shape lacked, by set."""
    document = json_format.MessageToJson(race_to_proto(RACE), indent=None)
    race = {"race_id": "a", "document": document, "create_time": _TIMES[0], "update_time": _TIMES[1]}
    insert(engine, "races", race)
    rows = [
        {
            "scenario_set_id": set_id,
            "race_id": "a",
            "race_document": document,
            "facts": json.dumps(_FACTS),
            "create_time": time,
        }
        | {name: values[place] for name, values in more.items()}
        for place, (set_id, time) in enumerate(zip(SET_IDS, _TIMES, strict=True))
    ]
    insert(engine, "scenario_sets", *rows)


def old_record(race_id="race", contest_id="c", seed=7):
    rng = np.random.default_rng(seed)
    slate = a_slate(rng, race_id=race_id, day=5.0, contest=Contest(100, 8.0, 3), track_type="road")
    played = PlayedSlate(slate, rng.dirichlet(np.full(38, 30.0)) * 6, np.full(38, np.nan))
    record = StoredRecord(record_id(race_id, contest_id), contest_id, 1.0, slate.driver_keys, played)
    columns = {"race_id": race_id, "contest_id": contest_id, "created_at": 1.0, "body": record_body(record)}
    return OldRecord(record, {"record_id": record.record_id} | columns)


def fill_ownership(engine, *records, active="fit-a"):
    insert(engine, "ownership_records", *[old.row for old in records])
    model = {"created_at": 2.0, "n_races": 1, "weights": '{"projection": 1.0}', "state": "{}"}
    insert(engine, "ownership_models", {"model_version": active, "active": True} | model)
