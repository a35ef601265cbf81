"""Any damage to any file that a player gives: it is read or refused with its place, never more than that."""

import gzip
import io
import shutil
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pitwall.errors import InvalidInputError
from pitwall.sitefiles.standings import read_standings as read_audit_standings
from services.common.domain.errors import InvalidInput
from services.common.domain.race import Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC, FANDUEL
from services.contest_sim.core.prize_text import parse_prizes
from services.contest_sim.core.standings import standings_lineups
from services.ownership.core.standings import read_standings
from services.scenario.calibration.history import read_history
from services.scenario.core.race_import import ImportRequest, NamedFile, import_race
from tests.conftest import EXAMPLES
from tests.unit.scenario.synthetic_history import write_history

SALARIES, SHEET, STANDINGS = (
    (EXAMPLES / name).read_bytes() for name in ("DKSalaries.csv", "race_sheet.csv", "contest-standings-190000001.csv")
)
NAMES = [line.split(",")[2] for line in SALARIES.decode().splitlines()[1:]]
SPLINTERS = st.binary(max_size=8) | st.sampled_from(
    [b",", b'"', b"\n", b"\r", b"\x00", b"-", b"nan", b"9" * 30, b"\xef\xbb\xbf"]
)


@st.composite
def damaged(draw, content):
    """The bytes with one to four places overwritten, cut out or stuffed."""
    parts = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(parts)))
        parts[start : start + draw(st.integers(0, 60))] = draw(SPLINTERS)
    return bytes(parts)


def read_or_refused(read, refusal=InvalidInput):
    """What was read; None for a refusal, which names places and says what is wrong."""
    try:
        return read()
    except refusal as error:
        violations = error.violations
    assert violations
    assert all(item.field and item.description for item in violations)
    return None


def imported(salaries, sheet, rules=DRAFTKINGS_CLASSIC):
    request = ImportRequest(
        race_id="r", track=Track(TrackType.SHORT), scheduled_laps=312, rules=rules, accept_guesses=True
    )
    return read_or_refused(lambda: import_race(request, NamedFile("s.csv", salaries), NamedFile("sheet.csv", sheet)))


def fanduel_list():
    head = "Id,Position,First Name,Nickname,Last Name,FPPG,Played,Salary,Game,Team,Opponent,Injury Indicator"
    rows = [f"99-{k},D,A,{name},B,40.5,3,{5000 + 100 * k},Copper,Nas,," for k, name in enumerate(NAMES)]
    return "\r\n".join([head, *rows]).encode()


@settings(max_examples=200)
@given(damaged(SALARIES), damaged(SHEET))
def test_salary_files_and_race_sheets(salaries, sheet):
    for pair in ((salaries, SHEET), (SALARIES, sheet)):
        found = imported(*pair)
        if found is not None:
            race, report = found
            listed = {driver.name for driver in race.drivers}
            accounted = {left for left, _, _ in report.pairs} | set(report.unmatched_salary_names)
            assert listed == accounted, "no driver is dropped unseen"


@settings(max_examples=150)
@given(damaged(fanduel_list()))
def test_player_lists_of_fanduel(content):
    found = imported(content, SHEET, FANDUEL)
    assert found is None or len(found[0].drivers) >= FANDUEL.roster_size


@settings(max_examples=50)
@given(damaged(STANDINGS), st.booleans())
def test_standings_plain_and_zipped(content, archived):
    if archived:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("contest-standings-1.csv", content)
        content = packed.getvalue()
    ownership = read_or_refused(lambda: read_standings("s.csv", content))
    assert ownership is None or ownership.n_entries >= ownership.n_unfilled
    lineups = read_or_refused(lambda: standings_lineups("s.csv", content, NAMES, 6))
    assert lineups is None or lineups.shape[1] == 6
    audited = read_or_refused(lambda: read_audit_standings("s.csv", content), InvalidInputError)
    assert audited is None or audited.entries


@settings(max_examples=50)
@given(st.data())
def test_broken_archives(data):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("contest-standings-1.csv", STANDINGS)
    content = data.draw(damaged(packed.getvalue()))
    read_or_refused(lambda: read_standings("s.zip", content))
    read_or_refused(lambda: standings_lineups("s.zip", content, NAMES, 6))
    read_or_refused(lambda: read_audit_standings("s.zip", content), InvalidInputError)


@settings(max_examples=300)
@given(damaged("1st $2,000\n2nd\t$1,000.50\n3rd – 5th: $250.00\n6 to 1,000 $5\n".encode()) | st.binary(max_size=80))
def test_prize_tables(content):
    table = read_or_refused(lambda: parse_prizes(content.decode(errors="replace")))
    assert table is None or table.pool_cents >= 0


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    write_history(folder / "whole", range(2022, 2023), races_per_season=2)
    return folder


@settings(max_examples=50)
@given(st.data(), st.sampled_from(["race_results/cup_results.csv.gz", "cup_loop.csv.gz", "cup_race_meta.csv"]))
def test_results_loop_data_and_race_notes(history, data, name):
    broken = history / "broken"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(history / "whole", broken)
    path = broken / name
    content = path.read_bytes()
    inside = name.endswith(".gz") and data.draw(st.booleans())
    if inside:
        path.write_bytes(gzip.compress(data.draw(damaged(gzip.decompress(content)))))
    else:
        path.write_bytes(data.draw(damaged(content)))
    races = read_or_refused(lambda: read_history(broken))
    assert races is None or len(races) <= 3
