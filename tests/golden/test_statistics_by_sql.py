"""Figures on the real archive against SQL over the lake's own files, which shares no line with the code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tasks.aggregation.commission import Commission
from tasks.aggregation.results import Run, write_results
from tasks.archives.identity import read_archive
from tasks.archives.market_filter import MarketFilter
from tasks.archives.selection import select_markets
from tasks.extraction.extract import extract_chunk
from tasks.extraction.stage import plan_extraction
from tasks.extraction.write_manifest import write_manifest
from tasks.lake.datasets import RESULTS_SPLIT, RESULTS_STATISTICS
from tasks.lake.store import Lake
from tasks.ratings.days import as_lookup, load_ratings, store_day
from tasks.ratings.predictions import ALL_DAYS, find_file
from tasks.simulation.replay import replay_chunk
from tasks.simulation.stage import plan_replays
from tasks.variants.variant import Account, make_variant

WINDOW = "80s"
SPLIT = "2022-03-02"
TYPES = MarketFilter(market_types=["WIN"])

# One row a bet that stood, in order of settlement.
BETS = """
    CREATE VIEW bets AS
    SELECT strategy_name AS strategy, market_id, event_id || '@' || market_time AS race,
           profit, size_matched AS stake, price_matched AS price,
           row_number() OVER (PARTITION BY strategy_name
                              ORDER BY settled_time, market_id, date_time_placed, length(bet_id), bet_id) AS n,
           CASE side WHEN 'BACK' THEN price_matched / bsp - 1 ELSE 1 - price_matched / bsp END AS gain
    FROM read_parquet('{lake}/orders/**/*.parquet')
    JOIN (SELECT market_id, event_id, market_time, settled_time
          FROM read_parquet('{lake}/catalogue/markets/**/*.parquet')) USING (market_id)
    WHERE size_matched > 0 AND runner_status IS DISTINCT FROM 'REMOVED'
"""

FIGURES = """
    SELECT strategy, count(*) AS bets, count(*) FILTER (profit > 0) / count(*) AS strike_rate,
           sum(stake * price) / sum(stake) AS average_odds,
           count(gain) AS bsp_bets, sum(stake * gain) AS bsp_gross,
           sum(stake * gain) / sum(stake) FILTER (gain IS NOT NULL) AS clv
    FROM bets GROUP BY strategy
"""

MONEY = """
    SELECT strategy, round(sum(net), 2) AS net, sum(net) / sum(turnover) AS roi
    FROM read_parquet('{lake}/results/markets/**/*.parquet') GROUP BY strategy
"""

# Islands of losses: bets between which no other came.
LOSING_RUN = """
    SELECT strategy, max(run) AS losing_run FROM (
        SELECT strategy, count(*) AS run FROM (
            SELECT strategy, n - row_number() OVER (PARTITION BY strategy ORDER BY n) AS island
            FROM bets WHERE profit < 0)
        GROUP BY strategy, island)
    GROUP BY strategy
"""

# Every market against the highest equity before it, 0 at the beginning included.
DRAWDOWN = """
    WITH curve AS (
        SELECT strategy, settled_time, cumulative_net AS equity,
               row_number() OVER (PARTITION BY strategy ORDER BY settled_time, market_id) AS n
        FROM read_parquet('{lake}/results/markets/**/*.parquet')),
    whole AS (
        SELECT * FROM curve UNION ALL SELECT strategy, min(settled_time), 0, 0 FROM curve GROUP BY strategy),
    falls AS (
        SELECT a.strategy, a.equity - b.equity AS fall, a.equity AS peak, a.settled_time AS started,
               a.n AS peak_n, b.n AS trough_n
        FROM whole a JOIN whole b ON a.strategy = b.strategy AND a.n <= b.n),
    deepest AS (
        SELECT * FROM falls
        QUALIFY row_number() OVER (PARTITION BY strategy ORDER BY round(fall, 6) DESC, trough_n, peak_n DESC) = 1)
    SELECT d.strategy, d.fall AS drawdown,
           epoch_ms(coalesce(min(w.settled_time) FILTER (w.n > d.trough_n AND w.equity >= d.peak - 1e-6),
                             max(w.settled_time)) - any_value(d.started)) / 86400000.0 AS drawdown_days
    FROM deepest d JOIN whole w USING (strategy) GROUP BY d.strategy, d.fall
"""

CLV_ERROR = """
    WITH total AS (
        SELECT strategy, sum(stake) AS turnover, sum(stake * gain) / sum(stake) AS clv
        FROM bets WHERE gain IS NOT NULL GROUP BY strategy),
    of_race AS (
        SELECT strategy, race, sum(stake * (gain - clv)) AS residual, any_value(turnover) AS turnover
        FROM bets JOIN total USING (strategy) WHERE gain IS NOT NULL GROUP BY strategy, race)
    SELECT strategy, sqrt(count(*) / (count(*) - 1) * sum(residual * residual)) / any_value(turnover) AS clv_error
    FROM of_race GROUP BY strategy
