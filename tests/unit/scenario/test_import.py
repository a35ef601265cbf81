import csv
import io

import pytest

from pitwall.cli import _template
from services.common.domain.errors import InvalidInput
from services.common.domain.names import Match
from services.common.domain.race import Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC, FANDUEL, Site
from services.scenario.core.csv_table import read_table
from services.scenario.core.race_import import ImportRequest, NamedFile, import_race
from services.scenario.core.race_sheet import COLUMNS, read_race_sheet
from services.scenario.core.salary_files import SalaryRow, read_salary_file
from tests.conftest import EXAMPLES

HEADER = "Position,Name + ID,Name,ID,Roster Position,Salary,Game Info,TeamAbbrev,AvgPointsPerGame"
NAMES = ("Ann Able", "Bob Baker", "Cy Cole Jr", "Dee Dunn", "Ed Ersk", "Flo Fyfe", "Gus Gale")


def request(**changes) -> ImportRequest:
    values = {
        "race_id": "r1",
        "track": Track(TrackType.SHORT),
        "scheduled_laps": 300,
        "rules": DRAFTKINGS_CLASSIC,
    }
    return ImportRequest(**(values | changes))


def salaries(rows=None, header: str = HEADER) -> NamedFile:
    rows = rows if rows is not None else [row(name, k) for k, name in enumerate(NAMES)]
    return NamedFile("DKSalaries.csv", "\r\n".join([header, *rows]).encode())


def row(name: str, k: int, salary: object = 7000, driver_id: object = None) -> str:
    identifier = 100 + k if driver_id is None else driver_id
    out = io.StringIO()
    csv.writer(out).writerow(
        ["D", f"{name} ({identifier})", name, identifier, "D", salary, "Sample 300", "Nasca", 30 + k]
    )
    return out.getvalue().strip()


def sheet(*rows: str, header: str = "name,start,team") -> NamedFile:
    return NamedFile("sheet.csv", "\n".join([header, *rows]).encode())


def full_sheet() -> NamedFile:
    return sheet(*(f"{name},{k + 1},Team {k % 3}" for k, name in enumerate(NAMES)))


def violations(salary_file: NamedFile, race_sheet: NamedFile | None = None, **changes) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        import_race(request(**changes), salary_file, race_sheet)
    return {item.field: item.description for item in caught.value.violations}


def test_the_sample_slate_imports_whole():
    files = [NamedFile(name, (EXAMPLES / name).read_bytes()) for name in ("DKSalaries.csv", "race_sheet.csv")]
    race, report = import_race(request(scheduled_laps=312, stage_laps=(60, 125, 127)), *files)
    assert len(race.starters) == 38
    assert sorted(driver.start_position for driver in race.starters) == list(range(1, 39))
    assert all(driver.team and driver.decimal_win_odds for driver in race.starters)
    assert report.unmatched_salary_names == report.unmatched_sheet_names == report.warnings == ()
    by_rule = {left for left, _, pair in report.pairs if pair.match is Match.BY_RULE}
    assert {"Dominic Reyes Jr", "Hector Ibanez", "BJ Carver", "Ethan Salazar Jr", "Colt Ramsey"} <= by_rule
    assert race.name == "Copper Basin 312"


def test_without_a_sheet_the_grid_is_unknown_and_said_to_be():
    race, report = import_race(request(), salaries(), None)
    assert all(driver.start_position == 0 and not driver.withdrawn for driver in race.drivers)
    assert any("grid" in warning for warning in report.warnings)
    assert race.stage_laps == (75, 90, 135)


def test_byte_order_mark_extra_columns_and_other_separators_are_read():
    content = (HEADER + ",WAvgPoints\r\n" + "\r\n".join(row(name, k) + ",1" for k, name in enumerate(NAMES))).encode()
    marked = NamedFile("DKSalaries.csv", b"\xef\xbb\xbf" + content)
    semicolons = sheet(*(f"{name};{k + 1};T" for k, name in enumerate(NAMES)), header="Driver;Grid;Team")
    race, _ = import_race(request(), marked, semicolons)
    assert [driver.start_position for driver in race.drivers] == [1, 2, 3, 4, 5, 6, 7]


def test_a_missing_column_is_named():
    found = violations(salaries(header=HEADER.replace("Salary", "Price")))
    assert list(found) == ["DKSalaries.csv: row 1, column Salary"]


