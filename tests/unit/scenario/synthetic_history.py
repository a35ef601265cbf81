"""A folder of history made by the race model itself: what the fits see is what is known to be true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from services.common.domain.race import TrackType
from services.scenario.core.simulate import simulate_block
from tests.unit.scenario.slates import make_input

TRACKS = {
    "Short Oval": (TrackType.SHORT, 200, 0.8),
    "Long Oval": (TrackType.INTERMEDIATE, 160, 1.5),
    "Daytona International Speedway": (TrackType.SUPERSPEEDWAY, 120, 2.5),
}
N_CARS = 24


def write_history(
    folder: Path, seasons: range, races_per_season: int = 9, *, series: str = "cup", seed: int = 5
) -> None:
    rng = np.random.default_rng(seed)
    skill = np.linspace(1.5, -1.5, N_CARS)
    results, loops, notes = [], [], []
    for season in seasons:
        for number in range(1, races_per_season + 1):
            track = list(TRACKS)[number % len(TRACKS)]
            rows = _race(rng, skill, track, season, number)
            results.append(rows.drop(columns="fastest_laps"))
            loop = rows[["season", "race_num", "driver", "fastest_laps"]].rename(columns={"driver": "driver_name"})
            loops.append(loop.assign(exhibition=0))
            notes.append({"season": season, "race_num": number, "cautions": 6, "caution_laps": 30})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "race_results").mkdir()
    pd.concat(results).to_csv(folder / "race_results" / f"{series}_results.csv.gz", index=False)
    pd.concat(loops).to_csv(folder / f"{series}_loop.csv.gz", index=False)
    pd.DataFrame(notes).to_csv(folder / f"{series}_race_meta.csv", index=False)


def _race(rng: np.random.Generator, skill: np.ndarray, track: str, season: int, number: int) -> pd.DataFrame:
    kind, laps, length = TRACKS[track]
    start = np.argsort(np.argsort(-(skill + rng.normal(0, 1, N_CARS)))) + 1
    inputs = make_input(N_CARS, laps=laps, kind=kind, strength=skill, start=start, start_effect=0.4)
    block = simulate_block(inputs, 1, seed=int(rng.integers(1 << 31)), block=0)
    words = np.array(["running", "accident", "engine"])
    return pd.DataFrame(
        {
            "season": season,
            "race_num": number,
            "race_name": f"Race {number}",
            "track": track,
            "track_length_mi": length,
            "surface": "paved",
            "track_type": kind.value,
            "finish": block.finish[0],
            "start": start,
            "car_number": [str(car) for car in range(N_CARS)],
            "driver": [f"Driver {chr(65 + car)}" for car in range(N_CARS)],
            "make": "Make",
            "team": [f"Team {car // 4}" for car in range(N_CARS)],
            "laps": block.laps_completed[0],
            "laps_led": block.laps_led[0],
            "status": words[block.out[0]],
            "driver_rating": 90 + 20 * skill + rng.normal(0, 12, N_CARS),
            "fastest_laps": block.fastest_laps[0],
        }
    )
