"""The revisions of all services, and what their databases lack against the tables of the code."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from services.common.migration import version_table
from services.ownership import store as ownership_store
from services.ownership import tables as ownership_tables
from services.scenario import records as scenario_records
from services.scenario.tables import Tables as ScenarioTables

SERVICES = {
    "scenario": (scenario_records.MIGRATIONS, ScenarioTables.metadata),
    "ownership": (ownership_store.MIGRATIONS, ownership_tables.metadata),
}


def differences(engine, service, metadata):
    """What the tables of a database lack, or have too much, against the tables of the code."""
    own = set(metadata.tables)
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_name": lambda name, kind, _parents: kind != "table" or name in own,
        "version_table": version_table(service),
    }
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def revisions_that_end_with(folder, ending):
    """The revisions of the scenario service and one more, which changes a table and then ends otherwise."""
    for file in scenario_records.MIGRATIONS.glob("*.py"):
        (folder / file.name).write_text(file.read_text())
    newest = max(file.name[1:5] for file in folder.glob("*.py"))
    (folder / "v9999_last.py").write_text(
        f"""
import os
from alembic import op

revision, down_revision = "9999", {newest!r}

def upgrade():
    op.execute("DELETE FROM scenario_sets")
    op.drop_table("scenario_sets")
    {ending}
"""
    )
    return folder
