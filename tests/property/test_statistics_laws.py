"""Laws of figures, intervals and p-values: what must not matter does not, what must scale does."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_money import described, valued

from tasks.aggregation.bootstrap import bootstrap
from tasks.aggregation.commission import Commission
from tasks.aggregation.figures import drawdown
from tasks.aggregation.multiple import benjamini_hochberg, one_sided, romano_wolf
from tasks.aggregation.races import Races
from tasks.aggregation.settlement import settle
from tasks.aggregation.statistics import statistics, verdict

RACES = 16
IDS = [f"1.20000000{n:02}" for n in range(2 * RACES)]
OFFS = [datetime(2026, 1, 1, 20, tzinfo=UTC) + timedelta(minutes=18 * (n // 2)) for n in range(2 * RACES)]
MARKETS = described(
    pd.DataFrame(
        {
            "archive": "month",
            "market_id": IDS,
            "event_id": "34000001",
            "market_time": OFFS,
            "settled_time": [off + timedelta(minutes=7 * n % 5, hours=1) for n, off in enumerate(OFFS)],
            "venue": "Larkfield",
            "country_code": "AU",
            "market_type": ["WIN", "PLACE"] * RACES,
            "market_base_rate": 7.0,
        }
    )
)
VARIANTS = ["a", "b", "idle"]
MONEY = ["net", "drawdown", "bsp_gross", "net_low", "net_high"]
FIGURES_OF_MARKETS = ["net", "roi", "average_odds", "drawdown", "drawdown_days", "clv", "clv_error", "bsp_gross"]
INTERVALS = ["net_low", "net_high", "roi_low", "roi_high", "p", "p_corrected", "q", "winner"]

seeds = st.integers(0, 10**6)


def month_of_orders(seed):
    """Bets on either side and any price, some void or unmatched, some without a starting price."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 120))
    price = np.round(1.5 + rng.exponential(4, count), 2)
    stake = np.round(rng.integers(1, 20, count) / 2, 2)
    is_back, has_won = rng.random(count) < 0.5, rng.random(count) < 1 / price
    gross = np.where(has_won, stake * (price - 1), -stake) * np.where(is_back, 1, -1)
    status = np.where(has_won, "WINNER", "LOSER").astype(object)
    status[rng.random(count) < 0.05] = "REMOVED"
    stake[rng.random(count) < 0.05] = 0
    market = rng.integers(0, 2 * RACES, count)
    return pd.DataFrame(
        {
            "bet_id": [f"{IDS[at]}-{n}" for n, at in enumerate(market)],
            "strategy_name": rng.choice(["a", "b"], count),
            "market_id": np.array(IDS)[market],
            "date_time_placed": [OFFS[at] - timedelta(seconds=60) for at in market],
            "side": np.where(is_back, "BACK", "LAY"),
            "price_matched": price,
            "size_matched": stake,
            "profit": np.where((stake > 0) & (status != "REMOVED"), np.round(gross, 2), 0.0),
            "bsp": np.where(rng.random(count) < 0.9, np.round(price * np.exp(rng.normal(0, 0.1, count)), 2), np.nan),
            "runner_status": status,
        }
    )


def rows_of(orders, markets=MARKETS, rejected=None, variants=VARIANTS):
    orders = valued(orders)
    settled = settle(orders, markets, Commission())
    return statistics(Races(orders, settled, markets, rejected or {}), variants).set_index("strategy")


@settings(max_examples=12)
@given(seeds)
def test_ranges(seed):
    rows = rows_of(month_of_orders(seed))
    assert (rows[["drawdown", "drawdown_days", "losing_run", "bsp_bets"]] >= 0).all(axis=None)
    assert (rows["losing_run"] <= rows["bets"]).all()
    assert (rows["bsp_bets"] <= rows["bets"]).all()
    assert (rows["drawdown"] >= -rows["net"] - 0.011).all()
    assert rows["strike_rate"].dropna().between(0, 1).all()
    told = rows.dropna(subset="p")
    assert ((told[["p", "p_corrected", "q"]] > 0) & (told[["p", "p_corrected", "q"]] <= 1)).all(axis=None)
    assert (told["p_corrected"] >= told["p"]).all()
    assert (told["q"] >= told["p"]).all()
    assert told["net"].between(told["net_low"], told["net_high"]).all()
    assert told["roi"].between(told["roi_low"], told["roi_high"]).all()
    assert ((told["net_low"] > 0) == (told["p"] <= 0.025)).all()
    assert (rows["more_bets"].dropna() >= 0).all()
    assert verdict(rows.loc["idle"].to_dict()) == "no bets"


