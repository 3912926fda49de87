"""Out of sample: which side of a day a race is on, who is chosen, and what is said of it."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from made_report import make_report

from tasks.aggregation.folds import check_split, split_markets
from tasks.aggregation.races import Races
from tasks.aggregation.split import FIRST, SECOND, TOGETHER, compare, say_split
from tasks.aggregation.statistics import statistics, verdict
from tasks.errors import InputError

VARIANTS = [f"rated_price-{number:08d}" for number in range(6)]
FIGURES = ["bets", "net", "roi", "net_low", "net_high", "p"]


def markets(*rows):
    return pd.DataFrame(rows, columns=["market_id", "event_id", "market_date"])


@pytest.fixture(scope="module")
def season():
    """Three months of races, on which six variants bet at random."""
    report = make_report(VARIANTS, races=240)
    return Races(report.orders, report.settled, report.markets)


def divide(season, split):
    folds = split_markets(season.markets, split)
    return folds, compare(season, VARIANTS, folds)


def side(rows, part, begins=None):
    chosen = (rows["part"] == part) & ((rows["begins"] == begins) if begins else True)
    return rows[chosen].reset_index(drop=True)


@pytest.mark.parametrize("text", ["2022-03-20", "month"])
def test_a_day_or_month(text):
    assert check_split(text) == text


@pytest.mark.parametrize("text", ["20 March", "2022-13-01", "", "week"])
def test_anything_else_is_refused_with_what_would_be_right(text):
    with pytest.raises(InputError, match="YYYY-MM-DD, or month"):
        check_split(text)


def test_all_markets_of_an_event_are_on_the_side_of_its_first_day():
    first, second = date(2022, 3, 1), date(2022, 3, 2)
    rows = markets(("win", "a", first), ("place", "a", first), ("late", "a", second), ("other", "b", second))
    assert split_markets(rows, "2022-03-02") == [(second, {"win", "place", "late"}, {"other"})]


def test_each_month_but_the_first_is_judged_by_all_before_it():
    rows = markets(*((f"m{n}", f"e{n}", date(2022, n, 9)) for n in (1, 2, 4)))
    assert split_markets(rows, "month") == [
        (date(2022, 2, 1), {"m1"}, {"m2"}),
        (date(2022, 4, 1), {"m1", "m2"}, {"m4"}),
    ]


@pytest.mark.parametrize("split", ["2022-03-01", "2022-03-03", "month"])
def test_a_side_without_races_is_refused_with_the_days_there_are(split):
    rows = markets(("a", "a", date(2022, 3, 1)), ("b", "b", date(2022, 3, 2)))
    with pytest.raises(InputError, match="2022-03-01 to 2022-03-02") as refused:
        split_markets(rows, split)
    assert f"split {split}:" in str(refused.value)


def test_the_best_before_comes_first_on_both_sides(season):
    _, rows = divide(season, "2022-04-05")
    before, after = side(rows, FIRST), side(rows, SECOND)
    assert list(before["rank"]) == list(after["rank"]) == [1, 2, 3, 4, 5, 6]
    assert list(before["strategy"]) == list(after["strategy"])
    assert before["net"].is_monotonic_decreasing
    assert not after["net"].is_monotonic_decreasing
    both = (before["net"] + after["net"]).round(2)
    whole = season.settled.groupby("strategy")["net"].sum()[before["strategy"]].round(2)
    np.testing.assert_allclose(both, whole, atol=0.02)


def test_the_chosen_is_judged_as_one_and_the_others_as_tried(season):
    [one], rows = divide(season, "2022-04-05")
    second = season.among(one.second)
    after = side(rows, SECOND)
    best = after["strategy"].iloc[0]
    [alone] = statistics(second.of(best), [best]).to_dict("records")
    assert after[FIGURES].iloc[0].to_dict() == {name: alone[name] for name in FIGURES}
    assert list(after["variants"]) == [1, 6, 6, 6, 6, 6]
    assert after["p"].iloc[0] == after["p_corrected"].iloc[0]
    tried = statistics(second, VARIANTS).set_index("strategy")
    pd.testing.assert_series_equal(
        after.set_index("strategy")["p_corrected"][1:], tried["p_corrected"][after["strategy"][1:]]
    )


def test_one_that_never_bet_is_not_chosen_before_one_that_lost(season):
    losing = season.settled.groupby("strategy")["net"].sum().idxmin()
    rows = compare(season.of(losing), ["idle", losing], split_markets(season.markets, "2022-04-05"))
    assert list(side(rows, FIRST)["strategy"]) == [losing, "idle"]


def test_what_was_chosen_each_month_is_added_up(season):
    folds, rows = divide(season, "month")
    assert [one.begins for one in folds] == [date(2022, 4, 1), date(2022, 5, 1)]
    chosen = rows[(rows["part"] == SECOND) & (rows["rank"] == 1)]
    [together] = side(rows, TOGETHER).to_dict("records")
    assert together["net"] == pytest.approx(chosen["net"].sum(), abs=0.02)
    assert together["bets"] == chosen["bets"].sum()
    assert together["variants"] == 1
    assert together["net_low"] < together["net"] < together["net_high"]


def test_a_sentence_a_day_and_one_of_all(season):
    _, rows = divide(season, "month")
    said = say_split(rows.to_dict("records"))
    assert len(said) == 3
    for begins, sentence in zip((date(2022, 4, 1), date(2022, 5, 1)), said, strict=False):
        before, after = (side(rows, part, begins).iloc[0].to_dict() for part in (FIRST, SECOND))
        place = list(side(rows, SECOND, begins).sort_values("net", ascending=False)["rank"]).index(1) + 1
        assert sentence.startswith(f"out of sample in {begins:%Y-%m}: {before['strategy']}, the best of 6 before (net ")
        assert sentence.endswith(f", is number {place} in that month: {verdict(after)}")
    assert said[2] == f"out of sample, all months together: {verdict(side(rows, TOGETHER).iloc[0].to_dict())}"


@pytest.mark.parametrize("split", ["2022-04-05", "2022-05-01", "month"])
def test_how_far_a_second_part_is_said_to_reach_is_how_far_it_does(season, split):
    folds, rows = divide(season, split)
    days = season.markets.set_index("market_id")["market_date"]
    to_the_end = all(days[list(one.second)].max() == days.max() for one in folds)
    said = [sentence for sentence in say_split(rows.to_dict("records")) if "is number" in sentence]
    assert ["from then on" in sentence for sentence in said] == [to_the_end] * len(folds)
    assert ["in that month" in sentence for sentence in said] == [not to_the_end] * len(folds)


def test_the_last_of_two_months_reaches_to_the_end(season):
    two = season.among(frozenset(season.markets["market_id"][: len(season.markets) // 2]))
    folds, rows = divide(two, "month")
    assert len(folds) == 1
    [said] = say_split(rows.to_dict("records"))
    assert said.startswith("out of sample from 2022-04-01: ")
    assert " from then on: " in said


def test_without_a_split_nothing_is_said():
    assert say_split([]) == []
