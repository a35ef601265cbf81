"""Prize tables: rules, text, shapes, and money that adds up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.domain.errors import InvalidInput
from services.contest_sim.core.contest import Contest
from services.contest_sim.core.prize_shape import PrizeShape, shape_prizes
from services.contest_sim.core.prize_text import parse_prizes
from services.contest_sim.core.prizes import PrizeRow, PrizeTable


def test_pasted_text_becomes_rows():
    table = parse_prizes("1st $2,000\n2nd\t$1,000.50\n3rd \u2013 5th: $250.00\n6 to 1,000 $5\n")
    assert table.rows == (
        PrizeRow(1, 1, 200_000),
        PrizeRow(2, 2, 100_050),
        PrizeRow(3, 5, 25_000),
        PrizeRow(6, 1000, 500),
    )


def test_place_and_prize_may_stand_on_two_lines():
    assert parse_prizes("1st\n$100.00\n\n2nd - 3rd\n$20.00").rows == (PrizeRow(1, 1, 10_000), PrizeRow(2, 3, 2_000))


@pytest.mark.parametrize(
    ("line", "cents"),
    [
        ("1st$50", 5_000),
        ("1$50", 5_000),
        ("1 50", 5_000),
        ("1st: 50.25 USD", 5_025),
        ("1st $20 Ticket", 2_000),
        ("1st $20.50 Contest Entry Ticket", 2_050),
        ("1st Ticket ($12)", 1_200),
        ("1st ticket worth $12", 1_200),
        ("1st $5 in DK Dollars", 500),
        ("1st $1,000 + $555 ticket", 155_500),
        ("1st $100 cash & Ticket ($20) and $5", 12_500),
        ("1st $0", 0),
    ],
)
def test_cash_and_tickets_of_stated_value_add_up(line: str, cents: int):
    assert parse_prizes(line).rows == (PrizeRow(1, 1, cents),)


@pytest.mark.parametrize(
    "line",
    [
        "1st Ticket to the final",
        "1st Ticket to the $100K Final",
        "1st $50 + Ticket",
        "1st 2 tickets",
        "1st 2 x $20 Tickets",
        "1st $2 Million Final Ticket",
        "1st $5K",
        "1st $1,00",
        "1st $1,0000",
        "1st $10,000,00",
    ],
)
def test_prizes_without_a_value_are_refused(line: str):
    """Above all, what a ticket admits to is not taken for what it is worth, nor a decimal comma for a thousand's."""
    with pytest.raises(InvalidInput, match=r"line 1.*cannot read"):
        parse_prizes(line)


def test_remedy_for_tickets_is_their_value():
    with pytest.raises(InvalidInput, match="worth to you"):
        parse_prizes("1st Ticket to the final")


@pytest.mark.parametrize(
    "header", ["Place\tPrize", "Rank  Payout", "Payout Structure\nPosition / Prize", "PLACE\nPRIZE"]
)
def test_headings_are_passed_over_but_only_above_the_rows(header: str):
    assert parse_prizes(f"{header}\n1st $10\n2nd $5").rows == (PrizeRow(1, 1, 1_000), PrizeRow(2, 2, 500))
    with pytest.raises(InvalidInput, match="cannot read"):
        parse_prizes(f"1st $10\n{header}\n2nd $5")


@pytest.mark.parametrize(
    ("text", "line"), [("1st $10\nsecond $5", 2), ("1st Ticket to the final", 1), ("1st $10\n2nd", 2), ("", 0)]
)
def test_unreadable_lines_are_named(text: str, line: int):
    with pytest.raises(InvalidInput) as caught:
        parse_prizes(text, "contest.text")
    assert (f"line {line}" if line else "holds no prize") in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([(1, 1, 100), (3, 4, 50)], "gap"),
        ([(2, 2, 100)], "gap"),
        ([(1, 3, 100), (3, 4, 50)], "overlaps"),
        ([(1, 1, -5)], "negative"),
        ([(1, 1, 50), (2, 2, 60)], "more than the better places"),
        ([(1, 1, 50), (2, 1, 40)], "before it starts"),
        ([], "holds no prize"),
    ],
)
def test_broken_tables_are_refused(rows, fault):
    with pytest.raises(InvalidInput, match=fault):
        PrizeTable.checked([PrizeRow(*row) for row in rows])


def test_more_money_than_fees_needs_a_stated_overlay():
    table = PrizeTable.checked([PrizeRow(1, 1, 1_001)])
    with pytest.raises(InvalidInput, match="overlay"):
        Contest(10, 100, table).check()
    Contest(10, 100, table, overlay_cents=1).check()


def test_paying_more_places_than_entries_is_refused():
    with pytest.raises(InvalidInput, match="place 11"):
        Contest(10, 100, PrizeTable.checked([PrizeRow(1, 11, 10)])).check()


def test_too_many_own_entries_are_refused():
    contest = Contest(10, 100, PrizeTable.checked([PrizeRow(1, 1, 10)]), max_entries_per_user=3)
    contest.check_entries(3)
    with pytest.raises(InvalidInput, match="allows 3"):
        contest.check_entries(4)


@given(
    st.integers(20, 20_000),
    st.integers(25, 100_000),
    st.floats(0.05, 0.4),
    st.floats(0.1, 0.3),
    st.floats(1.0, 2.0),
)
def test_shapes_spend_the_pool_to_the_cent(n_entries, fee, first_share, paid_share, least):
    try:
        table = shape_prizes(PrizeShape(first_share, paid_share, least, 0.15), n_entries, fee)
    except InvalidInput as error:
        assert "pool" in str(error) or "first" in str(error)  # noqa: PT017 - either outcome is right
        return
    assert table.pool_cents == round(n_entries * fee * 0.85)
    assert table.n_paid == max(1, round(paid_share * n_entries))
    prizes = table.cumulative_cents(n_entries)
    assert prizes[-1] == table.pool_cents
    if table.n_paid > 1:
        assert table.rows[-1].prize_cents >= int(least * fee) - 1
        assert abs(table.rows[0].prize_cents - first_share * table.pool_cents) <= 2


@pytest.mark.parametrize("first_share", [0.1, 0.5, 1.0])
def test_one_paid_place_takes_the_whole_pool(first_share):
    table = shape_prizes(PrizeShape(first_share, 0.01, 1.5, 0.1), 100, 1000)
    assert table.rows == (PrizeRow(1, 1, 90_000),)
