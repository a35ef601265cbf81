"""Races: import, put, look up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from pitwall import _requests
from pitwall._calls import Caller
from pitwall._decode import decode, enum_value
from pitwall._groups.base import FileSource, input_file
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceStub
from pitwall.types.race import ImportReport, Race, Rules, Track


class Races:
    """The races that the scenario service keeps."""

    def __init__(self, stub: ScenarioServiceStub, caller: Caller) -> None:
        self._stub = stub
        self._caller = caller

    def import_files(
        self,
        race_id: str,
        *,
        salaries: FileSource,
        race_sheet: FileSource | None = None,
        track: Track | str,
        laps: int,
        stage_laps: Sequence[int] = (),
        series: str = "cup",
        rules: Rules | None = None,
        name: str = "",
        accept_guesses: bool = False,
        withdraw_unlisted: bool = False,
        start_time: datetime | None = None,
    ) -> tuple[Race, ImportReport]:
        """Store a race made of the site's salary file and a race sheet.

        Parameters
        ----------
        salaries, race_sheet
            Paths, the bytes of the files, or a ``NamedFile`` each.
        track
            A track, or its type: superspeedway, intermediate, short, road, dirt.
        laps, stage_laps
            Scheduled laps, and those of each stage: see ``Race``.
        accept_guesses
            Join similar names too, instead of refusing them.
        withdraw_unlisted
            Take drivers that the race sheet does not list as withdrawn, instead of refusing them.
        start_time
            When the race starts; UTC where it has no time zone. Default: what the salary file says, if it does.

        Raises
        ------
        InvalidInputError
            Naming file, row and column of everything that is wrong.
        """
        request = pb.ImportRaceRequest(
            race_id=race_id,
            salaries=input_file(salaries, "salaries"),
            race_sheet=None if race_sheet is None else input_file(race_sheet, "race_sheet"),
            track=_requests.track(Track(track) if isinstance(track, str) else track),
            scheduled_laps=laps,
            stage_laps=stage_laps,
            rules=None if rules is None else _requests.rules(rules),
            name=name,
            accept_guesses=accept_guesses,
            withdraw_unlisted=withdraw_unlisted,
            start_time=None if start_time is None else _requests.timestamp(start_time),
        )
        request.series = enum_value(pb.ImportRaceRequest, "series", series)  # type: ignore[assignment]
        response = self._caller.unary(self._stub.ImportRace, request, race_id=race_id)
        return decode(Race, response.race), decode(ImportReport, response.report)

    def put(self, race: Race) -> Race:
        """Store a race, replacing one of the same id."""
        request = pb.PutRaceRequest(race=_requests.race(race))
        return decode(Race, self._caller.unary(self._stub.PutRace, request, race_id=race.race_id).race)

    def get(self, race_id: str) -> Race:
        """A race; ``NotFoundError`` when there is none."""
        request = pb.GetRaceRequest(race_id=race_id)
        return decode(Race, self._caller.unary(self._stub.GetRace, request, race_id=race_id).race)

    def list(self, page_size: int = 100) -> Iterator[Race]:
        """All races, newest change first, fetched page by page."""
        token = ""
        while True:
            request = pb.ListRacesRequest(page_size=page_size, page_token=token)
            response = self._caller.unary(self._stub.ListRaces, request)
            yield from (decode(Race, race) for race in response.races)
            token = response.next_page_token
            if not token:
                return

    def delete(self, race_id: str) -> int:
        """Delete a race and its scenario sets; returns how many sets there were."""
        request = pb.DeleteRaceRequest(race_id=race_id)
        return self._caller.unary(self._stub.DeleteRace, request, race_id=race_id).n_scenario_sets
