"""The numbers of a report, gathered from the answers of a run and the scenarios its contest was played on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pitwall.client import Client
from pitwall.job import JobResult
from pitwall.report import facts
from pitwall.report.data import Curve, DriverRow, LineupRow, RegimeRow, ReportData
from pitwall.types.contests import LineupResult
from pitwall.types.portfolio import PortfolioLineup
from pitwall.types.scenarios import DriverSummary, ScenarioMatrix, ScenarioSummary

N_GRID = 81
N_CORRELATED = 24
MAX_OVERLAPS = 60

Floats = npt.NDArray[np.float64]


def collect_report(client: Client, result: JobResult) -> ReportData:
    """The numbers of a run's report; none is read off a clock, so that the same run gives the same report.

    Raises
    ------
    PitwallError
        As the scenario service answers.
    """
    race_id, set_id = result.race.race_id, result.contest_scenario_set.scenario_set_id
    summary = client.scenarios.summary(race_id, set_id, optimal_rates=True, correlations=True)
    matrix = client.scenarios.matrix(race_id, set_id)
    drivers = _driver_rows(result, summary, matrix)
    grid, curves = _curves(result, matrix)
    track = result.race.track.name or result.race.track.type
    names, correlations = _correlations(result, summary, drivers)
    contest = result.config.contest
    return ReportData(
        title=result.race.name or result.race.race_id,
        race_id=race_id,
        subtitle=f"{track}, {result.race.scheduled_laps} laps; {len(result.race.starters)} drivers; "
        f"{contest.n_entries:,} entries at ${contest.entry_fee_dollars:,.2f}",
        roster_size=len(result.portfolio.lineups[0].driver_ids) if result.portfolio.lineups else 0,
        lineups=tuple(_lineup_rows(result, {driver.driver_id: driver for driver in drivers})),
        drivers=drivers,
        headlines=facts.headlines(result),
        points_grid=grid,
        curves=curves,
        profit_quantiles=tuple(
            (100 * item.level, item.profit_cents / 100) for item in result.contest.portfolio.quantiles
        ),
        correlation_names=names,
        correlations=correlations,
        overlaps=_overlaps(result),
        regimes=_regimes(result),
        diagnostics=facts.diagnostics(result),
        recipe=facts.recipe(result),
        warnings=facts.warnings(result),
    )


def _lineup_rows(result: JobResult, drivers: Mapping[str, DriverRow]) -> list[LineupRow]:
    return [
        _lineup_row(result, item, played, drivers)
        for item, played in zip(result.portfolio.lineups, result.contest.lineups, strict=True)
    ]


def _leverage(item: PortfolioLineup, drivers: Mapping[str, DriverRow]) -> float | None:
    """Optimal less ownership, summed over a lineup, in percentage points."""
    rows = [drivers[driver_id] for driver_id in item.driver_ids]
    known = [row.optimal - row.ownership for row in rows if row.optimal is not None]
    return sum(known) if len(known) == len(rows) else None


def _lineup_row(
    result: JobResult, item: PortfolioLineup, played: LineupResult, drivers: Mapping[str, DriverRow]
) -> LineupRow:
    metrics, certificate = item.metrics, item.certificate
    tails = {tail.alpha: tail.cvar for tail in metrics.tails}
    return LineupRow(
        number=item.index + 1,
        drivers=tuple(result.race.names_by_id[driver_id] for driver_id in item.driver_ids),
        driver_ids=item.driver_ids,
        salary=metrics.salary_dollars,
        objective=certificate.objective,
        upper_bound=certificate.upper_bound,
        proven=certificate.proven_optimal,
        mean=metrics.mean_points,
        sd=metrics.sd_points,
        best=metrics.best_points,
        cvar_95=tails.get(0.95),
        cvar_99=tails.get(0.99),
        ownership_total=metrics.ownership_total_percent,
        leverage=_leverage(item, drivers),
        regime=item.regime,
        roi=100 * played.roi.value,
        roi_se=100 * played.roi.standard_error,
        win=100 * played.win_rate,
        win_se=100 * played.win_rate_standard_error,
        top1=100 * played.top1_rate,
        top1_se=100 * played.top1_rate_standard_error,
        cash=100 * played.cash_rate,
        cash_se=100 * played.cash_rate_standard_error,
        expected_duplicates=played.expected_duplicates,
        realised_duplicates=played.realised_duplicates,
    )


def _driver_rows(result: JobResult, summary: ScenarioSummary, matrix: ScenarioMatrix) -> tuple[DriverRow, ...]:
    exposure = {item.name: 100 * item.share for item in result.portfolio.summary.driver_exposures}
    prize_share = {item.name: 100 * item.share for item in result.contest.portfolio.drivers}
    ownership = {item.driver_id: item for item in result.ownership.drivers}
    entries = {driver.driver_id: driver for driver in result.race.drivers}
    quantiles = np.percentile(matrix.points, np.arange(101), axis=0)
    column = {driver_id: number for number, driver_id in enumerate(matrix.driver_ids)}

    def row(driver: DriverSummary) -> DriverRow:
        entry, own = entries[driver.driver_id], ownership[driver.driver_id]
        return DriverRow(
            driver_id=driver.driver_id,
            name=driver.name,
            team=entry.team,
            salary=entry.salary_dollars,
            start=entry.start_position,
            exposure=exposure.get(driver.driver_id, 0.0),
            ownership=own.percent,
            ownership_low=own.lower_percent,
            ownership_high=own.upper_percent,
            optimal=_percent(driver.optimal_rate),
            optimal_se=_percent(driver.optimal_rate_se),
            mean=driver.mean_points,
            mean_se=driver.mean_points_se,
            sd=driver.sd_points,
            quantiles=tuple(round(float(value), 2) for value in quantiles[:, column[driver.driver_id]]),
            win=_percent(driver.win_rate),
            top5=_percent(driver.top5_rate),
            top10=_percent(driver.top10_rate),
            dnf=_percent(driver.dnf_rate),
            laps_led=driver.mean_laps_led,
            fastest_laps=driver.mean_fastest_laps,
            prize_share=prize_share.get(driver.driver_id, 0.0),
        )

    return tuple(row(driver) for driver in summary.drivers)


def _percent(rate: float | None) -> float | None:
    return None if rate is None else 100 * rate


def _totals(matrix: ScenarioMatrix, driver_ids: tuple[str, ...]) -> Floats:
    """Points of a lineup in every scenario; shape (n_scenarios,)."""
    columns = [matrix.driver_ids.index(driver_id) for driver_id in driver_ids]
    return np.asarray(matrix.points[:, columns].sum(axis=1, dtype=np.float64))


def _curves(result: JobResult, matrix: ScenarioMatrix) -> tuple[tuple[float, ...], tuple[Curve, ...]]:
    """Distributions of the portfolio's lineups, of its best lineup per race, and of the best-mean lineup."""
    lineups = [_totals(matrix, item.driver_ids) for item in result.portfolio.lineups]
    if not lineups:
        return (), ()
    samples = {"the lineups, each on its own": np.concatenate(lineups), "best lineup of each race": np.max(lineups, 0)}
    baseline = result.built.summary.baseline
    if baseline is not None and baseline.mean_lineup is not None:
        samples["best-mean lineup"] = _totals(matrix, baseline.mean_lineup.driver_ids)
    everything = np.concatenate(list(samples.values()))
    grid = np.linspace(everything.min(), everything.max(), N_GRID)
    return tuple(np.round(grid, 2).tolist()), tuple(_curve(name, values, grid) for name, values in samples.items())


