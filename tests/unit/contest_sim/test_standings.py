"""Standings exports as fields of opponents."""

import io
import zipfile

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
    return standings_lineups("s.csv", content, NAMES, 3, **options).tolist()


def test_names_join_by_rule_and_may_hold_the_letter_of_the_slot():
    content = export(("a", LINEUP), ("b (1/2)", "D A.J. Allmendinger D Daniel Suarez D Kyle Larson"), ("c", ""))
    assert read(content) == [[0, 1, 2], [0, 3, 4]]


def test_zipped_exports_are_read():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("contest-standings-1.csv", export(("a", LINEUP)))
    assert read(archive.getvalue()) == [[0, 1, 2]]


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
