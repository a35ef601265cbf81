"""Every answer type against its message: names, kinds and enums line up."""

import dataclasses
import typing
from datetime import UTC, datetime

import pytest

from pitwall import _requests, types
from pitwall._decode import decode, enum_value
from pitwall.common.v1 import lineup_pb2, progress_pb2, site_pb2
from pitwall.contestsim.v1 import contest_pb2, contestsim_service_pb2
from pitwall.errors import InvalidInputError
from pitwall.optimizer.v1 import optimizer_service_pb2, portfolio_pb2
from pitwall.ownership.v1 import ownership_pb2, ownership_service_pb2
from pitwall.scenario.v1 import race_pb2, scenario_set_pb2, summary_pb2

MESSAGES = {
    "Progress": progress_pb2.Progress,
    "Rules": site_pb2.SiteRules,
    "Scoring": site_pb2.ScoringRules,
    "Estimate": lineup_pb2.Estimate,
    **{
        name: getattr(module, name)
        for module in (race_pb2, scenario_set_pb2, summary_pb2, ownership_pb2, portfolio_pb2, contest_pb2)
        for name in module.DESCRIPTOR.message_types_by_name
    },
    "OwnershipEvaluation": ownership_service_pb2.OwnershipEvaluation,
    "ScoredLineup": optimizer_service_pb2.ScoredLineup,
    "LineupVerdict": optimizer_service_pb2.LineupVerdict,
    "UniverseCounts": optimizer_service_pb2.DescribeUniverseResponse,
    "SimulationResult": contestsim_service_pb2.SimulationResult,
    "EntrySelection": contestsim_service_pb2.EntrySelection,
    "ResolvedPrizes": contestsim_service_pb2.ResolvePrizesResponse,
}
MADE_BY_THE_CLIENT = {"Portfolio", "ScenarioMatrix", "ScenarioSummary"}
TOLD_BESIDE = {"OwnershipRecord": {"warnings"}}
"""Fields that the response holds beside the message."""


def answer_types():
    return [getattr(types, name) for name in types.__all__ if name not in MADE_BY_THE_CLIENT]


@pytest.mark.parametrize("cls", answer_types(), ids=lambda cls: cls.__name__)
def test_an_empty_message_decodes_and_every_field_exists_on_the_wire(cls):
    message = MESSAGES[cls.__name__]()
    decoded = decode(cls, message)
    wire_names = set(message.DESCRIPTOR.fields_by_name)
    names = {field.name for field in dataclasses.fields(cls)}
    wire_names |= TOLD_BESIDE.get(cls.__name__, set())
    assert names <= wire_names, f"{names - wire_names} are not on the wire"
    assert decoded == decode(cls, message)
    hints = typing.get_type_hints(cls)
    for name in names:
        hint, value = hints[name], getattr(decoded, name)
        if hint in (int, float, str, bool):
            assert isinstance(value, hint), name


@pytest.mark.parametrize("cls", answer_types(), ids=lambda cls: cls.__name__)
def test_no_field_of_an_answer_is_lost_on_the_way(cls):
    missing = set(MESSAGES[cls.__name__].DESCRIPTOR.fields_by_name) - {field.name for field in dataclasses.fields(cls)}
    assert not missing, f"{missing} of the message are not in the dataclass"


def test_nested_values_enums_times_and_unset_numbers():
    message = race_pb2.Race(race_id="r", scheduled_laps=312, series=race_pb2.SERIES_TRUCK)
    message.track.type = race_pb2.TRACK_TYPE_SHORT
    message.create_time.FromDatetime(datetime(2026, 2, 15, tzinfo=UTC))
    message.drivers.add(driver_id="1", name="A", salary_dollars=5000, rating=0.0)
    race = decode(types.Race, message)
    assert race.track.type == "short"
    assert race.series == "truck"
    assert race.create_time == datetime(2026, 2, 15, tzinfo=UTC)
    assert race.update_time is None
    assert race.drivers[0].rating == 0.0
    assert race.drivers[0].projected_points is None
    assert race.frame().loc["1", "salary_dollars"] == 5000


def test_a_race_comes_back_as_it_was_got():
    message = race_pb2.Race(race_id="r", name="N", scheduled_laps=100, stage_laps=[30, 70], series=race_pb2.SERIES_CUP)
    message.track.type = race_pb2.TRACK_TYPE_ROAD
    message.start_time.FromDatetime(datetime(2026, 2, 15, 19, 30, tzinfo=UTC))
    message.rules.site = site_pb2.SITE_CUSTOM
    message.rules.roster_size, message.rules.salary_cap_dollars = 3, 30_000
    message.rules.scoring.finish_ticks.extend([100, 80, 60])
    message.drivers.add(driver_id="1", name="A", salary_dollars=5000, rating=0.0, withdrawn=True, car_number="00")
    assert _requests.race(decode(types.Race, message)) == message


def test_an_unknown_enum_name_lists_those_there_are():
    assert enum_value(race_pb2.Track, "type", "ROAD") == race_pb2.TRACK_TYPE_ROAD
    with pytest.raises(InvalidInputError, match="superspeedway, intermediate, short, road, dirt"):
        enum_value(race_pb2.Track, "type", "oval")
