"""Contests: simulate, describe and draw fields, choose entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pitwall import _requests
from pitwall._calls import Caller
from pitwall._decode import decode
from pitwall._groups.base import last_event
from pitwall._numbers import MAX_SEED, cents, whole
from pitwall.common.v1 import lineup_pb2
from pitwall.config import Contest, ExposureLimit, FieldConfig
from pitwall.contestsim.v1 import contest_pb2
from pitwall.contestsim.v1 import contestsim_service_pb2 as pb
from pitwall.contestsim.v1.contestsim_service_pb2_grpc import ContestSimServiceStub
from pitwall.types.contests import EntrySelection, FieldReport, ResolvedPrizes, SimulationResult
from pitwall.types.race import OnProgress


class Contests:
    """What lineups are worth against a field."""

    def __init__(self, stub: ContestSimServiceStub, caller: Caller) -> None:
        self._stub = stub
        self._caller = caller

    def simulate(
        self,
        race_id: str,
        lineups: Iterable[Sequence[str]],
        contests: Contest | Sequence[Contest],
        *,
        field: FieldConfig | None = None,
        scenario_set_id: str = "",
        n_fields: int = 0,
        seed: int = 0,
        kelly_fraction: float = 0.0,
        on_progress: OnProgress | None = None,
        timeout_seconds: float | None = None,
    ) -> SimulationResult:
        """Play lineups, given by site ids and one entry each, in one or more contests.

        ``kelly_fraction`` is the part of the Kelly stake to advise; 0 for a quarter.
        """
        entries = [
            contest_pb2.EnteredLineup(lineup=lineup_pb2.Lineup(driver_ids=item), n_entries=1) for item in lineups
        ]
        request = pb.SimulateContestRequest(
            race_id=race_id,
            scenario_set_id=scenario_set_id,
            entries=entries,
            contests=map(_requests.contest, [contests] if isinstance(contests, Contest) else contests),
            field=_requests.field(field or FieldConfig()),
            n_fields=whole(n_fields, "n_fields"),
            seed=whole(seed, "seed", MAX_SEED),
            kelly_fraction=kelly_fraction,
        )
        events = self._caller.stream(
            self._stub.SimulateContest, request, race_id=race_id, timeout_seconds=timeout_seconds
        )
        return decode(SimulationResult, last_event(events, "result", on_progress))

    def describe_field(
        self,
        race_id: str,
        n_entries: int,
        *,
        field: FieldConfig | None = None,
        lineups: Iterable[Sequence[str]] = (),
        entry_fee_dollars: float = 0.0,
        max_entries_per_user: int = 0,
        scenario_set_id: str = "",
    ) -> tuple[FieldReport, tuple[float, ...]]:
        """What a field of opponents looks like, and the expected copies of each lineup given.

        Fields are sharper at high fees and more repetitive where users have many entries; 0 for not known. A
        known field is described whole.
        """
        request = pb.DescribeFieldRequest(
            race_id=race_id,
            scenario_set_id=scenario_set_id,
            n_entries=whole(n_entries, "n_entries"),
            field=_requests.field(field or FieldConfig()),
            lineups=_requests.lineups(lineups),
            entry_fee_cents=cents(entry_fee_dollars, "entry_fee_dollars"),
            max_entries_per_user=whole(max_entries_per_user, "max_entries_per_user"),
        )
        response = self._caller.unary(self._stub.DescribeField, request, race_id=race_id)
        return decode(FieldReport, response.field), tuple(response.expected_copies)

    def sample_field(
        self,
        race_id: str,
        n_entries: int,
        *,
        field: FieldConfig | None = None,
        entry_fee_dollars: float = 0.0,
        max_entries_per_user: int = 0,
        scenario_set_id: str = "",
        seed: int = 0,
    ) -> dict[tuple[str, ...], int]:
        """Opponents drawn from a field: how many entries play each lineup, most played first.

        A model field is drawn at its ownership, which only simulated contests redraw; of a known field so many of its
        entries are drawn, each at most once.
        """
        request = pb.SampleFieldRequest(
            race_id=race_id,
            scenario_set_id=scenario_set_id,
            n_entries=whole(n_entries, "n_entries"),
            field=_requests.field(field or FieldConfig()),
            entry_fee_cents=cents(entry_fee_dollars, "entry_fee_dollars"),
            max_entries_per_user=whole(max_entries_per_user, "max_entries_per_user"),
            seed=whole(seed, "seed", MAX_SEED),
        )
        parts = self._caller.stream(self._stub.SampleField, request, race_id=race_id)
        return {tuple(item.lineup.driver_ids): item.n_entries for part in parts for item in part.lineups}

    def select_entries(
        self,
        race_id: str,
        n_entries: int,
        contest: Contest,
        *,
        pool: Iterable[Sequence[str]] = (),
        field: FieldConfig | None = None,
        risk_aversion: float = 0.0,
        max_driver_exposure: float = 0.0,
        min_distinct_drivers: int = 1,
        limits: Iterable[ExposureLimit] = (),
        scenario_set_id: str = "",
        n_fields: int = 0,
        seed: int = 0,
        on_progress: OnProgress | None = None,
        timeout_seconds: float | None = None,
    ) -> EntrySelection:
        """Choose the entries that together pay best, from a pool or from every legal lineup.

        ``limits`` are exposures of some drivers or teams, beside ``max_driver_exposure`` of any driver, which is
        no limit where it is 0.
        """
        request = pb.SelectEntriesRequest(
            race_id=race_id,
            scenario_set_id=scenario_set_id,
            pool=_requests.lineups(pool),
            contest=_requests.contest(contest),
            field=_requests.field(field or FieldConfig()),
            n_entries=whole(n_entries, "n_entries"),
            risk_aversion=risk_aversion,
            max_driver_exposure=max_driver_exposure,
            min_distinct_drivers=whole(min_distinct_drivers, "min_distinct_drivers"),
            limits=[pb.ExposureLimit(driver_ids=item.driver_ids, max=item.max, name=item.name) for item in limits],
            n_fields=whole(n_fields, "n_fields"),
            seed=whole(seed, "seed", MAX_SEED),
        )
        events = self._caller.stream(
            self._stub.SelectEntries, request, race_id=race_id, timeout_seconds=timeout_seconds
        )
        return decode(EntrySelection, last_event(events, "selection", on_progress))

    def resolve_prizes(self, contest: Contest) -> ResolvedPrizes:
        """Any form of prizes as rows, and the rake they leave."""
        request = pb.ResolvePrizesRequest(contest=_requests.contest(contest))
        return decode(ResolvedPrizes, self._caller.unary(self._stub.ResolvePrizes, request))