@pytest.mark.parametrize("salary", ["0", "-100", "", "seven", "1e9", "nan", "7000.5", "inf"])
def test_bad_salaries_name_their_row(salary):
    rows = [row(name, k) for k, name in enumerate(NAMES)]
    rows[3] = row("Dee Dunn", 3, salary=salary)
    assert list(violations(salaries(rows))) == ["DKSalaries.csv: row 5, column Salary"]


def test_all_faults_are_listed_at_once():
    rows = [row(name, k) for k, name in enumerate(NAMES)]
    rows[0] = row("Ann Able", 0, salary="x")
    rows[2] = row("Bob Baker", 2)
    rows[4] = row("Ed Ersk", 4, driver_id="../etc")
    found = violations(salaries(rows))
    assert set(found) == {
        "DKSalaries.csv: row 2, column Salary",
        "DKSalaries.csv: row 4, column Name",
        "DKSalaries.csv: row 6, column ID",
    }


def test_a_row_with_too_many_cells_is_refused_with_its_number():
    assert "DKSalaries.csv: row 3" in violations(salaries([row("Ann Able", 0), row("Bob Baker", 1) + ",x,y"]))


@pytest.mark.parametrize(
    "content", [b"\xff\xfea\x00", b"Name,Salary\nJos\xe9,1", b"PK\x03\x04\0\0", b"", b"Name,ID,Salary"]
)
def test_files_that_are_no_csv_are_refused(content):
    assert violations(NamedFile("DKSalaries.csv", content))


def test_a_column_that_stands_twice_is_refused():
    assert "DKSalaries.csv: row 1, column salary" in violations(salaries(header=HEADER + ",Salary"))


def test_faults_of_the_sheet_name_row_and_column():
    rows = [f"{name},{k + 1},T" for k, name in enumerate(NAMES)]
    rows[1], rows[2], rows[3] = "Bob Baker,1,T", "Cy Cole Jr,zero,T", "Dee Dunn,61,T"
    found = violations(salaries(), sheet(*rows))
    assert set(found) == {
        "sheet.csv: row 3, column start",
        "sheet.csv: row 4, column start",
        "sheet.csv: row 5, column start",
    }


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("odds", "1"),
        ("odds", "+50"),
        ("odds", "1/0"),
        ("projection", "many"),
        ("sd", "0"),
        ("ownership", "101"),
        ("practice", "0"),
        ("status", "maybe"),
    ],
)
def test_bad_numbers_of_the_sheet_are_refused(column, text):
    rows = [f"{name},{text if k == 0 else ''}" for k, name in enumerate(NAMES)]
    assert list(violations(salaries(), sheet(*rows, header=f"name,{column}"))) == [f"sheet.csv: row 2, column {column}"]


def test_decimal_commas_are_read_where_semicolons_stand_between_cells():
    header = "name;start;projection;sd;odds;rating;ownership"
    first, *others = NAMES
    rows = [f"{first};1;45,5;12,25;13,5;0,125;7,5%", *(f"{name};{k};;;;;" for k, name in enumerate(others, start=2))]
    race, _ = import_race(request(), salaries(), sheet(*rows, header=header))
    driver = race.drivers[0]
    assert (driver.projected_points, driver.projected_points_sd, driver.decimal_win_odds) == (45.5, 12.25, 13.5)
    assert (driver.rating, driver.projected_ownership_percent) == (0.125, 7.5)


@pytest.mark.parametrize(
    ("delimiter", "column", "text"),
    [
        (",", "projection", '"45,5"'),
        (",", "odds", '"13,5"'),
        (",", "ownership", '"7,5%"'),
        (",", "start", '"1,0"'),
        ("\t", "projection", "45,5"),
        (";", "projection", "1.045,5"),
        (";", "odds", "1,234"),
        (";", "odds", "+1,200"),
        (";", "start", "1,0"),
    ],
)
def test_a_comma_that_is_not_clear_is_refused(delimiter, column, text):
    rows = [f"{name}{delimiter}{text if k == 0 else ''}" for k, name in enumerate(NAMES)]
    found = violations(salaries(), sheet(*rows, header=f"name{delimiter}{column}"))
    assert list(found) == [f"sheet.csv: row 2, column {column}"]
    assert "decimals with a point, thousands without a comma" in found[f"sheet.csv: row 2, column {column}"]


