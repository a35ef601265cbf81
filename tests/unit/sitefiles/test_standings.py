"""Opponents are counted as the contest service reads them: the size of a contest follows from the count."""

import csv
import io
import zipfile

import pytest

from pitwall.errors import InvalidInputError
from pitwall.sitefiles.standings import count_opponents, read_standings
from services.contest_sim.core.standings import standings_lineups
from tests.unit.sitefiles.test_damaged_inputs import NAMES, STANDINGS

FILE = "contest-standings.csv"


def zipped(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("standings.csv", content)
    return packed.getvalue()


def names_and_lineups_only(content):
    """The export without ranks, points and players."""
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    kept = [rows[0].index("EntryName"), rows[0].index("Lineup")]
    text = io.StringIO()
    csv.writer(text).writerows([row[at] for at in kept] for row in rows)
    return text.getvalue().encode()


@pytest.mark.parametrize("form", [bytes, zipped, names_and_lineups_only])
@pytest.mark.parametrize("own", ["", "first of all"])
def test_opponents_are_as_many_as_the_service_finds(form, own):
    content = form(STANDINGS)
    user = read_standings(FILE, STANDINGS).entries[0].user.upper() if own else ""
    found = standings_lineups(FILE, content, NAMES, 6, own_user=user)
    assert count_opponents(FILE, content, f" {user} ") == len(found) > 0
    if own:
        assert len(found) < len(standings_lineups(FILE, content, NAMES, 6))


@pytest.mark.parametrize("content", [b"", b"Rank,EntryId,Points\n1,2,3\n"])
def test_a_file_without_lineups_names_the_columns(content):
    with pytest.raises(InvalidInputError, match="column is missing") as caught:
        count_opponents(FILE, content)
    places = [f"{FILE}: row 1, column {name}" for name in ("entryname", "lineup")]
    assert [item.field for item in caught.value.violations] == places