@settings(max_examples=12)
@given(seeds, st.sampled_from([0.5, 2.0, 10.0, 1000.0]))
def test_stakes_scale_money_and_nothing_else(seed, factor):
    orders = month_of_orders(seed)
    scaled = orders.assign(size_matched=orders["size_matched"] * factor, profit=orders["profit"] * factor)
    once, times = rows_of(orders), rows_of(scaled)
    cent = 0.01 * (factor + 1) * RACES
    for column in MONEY:
        np.testing.assert_allclose(times[column], once[column] * factor, rtol=0.01, atol=cent)
    for column in ["strike_rate", "average_odds", "losing_run", "clv", "clv_error"]:
        np.testing.assert_allclose(times[column], once[column], rtol=1e-9)


@settings(max_examples=12)
@given(seeds)
def test_the_order_of_rows_does_not_matter(seed):
    orders = month_of_orders(seed)
    shuffled = rows_of(orders.sample(frac=1, random_state=seed), MARKETS.sample(frac=1, random_state=seed))
    pd.testing.assert_frame_equal(shuffled, rows_of(orders))


def without(orders, market_ids, variants):
    return orders[~(orders["market_id"].isin(market_ids) & orders["strategy_name"].isin(variants))]


@settings(max_examples=12)
@given(seeds, st.sets(st.sampled_from(IDS)))
def test_a_market_that_is_a_reject_of_all_is_as_one_that_was_not_selected(seed, lost):
    orders = without(month_of_orders(seed), lost, VARIANTS)
    rejected = rows_of(orders, rejected=dict.fromkeys(VARIANTS, frozenset(lost)))
    unselected = rows_of(orders, MARKETS[~MARKETS["market_id"].isin(lost)])
    pd.testing.assert_frame_equal(rejected, unselected)


@settings(max_examples=12)
@given(seeds, st.sets(st.sampled_from(IDS)))
def test_rejects_of_one_change_no_figure_of_another_and_are_no_races_of_its_own(seed, lost):
    orders = without(month_of_orders(seed), lost, ["a"])
    before, after = rows_of(orders), rows_of(orders, rejected={"a": frozenset(lost)})
    alone = [column for column in before if column not in ("p_corrected", "q", "winner")]
    pd.testing.assert_frame_equal(after.loc[["b", "idle"], alone], before.loc[["b", "idle"], alone])
    races_lost = sum(lost.issuperset(race) for race in zip(IDS[::2], IDS[1::2], strict=True))
    assert after.loc["a", "races"] == RACES - races_lost


@settings(max_examples=12)
@given(seeds, st.dictionaries(st.sampled_from(VARIANTS), st.sets(st.sampled_from(IDS)).map(frozenset)))
@example(1, {"idle": frozenset(IDS)})
@example(6, {"a": frozenset(IDS[:3])})
def test_whatever_is_rejected_a_variant_has_alone_the_figures_it_has_in_company(seed, rejected):
    orders = month_of_orders(seed)
    for variant, lost in rejected.items():
        orders = without(orders, lost, [variant])
    together = rows_of(orders, rejected=rejected)
    assert ((together["p_corrected"] >= together["p"]) | together["p"].isna()).all()
    for variant in VARIANTS:
        mine = orders[orders["strategy_name"] == variant]
        alone = rows_of(mine, rejected={variant: rejected.get(variant, frozenset())}, variants=[variant])
        same = [column for column in alone if column not in ("p_corrected", "q", "winner", "variants")]
        pd.testing.assert_frame_equal(alone[same], together.loc[[variant], same])


