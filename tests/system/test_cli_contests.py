"""``pitwall simulate`` on the lineups of the main job."""

import csv

import numpy as np
import pytest

from tests.conftest import EXAMPLES

pytestmark = pytest.mark.timeout(300)


@pytest.mark.usefixtures("sample")
def test_simulate_reads_what_run_wrote(cli, folder):
    result = cli("simulate", "sample", "--lineups", folder / "lineups.csv", "--opponents", 500, "--json").json
    assert len(result["contests"][0]["lineups"]) == 5


@pytest.mark.usefixtures("sample")
def test_simulate_plays_scenarios_that_did_not_choose_the_lineups(cli, folder):
    newest = cli("scenarios", "generate", "sample", "--n", 2_000, "--seed", 1, "--json").json["scenario_set_id"]
    options = ("--lineups", folder / "lineups.csv", "--opponents", 500)
    played = cli("simulate", "sample", *options, "--json").json["scenario_set_id"]
    assert played == cli("scenarios", "generate", "sample", "--n", 2_000, "--seed", 2, "--json").json["scenario_set_id"]
    cli("scenarios", "generate", "sample", "--n", 2_000, "--seed", 1)
    told = cli("simulate", "sample", *options)
    assert f"{played} (seed 2)" in " ".join(told.err.split())
    summary = cli("scenarios", "summary", "sample", "--no-optimal", "--correlations", "--json").json
    assert summary["scenario_set"]["scenario_set_id"] == newest
    recipe = summary["scenario_set"]["recipe"]
    made_by = f"made by: race model {recipe['model_version']}, calibration {recipe['calibration_version']}, seed 1"
    assert made_by in cli("scenarios", "summary", "sample", "--no-optimal").out
    assert summary["correlations"]["driver_ids"] == [driver["driver_id"] for driver in summary["drivers"]]
    correlations = np.array(summary["correlations"]["values"])
    assert (correlations.diagonal() == 1).all()
    assert (correlations == correlations.T).all()
    given = cli("simulate", "sample", *options, "--set", newest)
    assert "look better" in given.err
    for unknown, says in (("zzz", "'zzz' is no id of a scenario set"), ("ab" * 16, "ab" * 16)):
        refused = cli("simulate", "sample", *options, "--set", unknown)
        assert refused.code == 2
        assert says in refused.err
        assert "played" not in refused.err


@pytest.mark.usefixtures("sample")
def test_simulate_takes_the_shape_the_overlay_and_the_part_of_kelly(cli, folder):
    options = ("--lineups", folder / "lineups.csv", "--opponents", 495, "--fee", 10, "--n-fields", 2)
    shape = ("--first-share", 0.1, "--paid-share", 0.4, "--min-cash", 1.2, "--rake", 0.1, "--kelly", 0.5)
    (played,) = cli("simulate", "sample", *options, *shape, "--json").json["contests"]
    rows = played["prizes"]["rows"]
    assert rows[-1]["last_place"] == 200
    assert rows[-1]["prize_cents"] >= 1_200
    assert rows[0]["prize_cents"] == pytest.approx(0.1 * 0.9 * 500 * 1_000, abs=2)
    assert played["portfolio"]["kelly_fraction"] == 0.5
    prizes = folder / "rich.txt"
    prizes.write_text("1st $5,100\n")
    refused = cli("simulate", "sample", *options, "--prizes", prizes)
    assert refused.code == 2
    assert "overlay" in refused.err
    assert cli("simulate", "sample", *options, "--prizes", prizes, "--overlay", 100, "--json").code == 0


@pytest.mark.usefixtures("sample")
def test_a_field_that_knows_nothing_is_easier_to_beat(cli, folder):
    options = ("--lineups", folder / "lineups.csv", "--opponents", 2_000, "--json")
    knowing, ignorant = (cli("simulate", "sample", *options, "--insight", insight).json for insight in (0.29, 0))
    assert knowing["insight"] == pytest.approx(0.29, abs=0.03)
    assert ignorant["insight"] == 0.0
    profits = [result["contests"][0]["portfolio"]["profit_cents"]["value"] for result in (knowing, ignorant)]
    assert profits[0] < profits[1]
    assert cli("simulate", "sample", *options, "--insight", 2).code == 2


