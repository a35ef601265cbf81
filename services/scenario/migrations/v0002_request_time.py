"""The newest set is the one asked for last, so sets remember when that was."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Take sets as asked for when they were made; databases from before there were revisions may know better."""
    columns = sa.inspect(op.get_bind()).get_columns("scenario_sets")
    if any(column["name"] == "request_time" for column in columns):
        return
    op.add_column("scenario_sets", sa.Column("request_time", sa.String(), nullable=True))
    op.execute("UPDATE scenario_sets SET request_time = create_time")
    op.drop_index("sets_by_race", "scenario_sets")
    with op.batch_alter_table("scenario_sets") as table:
        table.alter_column("request_time", existing_type=sa.String(), nullable=False)
    op.create_index("sets_by_race", "scenario_sets", ["race_id", "request_time"])
