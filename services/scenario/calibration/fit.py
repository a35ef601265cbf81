"""Fitting all coefficients to a folder of history, and writing them down with their provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Series, TrackType
from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.scenario.calibration.direct_fit import fit_direct
from services.scenario.calibration.flow_defaults import FLOW_DEFAULTS
from services.scenario.calibration.flow_fit import FlowFit, FlowFitSettings, fit_flow, race_input, race_weights
from services.scenario.calibration.form import FormSettings, FormTracker, KnownRace, follow
from services.scenario.calibration.history import HistoricRace, no_results, read_history
from services.scenario.calibration.order_fit import OrderFit, OrderSettings, fit_orders
from services.scenario.calibration.team_fit import fit_team_sd
from services.scenario.calibration_file import read_document
from services.scenario.core.calibration import FORMAT, DriverForm, calibration_from_document
from services.scenario.core.race_flow import RaceFlow
from services.scenario.core.simulate import MODEL_VERSION

MIN_RACES_OF_TYPE = 3
"""Races of a track type below which it is not fitted: it is then as in the calibration that comes with Pitwall."""


@dataclass(frozen=True)
class FitSettings:
    """What is fitted and how.

    Attributes
    ----------
    first_season
        Races before it only teach the form of drivers. 2017 brought stages.
    last_season
        Races after it are not looked at; None takes all.
    """

    first_season: int = 2017
    last_season: int | None = None
    form: FormSettings = field(default_factory=FormSettings)
    order: OrderSettings = field(default_factory=OrderSettings)
    flow: FlowFitSettings = field(default_factory=FlowFitSettings)


CALIBRATION_SETTINGS = FitSettings(flow=FlowFitSettings(n_scenarios=72, max_rounds=8))
"""More work than the defaults, which a backtest repeats season by season."""


@dataclass(frozen=True, eq=False)
class TrackFit:
    """Coefficients of a track type and the races they come from."""

    order: OrderFit
    flow: FlowFit
    n_races: int


def fit_tracks(
    past: Sequence[KnownRace],
    settings: FitSettings,
    *,
    checkpoint: Checkpoint = no_checkpoint,
    report: ReportProgress = no_progress,
) -> dict[TrackType, TrackFit]:
    """Fit every track type that has been raced on to races of the stage era, the newest last."""
    orders = fit_orders(past, settings.order)
    by_type = {kind: of_type(past, kind) for kind in TrackType}
    usable = {kind: known for kind, known in by_type.items() if len(known) >= MIN_RACES_OF_TYPE}
    flows: dict[TrackType, FlowFit] = {}
    for done, (kind, known) in enumerate(usable.items()):
        report("fit race flow", done, len(usable))
        start = _direct(FLOW_DEFAULTS[kind], known, orders[kind], settings)
        flows[kind] = fit_flow(known, orders[kind], start, settings.flow, checkpoint=checkpoint)
    report("fit race flow", len(usable), len(usable))
    team_sd = _team_sd(usable, orders, flows, settings)
    return {
        kind: TrackFit(orders[kind], _with_team_sd(flow, team_sd.get(kind)), len(usable[kind]))
        for kind, flow in flows.items()
    }


def refit_track(
    past: Sequence[KnownRace],
    kind: TrackType,
    previous: TrackFit | None,
    settings: FitSettings,
    *,
    checkpoint: Checkpoint = no_checkpoint,
) -> TrackFit:
    """One track type fitted, from where an earlier fit ended if there is one; the spread of the team's day stays."""
    known, order = of_type(past, kind), fit_orders(past, settings.order)[kind]
    begin = previous.flow if previous else None
    start = _direct(FLOW_DEFAULTS[kind], known, order, settings)
    if begin:
        start = start._replace(team_sd=begin.flow.team_sd)
    flow = fit_flow(known, order, start, settings.flow, begin=begin, checkpoint=checkpoint)
    return TrackFit(order, flow, len(known))


def of_type(past: Sequence[KnownRace], kind: TrackType) -> list[KnownRace]:
    """The races of a track type."""
    return [known for known in past if known.race.track_type is kind]


def _direct(start: RaceFlow, known: Sequence[KnownRace], order: OrderFit, settings: FitSettings) -> RaceFlow:
    return fit_direct(start, known, order, race_weights(len(known), settings.flow.half_life_races))


def calibrate(
    history: Path,
    *,
    series: Sequence[Series] = tuple(Series),
    settings: FitSettings | None = None,
    checkpoint: Checkpoint = no_checkpoint,
    report: ReportProgress = no_progress,
) -> dict[str, Any]:
    """Fit the race model to a folder of history and return the calibration document.

    Parameters
    ----------
    history
        Folder in the layout that ``history.read_history`` describes.
    series
        Championships to fit; those without a results file are left out.

    Raises
    ------
    InvalidInput
        If there is no history of any series, too little of one to fit anything, or a file cannot be used.

    Notes
    -----
    Track types without enough races are those of the calibration that comes with Pitwall; ``not_fitted`` in the
    provenance names them.
    """
    settings = settings or CALIBRATION_SETTINGS
    contents: dict[str, Any] = {}
    provenance: dict[str, Any] = {}
    for name in series:
        if not any(history.rglob(f"*{name.value}*results*.csv*")):
            continue
        races = _seasons(read_history(history, name), settings.last_season)
        content, source = _fit_series(name, races, settings, checkpoint, report)
        contents[name.value], provenance[name.value] = content, source
    if not contents:
        raise no_results(history, next(iter(series), Series.CUP))
    _complete(contents)
    document = {
        "format": FORMAT,
        "provenance": {"model_version": MODEL_VERSION, "history": _files(history), "series": provenance},
        "series": contents,
    }
    calibration_from_document(document)
    return document


