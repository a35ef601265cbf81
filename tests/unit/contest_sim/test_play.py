"""Contests against a brute force that ranks entries one by one."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contest_sim.core import play
from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.dealing import deal_evenly
from services.contest_sim.core.field_plan import Drawn, KnownPlan
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.play import play_choices, play_contests
from services.contest_sim.core.prizes import PrizeRow, PrizeTable

TABLE = PrizeTable.checked([PrizeRow(1, 1, 1000), PrizeRow(2, 2, 500), PrizeRow(3, 5, 101), PrizeRow(6, 9, 50)])


def brute_force(ticks, lineups, prizes):
    """Exact prize of every entry in every scenario, and its rank, from pairwise comparison of scores."""
    money = [[Fraction(0)] * len(lineups) for _ in ticks]
    ranks = np.zeros((len(ticks), len(lineups)), dtype=int)
    for scenario, row in enumerate(ticks):
        scores = [int(sum(int(row[driver]) for driver in lineup)) for lineup in lineups]
        for entry, score in enumerate(scores):
            above = sum(other > score for other in scores)
            tied = sum(other == score for other in scores)
            pool = sum(prizes[place] if place < len(prizes) else 0 for place in range(above, above + tied))
            money[scenario][entry] = Fraction(pool, tied)
            ranks[scenario, entry] = above + 1
    return money, ranks


def places(table):
    return [row.prize_cents for row in table.rows for _ in range(row.n_places)]


def known(lineups, n_contests=1):
    return KnownPlan(Opponents.compress(np.array(lineups, dtype=np.int8)), n_contests).draw


@pytest.fixture
def played(small, rng):
    rows = rng.integers(0, small.universe.n_lineups, 40)
    opponents = small.universe.lineups[rows]
    mine = np.concatenate([opponents[:2], small.universe.lineups[rng.integers(0, small.universe.n_lineups, 3)]])
    own = Entries(mine, np.array([1, 2, 1, 3, 1], dtype=np.int64))
    contest = Contest(48, 100, TABLE)
    outcome = play_contests(small.ticks, [contest], own, known(opponents), n_fields=1)[0]
    everyone = [*opponents.tolist(), *np.repeat(mine, own.copies, axis=0).tolist()]
    return small, own, contest, outcome, everyone


def test_money_ranks_and_rates_equal_brute_force(played):
    small, own, _, outcome, everyone = played
    money, ranks = brute_force(small.ticks, everyone, places(TABLE))
    first_entry = 40 + np.concatenate([[0], np.cumsum(own.copies)[:-1]])
    for row, entry in enumerate(first_entry):
        mine = [scenario[entry] for scenario in money]
        assert outcome.money[0, row] == pytest.approx(float(sum(mine)), rel=1e-12)
        assert outcome.squares[row] == pytest.approx(float(sum(value * value for value in mine)), rel=1e-12)
        assert outcome.wins[row] == (ranks[:, entry] == 1).sum()
        assert outcome.top1[row] == (ranks[:, entry] <= 1).sum()
        assert outcome.cashes[row] == sum(value > 0 for value in mine)
        assert outcome.rank_sums[row] == ranks[:, entry].sum()
        assert outcome.best_ranks[row] == ranks[:, entry].min()
    portfolio = [float(sum(scenario[40:])) for scenario in money]
    assert outcome.portfolio == pytest.approx(portfolio, rel=1e-12)
    assert (outcome.any_win == (ranks[:, 40:] == 1).any(axis=1)).all()


def test_choices_are_played_in_place_of_each_other(small, rng):
    """Each has the outcome it has alone, and the fields they share are drawn once."""
    fields = [Opponents.compress(small.universe.lineups[rng.integers(0, 261, 40)]) for _ in range(3)]
    contest, drawn = Contest(48, 100, TABLE), []
    choices = [Entries(small.universe.lineups[at : at + n], np.ones(n, dtype=np.int64)) for at, n in ((0, 5), (3, 8))]

    def draw(index):
        drawn.append(index)
        return [Drawn(fields[index])]

    dealing = deal_evenly(len(small.ticks), 3)
    together = play_choices(small.ticks, contest, choices, draw, n_fields=3, dealing=dealing)
    assert drawn == [0, 1, 2]
    for outcome, entries in zip(together, choices, strict=True):
        alone = play_contests(small.ticks, [contest], entries, draw, n_fields=3)[0]
        assert outcome.portfolio.tolist() == alone.portfolio.tolist()


def test_the_whole_pool_is_paid_in_every_scenario(small, rng):
    """Two users who fill a contest between them, each seen as oneself against the other."""
    lineups = small.universe.lineups[rng.integers(0, small.universe.n_lineups, 48)]
    contest = Contest(48, 100, TABLE)
    prizes = [
        play_contests(
            small.ticks,
            [contest],
            Entries(np.ascontiguousarray(lineups[mine]), np.ones(mine.sum(), dtype=np.int64)),
            known(lineups[~mine]),
            n_fields=1,
        )[0].portfolio
        for mine in (np.arange(48) < 19, np.arange(48) >= 19)
    ]
    assert all(len({*mine}) > 10 for mine in prizes)
    assert sum(prizes) == pytest.approx(np.full(len(small.ticks), TABLE.pool_cents), rel=1e-12)


def test_pool_is_conserved_when_all_entries_are_ones_own(small):
    own = Entries(small.universe.lineups[:30], np.full(30, 2, dtype=np.int64))
    contest = Contest(60, 100, TABLE)
    nobody = Opponents(np.empty((0, 4), dtype=np.int8), np.empty(0, dtype=np.int64))
    outcome = play_contests(small.ticks, [contest], own, lambda _index: [Drawn(nobody)], n_fields=1)[0]
    assert outcome.portfolio == pytest.approx(np.full(60, float(TABLE.pool_cents)), rel=1e-12)
    assert (np.round(outcome.portfolio).astype(int) == TABLE.pool_cents).all()


def test_memory_grows_neither_with_scenarios_nor_with_opponents_times_scenarios(rng):
    """All scores at once would be 4 bytes for each of 3,000 x 20,000: 240 MB."""
    lineups = np.sort(np.argsort(rng.random((20_000, 36)), axis=1)[:, :6], axis=1).astype(np.int8)
    opponents = Opponents.compress(lineups)
    own = Entries(lineups[:5], np.ones(5, dtype=np.int64))
    contest = Contest(20_005, 100, TABLE)
    ticks = rng.integers(0, 1200, (3000, 36)).astype(np.int16)

    def peak(n_scenarios):
        tracemalloc.start()
        try:
            play_contests(ticks[:n_scenarios], [contest], own, lambda _index: [Drawn(opponents)], n_fields=1)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)
    few, many = peak(300), peak(3000)
    assert few < 5_000_000
    assert many - few < 1_000_000


def test_own_and_foreign_duplicates_are_counted(played):
    _, own, _, outcome, everyone = played
    keys = [tuple(lineup) for lineup in everyone[:40]]
    assert outcome.duplicates[0].tolist() == [keys.count(tuple(lineup)) for lineup in own.lineups.tolist()]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_small_contest_equals_brute_force(data):
    n_drivers, roster = 7, 3
    ticks = np.array(
        data.draw(
            st.lists(st.lists(st.integers(-5, 5), min_size=n_drivers, max_size=n_drivers), min_size=1, max_size=20)
        ),
        dtype=np.int16,
    )
    lineup = st.lists(st.integers(0, n_drivers - 1), min_size=roster, max_size=roster, unique=True).map(sorted)
    opponents = data.draw(st.lists(lineup, min_size=1, max_size=12))
    mine = data.draw(st.lists(lineup, min_size=1, max_size=4))
    own = Entries(np.array(mine, dtype=np.int8), np.ones(len(mine), dtype=np.int64))
    table = PrizeTable.checked([PrizeRow(1, 1, 100), PrizeRow(2, 2, 33)])
    contest = Contest(len(opponents) + len(mine), 100, table)
    outcome = play_contests(ticks, [contest], own, known(opponents), n_fields=1)[0]
    money, ranks = brute_force(ticks, opponents + mine, places(table))
    assert outcome.portfolio == pytest.approx([float(sum(row[len(opponents) :])) for row in money])
    assert outcome.best_ranks.tolist() == ranks[:, len(opponents) :].min(axis=0).tolist()


def test_scenarios_are_dealt_evenly_and_blocks_do_not_matter(small, rng, monkeypatch):
    own = Entries(small.universe.lineups[:3], np.ones(3, dtype=np.int64))
    fields = [Opponents.compress(small.universe.lineups[rng.integers(0, 100, 30)]) for _ in range(7)]

    def run():
        plan = [[Drawn(field)] for field in fields]
        return play_contests(
            small.ticks, [Contest(33, 10, TABLE, overlay_cents=9999)], own, plan.__getitem__, n_fields=7
        )[0]

    whole = run()
    monkeypatch.setattr("services.contest_sim.core.play.SCORES_PER_BLOCK", 1)
    blocks = run()
    assert (whole.portfolio == blocks.portfolio).all()
    assert whole.money == pytest.approx(blocks.money)
    sizes = np.bincount(whole.field_of_scenario)
    assert sizes.max() - sizes.min() <= 1


def test_checkpoint_stops_the_work(small):
    class Stop(Exception):
        pass

    def checkpoint():
        raise Stop

    own = Entries(small.universe.lineups[:1], np.ones(1, dtype=np.int64))
    with pytest.raises(Stop):
        play_contests(
            small.ticks,
            [Contest(48, 100, TABLE)],
            own,
            known(small.universe.lineups[:5]),
            n_fields=1,
            checkpoint=checkpoint,
        )


@pytest.mark.parametrize(("n_entries", "n_scenarios"), [(2_000, 50_000), (900_000, 64)])
def test_work_between_checkpoints_is_bounded(small, monkeypatch, n_entries, n_scenarios):
    """A checkpoint before each block, and no block of more than some 50 ms: 20 million scores, or a single tile."""
    blocks, checks = [], []

    def counted(ticks, entries, own, *others):
        blocks.append(len(ticks) * len(entries[1]))

    monkeypatch.setattr(play, "settle", counted)
    lineups = np.repeat(small.universe.lineups[:1], n_entries, axis=0)
    everybody = Opponents(lineups, np.ones(n_entries, dtype=np.int64))
    play_contests(
        np.repeat(small.ticks[:1], n_scenarios, axis=0),
        [Contest(n_entries + 1, 100, TABLE)],
        Entries(small.universe.lineups[:1], np.ones(1, dtype=np.int64)),
        KnownPlan(everybody, 1).draw,
        n_fields=1,
        checkpoint=lambda: checks.append(len(blocks)),
    )
    assert sum(blocks) == n_scenarios * (n_entries + 1)
    assert max(blocks) <= play.SCORES_PER_BLOCK
    assert len(checks) > len(blocks)
