"""Contest-sim messages to core types."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pitwall.common.v1 import lineup_pb2
from pitwall.contestsim.v1 import contest_pb2, contestsim_service_pb2
from services.common.domain.errors import InvalidInput
from services.common.domain.race import Race
from services.common.mapping import lineup_columns
from services.contest_sim.core.contest import DEFAULT_MAX_ENTRIES_PER_USER, Contest, Entries, Setting
from services.contest_sim.core.field_parameters import FieldParameters, default_parameters
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.prize_shape import PrizeShape, shape_prizes
from services.contest_sim.core.prize_text import parse_prizes
from services.contest_sim.core.prizes import PrizeRow, PrizeTable
from services.contest_sim.core.selection_rules import ExposureLimit, SelectionRules
from services.contest_sim.core.standings import standings_lineups


def contest_from_proto(message: contest_pb2.ContestSpec, field: str) -> Contest:
    """A contest whose prizes it can hold and pay.

    Raises
    ------
    InvalidInput
        Naming the line or row at fault.
    """
    contest = Contest(
        n_entries=message.n_entries,
        entry_fee_cents=message.entry_fee_cents,
        prizes=_prizes(message, field),
        name=message.name,
        max_entries_per_user=message.max_entries_per_user or DEFAULT_MAX_ENTRIES_PER_USER,
        overlay_cents=message.overlay_cents,
    )
    contest.check(field)
    return contest


def setting_from_proto(
    message: contestsim_service_pb2.DescribeFieldRequest | contestsim_service_pb2.SampleFieldRequest,
) -> Setting:
    """The setting of a field that is asked for without a contest."""
    limit = message.max_entries_per_user or DEFAULT_MAX_ENTRIES_PER_USER
    return Setting(message.n_entries, message.entry_fee_cents, limit)


def _prizes(message: contest_pb2.ContestSpec, field: str) -> PrizeTable:
    """The prize table, whichever way it is given."""
    match message.WhichOneof("prizes"):
        case "table":
            rows = [PrizeRow(row.first_place, row.last_place, row.prize_cents) for row in message.table.rows]
            return PrizeTable.checked(rows, f"{field}.table")
        case "text":
            return parse_prizes(message.text, f"{field}.text")
        case "shape":
            shape = _shape(message.shape)
            return shape_prizes(shape, message.n_entries, message.entry_fee_cents, f"{field}.shape")
    raise InvalidInput.field(f"{field}.prizes", "is missing; give table, text or shape")


def _shape(message: contest_pb2.PrizeShape) -> PrizeShape:
    default = PrizeShape()
    return PrizeShape(
        first_share=message.first_share or default.first_share,
        paid_share=message.paid_share or default.paid_share,
        min_cash_multiple=message.min_cash_multiple or default.min_cash_multiple,
        rake=message.rake if message.HasField("rake") else default.rake,
    )


def legal_lineups(race: Race, lineups: Sequence[lineup_pb2.Lineup], fields: Sequence[str]) -> npt.NDArray[np.int8]:
    """Driver columns per lineup, ascending; int8, shape (n_lineups, roster_size).

    Raises
    ------
    InvalidInput
        Naming the lineup that holds an unknown driver, too many or too few, or costs more than the cap.
    """
    rules = race.rules
    columns = np.empty((len(lineups), rules.roster_size), dtype=np.int8)
    for row, (lineup, field) in enumerate(zip(lineups, fields, strict=True)):
        found = lineup_columns(race, lineup, field)
        if len(found) != rules.roster_size:
            raise InvalidInput.field(field, f"holds {len(found)} drivers, a lineup has {rules.roster_size}")
        columns[row] = found
    costs = race.salaries_dollars[columns.astype(np.int64)].sum(axis=1)
    too_dear = np.flatnonzero(costs > rules.salary_cap_dollars)
    if len(too_dear):
        first = int(too_dear[0])
        text = f"costs ${costs[first]:,}, the salary cap is ${rules.salary_cap_dollars:,}"
        raise InvalidInput.field(fields[first], text)
    return columns


def entries_from_proto(race: Race, messages: Sequence[contest_pb2.EnteredLineup], field: str) -> Entries:
    """One's own entries, in the order of the request."""
    return Entries(*_entered(race, messages, field))