def _curve(name: str, values: Floats, grid: Floats) -> Curve:
    width = grid[1] - grid[0]
    edges = np.append(grid - width / 2, grid[-1] + width / 2)
    density = np.histogram(values, edges)[0] / values.size
    above = 1 - np.searchsorted(np.sort(values), grid, side="left") / values.size
    return Curve(name, tuple(np.round(100 * density, 4).tolist()), tuple(np.round(100 * above, 4).tolist()))


def _correlations(
    result: JobResult, summary: ScenarioSummary, drivers: tuple[DriverRow, ...]
) -> tuple[tuple[str, ...], tuple[tuple[float, ...], ...]]:
    """Correlations of the drivers that the portfolio plays most, teammates side by side."""
    if summary.correlations is None:
        return (), ()
    most = sorted(drivers, key=lambda driver: (-driver.exposure, -driver.mean))[:N_CORRELATED]
    chosen = sorted(most, key=lambda driver: (driver.team, driver.name))
    ids = [driver.driver_id for driver in chosen]
    values = np.round(summary.correlations.loc[ids, ids].to_numpy(dtype=np.float64), 3).tolist()
    return tuple(result.race.names_by_id[driver_id] for driver_id in ids), tuple(map(tuple, values))


def _overlaps(result: JobResult) -> tuple[tuple[int, ...], ...]:
    sets = [set(item.driver_ids) for item in result.portfolio.lineups[:MAX_OVERLAPS]]
    return tuple(tuple(len(first & second) for second in sets) for first in sets)


def _regimes(result: JobResult) -> tuple[RegimeRow, ...]:
    prizes = {item.name: 100 * item.share for item in result.contest.portfolio.regimes}
    scenarios = result.contest_scenario_set
    return tuple(
        RegimeRow(item.regime, 100 * item.n_scenarios / scenarios.n_scenarios, prizes.get(item.regime, 0.0))
        for item in scenarios.regimes
    )
