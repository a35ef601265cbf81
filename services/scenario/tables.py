"""Tables of races and scenario sets. A change needs a revision in ``migrations`` (`services.common.migration`)."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Tables(DeclarativeBase):
    """Tables of this service."""


class RaceRow(Tables):
    """A race, its document as protobuf JSON."""

    __tablename__ = "races"
    __table_args__ = (Index("races_by_change", "update_time", "race_id"),)

    race_id: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[str]
    create_time: Mapped[str]
    update_time: Mapped[str]


class SetRow(Tables):
    """A scenario set of a race as it stood then; ``facts`` are all that no other column holds, as JSON."""

    __tablename__ = "scenario_sets"
    __table_args__ = (Index("sets_by_race", "race_id", "request_time"),)

    scenario_set_id: Mapped[str] = mapped_column(primary_key=True)
    race_id: Mapped[str] = mapped_column(ForeignKey("races.race_id"))
    race_document: Mapped[str]
    facts: Mapped[str]
    create_time: Mapped[str]
    request_time: Mapped[str]
