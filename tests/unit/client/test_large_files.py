"""Standings too large for a message."""

import numpy as np
import pytest

from pitwall._groups.base import standings_file
from services.contest_sim.core.standings import standings_lineups
from services.ownership.core.standings import read_standings

NAMES = [f"Driver Number{i:02d}" for i in range(38)]
MESSAGE_BYTES = 3_145_728


@pytest.fixture(scope="module")
def standings():
    """An export of 110,000 entries, all different but for chance."""
    rng = np.random.default_rng(0)
    picks = np.argsort(rng.random((110_000, 38)), axis=1)[:, :6]
    head = "Rank,EntryId,EntryName,TimeRemaining,Points,Lineup,,Player,Roster Position,%Drafted,FPTS"
    share = 100 * np.bincount(picks.ravel()) / len(picks)
    rows = [
        f"{i + 1},{4_000_000_000 + 7 * i},user{i % 9_973} (1/12),0,{300 - i / 500:.2f},"
        + " ".join(f"D {NAMES[row]}" for row in lineup)
        + (f",,{NAMES[i]},D,{share[i]:.2f}%,30.5" if i < 38 else "")
        for i, lineup in enumerate(picks.tolist())
    ]
    return "\n".join([head, *rows]).encode(), np.sort(picks, axis=1)


@pytest.mark.parametrize("from_path", [True, False])
def test_standings_of_the_largest_contests_fit_into_a_message_and_come_out_whole(standings, tmp_path, from_path):
    content, picks = standings
    assert len(content) > 5 * MESSAGE_BYTES
    path = tmp_path / "contest-standings-1.csv"
    path.write_bytes(content)
    sent = standings_file(path if from_path else content)
    assert len(sent.content) < MESSAGE_BYTES
    found = read_standings(sent.name, sent.content)
    assert (found.n_entries, len(found.players)) == (110_000, 38)
    np.testing.assert_array_equal(standings_lineups(sent.name, sent.content, NAMES, 6), picks)


def test_small_files_and_archives_travel_as_they_are(standings):
    assert standings_file(b"a,b\n1,2\n").content == b"a,b\n1,2\n"
    archive = standings_file(standings[0]).content
    assert len(archive) > 1 << 20
    assert standings_file(archive).content == archive
