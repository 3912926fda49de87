"""The sample's orders and results, known by digests: they change only together with a raised version."""

import hashlib
import json
from datetime import date

import pandas as pd
import pyarrow as pa
import pytest
from manifests import extract_whole
from rated import whole

from sample.archive import write_sample
from tasks.aggregation import results
from tasks.aggregation.commission import Commission
from tasks.aggregation.results import Run, write_results
from tasks.archives.manifest import EXTRACTED_BY
from tasks.archives.market_filter import MarketFilter
from tasks.archives.selection import select_markets
from tasks.lake.dataset import Dataset
from tasks.lake.datasets import ORDERS, RESULTS_DAYS, RESULTS_MARKETS, RESULTS_STATISTICS, RESULTS_SUMMARY
from tasks.lake.store import Lake
from tasks.orders import files
from tasks.ratings.days import as_lookup
from tasks.ratings.services import SERVICES, parse_day
from tasks.simulation.replay import replay_chunk
from tasks.simulation.stage import plan_replays
from tasks.variants import variant
from tasks.variants.variant import Account, make_variant
from tasks.windows import files as windows

DECIDED_BY = {
    "EXTRACTED_BY of tasks/archives/manifest.py": EXTRACTED_BY["version"],
    "VERSION of tasks/windows/files.py": windows.VERSION,
    "VERSION of tasks/variants/variant.py": variant.VERSION,
    "VERSION of tasks/orders/files.py": files.VERSION,
}
RESULTS = {"VERSION of tasks/aggregation/results.py": results.VERSION}

# Who changes what comes out raises a version, and writes both here.
ORDERS_AT, ORDERS_DIGEST = (9, 2, 3, 5), "350bd82b62db856f"
RESULTS_AT, RESULTS_DIGEST = (12,), "2141db66ecb03ee3"

STRATEGIES = (("back_favourite", {}), ("rated_price", {}), ("rated_price", {"seconds_to_start": 30, "staking": "flat"}))

# They hold the variant's id, and that its source.
WITH_ID = {"strategy", "strategy_name", "customer_order_ref", "customer_strategy_ref"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("sample")
    lake = Lake(folder / "lake")
    sample = write_sample(folder)
    _, _, manifest = extract_whole(lake, str(sample.archive))
    markets, _ = select_markets(lake, [manifest], MarketFilter())
    variants = tuple(
        make_variant(name, parameters, ratings="iggy", window="80s", account=Account())
        for name, parameters in STRATEGIES
    )
    days = [
        whole(parse_day(path.read_text("utf-8"), SERVICES["iggy"], date.fromisoformat(path.stem))).ratings
        for path in sorted(sample.ratings.glob("*.csv"))
    ]
    ratings = {"iggy": as_lookup(pd.concat(days))}
    jobs = tuple(plan_replays(lake, markets, variants, ratings))
    for job in jobs:
        replay_chunk(job)
    made = Run(lake, variants, (manifest,), jobs, Commission())
    write_results(made, markets)
    return made


def digest(run: Run, tables: list[tuple[Dataset, pa.Table]]) -> str:
    """Of all rows in any order; figures to a millionth, times and texts as they are."""
    number = {variant.id: number for number, variant in enumerate(run.variants)}
    rows = []
    for dataset, table in tables:
        for row in table.to_pylist():
            kept = {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()}
            of = number[row.get("strategy") or row["strategy_name"]]
            rows.append([dataset.name, of, {name: kept[name] for name in sorted(kept.keys() - WITH_ID)}])
    lines = sorted(json.dumps(row, default=str) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def test_orders(run: Run):
    found = digest(run, [(ORDERS, run.lake.read(key)) for key in run.lake.all_keys(ORDERS)])
    raised = f"the sample's orders are others: raise one of {', '.join(DECIDED_BY)}, and write it and {found} here"
    assert (tuple(DECIDED_BY.values()), found) == (ORDERS_AT, ORDERS_DIGEST), raised


def test_results(run: Run):
    datasets = (RESULTS_MARKETS, RESULTS_DAYS, RESULTS_SUMMARY, RESULTS_STATISTICS)
    found = digest(run, [(dataset, run.lake.read(dataset.at(run.id))) for dataset in datasets])
    raised = f"the sample's results are others: raise {', '.join(RESULTS)}, and write it and {found} here"
    assert (tuple(RESULTS.values()), found) == (RESULTS_AT, RESULTS_DIGEST), raised
