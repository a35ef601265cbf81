"""OptimizerService: map, call, map."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1.optimizer_service_pb2_grpc import OptimizerServiceServicer
from services.common.rpc.calls import Call, Emit, open_call, progress_reporter, stream_events
from services.optimizer import lookups
from services.optimizer.building import PortfolioJob
from services.optimizer.inputs import Peers
from services.optimizer.tables import TableLibrary


class OptimizerServicer(OptimizerServiceServicer):
    """Serves portfolios from the scenario and ownership services' answers."""

    def __init__(self, peers: Peers, library: TableLibrary) -> None:
        self._peers = peers
        self._library = library

    def BuildPortfolio(
        self, request: pb.BuildPortfolioRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.BuildPortfolioResponse]:
        """Build a portfolio; lineups as they are proven, the summary last."""

        def work(emit: Emit[pb.BuildPortfolioResponse], call: Call) -> None:
            report = progress_reporter(emit, lambda progress: pb.BuildPortfolioResponse(progress=progress), call)
            PortfolioJob(request, self._peers, self._library, call).run(emit, report)

        return stream_events(context, work)

    def ScoreLineups(self, request: pb.ScoreLineupsRequest, context: grpc.ServicerContext) -> pb.ScoreLineupsResponse:
        """Score given lineups."""
        return lookups.score_lineups(request, self._peers, open_call(context))

    def ValidateLineups(
        self, request: pb.ValidateLineupsRequest, context: grpc.ServicerContext
    ) -> pb.ValidateLineupsResponse:
        """Say of each lineup whether the site would take it."""
        race = self._peers.scenario.get_race(request.race_id, open_call(context))
        return pb.ValidateLineupsResponse(verdicts=[lookups.verdict(race, lineup) for lineup in request.lineups])

    def DescribeUniverse(
        self, request: pb.DescribeUniverseRequest, context: grpc.ServicerContext
    ) -> pb.DescribeUniverseResponse:
        """Count the legal and the allowed lineups."""
        return lookups.describe_universe(request, self._peers, open_call(context), max_listed=self._library.max_lineups)
