"""Complete DraftKings MMA fields as played slates: the nearest public stand-in for NASCAR ownership.

Six picks from one list without positions under $50,000, as in NASCAR; 24-28 choices instead of 36-40. Nothing is
known before lock but salaries, and those for four of the seven events only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from services.ownership.core.slate import Contest, PlayedSlate, make_slate

MIN_ENTRIES = 100
"""Fields below this (6-15 entries at $1,060 and more) say more about a handful of people than about fields."""


def _played(event: str, rows: pd.DataFrame, most_entries: int) -> PlayedSlate:
    slate = make_slate(
        event,
        rows.fighter.tolist(),
        salaries_dollars=rows.salary.to_numpy(dtype=float),
        # Days since 1970 in the event's id order the events; the data hold no other date.
        day=float((pd.Timestamp(event.removeprefix("mma_")) - pd.Timestamp("1970-01-01")).days),
        contest=Contest(int(rows.entries.iloc[0]), float(rows.entry_fee.iloc[0]), most_entries),
    )
    return PlayedSlate(slate, rows.pct_drafted.to_numpy(dtype=float) / 100.0, np.full(len(rows), np.nan))


def read_mma_fields(shared_data: Path, *, min_entries: int = MIN_ENTRIES) -> list[PlayedSlate]:
    """All contests of at least so many entries; ``race_id`` is the event."""
    folder = shared_data / "contest_fields_mma"
    players = pd.read_csv(folder / "players.csv")
    entries = pd.read_csv(folder / "entries.csv.gz", usecols=["contest_id", "entrant_id"])
    most = entries.value_counts().groupby(level="contest_id").max()
    large = players[players.entries >= min_entries]
    return [
        _played(str(event), rows, int(most.get(contest, 0)))
        for (event, contest), rows in large.groupby(["event_id", "contest_id"])
    ]


def with_salaries(played: list[PlayedSlate]) -> list[PlayedSlate]:
    """The contests whose salaries are known."""
    return [one for one in played if np.isfinite(one.slate.salaries_dollars).all()]
