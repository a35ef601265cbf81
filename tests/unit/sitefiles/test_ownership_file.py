import pytest

from pitwall.errors import InvalidInputError
from pitwall.sitefiles.ownership import read_ownership
from pitwall.types.race import Driver, Race, Track

NAMES = ("Jos\u00e9 Alvarez", "A.J. Dee Jr.", "Cy Young III", "Late Scratch")
RACE = Race(
    "demo",
    Track("short"),
    100,
    tuple(Driver(f"id{i}", name, 6_000, withdrawn=i == 3) for i, name in enumerate(NAMES)),
)


@pytest.mark.parametrize(
    "content",
    [
        b"name,ownership\nJose Alvarez,41.5\naj dee,12\nCy Young,0\n",
        b"\xef\xbb\xbfDriver;Own%\r\nJOSE ALVAREZ;41.5%\r\nA.J. Dee Jr.;12 %\r\n\r\nCy Young III;0\r\n",
        b"name;own%\nJose Alvarez;41,5%\naj dee;12,0\nCy Young;0\n",
        b"name,id,%drafted\nanything,id0,41.5\nelse,id1,12\n,id2,0\n",
    ],
)
def test_reads_names_or_ids(content):
    assert read_ownership("own.csv", content, RACE) == {"id0": 41.5, "id1": 12.0, "id2": 0.0}


@pytest.mark.parametrize(
    ("content", "place", "says"),
    [
        (b"", "own.csv", "empty"),
        (b"who,ownership\nx,1\n", "own.csv: row 1", "name"),
        (b"name,salary\nx,1\n", "own.csv: row 1", "ownership"),
        (b"name,ownership\n", "own.csv", "no drivers"),
        (b"name,ownership\nNobody,1\n", "own.csv: row 2, column 1", "does not start"),
        (b"name,ownership\nLate Scratch,1\n", "own.csv: row 2, column 1", "does not start"),
        (b"name,ownership\nAJ Dee,1\nA.J. Dee,2\n", "own.csv: row 2, column 1", "twice"),
        (b"name,ownership\nAJ Dee,1\nAJ Dee,2\n", "own.csv: row 3, column 1", "twice"),
        (b"name,ownership\nAJ Dee Jr,1\nid1,2\n", "own.csv: row 3, column 1", "twice"),
        (b"name,ownership\nAJ Dee,101\n", "own.csv: row 2, column 2", "0-100"),
        (b"name,ownership\nAJ Dee,lots\n", "own.csv: row 2, column 2", "'lots'"),
        (b"name,ownership\nAJ Dee,nan\n", "own.csv: row 2, column 2", "0-100"),
        (b'name,ownership\nAJ Dee,"1,5"\n', "own.csv: row 2, column 2", "'1,5'"),
        (b"name;ownership\nAJ Dee;1,234\n", "own.csv: row 2, column 2", "'1,234'"),
    ],
)
def test_names_file_row_and_column(content, place, says):
    with pytest.raises(InvalidInputError) as excinfo:
        read_ownership("own.csv", content, RACE)
    assert excinfo.value.violations[0].field.startswith(place)
    assert says in excinfo.value.violations[0].description


def test_a_father_and_a_son_in_one_race_are_two_drivers():
    drivers = (Driver("father", "Dale Kirkland", 6_000), Driver("son", "Dale Kirkland III", 7_000))
    race = Race("demo", Track("short"), 100, drivers)
    assert read_ownership("own.csv", b"name,ownership\nDale Kirkland,40\n", race) == {"father": 40.0}
    both = b"name,ownership\nDALE KIRKLAND III,30\nDale Kirkland,40\n"
    assert read_ownership("own.csv", both, race) == {"father": 40.0, "son": 30.0}
    with pytest.raises(InvalidInputError, match="two drivers bear the name"):
        read_ownership("own.csv", b"name,ownership\nDale Kirkland Jr,40\n", race)


def test_a_field_may_have_played_a_driver_who_was_withdrawn():
    content = b"name,ownership\nJose Alvarez,41.5\nLate Scratch,20\n"
    assert read_ownership("own.csv", content, RACE, withdrawn=True) == {"id0": 41.5, "id3": 20.0}
