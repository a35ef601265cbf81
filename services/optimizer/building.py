"""A portfolio from request to summary."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1 import portfolio_pb2
from services.common.domain.errors import InvalidInput
from services.common.domain.work import ReportProgress
from services.common.rpc.calls import Call
from services.common.universe.rules import Rule
from services.optimizer import answers, mapping, reports
from services.optimizer.compliance import Compliance
from services.optimizer.core.duplicates import log_copies
from services.optimizer.core.exposure import ExposurePlan
from services.optimizer.core.exposure_bounds import exposure_bounds
from services.optimizer.core.metrics import lineup_numbers
from services.optimizer.core.portfolio import Entry, PortfolioBuilder, PortfolioSpec
from services.optimizer.core.structure import leverage_rules, structure_rules
from services.optimizer.inputs import Inputs, Peers, fetch
from services.optimizer.searches import Searches, SearchPlan
from services.optimizer.tables import TableLibrary

_ANSWER_MARGIN = 0.1
_ANSWER_SECONDS = (1.0, 5.0)
"""Share of the time to the deadline that is kept for the last lineup and the summary, and its least and greatest."""
_GREATEST_MARGIN = 0.4
"""Of a short time, the share that may be kept."""

EmitResponse = Callable[[pb.BuildPortfolioResponse], None]


class PortfolioJob:
    """Builds the portfolio of one request."""

    def __init__(self, request: pb.BuildPortfolioRequest, peers: Peers, library: TableLibrary, call: Call) -> None:
        self._request = request
        self._peers = peers
        self._library = library
        self._call = call
        self._timings: dict[str, float] = {}
        self._stop_at = call.started + _search_seconds(request, call)

    def run(self, emit: EmitResponse, report: ReportProgress) -> None:
        """Emit lineups as they are proven, then the summary."""
        with self._stage("inputs"):
            inputs = fetch(self._request, self._peers, self._call)
        spec, plan = self._spec(inputs)
        searches = Searches(self._search_plan(inputs, spec), self._library, self._call, self._seconds_left)
        with self._stage("table"):
            # The summary needs it in any case, and once the search is cut short there is no time to make it.
            searches.of_regime()
        builder = PortfolioBuilder(spec, plan, searches.for_lineup, self._should_stop, self._call.checkpoint)
        compliance = Compliance(inputs.race, spec.rules)
        with self._stage("lineups"):
            report("lineups", 0, spec.n_lineups)
            for entry, seconds in _timed(builder.build()):
                message = self._message(inputs, entry, seconds, compliance.broken(entry.solution.columns))
                emit(pb.BuildPortfolioResponse(lineup=message))
                report("lineups", entry.index + 1, spec.n_lineups)
        context = reports.Context(
            request=self._request,
            inputs=inputs,
            spec=spec,
            plan=plan,
            outcome=builder.outcome,
            searches=searches,
            peers=self._peers,
            call=self._call,
            report=report,
            seconds_left=self._seconds_left,
        )
        with self._stage("reports"):
            summary = reports.summarize(context)
        summary.portfolio_id = _portfolio_id(self._request, inputs)
        summary.timings_seconds.update(self._timings)
        emit(pb.BuildPortfolioResponse(summary=summary))

    def _seconds_left(self) -> float:
        return self._stop_at - time.monotonic()

    def _should_stop(self) -> bool:
        return self._seconds_left() <= 0

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._timings[name] = time.monotonic() - started

    def _spec(self, inputs: Inputs) -> tuple[PortfolioSpec, ExposurePlan]:
        request, race = self._request, inputs.race
        drivers = mapping.driver_table(race)
        exposure = mapping.exposure_from_proto(race, request.exposure)
        locked = inputs.structure.locked
        bounds = exposure_bounds(exposure, drivers, len(race.teams), request.n_lineups, locked)
        diversity = request.diversity
        if diversity.min_distinct_drivers > drivers.roster_size:
            raise InvalidInput.field(
                "diversity.min_distinct_drivers",
                f"is {diversity.min_distinct_drivers}, but a lineup has {drivers.roster_size} drivers",
            )
        overlap = diversity.overlap_penalty if diversity.HasField("overlap_penalty") else None
        points = mapping.driver_points(race, request.objective.driver_points)
        if inputs.leverage.ownership_penalty and inputs.ownership_percent is not None:
            points = points - inputs.leverage.ownership_penalty * 100.0 * (inputs.ownership_percent / 100.0) ** 2
        spec = PortfolioSpec(
            n_lineups=request.n_lineups,
            driver_points=points,
            rules=self._rules(inputs),
            overlap_penalty=mapping.DEFAULT_OVERLAP_PENALTY if overlap is None else overlap,
            min_distinct=max(1, diversity.min_distinct_drivers),
            mode=exposure.mode,
            soft_price_points=exposure.soft_price_points,
        )
        return spec, ExposurePlan(bounds, drivers, race.teams, race.rules.salary_cap_dollars)

    def _rules(self, inputs: Inputs) -> list[Rule]:
        rules = structure_rules(inputs.structure, mapping.driver_table(inputs.race))
        if inputs.ownership_percent is not None:
            rules += leverage_rules(inputs.leverage, inputs.ownership_percent, self._log_copies(inputs))
        return rules

    def _log_copies(self, inputs: Inputs) -> npt.NDArray[np.float64] | None:
        """Expected copies per lineup as a sum over drivers, when a rule asks for it."""
        leverage, slate = inputs.leverage, inputs.slate
        if leverage.max_duplicates is None or inputs.ownership_percent is None:
            return None
        logs, deviation = log_copies(
            slate.salaries_dollars,
            slate.roster_size,
            slate.salary_cap_dollars,
            ownership_percent=inputs.ownership_percent,
            field_entries=leverage.field_entries,
            checkpoint=self._call.checkpoint,
        )
        if deviation > 0.1:
            inputs.warnings.append(f"expected duplicates: ownership is met to {deviation:.1f} points only")
        return logs

    def _search_plan(self, inputs: Inputs, spec: PortfolioSpec) -> SearchPlan:
        request, matrix = self._request, inputs.matrix
        weights = mapping.regimes_from_proto(request.regimes, matrix.regime_names)
        return SearchPlan(
            content=matrix.content_hash,
            slate=inputs.slate,
            terms=inputs.terms,
            regimes=matrix.regimes,
            regime_names=matrix.regime_names,
            regime_weights=tuple(weights),
            scenario_share=request.scenario_share,
            seed=request.seed,
            n_lineups=request.n_lineups,
            # A table pays from the second lineup on, and where limits keep a walk from seeing its end.
            by_table=request.n_lineups > 1 or any(rule.limit is not None for rule in spec.rules),
        )

    def _message(
        self, inputs: Inputs, entry: Entry, seconds: float, broken_rules: Sequence[str]
    ) -> portfolio_pb2.PortfolioLineup:
        numbers = lineup_numbers(
            inputs.slate,
            entry.solution.columns,
            [tail.alpha for tail in entry.objective.tails],
            ownership_percent=inputs.ownership_percent,
            optimal_percent=inputs.optimal_percent,
        )
        content = _scenarios_hash(self._request, inputs.matrix.content_hash, entry)
        certificate = answers.certificate_to_proto(entry, content, seconds)
        return answers.lineup_to_message(inputs.race, entry, certificate, numbers, broken_rules)


def _search_seconds(request: pb.BuildPortfolioRequest, call: Call) -> float:
    """Seconds after the start at which the search is cut short."""
    remaining = call.remaining_seconds()
    least, most = _ANSWER_SECONDS
    allowed = remaining - min(_GREATEST_MARGIN * remaining, max(least, _ANSWER_MARGIN * remaining), most)
    if request.HasField("time_limit"):
        return min(allowed, request.time_limit.ToTimedelta().total_seconds())
    return allowed


def _scenarios_hash(request: pb.BuildPortfolioRequest, content_hash: str, entry: Entry) -> str:
    """Hash of the scenarios that a lineup was optimised on: of the set, and of what a part of it was drawn by."""
    share = request.scenario_share if 0.0 < request.scenario_share < 1.0 else 1.0
    if share == 1.0 and not entry.regime:
        return content_hash
    draw = (request.seed, entry.index) if share < 1.0 else ()
    return hashlib.sha256(repr((content_hash, entry.regime, share, *draw)).encode()).hexdigest()


def _timed(entries: Iterator[Entry]) -> Iterator[tuple[Entry, float]]:
    started = time.monotonic()
    for entry in entries:
        yield entry, time.monotonic() - started
        started = time.monotonic()


def _portfolio_id(request: pb.BuildPortfolioRequest, inputs: Inputs) -> str:
    """Hash of all that determines the portfolio: request, race, scenarios, ownership."""
    digest = hashlib.sha256(request.SerializeToString(deterministic=True))
    digest.update(repr((inputs.race.race_id, inputs.race.snapshot_hash, inputs.race.rules, inputs.terms)).encode())
    digest.update(inputs.matrix.content_hash.encode())
    digest.update(inputs.slate.salaries_dollars.tobytes())
    if inputs.ownership_percent is not None:
        digest.update(np.ascontiguousarray(inputs.ownership_percent).tobytes())
    return digest.hexdigest()