@settings(max_examples=12)
@given(seeds)
def test_a_bet_in_two_halves_changes_no_figure_of_the_markets(seed):
    orders = month_of_orders(seed)
    # Each half in whole cents, as flumine has them.
    orders = orders.assign(size_matched=2 * orders["size_matched"], profit=2 * orders["profit"])
    half = orders.assign(size_matched=orders["size_matched"] / 2, profit=orders["profit"] / 2)
    halves = pd.concat([half, half.assign(bet_id=half["bet_id"] + "b")], ignore_index=True)
    whole, split = rows_of(orders), rows_of(halves)
    assert (split["bets"] == 2 * whole["bets"]).all()
    for column in FIGURES_OF_MARKETS + INTERVALS:
        np.testing.assert_allclose(
            split[column].astype(float), whole[column].astype(float), rtol=1e-6, atol=1e-6, err_msg=column
        )


@settings(max_examples=12)
@given(seeds)
def test_what_was_expected_at_bsp_is_clv_times_turnover(seed):
    orders = month_of_orders(seed)
    with_bsp = orders[orders["bsp"].notna() & (orders["size_matched"] > 0) & (orders["runner_status"] != "REMOVED")]
    turnover = with_bsp.groupby("strategy_name")["size_matched"].sum()
    for variant, row in rows_of(orders).iterrows():
        if row["bsp_bets"]:
            assert row["bsp_gross"] == pytest.approx(row["clv"] * turnover[variant])


@settings(max_examples=50)
@given(st.lists(st.integers(-1000, 1000), max_size=40))
def test_drawdown_is_the_deepest_of_all_falls(nets):
    net = np.array(nets, dtype=float)
    times = np.datetime64("2026-01-01") + np.arange(len(nets)).astype("timedelta64[D]")
    equity = [0.0, *np.cumsum(net)]
    deepest = max(before - after for n, before in enumerate(equity) for after in equity[n:])
    fall = drawdown(net, times)
    assert fall.depth == pytest.approx(deepest)
    assert 0 <= fall.days <= max(0, len(nets) - 1)
    assert (fall.depth == 0) <= (fall.days == 0)


def random_nets(seed, variants):
    rng = np.random.default_rng(seed)
    return rng.exponential(5, (40, variants)) * rng.choice([-1, 1], variants) + rng.normal(0, 5, (40, variants))


def p_values(net):
    drawn = bootstrap(net, np.ones_like(net), 1, 500)
    alone = one_sided(drawn.statistic, drawn.draws)
    return alone, romano_wolf(drawn.statistic, drawn.draws)


@settings(max_examples=30)
@given(seeds, st.integers(1, 12))
def test_corrected_p_values(seed, variants):
    net = random_nets(seed, variants)
    alone, corrected = p_values(net)
    assert ((alone > 0) & (alone <= corrected) & (corrected <= 1)).all()
    by_t = np.argsort(-net.mean(axis=0) / net.std(axis=0))
    assert (np.diff(corrected[by_t]) >= 0).all()
    assert (benjamini_hochberg(alone) >= alone).all()


@settings(max_examples=30)
@given(seeds, st.integers(1, 8), st.integers(0, 7))
def test_a_variant_tried_twice_counts_once(seed, variants, which):
    net = random_nets(seed, variants)
    again = np.column_stack([net, net[:, which % variants]])
    (alone, corrected), (alone_again, corrected_again) = p_values(net), p_values(again)
    assert (alone_again[-1], corrected_again[-1]) == (alone[which % variants], corrected[which % variants])
    assert corrected_again[:-1].tolist() == corrected.tolist()


@settings(max_examples=30)
@given(seeds, st.integers(1, 8))
def test_one_more_tried_makes_none_better(seed, variants):
    net = random_nets(seed, variants + 1)
    _, fewer = p_values(net[:, :-1])
    _, more = p_values(net)
    assert (more[:-1] >= fewer - 1e-12).all()
