"""The fitted coefficients of the race model, series by series and track type by track type."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Series, TrackType
from services.scenario.core.race_character import CHANCES, LEVELS
from services.scenario.core.race_flow import RaceFlow

FORMAT = 5
"""Layout of calibration documents that this version reads."""


@dataclass(frozen=True)
class DriverForm:
    """What history says about a driver, on the scale of standard normal scores within a field.

    Attributes
    ----------
    rating, finish
        Trailing driver rating and finish, already shrunk.
    n_races
        Decayed number of races behind them.
    by_type
        What a track type adds to the rating, already shrunk.
    """

    rating: float
    finish: float
    n_races: float
    by_type: Mapping[TrackType, float]


@dataclass(frozen=True)
class FormWeights:
    """Score per unit of each signal of form; practice counts only where a session is known."""

    rating: float
    track_type: float
    finish: float
    practice: float


@dataclass(frozen=True)
class TrackCalibration:
    """Race flow of a track type, the score that one standard deviation of skill is worth, and the weights of form.

    Scores are those of the order model, before the sharpness of the flow.
    """

    flow: RaceFlow
    skill_score: float
    form_weights: FormWeights

    def form_score(self, form: DriverForm, track_type: TrackType) -> float:
        """Score of a driver by his form alone."""
        weights = self.form_weights
        by_type = form.by_type.get(track_type, 0.0)
        return weights.rating * form.rating + weights.track_type * by_type + weights.finish * form.finish


@dataclass(frozen=True)
class SeriesCalibration:
    """Coefficients of one championship; ``forms`` by ``name_key`` of the driver, as of the end of ``last_season``."""

    tracks: Mapping[TrackType, TrackCalibration]
    forms: Mapping[str, DriverForm]
    last_season: int


@dataclass(frozen=True)
class Calibration:
    """All coefficients. ``version`` names their values, so it is part of a scenario set's identity."""

    version: str
    series: Mapping[Series, SeriesCalibration]
    provenance: Mapping[str, Any]

    def track(self, series: Series, track_type: TrackType) -> TrackCalibration:
        """Coefficients of a race; where a series has none of its own, those of the Cup, or else of any other.

        Raises
        ------
        InvalidInput
            If the calibration does not know the track type.
        """
        for candidate in (series, Series.CUP, *self.series):
            found = self.series.get(candidate)
            if found and track_type in found.tracks:
                return found.tracks[track_type]
        raise InvalidInput.field(
            "race.track.type", f"the calibration has no {track_type.value} tracks; make it again with pitwall calibrate"
        )

    def forms(self, series: Series) -> Mapping[str, DriverForm]:
        """Drivers known from the history of a series."""
        found = self.series.get(series)
        return found.forms if found else {}

    def seasons_since(self, series: Series, season: int) -> int:
        """Seasons between the end of the history of a series and a season."""
        found = self.series.get(series)
        return max(0, season - found.last_season) if found else 0


def calibration_version(document: Mapping[str, Any]) -> str:
    """Version of a document: the format and a hash of its coefficients, not of its provenance."""
    text = json.dumps(document["series"], sort_keys=True, separators=(",", ":"))
    return f"{FORMAT}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def calibration_from_document(document: Mapping[str, Any]) -> Calibration:
    """A calibration from its JSON document.

    Raises
    ------
    InvalidInput
        If the document has another layout.
    """
    if document.get("format") != FORMAT:
        raise InvalidInput.field(
            "calibration.format", f"is {document.get('format')!r}; expected {FORMAT}: fit again with pitwall calibrate"
        )
    try:
        series = {Series(name): _series(content) for name, content in document["series"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InvalidInput.field("calibration.series", f"cannot be read ({error}); fit again") from error
    return Calibration(calibration_version(document), series, document.get("provenance", {}))


_SHARES = (
    *CHANCES,
    "race_spread",
    "accident_single",
    "accident_growth",
    "accident_late",
    "crash_out",
    "mechanical_mean",
    "overtime_chance",
    "shortened_chance",
    "lead_lap_share",
    "fuel_chance",
    "dominator_share",
)
_POSITIVE = ("sharpness", "accident_shape", "caution_shape", "settle", "closing_bonus")
_ANY_SIGN = (*LEVELS, "accident_tilt", "mechanical_slope", "start_effect")
_LEAST_POSITIVE, _MOST, _MOST_SIGNED = 1e-3, 1_000.0, 20.0
"""Bounds far beyond any fit: of what a kernel divides by, of the others, and of those that may be negative."""


def _number(name: str, value: Any, low: float, high: float) -> float:
    number = float(value)
    if not low <= number <= high:
        raise ValueError(f"{name} is {number:g}, expected {low:g} to {high:g}")
    return number


def _flow(values: Mapping[str, Any]) -> RaceFlow:
    """Coefficients, each in the range in which the kernels know what it means."""
    checked = {}
    for name, value in values.items():
        low = -_MOST_SIGNED if name in _ANY_SIGN else _LEAST_POSITIVE if name in _POSITIVE else 0.0
        high = _MOST_SIGNED if name in _ANY_SIGN else 1.0 if name in _SHARES else _MOST
        checked[name] = _number(name, value, low, high)
    return RaceFlow(**checked)


def _form_weights(values: Mapping[str, Any]) -> FormWeights:
    return FormWeights(**{name: _number(name, value, -_MOST_SIGNED, _MOST_SIGNED) for name, value in values.items()})


def _series(content: Mapping[str, Any]) -> SeriesCalibration:
    tracks = {
        TrackType(name): TrackCalibration(
            _flow(track["flow"]),
            _number("skill_score", track["skill_score"], 0.0, _MOST),
            _form_weights(track["form_weights"]),
        )
        for name, track in content["tracks"].items()
    }
    forms = {
        key: DriverForm(
            float(form["rating"]),
            float(form["finish"]),
            float(form["n_races"]),
            {TrackType(name): float(value) for name, value in form.get("by_type", {}).items()},
        )
        for key, form in content.get("drivers", {}).items()
    }
    return SeriesCalibration(tracks, forms, int(content["last_season"]))
