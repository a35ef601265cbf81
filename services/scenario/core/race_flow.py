"""The coefficients of the race model for one track type, and what one race hands to the kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class RaceFlow(NamedTuple):
    """How races of one track type run. Scores are on the scale of the order model: its noise has unit Gumbel scale.

    Attributes
    ----------
    race_spread
        How much races of the type differ from each other: standard deviation of the logs, log odds or levels of the
        coefficients that ``race_character`` names.
    sharpness
        How much strength and grid effect count, in qualifying too; above 1 as a rule, for team days, trouble and damage
        add luck that the noise of the order model holds already.
    accident_mean, accident_shape
        Accidents per race: Poisson with a gamma-distributed mean of this mean and shape, so the variance is
        ``mean + mean**2 / shape``.
    accident_single, accident_growth
        Share of one-car accidents; else 2 cars and one more with this chance while all cars run, again and again.
    accident_late
        Share of accidents that fall in the last tenth of the race, on top of an even spread.
    accident_tilt
        How much likelier the rear of the running order is than its front to start an accident (log ratio).
    crash_out, damage_score
        Chance that a car in an accident retires; mean loss of score of one that goes on.
    mechanical_mean, mechanical_slope
        Mechanical retirements per start; log hazard per unit of strength lost.
    caution_mean, caution_shape, caution_laps
        Cautions besides accidents and stage ends, over-dispersed like accidents; laps that one costs, on which no
        fastest lap counts: the official caution laps and the lap on which it comes out.
    overtime_chance, shortened_chance
        Chance that a caution in the last laps leads to overtime; that weather or darkness ends the race early.
    score_bend
        How much less a step of the expected score counts among the good, where luck decides more, than among the slow:
        see ``scores.bent``.
    start_effect, grid_hold, settle
        Weight of the grid score in the result, before sharpness; its weight in the running order at the green flag;
        share of the race at which half the way from grid to race pace is gone.
    race_day, trouble_rate, trouble_size, run_sd, front_sd
        Share of a car's luck that shows all race long; chance that a car has trouble (a cut tyre, a penalty, a long
        stop), which strikes on one lap, and the mean loss of score by it: until then, and on fast laps, the car has its
        pace; spread of the running score from run to run; spread of how well a car suits the front that day, which
        decides who leads but not who finishes well.
    team_sd
        Standard deviation of the score that the cars of a team share on the day.
    lead_sharpness, lead_hold, lead_change_rate
        Log odds of leading per unit of running score; chance that the leader keeps the lead at a restart;
        changes of the lead per green lap.
    stint_rate, stint_laps, stint_floor
        Stints per green lap of cars off sequence (pit cycles, drafting); their mean laps; chance that a car
        without pace takes part.
    closing_bonus, takeover_laps
        Factor on the winner's odds of leading the last run; mean laps that he leads after a late pass.
    fast_sharpness, fast_day_sd, fast_front, fast_sd, fast_level, fast_leader, fast_fresh
        Log odds of the fastest lap per unit of pace; their spread from car to car that day, whatever the result,
        how that correlates with how well the car suits the front, and
        their spread from run to run; the level at which they flatten, so that the good share laps and the slow have
        none; chance that the clean air gives a lap to the leader; gain in log odds of a car far
        back after trouble or damage, from the next restart on: it takes fresh tyres at every caution.
    lead_lap_share, lap_step
        Share of the cars running at the end that are on the lead lap; laps lost per place behind them.
    fuel_chance, fuel_sd
        Chance that a long last run becomes a matter of fuel; spread of score that it adds.
    chaos_cars_out, dominator_share
        Cars out by accident from which a race counts as chaos; share of laps led from which one driver
        dominates.
    """

    race_spread: float
    sharpness: float
    accident_mean: float
    accident_shape: float
    accident_single: float
    accident_growth: float
    accident_late: float
    accident_tilt: float
    crash_out: float
    damage_score: float
    mechanical_mean: float
    mechanical_slope: float
    caution_mean: float
    caution_shape: float
    caution_laps: float
    overtime_chance: float
    shortened_chance: float
    score_bend: float
    start_effect: float
    grid_hold: float
    settle: float
    race_day: float
    trouble_rate: float
    trouble_size: float
    run_sd: float
    front_sd: float
    team_sd: float
    lead_sharpness: float
    lead_hold: float
    lead_change_rate: float
    stint_rate: float
    stint_laps: float
    stint_floor: float
    closing_bonus: float
    takeover_laps: float
    fast_sharpness: float
    fast_day_sd: float
    fast_front: float
    fast_sd: float
    fast_level: float
    fast_leader: float
    fast_fresh: float
    lead_lap_share: float
    lap_step: float
    fuel_chance: float
    fuel_sd: float
    chaos_cars_out: float
    dominator_share: float


class Field(NamedTuple):
    """The cars of one race as the kernels read them.

    Attributes
    ----------
    strength
        Score of each car before grid and luck, mean 0; shape (n,), float64.
    start
        Place on the grid from 1, 0 where it is not known and drawn per scenario; shape (n,), int64.
    team
        Index of the team, -1 for none; shape (n,), int64.
    start_score
        Normal score of grid place 1 .. n, the front positive; shape (n,), float64.
    scheduled_laps, stage_ends
        Distance, and the laps after which a stage ends, the last stage left out; int64.
    """

    strength: npt.NDArray[np.float64]
    start: npt.NDArray[np.int64]
    team: npt.NDArray[np.int64]
    start_score: npt.NDArray[np.float64]
    scheduled_laps: int
    stage_ends: npt.NDArray[np.int64]


class Scoring(NamedTuple):
    """Site points in ticks of 1/20: ``finish[place - 1]``, int64, and four amounts per unit."""

    finish: npt.NDArray[np.int64]
    place_differential: int
    lap_led: int
    fastest_lap: int
    lap_completed: int


class Cars(NamedTuple):
    """State of the cars during one scenario; every array has one element per car and is used again by the next.

    Attributes
    ----------
    grid
        Place on the grid from 1.
    early, pace, score
        Running score at the green flag, race pace, and the score that decides the result.
    out, out_lap
        0 running, 1 crashed, 2 failed; laps completed when it went out, ``NEVER`` otherwise.
    damage, damage_lap
        Loss of score by accidents survived, and the lap of the first of them (``NEVER`` without).
    setback, trouble_lap
        Loss of running score by trouble, which ``score`` holds already, and the lap of it (``NEVER`` without).
    completed, led, fastest
        Laps completed, led, and on which the car was the fastest.
    front, quick
        How well each suits the front, and fast laps, that day.
    lead, fast
        Weights of leading the green run; cumulated weights of its fastest laps.
    """

    grid: npt.NDArray[np.int64]
    early: npt.NDArray[np.float64]
    pace: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]
    out: npt.NDArray[np.int64]
    out_lap: npt.NDArray[np.int64]
    damage: npt.NDArray[np.float64]
    damage_lap: npt.NDArray[np.int64]
    setback: npt.NDArray[np.float64]
    trouble_lap: npt.NDArray[np.int64]
    completed: npt.NDArray[np.int64]
    led: npt.NDArray[np.int64]
    fastest: npt.NDArray[np.int64]
    front: npt.NDArray[np.float64]
    quick: npt.NDArray[np.float64]
    lead: npt.NDArray[np.float64]
    fast: npt.NDArray[np.float64]


class LapSheet(NamedTuple):
    """The laps of one scenario; every array has one element per lap, overtime included.

    Attributes
    ----------
    yellow
        Whether the lap runs under caution.
    eventful
        Whether a car retires or has trouble on the lap.
    leader_of
        Index of the car that leads the lap.
    """

    yellow: npt.NDArray[np.bool_]
    eventful: npt.NDArray[np.bool_]
    leader_of: npt.NDArray[np.int64]


NEVER = 1 << 30
"""The lap of what does not happen to a car in a race: retirement, trouble, damage."""


class BlockResult(NamedTuple):
    """What a block of scenarios came to. The first axis is the scenario, the second the car.

    ``out`` is 0 for a car that ran at the end, 1 after an accident, 2 after a mechanical failure.
    ``race`` has the columns of ``RACE_COLUMNS``.
    """

    ticks: npt.NDArray[np.int16]
    start: npt.NDArray[np.int16]
    finish: npt.NDArray[np.int16]
    laps_led: npt.NDArray[np.int16]
    fastest_laps: npt.NDArray[np.int16]
    laps_completed: npt.NDArray[np.int16]
    out: npt.NDArray[np.uint8]
    race: npt.NDArray[np.int16]
    regimes: npt.NDArray[np.uint8]


RACE_COLUMNS = ("laps_run", "green_laps", "cautions", "lead_changes")
"""Columns of ``BlockResult.race``."""

REGIME_NAMES = ("normal", "dominator", "chaos", "fuel_mileage")
"""Race flows, by index."""
