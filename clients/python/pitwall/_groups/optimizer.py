"""Lineups: build portfolios, score, validate."""

from __future__ import annotations

import builtins
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pitwall import _requests
from pitwall._calls import Caller
from pitwall._decode import decode
from pitwall._groups.base import progress_of
from pitwall.config import PortfolioConfig
from pitwall.errors import PitwallError
from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1.optimizer_service_pb2_grpc import OptimizerServiceStub
from pitwall.types.portfolio import (
    LineupVerdict,
    Portfolio,
    PortfolioLineup,
    PortfolioSummary,
    ScoredLineup,
    UniverseCounts,
)
from pitwall.types.race import OnProgress


class Optimizer:
    """Portfolios of provably optimal lineups."""

    def __init__(self, stub: OptimizerServiceStub, caller: Caller) -> None:
        self._stub = stub
        self._caller = caller

    def stream(
        self,
        race_id: str,
        config: PortfolioConfig | None = None,
        *,
        scenario_set_id: str = "",
        on_progress: OnProgress | None = None,
        timeout_seconds: float | None = None,
        **options: Any,
    ) -> Iterator[PortfolioLineup | PortfolioSummary]:
        """Lineups as they are proven, then the summary. Options are the fields of ``PortfolioConfig``."""
        config = dataclasses.replace(config or PortfolioConfig(), **options)
        request = _requests.build_portfolio(race_id, scenario_set_id, config)
        events = self._caller.stream(
            self._stub.BuildPortfolio, request, race_id=race_id, timeout_seconds=timeout_seconds
        )
        for event in events:
            if progress_of(event, on_progress):
                continue
            if event.HasField("lineup"):
                yield decode(PortfolioLineup, event.lineup)
            else:
                yield decode(PortfolioSummary, event.summary)

    def build(
        self,
        race_id: str,
        config: PortfolioConfig | None = None,
        *,
        scenario_set_id: str = "",
        driver_names: Mapping[str, str] | None = None,
        on_progress: OnProgress | None = None,
        timeout_seconds: float | None = None,
        **options: Any,
    ) -> Portfolio:
        """A portfolio. ``driver_names`` by site id are what its frame shows instead of ids.

        Raises
        ------
        PitwallError
            With the lineups that came before it as ``lineups``.
        """
        events = self.stream(
            race_id,
            config,
            scenario_set_id=scenario_set_id,
            on_progress=on_progress,
            timeout_seconds=timeout_seconds,
            **options,
        )
        lineups: builtins.list[PortfolioLineup] = []
        summary: PortfolioSummary | None = None
        try:
            # The stream is read to its end: a call left before it counts as cancelled.
            for event in events:
                if isinstance(event, PortfolioSummary):
                    summary = event
                else:
                    lineups.append(event)
        except PitwallError as error:
            error.lineups = tuple(lineups)
            raise
        if summary is None:
            raise PitwallError("the stream ended without its summary")
        return Portfolio(tuple(lineups), summary, dict(driver_names or {}))

    def score(
        self,
        race_id: str,
        lineups: Iterable[Sequence[str]],
        config: PortfolioConfig | None = None,
        *,
        scenario_set_id: str = "",
    ) -> builtins.list[ScoredLineup]:
        """Lineups, given by site ids, scored under the objective of a config."""
        config = config or PortfolioConfig()
        request = pb.ScoreLineupsRequest(
            race_id=race_id,
            scenario_set_id=scenario_set_id,
            lineups=_requests.lineups(lineups),
            objective=_requests.objective(config),
            ownership_percent=_requests.driver_values(config.ownership_percent),
        )
        response = self._caller.unary(self._stub.ScoreLineups, request, race_id=race_id)
        return [decode(ScoredLineup, item) for item in response.lineups]

    def validate(self, race_id: str, lineups: Iterable[Sequence[str]]) -> builtins.list[LineupVerdict]:
        """Whether the site would take each lineup, and why not."""
        candidates = [pb.CandidateLineup(driver_ids=item) for item in lineups]
        request = pb.ValidateLineupsRequest(race_id=race_id, lineups=candidates)
        response = self._caller.unary(self._stub.ValidateLineups, request, race_id=race_id)
        return [decode(LineupVerdict, item) for item in response.verdicts]

    def count(self, race_id: str, config: PortfolioConfig | None = None) -> UniverseCounts:
        """Legal lineups of a race, and those that the structure rules of a config allow too."""
        request = pb.DescribeUniverseRequest(
            race_id=race_id, structure=_requests.structure(config or PortfolioConfig())
        )
        return decode(UniverseCounts, self._caller.unary(self._stub.DescribeUniverse, request, race_id=race_id))