"""

SPREAD = """
    WITH races AS (SELECT count(DISTINCT (event_id, market_time)) AS races
                   FROM read_parquet('{lake}/catalogue/markets/**/*.parquet') WHERE market_type = 'WIN')
    SELECT strategy, any_value(races) AS races, sum(net) AS net,
           sqrt(races / (races - 1) * (sum(net * net) - sum(net) * sum(net) / races)) AS error
    FROM read_parquet('{lake}/results/markets/**/*.parquet'), races GROUP BY strategy, races
"""

SIDES = """
    WITH days AS (
        SELECT event_id, min(market_date) AS day
        FROM read_parquet('{lake}/catalogue/markets/**/*.parquet') GROUP BY ALL),
    sides AS (
        SELECT strategy, if(day < DATE '2022-03-02', 'first', 'second') AS part,
               sum(bets) AS bets, round(sum(net), 2) AS net, sum(net) / sum(turnover) AS roi
        FROM read_parquet('{lake}/results/markets/**/*.parquet')
        JOIN (SELECT market_id, event_id FROM read_parquet('{lake}/catalogue/markets/**/*.parquet')) USING (market_id)
        JOIN days USING (event_id) GROUP BY ALL)
    SELECT *, (SELECT count(*) FROM sides better WHERE better.part = 'first' AND better.net >=
                  (SELECT net FROM sides own WHERE own.part = 'first' AND own.strategy = sides.strategy)) AS rank
    FROM sides
"""


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The archive backtested by two variants."""
    lake = Lake(tmp_path_factory.mktemp("lake"))
    archive = read_archive(lake, str(data / "2022_03_MarGreyhoundsPro.tar"))
    source = find_file(str(data / "model_predictions.csv"))
    extraction = plan_extraction(lake, archive, 10**9, WINDOW)
    for job in extraction:
        extract_chunk(job)
    manifest = write_manifest(lake, archive, extraction)
    store_day(lake, source, ALL_DAYS)
    variants = tuple(
        make_variant(name, {}, ratings=ratings, window=WINDOW, account=Account())
        for name, ratings in (("rated_price", source.name), ("back_favourite", ""))
    )
    markets, _ = select_markets(lake, [manifest], TYPES)
    ratings = {source.name: as_lookup(load_ratings(lake, source, [ALL_DAYS], markets))}
    jobs = tuple(plan_replays(lake, markets, variants, ratings))
    for job in jobs:
        replay_chunk(job)
    run = Run(lake, variants, (manifest,), jobs, Commission(), SPLIT)
    write_results(run, markets)
    return run


@pytest.fixture(scope="module")
def rows(run: Run) -> dict[str, dict[str, Any]]:
    """Ours, by variant."""
    return {row["strategy"]: row for row in run.lake.read(RESULTS_STATISTICS.at(run.id)).to_pylist()}


@pytest.fixture(scope="module")
def lake(run: Run) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake, as DuckDB reads it."""
    with duckdb.connect() as connection:
        connection.execute(BETS.format(lake=run.lake.root))
        yield connection


@pytest.mark.parametrize("query", [FIGURES, MONEY, LOSING_RUN, DRAWDOWN, CLV_ERROR])
def test_figures(query, run, rows, lake):
    found = lake.sql(query.format(lake=run.lake.root)).df().to_dict("records")
    assert len(found) == len(rows) == 2
    for expected in found:
        ours = rows[expected["strategy"]]
        assert {name: ours[name] for name in expected} == {
            name: value if isinstance(value, str) else pytest.approx(value) for name, value in expected.items()
        }


def test_intervals_are_about_as_wide_as_the_spread_says(run, rows, lake):
    for expected in lake.sql(SPREAD.format(lake=run.lake.root)).df().to_dict("records"):
        ours = rows[expected["strategy"]]
        assert ours["races"] == expected["races"]
        assert ours["net_low"] <= expected["net"] - 1.95 * expected["error"]
        assert ours["net_high"] >= expected["net"] + 1.95 * expected["error"]
        assert ours["net_high"] - ours["net_low"] < 2 * 4 * expected["error"]


def test_sides_of_a_day(run, lake):
    found = lake.sql(SIDES.format(lake=run.lake.root)).df().to_dict("records")
    ours = {(row["strategy"], row["part"]): row for row in run.lake.read(RESULTS_SPLIT.at(run.id)).to_pylist()}
    assert len(found) == len(ours) == 4
    for expected in found:
        row = ours[expected["strategy"], expected["part"]]
        assert [row[name] for name in ("bets", "net", "rank")] == [expected[name] for name in ("bets", "net", "rank")]
        assert row["roi"] == pytest.approx(expected["roi"])


def test_the_archive_gives_no_evidence(rows):
    rated = next(iter(rows.values()))
    assert (rated["bets"], rated["net"], rated["winner"]) == (92, -7.47, False)
    for row in rows.values():
        assert row["p_corrected"] > 0.05
        assert row["more_bets"] > 0
