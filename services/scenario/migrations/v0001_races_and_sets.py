"""Races and their scenario sets, in the first shape they had."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables where there are none: databases from before there were revisions have them."""
    op.create_table(
        "races",
        sa.Column("race_id", sa.String(), primary_key=True),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("create_time", sa.String(), nullable=False),
        sa.Column("update_time", sa.String(), nullable=False),
        if_not_exists=True,
    )
    op.create_index("races_by_change", "races", ["update_time", "race_id"], if_not_exists=True)
    op.create_table(
        "scenario_sets",
        sa.Column("scenario_set_id", sa.String(), primary_key=True),
        sa.Column("race_id", sa.String(), sa.ForeignKey("races.race_id"), nullable=False),
        sa.Column("race_document", sa.String(), nullable=False),
        sa.Column("facts", sa.String(), nullable=False),
        sa.Column("create_time", sa.String(), nullable=False),
        if_not_exists=True,
    )
    op.create_index("sets_by_race", "scenario_sets", ["race_id", "create_time"], if_not_exists=True)
