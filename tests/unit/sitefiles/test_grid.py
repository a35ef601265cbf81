import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitwall.errors import InvalidInputError
from pitwall.sitefiles.grid import read_grid

CELLS = st.text(st.sampled_from('ab ,"\r\né()'), max_size=8)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=6)
LINE_ENDS = st.sampled_from(["\r\n", "\n", "\r"])


def written(rows, line_end="\r\n", quoting=csv.QUOTE_MINIMAL):
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(rows)
    return text.getvalue().encode()


def texts(content, delimiter=","):
    """Another reader's opinion."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter))


@given(TABLES, LINE_ENDS, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_it_reads_what_the_standard_library_reads(rows, line_end, quoting, mark):
    content = mark + written(rows, line_end, quoting)
    grid = read_grid("f.csv", content)
    assert [[cell.text for cell in row.cells] for row in grid.rows] == texts(content, grid.delimiter)
    assert grid.edited({}) == content


@given(TABLES, LINE_ENDS, st.data())
def test_only_the_changed_cell_changes(rows, line_end, data):
    grid = read_grid("f.csv", written(rows, line_end, csv.QUOTE_ALL))
    row = data.draw(st.integers(0, len(grid.rows) - 1))
    column = data.draw(st.integers(0, 7))
    value = data.draw(CELLS)
    content = grid.edited({(row, column): value})
    expected = [[cell.text for cell in line.cells] for line in grid.rows]
    expected[row] += [""] * (column + 1 - len(expected[row]))
    expected[row][column] = value
    assert texts(content, grid.delimiter) == expected
    before, after = grid.text.encode(), content
    cells = grid.rows[row].cells
    start = len(grid.text[: cells[column].start if column < len(cells) else grid.rows[row].end].encode())
    end = len(grid.text[cells[column].end if column < len(cells) else grid.rows[row].end :].encode())
    assert after[:start] == before[:start]
    assert after[len(after) - end :] == before[len(before) - end :]


@pytest.mark.parametrize(
    ("content", "place"),
    [(b'a,b\n1,"2\n3,4\n', "f.csv: row 2"), (b"a\n\xff\n", "f.csv: row 2"), (b"P\x00K", "f.csv")],
)
def test_what_is_no_csv_is_refused_with_its_place(content, place):
    with pytest.raises(InvalidInputError) as caught:
        read_grid("f.csv", content)
    assert caught.value.violations[0].field == place
