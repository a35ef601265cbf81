"""Messages of the scenario contract, to and from what the service works with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from google.protobuf import timestamp_pb2

from pitwall import wire
from pitwall.scenario.v1 import race_pb2, scenario_service_pb2, scenario_set_pb2, summary_pb2
from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.names import Match
from services.common.domain.race import Race
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.mapping import race_to_proto, rules_from_proto, series_from_proto, track_from_proto
from services.common.matrix.codec import UploadedMatrix, ticks_to_points
from services.scenario.core.optimal import OptimalRates
from services.scenario.core.race_import import ImportRequest, NamedFile, NameReport
from services.scenario.core.summary import PointsSummary
from services.scenario.records import RaceRecord, SetRecord
from services.scenario.sets import OpenSet, Upload

_MATCHES = {
    Match.EXACT: race_pb2.NAME_MATCH_EXACT,
    Match.BY_RULE: race_pb2.NAME_MATCH_BY_RULE,
    Match.GUESS: race_pb2.NAME_MATCH_GUESS,
}


def record_to_proto(record: RaceRecord) -> race_pb2.Race:
    """A stored race with its times."""
    message = race_to_proto(record.race)
    message.create_time.CopyFrom(_timestamp(record.create_time))
    message.update_time.CopyFrom(_timestamp(record.update_time))
    return message


def import_request(
    request: scenario_service_pb2.ImportRaceRequest,
) -> tuple[ImportRequest, NamedFile, NamedFile | None]:
    """The parts of an import: what the files do not say, the salary file, the race sheet."""
    details = ImportRequest(
        race_id=request.race_id,
        track=track_from_proto(request.track),
        scheduled_laps=request.scheduled_laps,
        stage_laps=tuple(request.stage_laps),
        rules=rules_from_proto(request.rules) if request.HasField("rules") else DRAFTKINGS_CLASSIC,
        series=series_from_proto(request.series),
        name=request.name,
        accept_guesses=request.accept_guesses,
        withdraw_unlisted=request.withdraw_unlisted,
        start_time=request.start_time.ToJsonString() if request.HasField("start_time") else "",
    )
    salaries = NamedFile(request.salaries.name or "salaries", request.salaries.content)
    sheet = request.race_sheet if request.HasField("race_sheet") else None
    return details, salaries, NamedFile(sheet.name or "race_sheet", sheet.content) if sheet else None


def report_to_proto(report: NameReport) -> race_pb2.ImportReport:
    """How names were joined."""
    return race_pb2.ImportReport(
        matched=[
            race_pb2.MatchedName(salary_name=left, sheet_name=right, match=_MATCHES[pair.match], score=pair.score)
            for left, right, pair in report.pairs
        ],
        unmatched_salary_names=report.unmatched_salary_names,
        unmatched_sheet_names=report.unmatched_sheet_names,
        warnings=report.warnings,
        replaced=report.replaced,
    )


def set_to_proto(record: SetRecord, current_snapshot_hash: str) -> scenario_set_pb2.ScenarioSet:
    """A scenario set, stale when the race has changed since."""
    message = scenario_set_pb2.ScenarioSet(
        scenario_set_id=record.scenario_set_id,
        race_id=record.race.race_id,
        source=(
            scenario_set_pb2.SCENARIO_SOURCE_UPLOADED if record.uploaded else scenario_set_pb2.SCENARIO_SOURCE_GENERATED
        ),
        n_scenarios=record.n_scenarios,
        driver_ids=record.race.driver_ids,
        content_hash=record.content_hash,
        size_bytes=record.size_bytes,
        regimes=[scenario_set_pb2.RegimeShare(regime=name, n_scenarios=count) for name, count in record.regimes],
        create_time=_timestamp(record.create_time),
        stale=record.race.snapshot_hash != current_snapshot_hash,
        warnings=record.warnings,
    )
    if not record.uploaded:
        message.recipe.CopyFrom(_recipe(record))
    return message


def _recipe(record: SetRecord) -> scenario_set_pb2.ScenarioRecipe:
    return scenario_set_pb2.ScenarioRecipe(
        race_snapshot_hash=record.race.snapshot_hash,
        model_version=record.model_version,
        calibration_version=record.calibration_version,
        n_scenarios=record.n_scenarios,
        seed=record.seed,
    )


class MatrixSlice:
    """The part of a matrix that a reader asks for: rows, columns, element type.

    Raises
    ------
    InvalidInput
        For rows or drivers outside the set.
    """

    def __init__(self, opened: OpenSet, request: scenario_service_pb2.StreamMatrixRequest) -> None:
        self._opened = opened
        race, n_rows = opened.record.race, opened.record.n_scenarios
        self.start_row = request.start_row
        self.end_row = request.end_row or n_rows
        if not self.start_row <= self.end_row <= n_rows:
            raise InvalidInput.field(
                "end_row" if self.end_row > n_rows else "start_row",
                f"rows {request.start_row} to {self.end_row} are not in a set of {n_rows}",
            )
        self.dtype = request.dtype or scenario_set_pb2.MATRIX_DTYPE_INT16
        self.driver_ids = tuple(request.driver_ids) or race.driver_ids
        self._columns = _columns(race, self.driver_ids)

    @property
    def is_stored_form(self) -> bool:
        """Whether the chunks are those of the stored matrix, cached for all readers."""
        whole = self.driver_ids == self._opened.record.race.driver_ids
        return whole and self.dtype == scenario_set_pb2.MATRIX_DTYPE_INT16

    def header(self) -> scenario_set_pb2.MatrixHeader:
        """The first message of the stream."""
        record, matrix = self._opened.record, self._opened.matrix
        return scenario_set_pb2.MatrixHeader(
            race_id=record.race.race_id,
            scenario_set_id=record.scenario_set_id,
            n_rows=record.n_scenarios,
            driver_ids=self.driver_ids,
            dtype=self.dtype,
            scale=wire.points_per_unit(self.dtype),
            byte_order=scenario_set_pb2.BYTE_ORDER_LITTLE_ENDIAN,
            content_hash=matrix.content_hash,
            start_row=self.start_row,
            end_row=self.end_row,
            regime_names=matrix.meta["regime_names"],
        )

    def chunks(self) -> Iterator[scenario_set_pb2.MatrixChunk]:
        """The rows, encoded for this reader alone, a chunk in memory at a time."""
        matrix = self._opened.matrix
        row_bytes = len(self._columns) * wire.numpy_dtype(self.dtype).itemsize
        step = wire.rows_per_chunk(matrix.ticks.shape[0], row_bytes)
        for first in range(self.start_row, self.end_row, step):
            rows = slice(first, min(first + step, self.end_row))
            data = self._encode(matrix.ticks[rows, self._columns]).tobytes()
            yield scenario_set_pb2.MatrixChunk(
                start_row=first,
                n_rows=rows.stop - first,
                data=data,
                crc32c=wire.checksum(data),
                regimes=matrix.regimes[rows].tobytes(),
            )

    def _encode(self, ticks: npt.NDArray[np.int16]) -> npt.NDArray[np.generic]:
        values = ticks if self.dtype == scenario_set_pb2.MATRIX_DTYPE_INT16 else ticks_to_points(ticks)
        return np.ascontiguousarray(values, dtype=wire.numpy_dtype(self.dtype))


def _columns(race: Race, driver_ids: Sequence[str]) -> npt.NDArray[np.int64]:
    unknown = [
        FieldViolation(f"driver_ids[{index}]", f"driver {driver_id!r} does not start in race {race.race_id!r}")
        for index, driver_id in enumerate(driver_ids)
        if driver_id not in race.driver_index
    ]
    if unknown:
        raise InvalidInput.of(unknown)
    return np.array([race.driver_index[driver_id] for driver_id in driver_ids], dtype=np.int64)


def upload_from(decoded: UploadedMatrix) -> Upload:
    """A checked upload as the service keeps it."""
    return Upload(
        ticks=decoded.ticks,
        regimes=decoded.regimes,
        regime_names=tuple(decoded.header.regime_names),
        content_hash=decoded.header.content_hash,
    )


def driver_summaries(
    opened: OpenSet, points: PointsSummary, optimal: OptimalRates | None
) -> list[summary_pb2.DriverSummary]:
    """One summary per driver; rates of the race itself only where the set was simulated here."""
    totals = opened.matrix.meta.get("totals")
    summaries = []
    for column, driver in enumerate(opened.record.race.starters):
        message = summary_pb2.DriverSummary(
            driver_id=driver.driver_id,
            name=driver.name,
            mean_points=points.mean[column],
            mean_points_se=points.mean_se[column],
            sd_points=points.sd[column],
            percentiles=[
                summary_pb2.Percentile(level=level, points=value)
                for level, value in zip(points.levels, points.percentiles[column], strict=True)
            ],
        )
        if totals:
            _set_rates(message, totals, column)
        if optimal is not None:
            message.optimal_rate = optimal.rate[column]
            message.optimal_rate_se = optimal.standard_error[column]
        summaries.append(message)
    return summaries


_RATES = {
    "win_rate": "wins",
    "top5_rate": "top5",
    "top10_rate": "top10",
    "dnf_rate": "dnf",
    "mean_finish": "finish",
    "mean_laps_led": "laps_led",
    "mean_fastest_laps": "fastest_laps",
}


def _set_rates(message: summary_pb2.DriverSummary, totals: dict[str, list[int]], column: int) -> None:
    for field, total in _RATES.items():
        setattr(message, field, totals[total][column] / int(totals["n_scenarios"]))  # type: ignore[call-overload]


def correlations_to_proto(race: Race, values: npt.NDArray[np.float64]) -> summary_pb2.CorrelationMatrix:
    """Correlations row by row."""
    return summary_pb2.CorrelationMatrix(driver_ids=race.driver_ids, values=values.ravel().tolist())


def _timestamp(time: dt.datetime) -> timestamp_pb2.Timestamp:
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(time)
    return message
