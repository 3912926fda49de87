"""Write a run's results to the lake, from its orders; the modules beside this one make the figures."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isclose

import pandas as pd
import pyarrow as pa

from tasks.aggregation.account import on_one_account
from tasks.aggregation.commission import Commission
from tasks.aggregation.folds import split_markets
from tasks.aggregation.no_bets import count_orders, refused_rows, why_no_bets
from tasks.aggregation.notices import differing, left_out, notices, of_settlement, unrated
from tasks.aggregation.races import Races
from tasks.aggregation.settlement import settle
from tasks.aggregation.split import compare
from tasks.aggregation.statistics import statistics
from tasks.aggregation.summary import by_day, by_variant
from tasks.aggregation.withdrawals import concerned
from tasks.aggregation.worth import Valued, value
from tasks.archives.catalogue import read_runners
from tasks.archives.identity import file_of
from tasks.archives.manifest import EXTRACTED_BY, Manifest
from tasks.errors import BalanceError, ReplacedOrdersError
from tasks.lake.dataset import ByRun, Dataset
from tasks.lake.datasets import (
    ORDERS,
    RESULTS_ACCOUNT,
    RESULTS_ACCOUNT_MARKETS,
    RESULTS_DAYS,
    RESULTS_DIFFERENCES,
    RESULTS_MARKETS,
    RESULTS_REFUSED,
    RESULTS_SPLIT,
    RESULTS_STATISTICS,
    RESULTS_SUMMARY,
)
from tasks.lake.fingerprint import fingerprint
from tasks.lake.parquet import LakeFile
from tasks.lake.store import Lake
from tasks.orders.coverage import Coverage, index_orders
from tasks.orders.files import Part, read_part
from tasks.orders.job import ReplayJob
from tasks.rejects import by_archive, write_down
from tasks.variants.variant import Variant

VERSION = 12

TAKEN, SETTLED = "orders taken", "orders settled"
"""Notes of results: the number of orders read from their files, and of orders in the settled markets."""

NOTICES = "notices"
"""Note of results: their notices, a JSON list of sentences."""

WRITTEN = "datasets"
"""Note of results: the run's datasets, a JSON list of names."""

# Notes on the orders' files and the catalogue's extraction. Both may change while a run's fingerprint does not: when a
# file that a strategy reads changes, or another version extracts other base rates from the same bytes.
_PARTS, _EXTRACTED_BY = "parts", "extracted by"

_HALF_A_CENT = 0.005