def test_commas_of_salary_files_set_off_thousands():
    def told(salary: str, average: str) -> SalaryRow:
        line = row("Ann Able", 0, salary=salary).rsplit(",", 1)[0]
        content = "\n".join([HEADER, f'{line},"{average}"'])
        return read_salary_file("s.csv", content.encode(), Site.DRAFTKINGS).rows[0]

    read = told("$9,800", "1,030.5")
    assert (read.salary_dollars, read.average_points) == (9_800, 1_030.5)
    with pytest.raises(InvalidInput, match=r"row 2, column Salary: '98,00' is no salary; .*thousands without a comma"):
        told("98,00", "30.5")
    with pytest.raises(InvalidInput, match="row 2, column AvgPointsPerGame: '30,5' is no number of points"):
        told("9800", "30,5")


def test_salary_files_that_a_spreadsheet_wrote_with_semicolons_are_read():
    content = "Name;ID;Salary;AvgPointsPerGame\nAnn Able;1;9,800;30,5\nBob Baker;2;9700;31\n"
    rows = read_salary_file("s.csv", content.encode(), Site.DRAFTKINGS).rows
    assert [(item.salary_dollars, item.average_points) for item in rows] == [(9_800, 30.5), (9_700, 31.0)]


def test_fractional_and_even_odds():
    rows = [f"{name},{odds}" for name, odds in zip(NAMES, ("12/1", "EVEN", "5 / 2", "", "", "", ""), strict=True)]
    race, _ = import_race(request(), salaries(), sheet(*rows, header="name,odds"))
    assert [driver.decimal_win_odds for driver in race.drivers[:4]] == [13.0, 2.0, 3.5, None]


def test_american_and_decimal_odds():
    rows = [f"{name},{odds}" for name, odds in zip(NAMES, ("+1200", "-150", "13", "", "", "", ""), strict=True)]
    race, _ = import_race(request(), salaries(), sheet(*rows, header="name,odds"))
    assert [driver.decimal_win_odds for driver in race.drivers[:4]] == [13.0, pytest.approx(1 + 1 / 1.5), 13.0, None]


def test_names_without_a_row_are_refused_with_the_nearest_one():
    rows = [f"{name},{k + 1},T" for k, name in enumerate(NAMES)]
    rows[4] = "Edd Ersk,5,T"
    found = violations(salaries(), sheet(*rows))
    assert "Edd Ersk" in found["DKSalaries.csv: row 6, column Name"]
    race, report = import_race(request(accept_guesses=True), salaries(), sheet(*rows))
    assert race.drivers[4].start_position == 5
    assert [pair.match for _, _, pair in report.pairs].count(Match.GUESS) == 1


def test_unlisted_drivers_can_be_withdrawn():
    rows = [f"{name},{k + 1},T" for k, name in enumerate(NAMES[:-1])]
    race, report = import_race(request(withdraw_unlisted=True), salaries(), sheet(*rows))
    assert race.drivers[-1].withdrawn
    assert report.unmatched_salary_names == ("Gus Gale",)


def test_no_legal_lineup_and_too_few_drivers():
    rows = [row(name, k, salary=9000) for k, name in enumerate(NAMES)]
    assert "race.rules.salary_cap_dollars" in violations(salaries(rows))
    assert "race.drivers" in violations(salaries(rows[:5]))
    outs = sheet(*(f"{name},out" for name in NAMES), header="name,status")
    assert "race.drivers" in violations(salaries(), outs)


def test_stages_have_to_sum_to_the_distance():
    assert "race.stage_laps" in violations(salaries(), stage_laps=(100, 100))


def test_fanduel_player_list():
    header = "Id,Position,First Name,Nickname,Last Name,FPPG,Played,Salary,Game,Team,Opponent,Injury Indicator"
    rows = [f"99-{k},D,{name.split()[0]},{name},X,40.5,3,{9000 + k},Sample,Nas,," for k, name in enumerate(NAMES)]
    race, _ = import_race(
        request(rules=FANDUEL), NamedFile("fd.csv", "\n".join([header, *rows]).encode()), full_sheet()
    )
    assert race.drivers[0].driver_id == "99-0"
    assert race.drivers[0].site_average_points == 40.5


