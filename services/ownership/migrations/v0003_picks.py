"""Records are found by contest and by what was picked, so that recording one need not read all the others."""

import hashlib
import json

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TABLE = "ownership_records"


def upgrade() -> None:
    """Name what each record's field picked, and index it."""
    op.add_column(_TABLE, sa.Column("picks", sa.String(64), nullable=True))
    connection = op.get_bind()
    update = sa.text(f"UPDATE {_TABLE} SET picks = :picks WHERE record_id = :record_id")  # noqa: S608
    for row in connection.execute(sa.text(f"SELECT record_id, body FROM {_TABLE}")).all():  # noqa: S608
        connection.execute(update, {"record_id": row.record_id, "picks": _picks(row.body)})
    with op.batch_alter_table(_TABLE) as table:
        table.alter_column("picks", existing_type=sa.String(64), nullable=False)
    for column in ("contest_id", "picks"):
        op.create_index(f"ix_{_TABLE}_{column}", _TABLE, [column])


def _picks(text: str) -> str:
    body = json.loads(text)
    shares = np.round([share or 0.0 for share in body["shares"]], 6).tolist()
    picked = [(key, f"{share:.6f}") for key, share in zip(body["driver_keys"], shares, strict=True) if share > 0]
    return hashlib.sha256(json.dumps(sorted(picked)).encode()).hexdigest()
