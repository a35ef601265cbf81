"""What the CLI shows of summaries and backtests."""

import itertools

import numpy as np
import pandas as pd
import pytest

from pitwall.cli import _common, _model, _scenarios
from pitwall.cli._backtest_tables import print_backtest
from pitwall.types.scenarios import DriverSummary, Percentile
from tests.system.command import pitwall
from tests.unit.scenario.synthetic_history import write_history

FORECASTS = ("model", "start_order", "trailing_finish", "plackett_luce", "climatology")
SCORES = ("spearman", "log_score", "crps", "energy", "variogram")


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setattr(_common.output, "width", 150)


def figures():
    """Means that occur once each, so that one missing from the tables is missed."""
    return ({"mean": number / 1000, "se": 0.5} for number in itertools.count(101))


def group(new, points=True):
    scores = {score: {name: next(new) for name in FORECASTS if points or score in SCORES[:2]} for score in SCORES}
    return scores | {
        "races": 7,
        "crps_skill": next(new) | {"best_baseline": "start_order", "races": 7} if points else None,
        "coverage": {level: next(new) if points else None for level in ("0.5", "0.8", "0.95")},
        "pit_histogram": [5, 15, *[10] * 8] if points else [0] * 10,
        "reliability": {"win": {"forecast": (0.031, 0.42), "observed": (0.052, 0.37), "counts": (61, 17)}},
        "teammate_correlation": {"real": 0.068, "real_se": 0.03, "simulated": 0.083} if points else None,
        "hindsight_pit": next(new) if points else None,
        "hindsight_ks_p": 0.237 if points else None,
        "scatter": {"order": next(new), "laps led": next(new), "best points": next(new) if points else None},
        "moments": [
            {"name": "leaders", "real": 9.1, "low": 8.2, "high": 9.9, "simulated": 12.4, "agrees": False},
            {"name": "dnf_rate", "real": 0.15, "low": 0.1, "high": 0.2, "simulated": 0.16, "agrees": True},
        ],
        "moments_if_true": {"average": 1.87, "at_least": 1.0, "all": 0.875},
    }


def means(value):
    if isinstance(value, dict):
        own = [value["mean"]] if "mean" in value else []
        return own + [mean for item in value.values() for mean in means(item)]
    return []


def test_every_figure_of_a_backtest_is_shown(capsys):
    new = figures()
    groups = {"overall": group(new), "short": group(new)}
    print_backtest({"seasons": [2022, 2023], "races": 7, "groups": groups})
    told = capsys.readouterr().out
    assert [mean for mean in means(groups) if f"{mean:.3f} +- 0.500" not in told] == []
    assert told.count("5 15 10 10 10 10 10 10 10 10") == 2
    assert "0.068 +- 0.030, 0.083" in told
    assert told.count("0.24 ") == 2
    rows = [" ".join(line.split()) for line in told.splitlines()]
    assert told.count("1.9, 1 or more, all in 87.5%") == 2
    assert "win 3.10 5.20 61" in rows
    assert rows.count("leaders 9.1 8.2 to 9.9 12.4 differs") == 1
    assert "dnf_rate 0.15 0.1 to 0.2 0.16 agrees" in rows


def test_a_backtest_without_points_is_shown_with_dashes(capsys):
    print_backtest({"seasons": [2016], "races": 7, "groups": {"overall": group(figures(), points=False)}})
    told = capsys.readouterr().out
    assert "Moments" not in told
    assert "overall model 0.101 +- 0.500 0.106 +- 0.500 - - -" in " ".join(told.split())


def summary(name: str, *, mean: float) -> DriverSummary:
    percentiles = tuple(Percentile(level, mean + level) for level in (5.0, 50.0, 99.0))
    return DriverSummary(
        name.lower(), name, mean, 0.1, 20.0, percentiles, 0.11, 0.22, 0.33, 0.44, 5.5, 66.0, 7.7, None, None
    )


def test_a_summary_shows_points_and_what_happened_in_the_race(capsys):
    _scenarios._print_points([summary("Abel", mean=30.0)])
    _scenarios._print_rates([summary("Abel", mean=30.0)])
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "driver mean sd p5 p50 p99 optimal %" in rows
    assert "Abel 30.00 20.00 35.00 80.00 129.00 -" in rows
    assert "Abel 11.00 22.00 33.00 44.00 5.50 66.00 7.70" in rows


def test_what_was_fitted_and_what_was_not_is_told(capsys):
    source = {"tracks": {"short": {"races": 12}}, "not_fitted": {"dirt": 2}}
    _model._print_fitted({"cup": source})
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "cup short 12 fitted" in rows
    assert "cup dirt 2 not fitted: too few races" in rows


@pytest.mark.parametrize(
    "command",
    [("calibrate", "--first-season", 2030), ("backtest", "scenarios", "--seasons", 2021, "--first-season", 2021)],
)
def test_seasons_that_leave_nothing_to_fit_are_refused(tmp_path, command):
    write_history(tmp_path / "h", range(2020, 2022), races_per_season=2)
    told = pitwall(*command, "--history", tmp_path / "h", "--json")
    assert told.code == 2
    assert [item["field"] for item in told.violations["violations"]] == ["seasons"]


def test_correlations_stand_in_the_order_of_the_rows(capsys):
    values = np.array([[1.0, -0.234, 0.5], [-0.234, 1.0, 0.0], [0.5, 0.0, 1.0]])
    ids = ["abel", "bo", "cy"]
    drivers = [summary("Cy", mean=3.0), summary("Abel", mean=2.0), summary("Bo", mean=1.0)]
    _scenarios._print_correlations(drivers, pd.DataFrame(values, index=ids, columns=ids))
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == [
        ["1", "Cy", "100", "50", "0"],
        ["2", "Abel", "50", "100", "-23"],
        ["3", "Bo", "0", "-23", "100"],
    ]
