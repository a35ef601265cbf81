"""Where the fit of the race flow begins, and what it is pulled towards where history says little.

Levels follow published tables: accident sizes at superspeedways (1 car 31 %, at most 3 cars 57 %; NBC Sports,
2001-2021), cautions, caution laps and leaders by track type of 2021-2023. Numbers and sizes of accidents vary so much
that cars out vary three to four times as much as binomial, as they did in 2010-2021.
"""

from __future__ import annotations

from services.common.domain.race import TrackType
from services.scenario.core.race_flow import RaceFlow

_OVAL = RaceFlow(
    race_spread=0.5,
    sharpness=1.0,
    accident_mean=3.5,
    accident_shape=6.0,
    accident_single=0.4,
    accident_growth=0.45,
    accident_late=0.08,
    accident_tilt=0.3,
    crash_out=0.5,
    damage_score=0.8,
    mechanical_mean=0.03,
    mechanical_slope=0.4,
    caution_mean=3.0,
    caution_shape=6.0,
    caution_laps=7.0,
    overtime_chance=0.8,
    shortened_chance=0.02,
    score_bend=0.25,
    start_effect=0.25,
    grid_hold=1.2,
    settle=0.3,
    race_day=0.5,
    trouble_rate=0.1,
    trouble_size=2.5,
    run_sd=0.5,
    front_sd=0.3,
    team_sd=0.3,
    lead_sharpness=1.5,
    lead_hold=0.55,
    lead_change_rate=0.02,
    stint_rate=0.02,
    stint_laps=3.0,
    stint_floor=0.03,
    closing_bonus=3.0,
    takeover_laps=6.0,
    fast_sharpness=0.5,
    fast_day_sd=0.7,
    fast_front=0.5,
    fast_sd=0.6,
    fast_level=3.0,
    fast_leader=0.1,
    fast_fresh=0.5,
    lead_lap_share=0.59,
    lap_step=0.3,
    fuel_chance=0.15,
    fuel_sd=1.0,
    chaos_cars_out=8.0,
    dominator_share=0.5,
)

FLOW_DEFAULTS: dict[TrackType, RaceFlow] = {
    TrackType.INTERMEDIATE: _OVAL,
    TrackType.SHORT: _OVAL._replace(
        accident_mean=2.5, caution_laps=8.0, grid_hold=1.5, lead_change_rate=0.01, stint_rate=0.008, chaos_cars_out=5.0
    ),
    TrackType.ROAD: _OVAL._replace(
        accident_mean=1.8, caution_laps=3.0, grid_hold=1.5, stint_rate=0.06, stint_laps=2.0, chaos_cars_out=5.0
    ),
    TrackType.DIRT: _OVAL._replace(accident_mean=4.0, caution_mean=6.0, chaos_cars_out=8.0),
    TrackType.SUPERSPEEDWAY: _OVAL._replace(
        accident_mean=6.5,
        accident_shape=20.0,
        accident_single=0.31,
        accident_growth=0.6,
        accident_late=0.3,
        accident_tilt=0.0,
        crash_out=0.55,
        grid_hold=0.6,
        start_effect=0.1,
        lead_change_rate=0.1,
        lead_sharpness=0.8,
        fast_sharpness=0.05,
        fast_day_sd=0.3,
        fast_front=0.2,
        fast_sd=0.4,
        fast_leader=0.01,
        takeover_laps=3.0,
        lead_lap_share=0.76,
        chaos_cars_out=15.0,
        dominator_share=0.35,
        team_sd=0.1,
    ),
}
"""Race flow by track type before any fit."""
