"""Having tried many: the corrected p-values, who is a winner, and the sentence that is said."""

import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from made_money import described, valued
from scipy import stats

from tasks.aggregation.bootstrap import bootstrap
from tasks.aggregation.commission import Commission
from tasks.aggregation.multiple import benjamini_hochberg, one_sided, romano_wolf
from tasks.aggregation.races import Races
from tasks.aggregation.settlement import settle
from tasks.aggregation.statistics import statistics, verdict, weigh
from tasks.lake.datasets import RESULTS_STATISTICS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # arch's own imports
    from arch.bootstrap import SPA, StepM


def p_values(net, draws=4000):
    drawn = bootstrap(net, np.ones_like(net), 1, draws)
    alone = one_sided(drawn.statistic, drawn.draws)
    return alone, romano_wolf(drawn.statistic, drawn.draws)


def test_alone_it_is_the_t_test_of_normal_nets():
    net = np.random.default_rng(1).normal([0.3, 0, -0.3, 0.8], 5, (800, 4))
    alone, _ = p_values(net)
    assert alone == pytest.approx(stats.ttest_1samp(net, 0, alternative="greater").pvalue, abs=0.02)


def test_never_zero():
    alone, corrected = p_values(np.random.default_rng(1).normal(50, 1, (100, 2)), draws=999)
    assert alone == pytest.approx([0.001] * 2)
    assert corrected == pytest.approx([0.001] * 2)


def test_step_down_by_hand():
    # Four draws of two variants; the best is held against the larger of each, the other against its own.
    draws = np.array([[0.0, 3.0], [1.0, 0.0], [2.5, -1.0], [-2.0, 1.5]])
    corrected = romano_wolf(np.array([2.0, 1.0]), draws)
    assert corrected.tolist() == [3 / 5, 3 / 5]
    assert romano_wolf(np.array([1.0, 2.9]), draws).tolist() == [3 / 5, 2 / 5]


@pytest.mark.parametrize("edge", [0.0, 0.12, 0.2])
def test_the_reality_check_is_that_of_arch(edge):
    rng = np.random.default_rng(4)
    net = rng.normal(0, 1, (500, 8)) + rng.normal(0, 0.5, (500, 1))
    net[:, 3] += edge
    _, corrected = p_values(net)
    check = SPA(np.zeros(500), -net, block_size=1, reps=4000, seed=1)
    check.compute()
    assert corrected.min() == pytest.approx(check.pvalues["upper"], abs=0.025)
    steps = StepM(np.zeros(500), -net, size=0.05, block_size=1, reps=4000, seed=1)
    steps.compute()
    assert list(np.flatnonzero(corrected <= 0.05)) == list(steps.superior_models)


def test_benjamini_hochberg_by_hand():
    assert benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])) == pytest.approx(
        [0.04, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5]
    )


def test_the_best_of_fifty_without_an_edge_is_no_winner():
    net = np.random.default_rng(0).normal(0, 5, (100, 50))
    weighed = weigh(net, np.ones_like(net), np.ones(50, dtype=bool), 1, 2000)
    best = weighed.loc[weighed["p"].idxmin()]
    assert best["net_low"] > 0
    assert best["p_corrected"] > 0.05
    assert not weighed["winner"].any()
    alone = weigh(net[:, [best.name]], np.ones((100, 1)), np.ones(1, dtype=bool), 1, 2000)
    assert alone["winner"].all(), "alone, it would have been"


def test_what_cannot_be_told_is_not_held_against_the_others():
    net = np.random.default_rng(11).normal(1, 5, (100, 3))
    told = np.array([True, False, True])
    some, those = (weigh(n, np.ones_like(n), t, 1, 2000) for n, t in ((net, told), (net[:, told], told[told])))
    assert some.loc[1].drop("winner").isna().all()
    assert not some.loc[1, "winner"]
    pd.testing.assert_frame_equal(some[told].reset_index(drop=True), those)


def test_the_same_net_in_every_race_is_no_spread_to_tell_from():
    assert (
        weigh(np.ones((20, 1)), np.ones((20, 1)), np.ones(1, dtype=bool), 1)
        .drop(columns="winner")
        .isna()
        .all(axis=None)
    )


