"""A made-up history, quick settings and single races of it."""

import numpy as np

from services.common.domain.race import Series, TrackType
from services.scenario.calibration.fit import FitSettings
from services.scenario.calibration.flow_fit import (
    FlowFitSettings,
)
from services.scenario.calibration.history import HistoricRace

QUICK = FitSettings(flow=FlowFitSettings(max_races=4, n_scenarios=16, max_rounds=1, workers=1))


def historic(n: int = 6, **changes) -> HistoricRace:
    values = {
        "series": Series.CUP,
        "season": 2020,
        "race_num": 1,
        "track": "X",
        "track_type": TrackType.SHORT,
        "scheduled_laps": 100,
        "laps_run": 100,
        "cautions": -1,
        "caution_laps": -1,
        "keys": tuple(f"driver {k}" for k in range(n)),
        "teams": tuple(f"team {k // 2}" for k in range(n)),
        "start": np.arange(1, n + 1),
        "finish": np.arange(1, n + 1),
        "laps": np.full(n, 100),
        "laps_led": np.array([100] + [0] * (n - 1)),
        "out": np.zeros(n, np.int64),
        "fastest_laps": np.array([80.0] + [0.0] * (n - 1)),
        "rating": np.linspace(120, 40, n),
        "practice": np.full(n, np.nan),
    }
    return HistoricRace(**(values | changes))
