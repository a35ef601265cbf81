"""A made-up report whose numbers are easy to tell apart."""

import dataclasses

import numpy as np

from pitwall.report.data import Curve, DriverRow, Fact, LineupRow, RegimeRow, ReportData

N_DRIVERS, N_LINEUPS, ROSTER = 12, 5, 6
EVIL = '<script>alert("x")</script> & O\'Neil'


def driver(number):
    quantiles = tuple(float(value) for value in np.linspace(-10 + number, 60 + 3 * number, 101))
    return DriverRow(
        driver_id=str(number),
        name=EVIL if number == 0 else f"Driver {number}",
        team=f"Team {number % 3}",
        salary=5_000 + 100 * number,
        start=number + 1,
        exposure=20.0 * (number % 5),
        ownership=5.0 * number,
        ownership_low=4.0 * number,
        ownership_high=6.0 * number,
        optimal=4.0 * (N_DRIVERS - number),
        optimal_se=0.5,
        mean=20.0 + number,
        mean_se=0.1,
        sd=15.0,
        quantiles=quantiles,
        win=1.0,
        top5=5.0,
        top10=9.0,
        dnf=10.0,
        laps_led=None if number == 3 else 2.5,
        fastest_laps=1.5,
        prize_share=3.0,
    )


def lineup(number):
    drivers = tuple(range(number, number + ROSTER))
    return LineupRow(
        number=number + 1,
        drivers=tuple(driver(item).name for item in drivers),
        driver_ids=tuple(map(str, drivers)),
        salary=49_000 + number,
        objective=300.0 - number,
        upper_bound=300.0 - number,
        proven=True,
        mean=200.0,
        sd=50.0,
        best=400.0,
        cvar_95=320.0,
        cvar_99=350.0,
        ownership_total=120.0,
        leverage=-3.0,
        regime="",
        roi=(7.0, -20.0, 150.5, 0.0, -99.0)[number],
        roi_se=5.0,
        win=0.1,
        win_se=0.1,
        top1=2.0,
        top1_se=0.2,
        cash=30.0,
        cash_se=0.3,
        expected_duplicates=0.4,
        realised_duplicates=0.5,
    )


def report(**changes):
    grid = tuple(float(value) for value in np.linspace(50, 400, 41))
    density = tuple(float(value) for value in 5 * np.exp(-(((np.array(grid) - 220) / 60) ** 2)))
    above = tuple(float(value) for value in np.linspace(100, 0, 41))
    sets = [set(lineup(number).driver_ids) for number in range(N_LINEUPS)]
    data = ReportData(
        title=f"Race of {EVIL}",
        race_id="r",
        subtitle="Somewhere, 100 laps",
        roster_size=ROSTER,
        lineups=tuple(map(lineup, range(N_LINEUPS))),
        drivers=tuple(map(driver, range(N_DRIVERS))),
        headlines=(Fact("expected profit", "$12.00", "what it means"),),
        points_grid=grid,
        curves=(Curve("lineups", density, above), Curve("best", density, above), Curve("mean", density, above)),
        profit_quantiles=((0.0, -100.0), (50.0, -60.0), (90.0, 20.0), (100.0, 5_000.0)),
        correlation_names=("Driver 1", "Driver 2", "Driver 3"),
        correlations=((1.0, 0.2, -0.1), (0.2, 1.0, 0.0), (-0.1, 0.0, 1.0)),
        overlaps=tuple(tuple(len(a & b) for b in sets) for a in sets),
        regimes=(RegimeRow("chaos", 40.0, 60.0), RegimeRow("normal", 60.0, 40.0)),
        diagnostics=(Fact("legal lineups", "924", "all of them"),),
        recipe={"seed: scenarios": "1"},
        warnings=("Mind the gap",),
    )
    return dataclasses.replace(data, **changes)
