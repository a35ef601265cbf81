"""``pitwall calibrate`` and ``pitwall backtest``: fit the race model to history, and judge it on history."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pitwall.cli._backtest_tables import print_backtest
from pitwall.cli._common import Bars, JsonOption, output, print_json, print_table
from pitwall.errors import InvalidInputError, Violation
from pitwall.types.race import Progress

STAGE_ERA = 2017
"""Stages came to races in this season: what happened before has another flow."""

backtest_app = typer.Typer(no_args_is_help=True, help="Judge the models on races they have not seen.")

HistoryOption = Annotated[
    Path,
    typer.Option(help="Folder with results and loop data as CSV, in the layout of nascaR.data.", show_default=False),
]


class _Report:
    """Progress of work that runs in this process."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._bars(Progress(stage, done, total, 0.0))


FirstSeasonOption = Annotated[
    int, typer.Option("--first-season", help="Season from which on races are fitted; earlier ones only teach form.")
]


def calibrate(
    history: HistoryOption,
    out: Annotated[Path, typer.Option(help="Calibration file to write.")] = Path("calibration.json"),
    first_season: FirstSeasonOption = STAGE_ERA,
    last_season: Annotated[
        int | None, typer.Option("--last-season", help="Season after which races are not looked at. Default: all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the race model to history and write a calibration file.

    The scenario service reads it from PITWALL_SCENARIO_CALIBRATION_PATH; its version is part of the identity of
    scenario sets. Example: `pitwall calibrate --history history/ --out calibration.json`
    """
    from services.common.rpc.status import as_call_errors
    from services.scenario.calibration.fit import CALIBRATION_SETTINGS, write_calibration
    from services.scenario.calibration.fit import calibrate as fit

    settings = dataclasses.replace(CALIBRATION_SETTINGS, first_season=first_season, last_season=last_season)
    with as_call_errors(), Bars(shown=not as_json) as bars:
        document = fit(history, settings=settings, report=_Report(bars))
        write_calibration(document, out)
    if as_json:
        print_json({"file": str(out), "provenance": document["provenance"]})
    else:
        _print_fitted(document["provenance"]["series"])
        output.print(f"wrote {out}; use it with PITWALL_SCENARIO_CALIBRATION_PATH={out}", markup=False)


def _print_fitted(series: Mapping[str, dict[str, Any]]) -> None:
    """What was fitted to how many races, and what was not."""
    rows = [
        (name, kind, count, outcome)
        for name, source in series.items()
        for outcome, races in (
            ("fitted", {kind: track["races"] for kind, track in source["tracks"].items()}),
            ("not fitted: too few races", source["not_fitted"]),
        )
        for kind, count in races.items()
    ]
    print_table("Fitted", ("series", "track type", "races", "outcome"), rows)


def parse_seasons(text: str) -> tuple[int, int]:
    """``2022-2023`` or ``2023`` as first and last season.

    Raises
    ------
    InvalidInputError
        If the text has another form.
    """
    match = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", text)
    if match is None or int(match[1]) > int(match[2] or match[1]):
        problem = f"write first-last, such as 2022-2023, not {text!r}"
        raise InvalidInputError(f"seasons: {problem}", violations=[Violation("seasons", problem)])
    return int(match[1]), int(match[2] or match[1])


@backtest_app.command("scenarios")
def backtest_scenarios(
    history: HistoryOption,
    seasons: Annotated[str, typer.Option(help="Seasons to score, such as 2022-2023.", show_default=False)],
    series: Annotated[str, typer.Option(help="cup, xfinity or truck.")] = "cup",
    first_season: FirstSeasonOption = STAGE_ERA,
    as_json: JsonOption = False,
) -> None:
    """Forecast each race from the races before it alone, and score the forecasts against baselines.

    Example: `pitwall backtest scenarios --history history/ --seasons 2022-2023`
    """
    from services.common.domain.race import Series
    from services.common.rpc.status import as_call_errors
    from services.scenario.calibration.fit import FitSettings
    from services.scenario.evaluation.backtest import BacktestSettings, backtest
    from services.scenario.evaluation.report import backtest_report

    first_last = parse_seasons(seasons)
    if series not in {item.value for item in Series}:
        problem = f"must be one of {', '.join(item.value for item in Series)}, not {series!r}"
        raise InvalidInputError(f"series: {problem}", violations=[Violation("series", problem)])
    settings = BacktestSettings(fit=FitSettings(first_season=first_season))
    with as_call_errors(), Bars(shown=not as_json) as bars:
        scores = backtest(history, first_last, series=Series(series), settings=settings, report=_Report(bars))
        report = backtest_report(scores)
    if as_json:
        print_json(report)
    else:
        print_backtest(report)
