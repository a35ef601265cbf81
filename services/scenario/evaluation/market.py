"""Slates with salaries and a grid only: does the model rank drivers at least as well as their prices do?"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from services.common.domain.names import match_names
from services.common.domain.race import Driver, Race, Series, Track
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC, TICKS_PER_POINT, Site
from services.scenario.calibration.history import HistoricRace, read_history
from services.scenario.core.calibration import Calibration
from services.scenario.core.salary_files import SalaryFile, read_salary_file
from services.scenario.core.simulate import SimulationInput, simulate_block
from services.scenario.core.strength import driver_strength

_FILE = re.compile(r"(?P<season>\d{4})_(?P<series>cup|xfinity|truck)_(?P<number>\d+)_")
SEED = 3


@dataclass(frozen=True)
class MarketScore:
    """Rank correlations of one slate with the real finish and, where known, the real points; higher is better."""

    file_name: str
    n_drivers: int
    salary_finish: float
    model_finish: float
    salary_points: float
    model_points: float


def market_scores(
    history: Path, salary_folder: Path, calibration: Calibration, *, n_scenarios: int = 2_000
) -> list[MarketScore]:
    """Score the salary files of a folder whose names say which race they are (``2023_cup_04_...``).

    Form is taken out of the calibration, so that salaries and the grid are all the model sees. Its race flow must
    come from races before these, or the comparison flatters it.
    """
    blind = _without_form(calibration)
    races: dict[Series, tuple[HistoricRace, ...]] = {}
    scores = []
    for path in sorted(salary_folder.glob("*.csv")):
        found = _FILE.search(path.name)
        if not found:
            continue
        series = Series(found["series"])
        if series not in races:
            races[series] = read_history(history, series)
        wanted = (int(found["season"]), int(found["number"]))
        race = next((race for race in races[series] if (race.season, race.race_num) == wanted), None)
        if race is not None:
            salaries = read_salary_file(path.name, path.read_bytes(), Site.DRAFTKINGS)
            scores.append(_score(salaries, race, blind, n_scenarios))
    return scores


def _without_form(calibration: Calibration) -> Calibration:
    series = {name: dataclasses.replace(content, forms={}) for name, content in calibration.series.items()}
    return dataclasses.replace(calibration, series=series)


def _score(salaries: SalaryFile, race: HistoricRace, calibration: Calibration, n_scenarios: int) -> MarketScore:
    pairs = match_names([row.name for row in salaries.rows], list(race.keys), guess=False)
    slate = _slate(salaries, race, {pair.left: pair.right for pair in pairs})
    cars = np.array([pair.right for pair in pairs])
    flow = calibration.track(race.series, race.track_type).flow
    inputs = SimulationInput.of(slate, flow, driver_strength(slate, calibration))
    block = simulate_block(inputs, n_scenarios, seed=SEED, block=0)
    price = slate.salaries_dollars
    finish = race.finish[cars]
    points = race.ticks()[cars] / TICKS_PER_POINT if race.has_points else np.full(cars.size, np.nan)
    return MarketScore(
        file_name=salaries.file_name,
        n_drivers=cars.size,
        salary_finish=float(spearmanr(-price, finish)[0]),
        model_finish=float(spearmanr(block.finish.mean(axis=0), finish)[0]),
        salary_points=float(spearmanr(price, points)[0]),
        model_points=float(spearmanr(block.ticks.mean(axis=0), points)[0]),
    )


def _slate(salaries: SalaryFile, race: HistoricRace, car_of: dict[int, int]) -> Race:
    drivers = tuple(
        Driver(row.driver_id, row.name, row.salary_dollars, start_position=int(race.start[car_of[index]]))
        for index, row in enumerate(salaries.rows)
        if index in car_of
    )
    return Race(
        race_id="market",
        track=Track(race.track_type),
        scheduled_laps=race.scheduled_laps,
        rules=DRAFTKINGS_CLASSIC,
        drivers=drivers,
        series=race.series,
    )
