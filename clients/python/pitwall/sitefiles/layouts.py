"""Files of lineups in the layouts that sites and programs read; an illegal lineup is never written."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from pitwall.files import to_json
from pitwall.problems import invalid
from pitwall.sitefiles.legality import require_legal
from pitwall.sitefiles.parquet import parquet_bytes
from pitwall.sitefiles.pool import PlayerPool, pool_of_race
from pitwall.types.race import Race

Lineups = Sequence[Sequence[str]]


def lineup_file(race: Race, lineups: Iterable[Sequence[str]], layout: str = "") -> bytes:
    """The bytes of a file of lineups.

    Parameters
    ----------
    lineups
        Site ids of each lineup.
    layout
        One of ``FORMATS``; empty for the upload file of the race's site:

        * ``draftkings``: a column ``D`` per slot, cells ``Name (ID)``;
        * ``ids``: the same with cells ``ID``;
        * ``fanduel``: cells ``ID:Name``;
        * ``names``: names alone, without a header;
        * ``json``: ids, names and salaries;
        * ``parquet``: a row per lineup, columns ``driver_1, name_1, ..., salary_dollars``.

    Raises
    ------
    InvalidInputError
        For an unknown layout, that of another site, an illegal lineup, or parquet without pyarrow.
    """
    require_layout(race.rules.site, layout)
    layout = layout or ("fanduel" if race.rules.site == "fanduel" else "draftkings")
    pool, rows = pool_of_race(race), list(lineups)
    require_legal(pool, rows)
    return FORMATS[layout](pool, rows)


def require_layout(site: str, layout: str) -> None:
    """Refuse layouts that there are not, and the upload file of another site than the race's.

    Raises
    ------
    InvalidInputError
        Naming the layouts to choose from.
    """
    foreign = {"draftkings", "fanduel"} - {site}
    fitting = [name for name in FORMATS if name not in foreign]
    if layout and layout not in FORMATS:
        raise invalid("format", f"must be one of {', '.join(fitting)}, not {layout!r}")
    if layout in foreign:
        raise invalid("format", f"{layout!r} is for another site than the race's ({site}); take {', '.join(fitting)}")


def _draftkings(pool: PlayerPool, lineups: Lineups) -> bytes:
    return _upload(pool, lineups, lambda player_id: pool.by_id[player_id].site_text)


def _ids(pool: PlayerPool, lineups: Lineups) -> bytes:
    return _upload(pool, lineups, lambda player_id: player_id)


def _fanduel(pool: PlayerPool, lineups: Lineups) -> bytes:
    return _upload(pool, lineups, lambda player_id: f"{player_id}:{pool.by_id[player_id].name}")


def _upload(pool: PlayerPool, lineups: Lineups, cell: Callable[[str], str]) -> bytes:
    header = ["D"] * pool.roster_size
    return _csv([header, *([cell(player_id) for player_id in lineup] for lineup in lineups)])


def _names(pool: PlayerPool, lineups: Lineups) -> bytes:
    return _csv([pool.by_id[player_id].name for player_id in lineup] for lineup in lineups)


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _json(pool: PlayerPool, lineups: Lineups) -> bytes:
    rows = [
        {
            "drivers": [
                {"id": player_id, "name": pool.by_id[player_id].name, "salary": pool.by_id[player_id].salary_dollars}
                for player_id in lineup
            ],
            "salary": _salary(pool, lineup),
        }
        for lineup in lineups
    ]
    return (to_json(rows) + "\n").encode()


def _parquet(pool: PlayerPool, lineups: Lineups) -> bytes:
    import pandas as pd  # only this layout needs it

    rows: list[dict[str, object]] = []
    for lineup in lineups:
        row: dict[str, object] = {}
        for slot, player_id in enumerate(lineup, start=1):
            row |= {f"driver_{slot}": player_id, f"name_{slot}": pool.by_id[player_id].name}
        rows.append(row | {"salary_dollars": _salary(pool, lineup)})
    return parquet_bytes(pd.DataFrame(rows))


def _salary(pool: PlayerPool, lineup: Sequence[str]) -> int:
    return sum(pool.by_id[player_id].salary_dollars for player_id in lineup)


FORMATS: dict[str, Callable[[PlayerPool, Lineups], bytes]] = {
    "draftkings": _draftkings,
    "ids": _ids,
    "fanduel": _fanduel,
    "names": _names,
    "json": _json,
    "parquet": _parquet,
}
