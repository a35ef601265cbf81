"""History files: race results in the layout of nascaR.data, loop statistics, practice and race notes.

A folder is searched, subfolders included, for ``*<series>*results*.csv[.gz]`` (required),
``*<series>*loop*.csv[.gz]``, ``*<series>*practice*.csv`` and ``*<series>*race_meta*.csv`` (optional); several
files of a kind are put together. Fastest laps, and so exact site points, come from loop statistics. Results say what
kind of track it was by ``track_type``, or else by ``surface`` and ``track_length_mi``. Where they lack
``scheduled_laps``, the distance planned is inferred from the distances run at the track in all seasons of the folder,
later ones included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from services.common.domain.errors import InvalidInput
from services.common.domain.names import name_key
from services.common.domain.race import Series, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC, ScoringRules
from services.scenario.calibration.history_files import TableColumns, read_tables
from services.scenario.calibration.season_rules import grid_from_qualifying, stages_end_in_cautions
from services.scenario.core.race_kernel import OVERTIME_LAPS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_RESULTS = TableColumns(
    numbers=("finish", "start", "laps", "laps_led"),
    texts=("track", "team", "status"),
    name="driver",
    optional=("track_length_mi", "driver_rating", "scheduled_laps"),
    choices={"track_type": [kind.value for kind in TrackType]},
)
_LOOP = TableColumns(numbers=("fastest_laps",), name="driver_name", optional=("exhibition",))
_PRACTICE = TableColumns(numbers=("rank",), name="driver")
_NOTES = TableColumns(numbers=("cautions", "caution_laps"), optional=("pole_speed_mph",))
_CRASH_WORDS = ("accident", "crash", "dvp", "damage")
_SUPERSPEEDWAYS = ("daytona international speedway", "talladega superspeedway")
_MAX_UNMATCHED = 2


@dataclass(frozen=True, eq=False)
class HistoricRace:
    """A race that was run; arrays have one element per car, in no particular order.

    Attributes
    ----------
    keys, teams
        ``name_key`` of the drivers, and the entrants.
    start, finish
        Official places, permutations of 1 .. n.
    out
        0 running at the end, 1 out by accident, 2 out otherwise.
    fastest_laps
        Green laps on which the car was the fastest; NaN throughout where no loop statistics exist.
    rating, practice
        Driver rating (0-150) and rank in first practice; NaN where unknown.
    cautions, caution_laps
        -1 where not known.
    qualified
        The grid comes from qualifying. In most of 2020 and 2021 it was drawn or set by a formula.
    stage_breaks
        The field was under caution after each stage.
    """

    series: Series
    season: int
    race_num: int
    track: str
    track_type: TrackType
    scheduled_laps: int
    laps_run: int
    cautions: int
    caution_laps: int
    keys: tuple[str, ...]
    teams: tuple[str, ...]
    start: Ints
    finish: Ints
    laps: Ints
    laps_led: Ints
    out: Ints
    fastest_laps: Floats
    rating: Floats
    practice: Floats
    qualified: bool = True
    stage_breaks: bool = True

    @property
    def n_cars(self) -> int:
        """Cars that started."""
        return len(self.keys)

    @property
    def has_points(self) -> bool:
        """Whether exact site points are known."""
        return bool(np.isfinite(self.fastest_laps).all())

    @property
    def team_index(self) -> Ints:
        """Index of the team per car, -1 where the entrant is not known."""
        names = sorted({team for team in self.teams if team})
        return np.array([names.index(team) if team else -1 for team in self.teams], dtype=np.int64)

    def ticks(self, scoring: ScoringRules = DRAFTKINGS_CLASSIC.scoring) -> Ints:
        """Site points in ticks; shape (n_cars,). Only for a race that ``has_points``."""
        finish = scoring.finish_table(self.n_cars).astype(np.int64)[self.finish - 1]
        places = scoring.place_differential_ticks * (self.start - self.finish)
        laps = scoring.lap_led_ticks * self.laps_led + scoring.lap_completed_ticks * self.laps
        return finish + places + laps + scoring.fastest_lap_ticks * self.fastest_laps.astype(np.int64)


def no_results(folder: Path, series: Series) -> InvalidInput:
    """The error for a folder without results of a series."""
    if not folder.is_dir():
        return InvalidInput.field(str(folder), "is no folder; check the path")
    sample = f"{series.value}_results_2010_2023.csv.gz"
    return InvalidInput.field(
        str(folder), f"holds no results file such as {sample}; put results there, in the layout of nascaR.data as CSV"
    )


def read_history(folder: Path, series: Series = Series.CUP) -> tuple[HistoricRace, ...]:
    """Races of a series in order.

    Raises
    ------
    InvalidInput
        If there is no results file; naming file, row and column of what cannot be read, or the race whose type
        of track is not said.
    """
    results = read_tables(folder, f"*{series.value}*results*.csv*", _RESULTS)
    if results is None:
        raise no_results(folder, series)
    results = results.assign(key=results["driver"].map(name_key))
    frame = _with_loop(results, read_tables(folder, f"*{series.value}*loop*.csv*", _LOOP))
    frame = _with_practice(frame, read_tables(folder, f"*{series.value}*practice*.csv*", _PRACTICE))
    notes = _race_notes(read_tables(folder, f"*{series.value}*race_meta*.csv*", _NOTES))
    distances = _distances(frame)
    groups = frame.groupby(["season", "race_num"], sort=True)
    races = (_race(series, group, notes, distances) for _, group in groups)
    return tuple(race for race in races if race is not None)


def _with_loop(results: pd.DataFrame, loop: pd.DataFrame | None) -> pd.DataFrame:
    """Results with fastest laps, matched by driver within a race."""
    if loop is None:
        return results.assign(fastest_laps=np.nan)
    points = loop[loop["exhibition"] != 1] if "exhibition" in loop.columns else loop
    points = points.assign(key=points["driver_name"].map(name_key)).drop_duplicates(["season", "race_num", "key"])
    return results.merge(
        points[["season", "race_num", "key", "fastest_laps"]], on=["season", "race_num", "key"], how="left"
    )


def _with_practice(results: pd.DataFrame, practice: pd.DataFrame | None) -> pd.DataFrame:
    if practice is None:
        return results.assign(practice=np.nan)
    ranks = practice.assign(key=practice["driver"].map(name_key)).drop_duplicates(["season", "race_num", "key"])
    ranks = ranks[["season", "race_num", "key", "rank"]].rename(columns={"rank": "practice"})
    return results.merge(ranks, on=["season", "race_num", "key"], how="left")


@dataclass(frozen=True)
class _Note:
    """What race notes say: cautions, the laps they cost, and whether there was a pole speed."""

    cautions: int = -1
    caution_laps: int = -1
    pole_speed: bool = True


def _race_notes(notes: pd.DataFrame | None) -> dict[tuple[int, int], _Note]:
    if notes is None:
        return {}
    known = notes.dropna(subset=["cautions", "caution_laps"])
    columns = ("season", "race_num", "cautions", "caution_laps")
    rows = np.column_stack([known[name].to_numpy(np.int64) for name in columns]).tolist()
    speeds = known["pole_speed_mph"].notna().tolist() if "pole_speed_mph" in known.columns else [True] * len(rows)
    return {
        (season, race_num): _Note(cautions, laps, bool(speed))
        for (season, race_num, cautions, laps), speed in zip(rows, speeds, strict=True)
    }


def _distances(frame: pd.DataFrame) -> dict[str, dict[int, int]]:
    """How often each distance was run at a track: the usual ones are what was scheduled."""
    races = frame.groupby(["track", "season", "race_num"])["laps"].max().reset_index()
    found: dict[str, dict[int, int]] = {}
    for track in races["track"].unique():
        distances, counts = np.unique(races.loc[races["track"] == track, "laps"].to_numpy(np.int64), return_counts=True)
        found[str(track)] = dict(zip(distances.tolist(), counts.tolist(), strict=True))
    return found


def _scheduled(laps_run: int, counts: Mapping[int, int]) -> int:
    """The most usual distance that overtime may have lengthened to the laps run; else these themselves."""
    usual = [laps for laps, count in counts.items() if count >= 2 and laps <= laps_run <= laps + OVERTIME_LAPS]
    return max(usual, key=lambda laps: counts[laps]) if usual else laps_run


def _planned(row: pd.Series) -> int:
    """What the results say was scheduled; 0 where they do not."""
    laps = row.get("scheduled_laps", np.nan)
    return int(laps) if laps > 0 else 0


def _race(
    series: Series,
    group: pd.DataFrame,
    notes: dict[tuple[int, int], _Note],
    distances: Mapping[str, Mapping[int, int]],
) -> HistoricRace | None:
    group = group.drop_duplicates("key").dropna(subset=["finish", "start", "laps"])
    if len(group) < 10:
        return None
    first = group.iloc[0]
    season, race_num, track = int(first["season"]), int(first["race_num"]), str(first["track"])
    laps_run = int(group["laps"].max())
    track_type = _track_type(first)
    note = notes.get((season, race_num))
    return HistoricRace(
        series=series,
        season=season,
        race_num=race_num,
        track=track,
        track_type=track_type,
        scheduled_laps=_planned(first) or _scheduled(laps_run, distances.get(track, {})),
        laps_run=laps_run,
        cautions=note.cautions if note else -1,
        caution_laps=note.caution_laps if note else -1,
        keys=tuple(group["key"]),
        teams=tuple(group["team"].fillna("").astype(str)),
        start=_places(group["start"]),
        finish=_places(group["finish"]),
        laps=group["laps"].to_numpy(np.int64),
        laps_led=group["laps_led"].fillna(0).to_numpy(np.int64),
        out=group["status"].fillna("").astype(str).map(_out).to_numpy(np.int64),
        fastest_laps=_fastest(group),
        rating=_column(group, "driver_rating"),
        practice=_column(group, "practice"),
        qualified=note.pole_speed if note else grid_from_qualifying(series, season, race_num),
        stage_breaks=stages_end_in_cautions(season, track, track_type),
    )


def _places(values: pd.Series) -> Ints:
    """Ranks 1 .. n; the files hold complete permutations but for a few early or partial races."""
    return np.asarray(values.rank(method="first"), dtype=np.int64)


def _column(group: pd.DataFrame, name: str) -> Floats:
    if name not in group.columns:
        return np.full(len(group), np.nan)
    return pd.to_numeric(group[name], errors="coerce").to_numpy(np.float64)


def _fastest(group: pd.DataFrame) -> Floats:
    """Fastest laps; a car or two that the loop file lacks had none, more mean that it does not cover the race."""
    values = group["fastest_laps"].to_numpy(np.float64)
    if np.isnan(values).sum() > _MAX_UNMATCHED:
        return np.full(values.size, np.nan)
    return np.nan_to_num(values)


def _out(status: str) -> int:
    word = status.strip().lower()
    if word in ("running", ""):
        return 0
    return 1 if any(part in word for part in _CRASH_WORDS) else 2


def _track_type(row: pd.Series) -> TrackType:
    given = row.get("track_type")
    if isinstance(given, str) and given:
        return TrackType(given)
    surface, track = row.get("surface"), str(row["track"]).lower()
    length = float(row.get("track_length_mi", np.nan))
    if not isinstance(surface, str) or not np.isfinite(length):
        raise InvalidInput.field(
            f"race {row['race_num']} of {row['season']}",
            "the results do not say on what track it was: fill in track_type, or surface and track_length_mi",
        )
    surface = surface.strip().lower()
    if surface in ("road", "dirt"):
        return TrackType(surface)
    atlanta = "atlanta" in track and int(row["season"]) >= 2022
    if atlanta or any(name in track for name in _SUPERSPEEDWAYS):
        return TrackType.SUPERSPEEDWAY
    return TrackType.SHORT if length <= 1.06 else TrackType.INTERMEDIATE
