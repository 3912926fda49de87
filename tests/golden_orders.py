"""The orders that plain flumine gives on the real archive, and ours, read by DuckDB: neither by our own reader."""

from pathlib import Path

import duckdb
import pandas as pd

ARCHIVE = "2022_03_MarGreyhoundsPro.tar"
NAME = "2022_03_MarGreyhoundsPro"
PREDICTIONS = "model_predictions.csv"

# A golden file and the variant it was made with.
VARIANTS = {
    "back_favourite": "back_favourite",
    "rated_flat_60": "rated_price:staking=flat,seconds_to_start=60",
    "rated_flat_30": "rated_price:staking=flat,seconds_to_start=30",
    "rated_proportional_60": "rated_price:staking=proportional,seconds_to_start=60",
    "rated_proportional_30": "rated_price:staking=proportional,seconds_to_start=30",
}

# The expected summaries have commission unrounded; an account statement has it in cents, market by market.
ROUNDED_BY_MARKET = {
    "back_favourite": {"commission": 4.54, "net": -11.34},
    "rated_flat_60": {"commission": 17.16, "net": -7.47},
    "iggy_flat_60": {"commission": 17.16, "net": -7.47},
    "rated_flat_30": {"commission": 19.35, "net": 28.81},
}

COLUMNS = [
    "market_id",
    "selection_id",
    "side",
    "date_time_placed",
    "price",
    "price_matched",
    "size",
    "size_matched",
    "profit",
]


def expected_orders(data: Path, golden: str) -> pd.DataFrame:
    """Plain flumine's orders."""
    orders = pd.read_csv(data / "expected" / f"{golden}.csv", dtype={"market_id": str, "size": float, "price": float})
    orders["date_time_placed"] = pd.to_datetime(orders["date_time_placed"], utc=True)
    return _ordered(orders)


def lake_orders(lake: Path, variant: str) -> pd.DataFrame:
    """Our orders of a variant."""
    query = f"""
        SELECT {", ".join(COLUMNS).replace("date_time_placed", "epoch_ms(date_time_placed) AS date_time_placed")}
        FROM read_parquet('{lake}/orders/**/*.parquet') WHERE strategy_name = '{variant}'
    """  # noqa: S608 - a test's own words
    orders = duckdb.sql(query).df()
    orders["date_time_placed"] = pd.to_datetime(orders["date_time_placed"], unit="ms", utc=True)
    return _ordered(orders)


def assert_same_orders(ours: pd.DataFrame, golden: pd.DataFrame) -> None:
    """Every order, every column, to the last cent and millisecond."""
    pd.testing.assert_frame_equal(ours, golden, check_dtype=False, check_exact=True)


def assert_same_summary(variant: dict[str, object], expected: pd.Series) -> None:
    """The figures of a variant."""
    names = ["orders", "bets", "void_bets", "turnover", "gross", "commission", "net"]
    money = {name: expected[name] for name in names} | ROUNDED_BY_MARKET.get(str(expected.name), {})
    assert {name: variant[name] for name in names} == money


def _ordered(orders: pd.DataFrame) -> pd.DataFrame:
    return orders[COLUMNS].sort_values(["market_id", "selection_id", "date_time_placed"], ignore_index=True)
