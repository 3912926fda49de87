"""One value of a rating row at a time."""

import pytest

from tasks.ratings.ids import parse_rating, parse_selection_id, restore_market_id


@pytest.mark.parametrize(
    ("text", "market_id"),
    [
        ("1.195395419", "1.195395419"),
        ("1.19539574", "1.195395740"),
        ("1.1953957", "1.195395700"),
        ("1.2", "1.200000000"),
        ("195395740", "1.195395740"),
        (" 1.19539574\t", "1.195395740"),
    ],
)
def test_market_id_is_restored(text, market_id):
    assert restore_market_id(text) == market_id


@pytest.mark.parametrize(
    "text",
    [
        *("", "1.", "1", "N/A", "nan", "19539574", "195395740.0", "1.1953957400", "2.195395740", "-1.195395740"),
        *("1,195395740", "1.19539574e0", "1.19539 5740", "1.19539574\N{ARABIC-INDIC DIGIT ZERO}"),
    ],
)
def test_what_is_no_market_id_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match=r"^'.*' is not a market id: expected '1\.' and 9 digits.*'$"):
        restore_market_id(text)


@pytest.mark.parametrize("text", ["42248828", "42248828.0", " 42248828 ", "42248828.00"])
def test_selection_id_is_a_whole_number(text):
    assert parse_selection_id(text) == 42248828


@pytest.mark.parametrize(
    "text", ["", "0", "0.0", "-5", "42248828.5", "4e7", "N/A", "9" * 19, "1_000", "\N{ARABIC-INDIC DIGIT FOUR}"]
)
def test_what_is_no_selection_id_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match=r"^'.*' is not a selection id: expected a positive whole number.*'$"):
        parse_selection_id(text)


@pytest.mark.parametrize(
    ("text", "rating"), [("7.5", 7.5), ("8.232853517326037", 8.232853517326037), (" 13 ", 13.0), ("1.01", 1.01)]
)
def test_rating_is_decimal_odds(text, rating):
    assert parse_rating(text) == rating


@pytest.mark.parametrize(
    "text", ["", "N/A", "-7.5", "0", "1", "1.0", "0.99", "inf", "-inf", "nan", "1e999", "7,5", "1_0"]
)
def test_what_is_no_rating_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match=r"^'.*' is not a rating: expected decimal odds.*'$"):
        parse_rating(text)
