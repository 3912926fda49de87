"""A run's summary recomputed from orders and catalogue alone: SQL with decimals that shares no line with the code."""

from typing import Any

COLUMNS = ["orders", "markets", "bets", "void_bets", "turnover", "liability", "gross", "commission", "net"]
RATIOS = ["roi", "roi_on_liability"]
FATES = ["unmatched", "cancelled", "lapsed"]

# A bet's worth is exact; of half a cent it is what flumine says, of all else the cent that is nearest.
SUMMARY = """
    WITH results AS (
        SELECT market_id, count(*) FILTER (status = 'WINNER') AS k FROM runners GROUP BY ALL),
    bets AS (
        SELECT strategy_name AS strategy, market_id, side, profit, status,
               CAST(round(size_matched, 2) AS DECIMAL(12, 2)) AS s,
               CAST(round(price_matched, 2) AS DECIMAL(12, 2)) AS p,
               market_type = 'EACH_WAY' AS each_way, market_type = 'WIN' AND k > number_of_winners AS heat,
               k, number_of_winners AS n, each_way_divisor AS d
        FROM orders JOIN markets USING (market_id) LEFT JOIN results USING (market_id)
        LEFT JOIN (SELECT market_id, selection_id, handicap, status FROM runners)
            USING (market_id, selection_id, handicap)),
    exact AS (
        SELECT *, if(side = 'LAY', -1, 1) * CASE
            WHEN s = 0 OR status = 'REMOVED' THEN 0
            WHEN each_way AND status = 'WINNER' THEN s * (p - 1) * (1 + 1 / d)
            WHEN each_way AND status = 'PLACED' THEN s * (p - 1) / d - s
            WHEN heat AND status = 'WINNER' THEN s * p * n / k - s
            WHEN status = 'WINNER' THEN s * (p - 1)
            WHEN each_way THEN -2 * s
            ELSE -s END AS worth,
        s > 0 AND status <> 'REMOVED' AS stands FROM bets),
    settled AS (
        SELECT *, CAST(if(abs(profit - worth) < 0.0050001, profit, round(worth, 2)) AS DECIMAL(12, 2)) AS result,
               s * if(each_way, 2, 1) AS stake,
               CAST(if(side = 'LAY', round(s * (p - 1) * if(each_way, 1 + 1 / d, 1) + 1e-9, 2),
                       s * if(each_way, 2, 1)) AS DECIMAL(12, 2)) AS risk FROM exact),
    by_market AS (
        SELECT strategy, market_id, count(*) AS orders, count(*) FILTER (stands) AS bets,
               count(*) FILTER (s > 0 AND NOT stands) AS void_bets,
               coalesce(sum(stake) FILTER (stands), 0) AS turnover, coalesce(sum(risk) FILTER (stands), 0) AS liability,
               CAST(sum(result) AS DECIMAL(12, 2)) AS gross
        FROM settled GROUP BY ALL),
    charged AS (
        SELECT *, round(greatest(gross, 0) * CAST(market_base_rate AS DECIMAL(6, 2))
                        * CAST(if(discount_allowed, 100 - {discount}, 100) AS DECIMAL(5, 2))
                        * CAST(0.0001 AS DECIMAL(5, 4)), 2) AS commission
        FROM by_market JOIN markets USING (market_id))
    SELECT strategy, sum(orders) AS orders, count(*) FILTER (bets > 0) AS markets, sum(bets) AS bets,
           sum(void_bets) AS void_bets, sum(turnover) AS turnover, sum(liability) AS liability, sum(gross) AS gross,
           sum(commission) AS commission, sum(gross) - sum(commission) AS net,
           (sum(gross) - sum(commission)) / sum(turnover) AS roi,
           (sum(gross) - sum(commission)) / sum(liability) AS roi_on_liability
    FROM charged GROUP BY strategy ORDER BY strategy
"""

ACCOUNT = SUMMARY.replace("strategy_name AS strategy", "'account' AS strategy")
"""The same of the orders of all variants as one."""

COUNTS = """
    SELECT strategy_name AS strategy, count(*) FILTER (size_matched = 0) AS unmatched,
           count(*) FILTER (size_cancelled > 0) AS cancelled, count(*) FILTER (size_lapsed > 0) AS lapsed
    FROM orders GROUP BY ALL
"""
"""What became of the orders of each variant, beside being bets."""


def in_cents(rows: list[dict[str, Any]]) -> dict[str, list[int]]:
    return {row["strategy"]: [round(100 * float(row[column])) for column in COLUMNS] for row in rows}


def ratios(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    return {row["strategy"]: [float(row[name]) for name in RATIOS] for row in rows}


def fates(rows: list[dict[str, Any]]) -> dict[str, list[int]]:
    return {row["strategy"]: [row[name] for name in FATES] for row in rows}
