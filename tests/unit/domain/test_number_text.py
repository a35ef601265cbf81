import pytest

from services.common.domain.number_text import comma_hint, without_commas


@pytest.mark.parametrize(
    ("text", "elsewhere", "beside_semicolons"),
    [
        ("1234.5", "1234.5", "1234.5"),
        ("seven", "seven", "seven"),
        ("45,5", None, "45.5"),
        ("-3,25", None, "-3.25"),
        ("1234,5678", None, "1234.5678"),
        ("0,234", None, "0.234"),
        ("45,", None, "45."),
        ("1,234", "1234", None),
        ("+1,200", "+1200", None),
        ("1,234.5", "1234.5", "1234.5"),
        ("1,234,567", "1234567", "1234567"),
        ("1.234,5", None, None),
        ("12,34,567", None, None),
        ("1234,567,890", None, None),
    ],
)
def test_a_comma_is_what_it_can_only_be(text, elsewhere, beside_semicolons):
    assert without_commas(text) == elsewhere
    assert without_commas(text, decimal_comma=True) == beside_semicolons


def test_only_numbers_with_commas_have_a_hint():
    assert comma_hint("45.5") == ""
    assert "with a point" in comma_hint("45,5")