def _complete(contents: dict[str, Any]) -> None:
    """Add the track types that were fitted neither for a series nor for the Cup, as they come with Pitwall.

    A race on such a track can be simulated then, with the form of the history at hand.
    """
    ours = read_document()["series"]
    of_cup = set(contents.get(Series.CUP.value, {}).get("tracks", ()))
    for name, content in contents.items():
        known = ours[Series.CUP.value]["tracks"] | ours.get(name, {}).get("tracks", {})
        content["tracks"] |= {kind: known[kind] for kind in known.keys() - content["tracks"].keys() - of_cup}


def write_calibration(document: Mapping[str, Any], path: Path) -> None:
    """Write a calibration document, whole or not at all."""
    scratch = path.with_name(path.name + ".part")
    scratch.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    scratch.replace(path)


def _seasons(races: Sequence[HistoricRace], last_season: int | None) -> list[HistoricRace]:
    return [race for race in races if last_season is None or race.season <= last_season]


def _fit_series(
    series: Series,
    races: Sequence[HistoricRace],
    settings: FitSettings,
    checkpoint: Checkpoint,
    report: ReportProgress,
) -> tuple[dict[str, Any], dict[str, Any]]:
    followed = list(follow(races, settings.form))
    past = [known for known, _ in followed if known.race.season >= settings.first_season]
    _check_enough(series, races, past, settings)
    fits = fit_tracks(past, settings, checkpoint=checkpoint, report=report)
    content = {
        "tracks": {kind.value: track_document(fit, past) for kind, fit in fits.items()},
        "drivers": _drivers(followed[-1][1]),
        "last_season": races[-1].season,
    }
    return content, _provenance(past, fits)


def _check_enough(
    series: Series, races: Sequence[HistoricRace], past: Sequence[KnownRace], settings: FitSettings
) -> None:
    """Refuse history of which no track type can be fitted."""
    most = max((len(of_type(past, kind)) for kind in TrackType), default=0)
    if most >= MIN_RACES_OF_TYPE:
        return
    held = f"{races[0].season}-{races[-1].season}" if races else "no season"
    chosen = f"from {settings.first_season}" + (f" to {settings.last_season}" if settings.last_season else " on")
    raise InvalidInput.field(
        "seasons",
        f"the {series.value} results (read: {held}) hold {len(past)} races {chosen}, at most {most} of a track type, "
        f"and {MIN_RACES_OF_TYPE} are needed to fit one; add races or choose other seasons",
    )


def track_document(fit: TrackFit, past: Sequence[KnownRace]) -> dict[str, Any]:
    """Coefficients of a track type as they stand in the calibration file."""
    rating, track_type, finish, practice = (round(float(value), 4) for value in fit.order.weights)
    flow = fit.flow.flow._replace(start_effect=fit.order.start_effect, score_bend=fit.order.bend)
    spread = [fit.order.strength(known.signals).std() for known in past[-72:]]
    return {
        "flow": {name: round(float(value), 4) for name, value in flow._asdict().items()},
        "skill_score": round(float(np.mean(spread)), 4),
        "form_weights": {"rating": rating, "track_type": track_type, "finish": finish, "practice": practice},
    }


def _drivers(tracker: FormTracker) -> dict[str, Any]:
    return {key: _driver_document(form) for key, form in sorted(tracker.forms().items())}


def _driver_document(form: DriverForm) -> dict[str, Any]:
    return {
        "rating": round(form.rating, 3),
        "finish": round(form.finish, 3),
        "n_races": round(form.n_races, 2),
        "by_type": {kind.value: round(value, 3) for kind, value in form.by_type.items()},
    }


def _provenance(past: Sequence[KnownRace], fits: Mapping[TrackType, TrackFit]) -> dict[str, Any]:
    return {
        "seasons": [past[0].race.season, past[-1].race.season],
        "races": len(past),
        "tracks": {
            kind.value: {
                "races": fit.n_races,
                "moments": {
                    name: [round(float(real), 4), round(float(simulated), 4)]
                    for name, real, simulated in zip(fit.flow.names, fit.flow.real, fit.flow.simulated, strict=True)
                },
            }
            for kind, fit in fits.items()
        },
        "not_fitted": {kind.value: len(of_type(past, kind)) for kind in TrackType if kind not in fits},
    }


def _files(history: Path) -> list[str]:
    patterns = ("*results*.csv*", "*loop*.csv*", "*practice*.csv*", "*race_meta*.csv*")
    return sorted({path.name for pattern in patterns for path in history.rglob(pattern)})


def _team_sd(
    by_type: Mapping[TrackType, Sequence[KnownRace]],
    orders: Mapping[TrackType, OrderFit],
    flows: Mapping[TrackType, FlowFit],
    settings: FitSettings,
) -> dict[TrackType, float]:
    newest = {kind: known[-settings.flow.max_races :] for kind, known in by_type.items()}

    def build(known: KnownRace, team_sd: float) -> Any:
        kind = known.race.track_type
        return race_input(known, orders[kind], flows[kind].flow._replace(team_sd=team_sd))

    return fit_team_sd(newest, build, workers=settings.flow.workers)


def _with_team_sd(fit: FlowFit, team_sd: float | None) -> FlowFit:
    return fit if team_sd is None else replace(fit, flow=fit.flow._replace(team_sd=team_sd))