def opponents_from_proto(race: Race, message: contest_pb2.KnownField, field: str) -> Opponents:
    """Known opponents, duplicates compressed.

    Raises
    ------
    InvalidInput
        For lineups that are not legal, a standings export that cannot be read, or both or neither given.
    """
    if message.HasField("standings") == bool(message.lineups):
        raise InvalidInput.field(field, "give either lineups or standings")
    if message.lineups:
        if message.own_user:
            raise InvalidInput.field(
                f"{field}.own_user", "names a user of standings; lineups have none, leave it empty"
            )
        return Opponents.compress(*_entered(race, message.lineups, f"{field}.lineups"))
    file_name = message.standings.name or f"{field}.standings"
    names = [driver.name for driver in race.starters]
    lineups = standings_lineups(
        file_name,
        message.standings.content,
        names,
        race.rules.roster_size,
        salaries_dollars=race.salaries_dollars,
        salary_cap_dollars=race.rules.salary_cap_dollars,
        own_user=message.own_user,
        own_user_field=f"{field}.own_user",
    )
    return Opponents.compress(lineups)


def _entered(
    race: Race, messages: Sequence[contest_pb2.EnteredLineup], field: str
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    fields = [f"{field}[{index}].lineup" for index in range(len(messages))]
    lineups = legal_lineups(race, [message.lineup for message in messages], fields)
    return lineups, np.array([message.n_entries or 1 for message in messages], dtype=np.int64)


def parameters_from_proto(message: contest_pb2.ModelField, entry_fee_cents: int) -> FieldParameters:
    """Field parameters, fitted ones for the fee where none are given."""
    fitted = default_parameters(entry_fee_cents)
    return FieldParameters(
        salary_tilt=message.salary_tilt if message.HasField("salary_tilt") else fitted.salary_tilt,
        sharpness=message.sharpness if message.HasField("sharpness") else fitted.sharpness,
        contrast=message.contrast if message.HasField("contrast") else fitted.contrast,
    )


def pool_from_proto(race: Race, request: contestsim_service_pb2.SelectEntriesRequest) -> npt.NDArray[np.int8] | None:
    """The candidates, each once and in lexicographic order; None for every legal lineup.

    Raises
    ------
    InvalidInput
        For lineups that are not legal, or fewer different ones than entries wanted.
    """
    if not request.pool:
        return None
    lineups = legal_lineups(race, request.pool, [f"pool[{index}]" for index in range(len(request.pool))])
    different = Opponents.compress(lineups).lineups
    if len(different) < request.n_entries:
        text = f"holds {len(different)} different lineups, {request.n_entries} entries are wanted"
        raise InvalidInput.field("pool", f"{text}; add lineups, or leave it empty to choose from all")
    return different


def rules_from_proto(race: Race, request: contestsim_service_pb2.SelectEntriesRequest) -> SelectionRules:
    """The rules of a selection.

    Raises
    ------
    InvalidInput
        For a limit on a driver who does not start.
    """
    return SelectionRules(
        n_entries=request.n_entries,
        max_driver_exposure=request.max_driver_exposure or 1.0,
        min_distinct_drivers=max(1, request.min_distinct_drivers),
        risk_aversion=request.risk_aversion,
        limits=tuple(_limit(race, item, f"limits[{index}]") for index, item in enumerate(request.limits)),
    )


def _limit(race: Race, message: contestsim_service_pb2.ExposureLimit, field: str) -> ExposureLimit:
    columns = lineup_columns(race, lineup_pb2.Lineup(driver_ids=message.driver_ids), f"{field}.driver_ids")
    return ExposureLimit(columns, message.max, message.name)