ROW = {
    "variants": 1,
    "bets": 92,
    "net": -7.46,
    "net_low": -61.2,
    "net_high": 48.1,
    "net_noise": 0.9,
    "p_corrected": 0.6,
    "winner": False,
    "more_bets": 5_312,
}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {},
            (
                "net −7.46 on 92 bets, 95 % interval −61 to 48: no evidence of an edge; "
                "about 5,300 more bets would be needed to tell"
            ),
        ),
        ({"bets": 0}, "no bets"),
        (
            {"bets": 3, "net": 12, "net_low": None},
            "net 12.00 on 3 bets: too few to tell; it takes a bet won in 5 races, and one lost in 5",
        ),
        (
            {"net": 0, "more_bets": float("nan")},
            "net 0.00 on 92 bets, 95 % interval −61 to 48: no evidence of an edge",
        ),
        (
            {"net": -70, "net_low": -1234.5, "net_high": -3},
            "net −70.00 on 92 bets, 95 % interval −1,234 to −3: evidence of a loss",
        ),
        (
            {"net": 70, "net_low": 8, "net_high": 130, "winner": True},
            "net 70.00 on 92 bets, 95 % interval 8 to 130: evidence of an edge",
        ),
        (
            {"variants": 48, "net": 70, "net_low": 8, "net_high": 130, "winner": True},
            (
                "net 70.00 on 92 bets, 95 % interval 8 to 130: evidence of an edge, "
                "also after correction for the 48 variants tried"
            ),
        ),
        (
            {"variants": 48, "net": 70, "net_low": 8, "net_high": 130, "p_corrected": 0.314},
            (
                "net 70.00 on 92 bets, 95 % interval 8 to 130: evidence of an edge if it were alone, but of the "
                "48 variants tried luck makes one look as good in 31% of cases: no evidence of an edge"
            ),
        ),
    ],
)
def test_verdict(changed, sentence):
    assert verdict(ROW | changed) == sentence


IDS = [f"1.2000000{n:02}" for n in range(30)]
MARKETS = described(
    pd.DataFrame(
        {
            "archive": "month",
            "market_id": IDS,
            "event_id": "34000001",
            "market_time": [datetime(2026, 1, 1, 20, tzinfo=UTC) + timedelta(minutes=18 * n) for n in range(30)],
            "settled_time": [datetime(2026, 1, 1, 21, tzinfo=UTC) + timedelta(minutes=18 * n) for n in range(30)],
            "venue": "Larkfield",
            "country_code": "AU",
            "market_type": "WIN",
            "market_base_rate": 7.0,
        }
    )
)


def order(strategy, number, profit, **changed):
    return {
        "bet_id": f"{IDS[number]}-1",
        "strategy_name": strategy,
        "market_id": IDS[number],
        "date_time_placed": MARKETS["market_time"][number],
        "side": "BACK",
        "price_matched": 3.0,
        "size_matched": 5.0,
        "profit": profit,
        "bsp": 3.0,
        "runner_status": "WINNER" if profit > 0 else "LOSER",
        **changed,
    }


def rows_of(orders, variants):
    frame = valued(pd.DataFrame([*orders, order("x", 0, 1.0)]).iloc[:-1])  # typed also without any order
    table = statistics(Races(frame, settle(frame, MARKETS, Commission()), MARKETS), variants)
    stored = pa.Table.from_pandas(table, RESULTS_STATISTICS.schema, preserve_index=False)
    for column in RESULTS_STATISTICS.columns:
        assert column.nullable or not stored[column.name].null_count, column.name
    return stored.to_pylist()


def test_bets_of_a_market_are_in_the_order_of_their_numbers():
    lost = {1, 2, 10, 11}  # as text, 10 and 11 would come before 2
    bets = [order("many", 1, -5.0 if n in lost else 10.0, bet_id=f"{IDS[1]}-{n}") for n in range(1, 12)]
    assert rows_of(bets, ["many"])[0]["losing_run"] == 2


def test_a_variant_of_each_kind():
    usual = [order("usual", n, 10.0 if n % 3 == 0 else -5.0) for n in range(30)]
    void = [order("void", 1, 0.0, runner_status="REMOVED"), order("void", 2, 0.0, size_matched=0.0)]
    rows = rows_of([*usual, order("rare", 4, 10.0), *void], ["void", "usual", "idle", "rare"])
    assert [row["strategy"] for row in rows] == ["void", "usual", "idle", "rare"]
    assert [row["bets"] for row in rows] == [0, 30, 0, 1]
    assert {(row["variants"], row["races"]) for row in rows} == {(4, 30)}
    _, row, idle, rare = rows
    assert (row["net"], row["roi"]) == (-7.0, pytest.approx(-7 / 150))
    assert (row["strike_rate"], row["average_odds"], row["losing_run"]) == (pytest.approx(1 / 3), 3.0, 2)
    assert row["net_low"] < row["net"] < row["net_high"]
    assert row["p"] == row["p_corrected"] == row["q"]
    assert row["more_bets"] > 1000
    assert (rare["net"], rare["net_low"], rare["p"], rare["more_bets"], rare["winner"]) == (
        9.3,
        None,
        None,
        None,
        False,
    )
    assert idle["strike_rate"] is idle["roi"] is idle["clv"] is None
    assert [verdict(row).split(":")[0] for row in rows][::2] == ["no bets", "no bets"]


def test_a_run_without_any_bet():
    assert [verdict(row) for row in rows_of([], ["a", "b"])] == ["no bets", "no bets"]
