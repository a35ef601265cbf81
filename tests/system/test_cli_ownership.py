"""``pitwall ownership`` on the sample slate: the learning loop, and what it says to input that is not right."""

import csv

import numpy as np
import pytest

from tests.conftest import EXAMPLES
from tests.system.command import SLATE, pitwall, serving

STANDINGS = EXAMPLES / "contest-standings-190000001.csv"
SLATE_AT_PHOENIX = (*SLATE, "--track", "phoenix")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def cli(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with serving(folder / "served") as address:
        options = ("--address", address, "--data-dir", folder / "client")
        yield lambda *arguments: pitwall(*options, *arguments)


@pytest.fixture(scope="module")
def races(cli):
    """Two races, one with a date; scenarios for the first."""
    cli("race", "import", "undated", *SLATE_AT_PHOENIX, "--json")
    cli("race", "import", "dated", *SLATE_AT_PHOENIX, "--date", "2026-03-08T19:30", "--json")
    cli("scenarios", "generate", "undated", "--n", 1_000, "--json")


def another_contest(tmp_path):
    """The standings of a contest that some of the entries, the last 20, did not enter."""
    head, *rows = list(csv.reader(STANDINGS.open(newline="", encoding="utf-8-sig")))
    lineup, player, drafted = (head.index(name) for name in ("Lineup", "Player", "%Drafted"))
    entered = [row for row in rows if row[1]][:-20]
    text = " ".join(row[lineup] for row in entered) + " D "
    for row in entered:
        if len(row) > player and row[player]:
            row[drafted] = f"{100 * text.count(f'D {row[player]} D ') / len(entered):.2f}%"
    path = tmp_path / "contest-standings-190000002.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *entered])
    return path


@pytest.mark.usefixtures("races")
def test_the_date_is_told_with_the_race_or_with_the_record_or_is_missed(cli, tmp_path):
    missed = cli("ownership", "record", "--race", "undated", "--standings", STANDINGS)
    assert "nobody told when race 'undated' was run" in " ".join(missed.err.split())
    told = cli("ownership", "record", "--race", "undated", "--standings", STANDINGS, "--date", "2026-02-15")
    assert not told.err
    assert "2026-02-15" in told.out
    assert "Tyler Brandt" in told.out
    dated = cli("ownership", "record", "--race", "dated", "--standings", another_contest(tmp_path), "--json").json
    assert dated["race_time"].startswith("2026-03-08T19:30")
    assert "no projected points are kept" in dated["warnings"][0]
    days = [record["race_time"][:10] for record in cli("ownership", "records", "--json").json]
    assert sorted(days) == ["2026-02-15", "2026-03-08"]
    wrong = cli("ownership", "record", "--race", "dated", "--standings", STANDINGS, "--date", "2026-02-15", "--json")
    assert wrong.violations["violations"][0]["field"] == "race_time"


@pytest.mark.usefixtures("races")
def test_standings_downloaded_twice_are_one_contest(cli, tmp_path):
    again = tmp_path / "contest-standings-190000001 (1).csv"
    again.write_bytes(STANDINGS.read_bytes())
    for file in (STANDINGS, again):
        assert cli("ownership", "record", "--race", "undated", "--standings", file, "--json").json["contest_id"] == (
            "190000001"
        )
    renamed = cli("ownership", "record", "--race", "undated", "--standings", again, "--contest", "again")
    assert renamed.code == 2
    assert "for race 'undated' as contest '190000001'" in renamed.err
    assert "again" not in {record["contest_id"] for record in cli("ownership", "records", "--json").json}


@pytest.mark.usefixtures("races")
def test_a_contest_of_another_race_is_refused_until_its_record_is_deleted(cli):
    cli("ownership", "record", "--race", "undated", "--standings", STANDINGS)
    refused = cli("ownership", "record", "--race", "dated", "--standings", STANDINGS)
    assert refused.code == 2
    assert "is recorded for race 'undated'" in refused.err
    renamed = cli("ownership", "record", "--race", "dated", "--standings", STANDINGS, "--contest", "other")
    assert renamed.code == 2
    assert "contest '190000001' of race 'undated'" in renamed.err
    assert cli("ownership", "delete", "--race", "undated", "--contest", "190000001").code == 0
    assert cli("ownership", "record", "--race", "dated", "--standings", STANDINGS).code == 0
    assert cli("ownership", "delete", "--race", "dated", "--contest", "190000001", "--json").json["race_id"] == "dated"
    assert cli("ownership", "delete", "--race", "dated", "--contest", "190000001").code == 2


@pytest.mark.usefixtures("races")
def test_a_fit_to_a_single_contest_is_warned_of_and_can_be_taken_back(cli):
    for record in cli("ownership", "records", "--json").json:
        cli("ownership", "delete", "--race", record["race_id"], "--contest", record["contest_id"])
    cli("ownership", "record", "--race", "undated", "--standings", STANDINGS)
    fitted = cli("ownership", "fit")
    assert fitted.code == 0
    assert "5 races or more make a model: it has learned from 1 of them" in fitted.err
    (active,) = [model for model in cli("ownership", "models", "--json").json if model["active"]]
    assert active["n_races"] == 1
    told = cli("ownership", "delete", "--race", "undated", "--contest", "190000001")
    assert "once no record is left, the built-in model is used again" in " ".join(told.out.split())
    (active,) = [model for model in cli("ownership", "models", "--json").json if model["active"]]
    assert active["model_version"] == "default"


@pytest.mark.usefixtures("races")
def test_percentages_of_all_drivers_can_be_given_in_place_of_the_projection(cli, tmp_path):
    projected = cli("ownership", "project", "undated", "--level", 0.5, "--json").json
    percent = {driver["driver_id"]: driver["percent"] for driver in projected["drivers"]}
    own = tmp_path / "own.csv"
    own.write_text("id,ownership\n" + "\n".join(f"{name},{value!r}" for name, value in percent.items()))
    replaced = cli("ownership", "project", "undated", "--ownership", own, "--json").json
    found = {driver["driver_id"]: driver["percent"] for driver in replaced["drivers"]}
    np.testing.assert_allclose([found[name] for name in percent], list(percent.values()), atol=1e-9)
    assert all(component["estimator"] == "user" for d in replaced["drivers"] for component in d["components"])
    wide = cli("ownership", "project", "undated", "--level", 0.9, "--json").json
    for narrow_one, wide_one in zip(projected["drivers"], wide["drivers"], strict=True):
        assert wide_one["lower_percent"] < narrow_one["lower_percent"] < narrow_one["upper_percent"]
        assert narrow_one["upper_percent"] < wide_one["upper_percent"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--fee", "nan"),
        ("--fee", "inf"),
        ("--fee", "-1"),
        ("--entries", "-1"),
        ("--entries", "10000001"),
        ("--max-entries", "100001"),
        ("--level", "1"),
        ("--level", "nan"),
    ],
)
def test_numbers_out_of_range_are_refused_before_any_work(tmp_path, option, value):
    told = pitwall("--data-dir", tmp_path, "ownership", "project", "nowhere", option, value, "--json")
    assert told.code == 2
    assert told.violations["violations"][0]["field"] == option
    assert not list(tmp_path.iterdir())
