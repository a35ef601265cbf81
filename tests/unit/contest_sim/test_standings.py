"""Standings exports as fields of opponents."""

import io
import zipfile

import numpy as np
import pytest

from services.common.domain.errors import InvalidInput
from services.contest_sim.core.standings import standings_lineups

NAMES = ["Kyle Larson", "Ricky D Stenhouse", "Martin Truex Jr.", "Daniel Suárez", "AJ Allmendinger"]
HEADER = "Rank,EntryId,EntryName,TimeRemaining,Points,Lineup,,Player,%Drafted,FPTS"


def export(*entries):
    rows = [f"1,{i},{user},0,85.850006,{lineup},,,," for i, (user, lineup) in enumerate(entries)]
    return "\n".join([HEADER, *rows]).encode("utf-8-sig")


LINEUP = "D Kyle Larson D Ricky D Stenhouse D Martin Truex Jr"


def read(content, **options):
    salaries = np.array([9_000, 8_000, 7_000, 6_000, 5_000])
    money = {"salaries_dollars": salaries, "salary_cap_dollars": 24_000} | options
    return standings_lineups("s.csv", content, NAMES, 3, **money).tolist()


def test_names_join_by_rule_and_may_hold_the_letter_of_the_slot():
    content = export(("a", LINEUP), ("b (1/2)", "D A.J. Allmendinger D Daniel Suarez D Kyle Larson"), ("c", ""))
    assert read(content) == [[0, 1, 2], [0, 3, 4]]


def test_zipped_exports_are_read():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("contest-standings-1.csv", export(("a", LINEUP)))
    assert read(archive.getvalue()) == [[0, 1, 2]]


def test_lineups_above_the_cap_are_of_another_slate():
    """The same drivers race every week: only what they cost tells their races apart."""
    content = export(("a", ""), ("b", LINEUP), ("c", "D Kyle Larson D Daniel Suarez D AJ Allmendinger"))
    assert len(read(content)) == 2
    with pytest.raises(InvalidInput, match=r"another slate") as caught:
        read(content, salary_cap_dollars=23_900)
    (fault,) = caught.value.violations
    assert fault.field == "s.csv: row 3, column Lineup"
    assert "costs $24,000 at the salaries of this race, $100 above the cap of $23,900" in fault.description


def test_own_entries_are_left_out():
    assert read(export(("Me (1/2)", LINEUP), ("me (2/2)", LINEUP), ("other", LINEUP)), own_user="me") == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        (export(("a", LINEUP), ("b", LINEUP.replace("Larson", "Larsen"))), "row 3, column Lineup", "'Kyle Larson'"),
        (export(("a", "D Kyle Larson D Daniel Suárez")), "row 2, column Lineup", "holds 2 drivers"),
        (export(("a", "D Kyle Larson D Kyle Larson D Daniel Suárez")), "row 2", "3 different"),
        (export(("a", "")), "s.csv", "no opponent's lineup"),
        (b"a,b\n1,2", "row 1, column entryname", "missing"),
        (b"", "row 1", "missing"),
        (b"\xff\xfe", "row 1", "UTF-8"),
    ],
)
def test_faults_name_row_and_driver(content, where, what):
    with pytest.raises(InvalidInput) as caught:
        read(content)
    fault = caught.value.violations[0]
    assert where in fault.field
    assert what in fault.description