@dataclass(frozen=True)
class Run:
    """One backtest, as far as its results depend on it.

    Attributes:
        lake: The lake.
        variants: In the order requested.
        archives: Manifests of the archives that the variants were replayed on.
        jobs: The replays, with each variant in each session once.
        commission: The rate.
        split: Where to divide the races, as for `split_markets`; None for no split.
        together: Whether to show all variants as one account, too.
    """

    lake: Lake
    variants: tuple[Variant, ...]
    archives: tuple[Manifest, ...]
    jobs: tuple[ReplayJob, ...]
    commission: Commission
    split: str | None = None
    together: bool = False

    @property
    def session(self) -> str:
        """What an instance of the variants' strategies was replayed on, the same for all."""
        return self.variants[0].session

    @property
    def datasets(self) -> tuple[ByRun, ...]:
        """The results to write, the summary last: a run with a summary is complete."""
        split = (RESULTS_SPLIT,) if self.split else ()
        account = (RESULTS_ACCOUNT_MARKETS, RESULTS_ACCOUNT) if self.together else ()
        return (
            RESULTS_MARKETS,
            RESULTS_DAYS,
            RESULTS_DIFFERENCES,
            RESULTS_REFUSED,
            RESULTS_STATISTICS,
            *split,
            *account,
            RESULTS_SUMMARY,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Of everything that the results depend on, as far as it is known before they are made."""
        return fingerprint(
            "aggregate",
            version=VERSION,
            variants=[variant.fingerprint for variant in self.variants],
            archives=[(archive.content, archive.asked) for archive in self.archives],
            orders=self._keys,
            commission=self.commission,
            split=self.split,
            together=self.together,
            schema=[dataset.layout for dataset in self.datasets],
        )

    @property
    def _keys(self) -> dict[str, list[str]]:
        """The sessions' keys by ratings model, independent of the division into jobs."""
        together: dict[str, set[str]] = {}
        for job in self.jobs:
            for model, keys in job.keys.items():
                together.setdefault(model, set()).update(keys)
        return {model: sorted(keys) for model, keys in together.items()}

    @property
    def id(self) -> str:
        """Its name in the lake: the first archive's file name and the start of the fingerprint."""
        return f"{file_of(self.archives[0].archive)}-{self.fingerprint[:8]}"


def find_results(run: Run) -> list[LakeFile] | None:
    """Find a run's results in the lake.

    Returns:
        Its files; None if any is missing or was made from other orders, or if orders are missing.
    """
    found = [run.lake.fresh(dataset.at(run.id), run.fingerprint) for dataset in run.datasets]
    if None in found:
        return None  # without a look at the orders of whole months
    try:
        made_of = note_parts(find_orders(run).parts)
    except ReplacedOrdersError:
        return None
    files = [file for file in found if file is not None and made_of.items() <= file.notes.items()]
    return files if len(files) == len(found) else None


def write_results(run: Run, markets: pd.DataFrame) -> list[LakeFile]:
    """Settle a run's orders and write its results.

    Args:
        markets: The selected rows of the catalogue, with a column `archive`.

    Returns:
        Its files.

    Raises:
        BalanceError: Orders or money do not add up.
        ReplacedOrdersError: Orders are missing or stale; run the simulate stage.
        LakeError: Orders are damaged.
    """
    found = find_orders(run)
    orders = read_orders(run.lake, found.parts)
    of_orders = concerned(orders, markets, run.session)
    runners = read_runners(run.lake, run.archives, of_orders)
    valued = value(orders, of_orders, runners, run.session)
    covered = found.without(valued.rejects)
    settled = settle(valued.orders, markets, run.commission)
    variants = pd.DataFrame(
        {
            "strategy": [variant.id for variant in run.variants],
            "name": [variant.name for variant in run.variants],
            "parameters": [json.dumps(variant.parameters, sort_keys=True) for variant in run.variants],
            "replayed": _count_replayed(run, covered, markets, settled),
        }
    )
    ids = list(variants["strategy"])
    summary = by_variant(settled, variants.join(count_orders(ids, valued.orders, covered.refused)))
    summary["no_bets"] = _why_no_bets(summary, valued, covered)
    _check_balance(valued.orders, settled, summary)
    races = Races(valued.orders, settled, markets, covered.rejected)
    frames = {
        RESULTS_MARKETS: settled,
        RESULTS_DAYS: by_day(settled),
        RESULTS_DIFFERENCES: valued.differences,
        RESULTS_REFUSED: refused_rows(ids, covered.refused),
        RESULTS_STATISTICS: statistics(races, ids),
        RESULTS_SUMMARY: summary,
    }
    if run.split:
        frames[RESULTS_SPLIT] = compare(races, ids, split_markets(markets, run.split))
    if run.together:
        account = on_one_account(valued.orders, markets, covered.rejects, ids, run.commission)
        _check_balance(account.orders, account.settled, account.summary)
        frames |= {RESULTS_ACCOUNT_MARKETS: account.settled, RESULTS_ACCOUNT: account.summary}
    said = [
        *left_out(run.lake, run.archives),
        *differing(run.lake, run.archives, markets),
        *unrated(_rated(run), markets),
        *notices(run.variants, markets, covered),
        *of_settlement(valued, markets, runners),
        *(account.notices if run.together else ()),
    ]
    notes = {
        **note_parts(covered.parts),
        NOTICES: json.dumps(said),
        WRITTEN: json.dumps([dataset.name for dataset in run.datasets]),
        TAKEN: str(len(orders)),
        SETTLED: str(int(settled["orders"].sum())),
    }
    _write_rejects(run, markets, valued)
    return [
        run.lake.write(dataset.at(run.id), _table(frames[dataset], dataset), run.fingerprint, notes)
        for dataset in run.datasets
    ]


def find_orders(run: Run) -> Coverage:
    """Find the orders of all of a run's variants in all its markets, and the rejects.

    Raises:
        ReplacedOrdersError: Some are missing or stale.
    """
    index = index_orders(run.lake, run.jobs)
    whole = Coverage([], {}, {}, [], {})
    for job in run.jobs:
        of_job = index.coverage(job)
        for missing in of_job.lacking:
            raise ReplacedOrdersError(
                f"the orders of {missing.variants[0].id} in {missing.market_ids[0]} are not in the lake "
                f"{run.lake.root}, or stale; run the simulate stage"
            )
        whole.parts.extend(of_job.parts)
        for variant_id, rejects in of_job.rejects.items():
            whole.rejects.setdefault(variant_id, []).extend(rejects)
        whole.carries.update(of_job.carries)
        for variant_id, refused in of_job.refused.items():
            whole.refused.setdefault(variant_id, []).extend(refused)
    return whole


def note_parts(parts: Sequence[Part]) -> dict[str, str]:
    """Return the notes on the orders that results are made from, and on the version that extracted the catalogue."""
    return {_PARTS: json.dumps(parts), _EXTRACTED_BY: json.dumps(EXTRACTED_BY, sort_keys=True)}


def results_digest(lake: Lake, run: str) -> str:
    """Return `made_of` for a run's results; empty if it has none."""
    summary = lake.find(RESULTS_SUMMARY.at(run))
    return made_of(summary) if summary else ""


def made_of(results: LakeFile) -> str:
    """Return a fingerprint of the input of results, equal in all files that were written together.

    A run's files may differ in it: if it was killed while replacing them after a file that a strategy reads changed.

    Args:
        results: Any file of the results.
    """
    beside = {note: results.notes.get(note) for note in (_PARTS, _EXTRACTED_BY)}
    return fingerprint("made of", version=1, results=results.fingerprint, beside=beside)


def parts_of(results: LakeFile) -> list[Part]:
    """Return the parts whose orders results were made from; any file of the results will do."""
    return [Part(*part) for part in json.loads(results.notes[_PARTS])]


def read_orders(lake: Lake, parts: Sequence[Part]) -> pd.DataFrame:
    """Read the orders of a run.

    Returns:
        Rows of `orders`, by variant and market, within each market in the order of placing.

    Raises:
        ReplacedOrdersError: A file is gone or was replaced.
        LakeError: A file is damaged.
    """
    tables = [ORDERS.schema.empty_table(), *(read_part(lake, part) for part in parts)]
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return frame.sort_values(["strategy_name", "market_id"], kind="stable", ignore_index=True)


def _rated(run: Run) -> dict[str, set[str]]:
    """Return the ids of the markets with ratings, by model."""
    rated: defaultdict[str, set[str]] = defaultdict(set)
    for job in run.jobs:
        for model, of_model in job.ratings.items():
            rated[model] |= of_model.keys()
    return rated


def _count_replayed(run: Run, covered: Coverage, markets: pd.DataFrame, settled: pd.DataFrame) -> list[int]:
    """Count each variant's replayed markets; check that these and its rejects are all the selected ones."""
    selected = Counter(markets["market_id"])
    taken: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for part in covered.parts:
        for variant_id in part.variants:
            taken[variant_id].update(part.markets)
    bet_on = {variant_id: set(market_ids) for variant_id, market_ids in settled.groupby("strategy")["market_id"]}
    rejected_of = covered.rejected
    counts = []
    for variant in run.variants:
        covers, bets_on = taken[variant.id], bet_on.get(variant.id, set())
        rejected = rejected_of.get(variant.id, frozenset())
        if covers != selected or not rejected <= covers.keys() or not bets_on <= covers.keys() - rejected:
            raise BalanceError(
                f"{variant.id}: {len(markets)} markets were selected, its orders cover {covers.total()}, of which "
                f"{len(rejected)} are rejects, and it has orders in {len(bets_on)}"
            )
        counts.append(len(covers) - len(rejected))
    return counts


def _write_rejects(run: Run, markets: pd.DataFrame, valued: Valued) -> None:
    archive_of = dict(zip(markets["market_id"], markets["archive"], strict=True))
    divided = by_archive(valued.rejects.values(), archive_of)
    for archive, *_ in run.archives:
        write_down(run.lake, "aggregate", archive, divided.get(archive, ()), run.id)


def _why_no_bets(summary: pd.DataFrame, valued: Valued, covered: Coverage) -> list[str | None]:
    orders, of_variant = valued.orders, dict(iter(valued.orders.groupby("strategy_name")))
    return [
        None
        if bets
        else why_no_bets(
            of_variant.get(variant, orders[:0]),
            covered.refused.get(variant, ()),
            valued.rejects.get(variant, ()),
            is_replayed=replayed > 0,
        )
        for variant, bets, replayed in summary[["strategy", "bets", "replayed"]].itertuples(index=False)
    ]


def _check_balance(orders: pd.DataFrame, settled: pd.DataFrame, summary: pd.DataFrame) -> None:
    sums = {
        "orders": (len(orders), settled["orders"].sum(), summary["orders"].sum()),
        "gross": (orders["profit"].sum(), settled["gross"].sum(), summary["gross"].sum()),
        "net": (settled["gross"].sum() - settled["commission"].sum(), settled["net"].sum(), summary["net"].sum()),
        "commission": (settled["commission"].sum(), summary["commission"].sum()),
    }
    for what, (first, *others) in sums.items():
        if not all(isclose(first, other, abs_tol=_HALF_A_CENT) for other in others):
            raise BalanceError(f"{what} do not add up: {first} in the orders, {others} in markets and summary")


def _table(frame: pd.DataFrame, dataset: Dataset) -> pa.Table:
    return pa.Table.from_pandas(frame[dataset.schema.names], dataset.schema, preserve_index=False)
