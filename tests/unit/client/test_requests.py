"""Settings reach the wire: every field of a config changes the request."""

import dataclasses
import math

import protovalidate
import pytest

from pitwall import _requests, types
from pitwall.config import Contest, FieldConfig, Group, PortfolioConfig, PrizeShape
from pitwall.optimizer.v1 import portfolio_pb2
from pitwall.types.contests import PrizeRow, PrizeTable

OTHER_VALUES = {
    "n_lineups": 7,
    "cvar_weights": {0.9: 1.0},
    "mean_weight": 0.5,
    "driver_points": {"1": 2.0},
    "max_driver_exposure": 0.4,
    "max_team_exposure": 0.6,
    "driver_exposures": {"1": (0.1, 0.3)},
    "spread_exposures": False,
    "soft_exposures": True,
    "soft_price_points": 2.0,
    "min_distinct_drivers": 2,
    "overlap_penalty": 0.2,
    "ownership_penalty": 1.0,
    "max_driver_ownership_percent": 40.0,
    "max_total_ownership_percent": 150.0,
    "max_ownership_product": 1e-4,
    "max_expected_duplicates": 3.0,
    "field_entries": 1000,
    "min_low_owned": 1,
    "low_owned_percent": 8.0,
    "locked": ("1",),
    "excluded": ("2",),
    "salary_floor_dollars": 48_000,
    "stack": (2, 3),
    "groups": (Group(("1", "2"), min=1, max=2, if_driver_id="3", name="g"),),
    "max_dominators": 2,
    "regime_weights": {"chaos": 1.0},
    "ownership_percent": {"1": 12.0},
    "shortage": "refuse",
    "scenario_share": 0.5,
    "seed": 3,
    "time_limit_seconds": 1.5,
    "validate_on_fresh_scenarios": False,
    "stability_resamples": 0,
    "exact_stability": True,
}


def request_of(config):
    return _requests.build_portfolio("r", "", config)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(PortfolioConfig)])
def test_every_option_of_a_portfolio_reaches_the_wire(name):
    base = PortfolioConfig(max_dominators=1) if name == "dominator_laps_led_share" else PortfolioConfig()
    changed = dataclasses.replace(base, **{name: {**OTHER_VALUES, "dominator_laps_led_share": 0.2}[name]})
    assert request_of(changed) != request_of(base)
    assert not protovalidate.collect_violations(request_of(changed))


def test_defaults_leave_the_services_to_choose():
    request = request_of(PortfolioConfig())
    assert not request.objective.terms
    assert not request.exposure.HasField("max_driver")
    assert not request.structure.HasField("stack")
    assert request.exposure.mode == portfolio_pb2.EXPOSURE_MODE_HARD


def test_money_goes_in_cents():
    table = PrizeTable((PrizeRow(1, 1, 10_000), PrizeRow(2, 5, 1_050)))
    message = _requests.contest(Contest(100, 4.44, table, overlay_dollars=1.1))
    assert message.entry_fee_cents == 444
    assert message.overlay_cents == 110
    assert [row.prize_cents for row in message.table.rows] == [10_000, 1_050]


def test_prizes_may_be_a_shape_or_the_text_of_the_page():
    assert _requests.contest(Contest(100, 5.0, PrizeShape(0.3))).shape.first_share == 0.3
    assert _requests.contest(Contest(100, 5.0, "1st $100")).text == "1st $100"


def test_known_opponents_replace_the_model():
    message = _requests.field(FieldConfig(known_lineups={("1", "2"): 3}))
    assert message.known.lineups[0].n_entries == 3
    standings = _requests.field(FieldConfig(standings=b"Rank,EntryId", own_user="me")).known
    assert (standings.standings.content, standings.own_user) == (b"Rank,EntryId", "me")
    assert _requests.field(FieldConfig(redraw_ownership=False)).model.redraw_ownership is False


def test_insight_is_sent_when_given_and_left_to_the_service_otherwise():
    assert _requests.field(FieldConfig(insight=0.0)).model.HasField("insight")
    assert not _requests.field(FieldConfig()).model.HasField("insight")


def test_an_empty_prize_table_is_sent_as_one():
    """So that the service says that it has no rows, not that no prizes were given."""
    assert _requests.contest(Contest(10, 1.0, PrizeTable(()))).WhichOneof("prizes") == "table"


def test_what_a_data_frame_has_no_number_for_is_missing():
    """Such as a rookie's rating in a table of drivers."""
    driver = types.Driver("d1", "Someone", 5_000, rating=math.nan, projected_points=float("nan"), decimal_win_odds=13.0)
    made = _requests.race(types.Race("r", types.Track("short"), 100, (driver,))).drivers[0]
    assert not made.HasField("rating")
    assert not made.HasField("projected_points")
    assert made.decimal_win_odds == 13.0
