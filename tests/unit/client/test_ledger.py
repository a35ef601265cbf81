import dataclasses
from datetime import date, timedelta

import numpy as np
import pytest

from pitwall.ledger import LedgerRule, ledger, roi_of
from pitwall.sitefiles.history import PastEntry

DAY = date(2026, 2, 15)


def entry(number, day=0, won=0, fee=500, **changes):
    past = PastEntry(
        entry_id=str(number),
        sport="NAS",
        contest_id=f"c{day}",
        contest_name="NAS $1K",
        date=DAY + timedelta(days=day),
        place=number,
        points=100.0 + number,
        winnings_cents=won,
        ticket_cents=0,
        fee_cents=fee,
        pool_cents=85_000,
        contest_entries=200,
        places_paid=40,
    )
    return dataclasses.replace(past, **changes)


def test_with_one_entry_a_race_the_error_is_that_of_a_mean(rng):
    won = rng.integers(0, 5_000, 12)
    roi, error = roi_of([entry(number, number, int(amount)) for number, amount in enumerate(won)])
    returns = won / 500 - 1
    assert roi == pytest.approx(returns.mean())
    assert error == pytest.approx(returns.std(ddof=1) / np.sqrt(12))


def test_entries_of_one_race_are_one_draw():
    single = [entry(day, day, won) for day, won in enumerate((0, 700, 2_000))]
    tenfold = [dataclasses.replace(item, entry_id=f"{item.entry_id}-{copy}") for item in single for copy in range(10)]
    assert roi_of(tenfold) == pytest.approx(roi_of(single))
    assert roi_of(tenfold[:10])[1] is None


def test_the_error_covers_what_redrawn_seasons_do(rng):
    """Over many seasons of the same game the returns scatter as the mean stated error says."""
    seasons = []
    for _ in range(400):
        entries = []
        for day in range(40):
            n_entries, luck = int(rng.integers(1, 20)), rng.random()
            entries += [entry(k, day, 1_500 if luck < 0.3 else 0, 500) for k in range(n_entries)]
        seasons.append(roi_of(entries))
    returns, errors = np.array(seasons).T
    assert returns.mean() == pytest.approx(-0.1, abs=0.05)
    assert errors.mean() == pytest.approx(returns.std(), rel=0.12)


def test_free_entries_have_no_return():
    assert roi_of([entry(1, fee=0, won=100)]) == (None, None)


def test_rows_add_up_whatever_makes_them():
    entries = [
        entry(1, 0, 2_000),
        entry(2, 0),
        entry(3, 1, ticket_cents=900, contest_name="NTS $2K", fee_cents=300),
        entry(4, 7, 40),
    ]
    for rule in LedgerRule:
        found = ledger(entries, rule)
        for name in ("n_entries", "n_cashed", "fees_cents", "won_cents", "profit_cents"):
            assert sum(getattr(row, name) for row in found.rows) == getattr(found.total, name)
    assert ledger(entries).total.won_cents == 2_940
    assert [row.name for row in ledger(entries, LedgerRule.SERIES).rows] == ["cup", "truck"]
    assert next(row.name for row in ledger(entries, LedgerRule.RACE).rows) == "2026-02-22 cup"


def test_places_copies_and_contests_are_those_of_the_file():
    entries = [entry(10, 0), entry(50, 0, points=110.0), entry(20, 1, points=110.0)]
    found = ledger(entries)
    assert found.total.best_percentile == 5.0
    assert found.total.n_same_points == 2
    assert [contest.contest_id for contest in found.contests] == ["c1", "c0"]
    assert found.contests[0].rake == pytest.approx(0.15)