@pytest.mark.usefixtures("sample")
def test_simulate_shows_the_insight_reached_and_what_a_single_field_leaves_out(cli, folder):
    played = cli("simulate", "sample", "--lineups", folder / "lineups.csv", "--n-fields", 1)
    assert "insight of the field" in played.out
    assert "raise n_fields" in " ".join(played.err.split())


@pytest.mark.usefixtures("sample")
def test_simulate_plays_several_contests_of_a_file(cli, folder):
    path = folder / "contests.toml"
    path.write_text('[[contest]]\nname = "flat"\nentries = 300\n[[contest]]\nname = "steep"\nprizes = "1st $900"\n')
    options = ("--lineups", folder / "lineups.csv", "--opponents", 395, "--contests", path, "--n-fields", 2)
    result = cli("simulate", "sample", *options, "--json").json
    assert [item["name"] for item in result["contests"]] == ["flat", "steep"]
    assert result["combined"]["n_entries"] == 10
    assert len(result["combined"]["drivers"]) == 38
    told = cli("simulate", "sample", *options).out
    assert "steep" in told
    assert "all contests together" in told


@pytest.mark.usefixtures("sample")
def test_simulate_plays_the_real_opponents_of_the_standings(cli, folder):
    """All that have a lineup, or all but one's own; the contest has room for just them."""
    standings = EXAMPLES / "contest-standings-190000001.csv"
    rows = list(csv.DictReader(standings.open(newline="", encoding="utf-8-sig")))
    filled = [row for row in rows if row["Lineup"]]
    options = ("--lineups", folder / "lineups.csv", "--standings", standings)
    result = cli("simulate", "sample", *options, "--json").json
    assert result["n_fields"] == 1
    paid = result["contests"][0]["prizes"]["rows"][-1]["last_place"]
    assert paid == round(0.22 * (len(filled) + 5))
    user = filled[0]["EntryName"]
    assert cli("simulate", "sample", *options, "--own-user", user, "--json").json["field"]["warnings"] == []
    refused = cli("simulate", "sample", *options, "--own-user", "nobody here")
    assert refused.code == 2
    assert "--own-user: " in refused.err


@pytest.mark.usefixtures("sample")
def test_what_is_wrong_with_contests_and_lineups_is_told_by_file_and_row(cli, folder, tmp_path):
    prizes, lineups = tmp_path / "prizes.txt", tmp_path / "lineups.csv"
    prizes.write_text("1st $1,000\n2nd $500\n5th - 10th $50\n")
    own = folder / "lineups.csv"
    refused = cli("simulate", "sample", "--lineups", own, "--prizes", prizes, "--json")
    (violation,) = refused.violations["violations"]
    assert violation["field"] == f"{prizes}: prize 3"
    assert violation["description"].startswith("leaves a gap: it starts at place 5, place 3 comes next")

    header, first, *_ = own.read_text().splitlines()
    with (EXAMPLES / "DKSalaries.csv").open(newline="") as file:
        players = sorted(csv.DictReader(file), key=lambda player: -int(player["Salary"]))
    dearest = ",".join(player["Name + ID"] for player in players[:6])
    lineups.write_text("\n".join([header, first, dearest]) + "\n")
    refused = cli("simulate", "sample", "--lineups", lineups, "--json")
    (violation,) = refused.violations["violations"]
    assert violation["field"] == f"{lineups}: lineup 2"
    assert "the salary cap is $50,000" in violation["description"]


@pytest.mark.usefixtures("sample")
def test_a_name_in_standings_needs_standings(cli, folder):
    refused = cli("simulate", "sample", "--lineups", folder / "lineups.csv", "--own-user", "me", "--json")
    assert refused.code == 2
    assert refused.violations["violations"][0]["field"] == "--own-user"


@pytest.mark.usefixtures("sample")
def test_prizes_far_from_the_fees_are_told(cli, folder, tmp_path):
    """As when the size of the contest was forgotten beside its table."""
    prizes = tmp_path / "prizes.txt"
    prizes.write_text("1st $1,000\n")
    told = cli("simulate", "sample", "--lineups", folder / "lineups.csv", "--prizes", prizes, "--json").json
    assert any("the prizes are 4% of the fees of 5,005 entries" in text for text in told["field"]["warnings"])
