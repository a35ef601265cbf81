"""Races for tests, made on the spot."""

from __future__ import annotations

import numpy as np

from services.common.domain.race import Driver, Race, Series, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC, SiteRules
from services.scenario.calibration.flow_defaults import FLOW_DEFAULTS
from services.scenario.core.race_checks import default_stages
from services.scenario.core.simulate import SimulationInput


def make_race(n: int = 12, *, laps: int = 100, kind: TrackType = TrackType.SHORT, **changes: object) -> Race:
    drivers = tuple(
        Driver(f"d{k}", f"Driver {k}", 9_500 - 200 * k, start_position=k + 1, team=f"team {k // 3}") for k in range(n)
    )
    values: dict[str, object] = {
        "race_id": "test",
        "track": Track(kind, "Somewhere", 1.0),
        "scheduled_laps": laps,
        "rules": DRAFTKINGS_CLASSIC,
        "drivers": drivers,
        "series": Series.CUP,
    }
    return Race(**(values | changes))  # type: ignore[arg-type]


def make_input(
    n: int = 12,
    *,
    laps: int = 100,
    kind: TrackType = TrackType.SHORT,
    strength: np.ndarray | None = None,
    start: np.ndarray | None = None,
    rules: SiteRules = DRAFTKINGS_CLASSIC,
    **flow: float,
) -> SimulationInput:
    return SimulationInput(
        flow=FLOW_DEFAULTS[kind]._replace(**flow),
        strength=np.linspace(1.0, -1.0, n) if strength is None else strength,
        start=np.arange(1, n + 1) if start is None else start,
        team=np.arange(n) // 3,
        scheduled_laps=laps,
        stage_laps=default_stages(laps),
        rules=rules,
    )