@pytest.mark.real_data
def test_real_salary_files_are_read(shared_data):
    for path in sorted((shared_data / "dk_salaries_nascar").glob("DKSalaries_2023_*.csv")):
        race, _ = import_race(request(), NamedFile(path.name, path.read_bytes()), None)
        assert 36 <= len(race.starters) <= 39


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n"])
def test_line_ends_of_any_system_are_read(line_end):
    text = line_end.join(["name,salary", "A,1", "B,2"]) + line_end
    assert [row.text("name") for row in read_table("f.csv", text.encode()).rows] == ["A", "B"]


def test_what_no_csv_reader_takes_is_refused_with_the_file_named():
    with pytest.raises(InvalidInput, match=r"f\.csv"):
        read_table("f.csv", b"name,x\n" + b"a" * 200_000 + b",1\n")


def test_a_column_that_is_not_known_is_told_with_the_one_it_was_meant_for():
    sheet = read_race_sheet("s.csv", b"name,strat,shoe size\nA,1,44\n")
    assert any("'strat'" in text and "did you mean 'start'" in text for text in sheet.warnings)
    assert any("'shoe size'" in text for text in sheet.warnings)


def test_usual_headers_of_the_grid_are_understood():
    assert read_race_sheet("s.csv", b"Driver,Starting Pos\nA,7\n").rows[0].start_position == 7


def test_a_rating_beyond_all_scales_is_refused_by_file_and_row():
    with pytest.raises(InvalidInput, match=r"s\.csv: row 3, column rating: .*a number from -1e\+09 to 1e\+09"):
        read_race_sheet("s.csv", b"name,rating\nA,80\nB,1e160\n")


FANDUEL_LIST = b"Id,Nickname,Salary,FPPG,Injury Indicator\n1-1,A,9000,40,\n1-2,B,8000,30,O\n"


def test_a_file_of_the_other_site_is_refused_by_name():
    with pytest.raises(InvalidInput, match="FanDuel player list"):
        read_salary_file("fd.csv", FANDUEL_LIST, Site.DRAFTKINGS)
    with pytest.raises(InvalidInput, match="DraftKings salary file"):
        read_salary_file("dk.csv", b"Name,ID,Roster Position,Salary\nA,1,D,5000\n", Site.FANDUEL)


def test_an_injured_driver_is_told():
    read = read_salary_file("fd.csv", FANDUEL_LIST, Site.FANDUEL)
    assert len(read.rows) == 2
    assert "B is listed as injured (O)" in read.warnings[0]


def test_a_status_is_told():
    content = b"Name,ID,Roster Position,Salary,Status\nA,1,D,5000,OUT\nB,2,D,6000,\nC,3,D,7000,None\n"
    read = read_salary_file("dk.csv", content, Site.DRAFTKINGS)
    assert len(read.rows) == 3
    assert len(read.warnings) == 1
    assert "row 2: A has the status OUT" in read.warnings[0]


@pytest.mark.parametrize(
    ("game_info", "title", "start"),
    [
        ("Sample 300", "Sample 300", ""),
        ("Sample 300 03/08/2026 03:30PM ET", "Sample 300", "2026-03-08T19:30:00Z"),
        ("Sample 300 1/4/2026 01:00 pm", "Sample 300", "2026-01-04T18:00:00Z"),
        ("02/30/2026 03:30PM ET", "02/30/2026 03:30PM ET", ""),
        ("Sample 13/14/2026 400", "Sample 13/14/2026 400", ""),
    ],
)
def test_the_start_is_taken_from_the_salary_file_where_it_says_so(game_info, title, start):
    """Eastern time as the site writes it: in March, after the clocks changed, four hours behind UTC, else five."""
    lines = [row(name, k).replace("Sample 300", game_info) for k, name in enumerate(NAMES)]
    race, _ = import_race(request(), salaries(lines), None)
    assert (race.name, race.start_time) == (title, start)
    told = "2026-05-01T18:00:00Z"
    assert import_race(request(start_time=told), salaries(lines), None)[0].start_time == told


def test_the_template_of_the_command_line_has_the_columns_that_are_read():
    assert _template.COLUMNS == COLUMNS
