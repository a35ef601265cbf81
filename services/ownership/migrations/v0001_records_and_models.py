"""Records of actual ownership and fitted models, in the first shape they had."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables where there are none: databases from before there were revisions have them."""
    op.create_table(
        "ownership_records",
        sa.Column("record_id", sa.String(64), primary_key=True),
        sa.Column("race_id", sa.String(64), nullable=False),
        sa.Column("contest_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        if_not_exists=True,
    )
    for column in ("created_at", "race_id"):
        op.create_index(f"ix_ownership_records_{column}", "ownership_records", [column], if_not_exists=True)
    op.create_table(
        "ownership_models",
        sa.Column("model_version", sa.String(64), primary_key=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("n_races", sa.Integer(), nullable=False),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        if_not_exists=True,
    )
