"""Tables of records and models. A change needs a revision in ``migrations`` (`services.common.migration`)."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

records = sa.Table(
    "ownership_records",
    metadata,
    sa.Column("record_id", sa.String(64), primary_key=True),
    sa.Column("race_id", sa.String(64), nullable=False, index=True),
    sa.Column("contest_id", sa.String(64), nullable=False, index=True),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("picks", sa.String(64), nullable=False, index=True),
)
models = sa.Table(
    "ownership_models",
    metadata,
    sa.Column("model_version", sa.String(64), primary_key=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("n_races", sa.Integer, nullable=False),
    sa.Column("weights", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)
