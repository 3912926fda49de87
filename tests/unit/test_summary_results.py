"""A run's results: the figures of days and variants, and that all of it adds up."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from jobs import alone, delete, files
from made_money import described
from manifests import keep_manifest

from tasks.aggregation.commission import Commission
from tasks.aggregation.results import NOTICES, Run, find_orders, find_results, read_orders, write_results
from tasks.archives.manifest import EXTRACTED_BY
from tasks.errors import BalanceError, ReplacedOrdersError
from tasks.lake.datasets import (
    CATALOGUE_RUNNERS,
    REJECTS,
    RESULTS_ACCOUNT,
    RESULTS_ACCOUNT_MARKETS,
    RESULTS_DAYS,
    RESULTS_DIFFERENCES,
    RESULTS_MARKETS,
    RESULTS_REFUSED,
    RESULTS_SUMMARY,
)
from tasks.lake.store import Lake
from tasks.orders.job import ReplayJob
from tasks.orders.refusal import Refusal
from tasks.rejects import Reject
from tasks.simulation.replayed import Replayed
from tasks.simulation.write_orders import write_orders
from tasks.variants.dependencies.record import Dependencies
from tasks.variants.variant import Account, make_variant

BASE_RATES = Commission()
EVENING = datetime(2026, 1, 1, 22, tzinfo=UTC)
IDS = [f"1.20000000{n}" for n in range(4)]
MARKETS = described(
    pd.DataFrame(
        {
            "archive": "month-00112233",
            "market_id": IDS,
            "event_id": "31270458",
            "market_time": pd.Series([EVENING + timedelta(hours=n, minutes=-9) for n in range(4)]),
            "settled_time": pd.Series([EVENING + timedelta(hours=n) for n in range(4)]).astype("datetime64[ms, UTC]"),
            "venue": ["Larkfield", "Larkfield", None, "Thornwick"],
            "country_code": "AU",
            "market_type": "WIN",
            "market_base_rate": [7.0, 7.0, 5.0, 5.0],
            "total_matched": None,
        }
    )
)


def variant_of(**parameters):
    return make_variant("back_favourite", parameters, ratings="", window="80s", account=Account())


VARIANTS = (variant_of(stake=7), variant_of(stake=3))


RUNNERS = {11: "WINNER", 22: "LOSER", 33: "REMOVED"}


def row(variant, market_id, number, profit, **changed):
    """An order: a back of 5.00 that won this profit, or lost."""
    selection = changed.get("selection_id", 11 if profit >= 0 else 22)
    return {
        "bet_id": f"{market_id}-{number}",
        "strategy_name": variant.id,
        "market_id": market_id,
        "selection_id": selection,
        "trade_id": f"{market_id}-{number}",
        "price_matched": round(1 + max(profit, 0.0) / 5, 2),
        "size": 5.0,
        "size_matched": 5.0,
        "value_matched": 5.0 + max(profit, 0.0),
        "order_type": "LIMIT",
        "size_cancelled": 0.0,
        "size_lapsed": 0.0,
        "size_voided": 0.0,
        "profit": profit,
        "side": "BACK",
        "order_status": "Execution complete",
        "handicap": 0.0,
        "customer_order_ref": "x",
        "customer_strategy_ref": "x",
        "runner_status": RUNNERS[selection],
        "window": "80s",
        **changed,
    }


@pytest.fixture
def make_run(tmp_path):
    """Make a run of orders: a list for each variant and chunk."""

    def make(*chunks, variants=VARIANTS, commission=BASE_RATES):
        lake = Lake(tmp_path / "lake")
        jobs = tuple(
            ReplayJob(lake, alone(market_ids, chunk=number), variants, {})
            for number, market_ids in enumerate((IDS[:2], IDS[2:])[: len(chunks)], start=1)
        )
        for job, orders in zip(jobs, chunks, strict=True):
            write(job, *orders)
        return Run(lake, variants, (keep_catalogue(lake),), jobs, commission)

    return make


def keep_catalogue(lake):
    """Write the runners of an archive whose manifest has one chunk."""
    archive = keep_manifest(lake, "month-00112233", [(1, len(IDS))])
    runners = [
        {"market_id": market_id, "selection_id": selection, "handicap": 0.0, "status": status}
        for market_id in IDS
        for selection, status in RUNNERS.items()
    ]
    table = pa.Table.from_pylist(runners, CATALOGUE_RUNNERS.schema)
    lake.write(CATALOGUE_RUNNERS.at(archive.archive, 1), table, "p")
    return archive


def write(job, *orders, refused=()):
    """Write a job's orders: a list for each variant, and what was refused to the first."""
    replayed = {
        variant.id: Replayed(rows, job.market_ids, (), Dependencies(), (), refused if variant == VARIANTS[0] else ())
        for variant, rows in zip(job.variants, orders, strict=True)
    }
    file, failures = write_orders(job, replayed)
    assert failures == []
    return file


def read(run, dataset):
    return run.lake.read(dataset.at(run.id)).to_pylist()


@pytest.fixture
def two_chunks(make_run):
    first, second = VARIANTS
    return make_run(
        [[row(first, IDS[0], 1, 10.0), row(first, IDS[1], 1, -5.0)], [row(second, IDS[1], 1, 4.0)]],
        [[row(first, IDS[3], 1, 20.0), row(first, IDS[3], 2, 0.0, size_matched=0.0)], []],
    )


def test_the_summary(two_chunks):
    write_results(two_chunks, MARKETS)
    first, second = read(two_chunks, RESULTS_SUMMARY)
    assert first == {
        "strategy": VARIANTS[0].id,
        "name": "back_favourite",
        "parameters": json.dumps(VARIANTS[0].parameters, sort_keys=True),
        "orders": 4,
        "replayed": 4,
        "markets": 3,
        "bets": 3,
        "void_bets": 0,
        "turnover": 15.0,
        "liability": 15.0,
        "gross": 25.0,
        "commission": 1.7,
        "net": 23.3,
        "roi": pytest.approx(23.3 / 15),
        "roi_on_liability": pytest.approx(23.3 / 15),
        "refused": 0,
        "unmatched": 1,
        "cancelled": 0,
        "lapsed": 0,
        "no_bets": None,
    }
    assert (second["orders"], second["gross"], second["commission"], second["net"]) == (1, 4.0, 0.28, 3.72)


def test_what_was_refused_is_summed_by_kind_with_its_first_example(make_run):
    run = make_run([[], []], [[], []])
    first, _ = VARIANTS
    large = ("place", "STRATEGY_EXPOSURE", "Order exposure (…) is greater")
    for job, base in zip(run.jobs, (0, 2), strict=True):
        refused = [
            Refusal(IDS[base + 1], *large, 2, 12, "LAY", 4.0, 25.0, "Order exposure (75) is greater"),
            Refusal(IDS[base], *large, 31 + base, 11, "BACK", 3.0, 20.0, "Order exposure (20) is greater"),
            Refusal(IDS[base], "cancel", "MARKET_VALIDATION", "Market is not open", 1, 11, "BACK", 3.0, 2.0, "x"),
        ]
        write(job, [], [], refused=refused)
    write_results(run, MARKETS)
    exposed, closed = read(run, RESULTS_REFUSED)
    assert (exposed["strategy"], exposed["times"], exposed["markets"]) == (first.id, 68, 4)
    assert (exposed["market_id"], exposed["selection_id"], exposed["size"]) == (IDS[0], 11, 20.0)
    assert (closed["action"], closed["times"]) == ("cancel", 2)
    busy, idle = read(run, RESULTS_SUMMARY)
    assert (busy["refused"], busy["no_bets"]) == (
        68,
        "68 orders refused (STRATEGY_EXPOSURE: Order exposure (…) is greater)",
    )
    assert (idle["refused"], idle["no_bets"]) == (0, "it placed no order")
    part = run.jobs[0]
    write_results(replace(run, jobs=(part,)), MARKETS[:2])
    exposed, _ = read(replace(run, jobs=(part,)), RESULTS_REFUSED)
    assert (exposed["times"], exposed["markets"]) == (33, 2)


def test_days_are_those_of_settlement(two_chunks):
    write_results(two_chunks, MARKETS)
    days = {(r["strategy"], r["date"]): (r["markets"], r["net"]) for r in read(two_chunks, RESULTS_DAYS)}
    assert days == {
        (VARIANTS[0].id, date(2026, 1, 1)): (2, 4.3),
        (VARIANTS[0].id, date(2026, 1, 2)): (1, 19.0),
        (VARIANTS[1].id, date(2026, 1, 1)): (1, 3.72),
    }


def test_markets_are_in_order_of_settlement_and_accumulate(two_chunks):
    write_results(two_chunks, MARKETS)
    rows = [r for r in read(two_chunks, RESULTS_MARKETS) if r["strategy"] == VARIANTS[0].id]
    assert [r["market_id"] for r in rows] == [IDS[0], IDS[1], IDS[3]]
    assert [r["cumulative_gross"] for r in rows] == [10.0, 5.0, 25.0]
    assert rows[-1]["cumulative_net"] == pytest.approx(23.3)


def test_variants_are_listed_as_they_were_asked_for(make_run):
    run = make_run([[], [row(VARIANTS[0], IDS[0], 1, 1.0)]], variants=tuple(reversed(VARIANTS)))
    write_results(run, MARKETS[:2])
    assert [r["strategy"] for r in read(run, RESULTS_SUMMARY)] == [VARIANTS[1].id, VARIANTS[0].id]


def test_a_variant_without_orders_has_zeros(make_run):
    run = make_run([[row(VARIANTS[0], IDS[0], 1, 1.0)], []])
    write_results(run, MARKETS[:2])
    _, idle = read(run, RESULTS_SUMMARY)
    assert idle["strategy"] == VARIANTS[1].id
    said = ("strategy", "name", "parameters", "replayed", "roi", "roi_on_liability", "no_bets")
    counts = {k: v for k, v in idle.items() if k not in said}
    assert set(counts.values()) == {0}
    assert (idle["roi"], idle["no_bets"]) == (None, "it placed no order")


def test_a_run_without_any_order(make_run):
    run = make_run([[], []], [[], []])
    write_results(run, MARKETS)
    assert [(r["bets"], r["net"], r["roi"]) for r in read(run, RESULTS_SUMMARY)] == [(0, 0.0, None)] * 2
    assert read(run, RESULTS_DAYS) == read(run, RESULTS_MARKETS) == []


def test_only_void_and_unmatched_bets(make_run):
    orders = [
        row(VARIANTS[0], IDS[0], 1, 0.0, selection_id=33),
        row(VARIANTS[0], IDS[0], 2, 0.0, size_matched=0.0),
    ]
    run = make_run([orders, []])
    write_results(run, MARKETS[:2])
    summary = read(run, RESULTS_SUMMARY)[0]
    assert (summary["orders"], summary["markets"], summary["bets"], summary["void_bets"]) == (2, 0, 0, 1)
    assert (summary["turnover"], summary["roi"]) == (0.0, None)


def test_money_of_an_order_that_is_no_bet_does_not_vanish(make_run):
    run = make_run([[row(VARIANTS[0], IDS[0], 1, 5.0, size_matched=0.0)], []])
    [*_, summary] = write_results(run, MARKETS[:2])
    assert "flumine says 5.00 for 0.00" in summary.notes[NOTICES]


def test_a_market_on_which_orders_and_catalogue_do_not_agree_is_a_reject(make_run):
    first, second = VARIANTS
    run = make_run([[row(first, IDS[0], 1, 5.0, selection_id=22), row(second, IDS[0], 1, 5.0)], []])
    [*_, summary] = write_results(run, MARKETS[:2])
    rejected = f"{first.id}: 1 of 2 markets are not in its figures: flumine settles it otherwise"
    assert rejected in summary.notes[NOTICES]
    assert [summary["gross"] for summary in read(run, RESULTS_SUMMARY)] == [0.0, 5.0]


def test_a_market_that_was_closed_again_is_settled_by_its_last_definition_and_listed(make_run):
    run = make_run([[row(VARIANTS[0], IDS[0], 1, 5.0, selection_id=22, runner_status="WINNER")], []])
    [*_, summary] = write_results(run, MARKETS[:2].assign(amended=[True, False]))
    assert [row["gross"] for row in read(run, RESULTS_SUMMARY)] == [-5.0, 0.0]
    assert read(run, RESULTS_DIFFERENCES) == [
        {
            "strategy": VARIANTS[0].id,
            "market_id": IDS[0],
            "rule": "closed again with another result",
            "bets": 1,
            "flumine": 5.0,
            "settled": -5.0,
        }
    ]
    [said] = json.loads(summary.notes[NOTICES])
    assert said.startswith(f"{VARIANTS[0].id}: flumine settles 1 bet in 1 market otherwise, at 5.00 for −5.00: ")


def test_a_market_that_cannot_be_settled_is_a_reject_of_who_bet_on_it(make_run):
    first, second = VARIANTS
    run = make_run([[row(first, IDS[0], 1, 5.0), row(first, IDS[1], 1, 5.0)], [row(second, IDS[1], 1, 5.0)]])
    [*_, summary] = write_results(run, MARKETS[:2].assign(betting_type=["LINE", "ODDS"]))
    assert [(row["replayed"], row["orders"], row["gross"]) for row in read(run, RESULTS_SUMMARY)] == [
        (1, 1, 5.0),
        (2, 1, 5.0),
    ]
    rejects = run.lake.read(REJECTS.at("aggregate", "month-00112233", run.id)).to_pylist()
    assert [(row["what"], row["reason"]) for row in rejects] == [(IDS[0], "line market without a result")]
    [said] = json.loads(summary.notes[NOTICES])
    assert said.startswith(f"{first.id}: 1 of 2 markets are not in its figures: line market without a result")


def test_a_reject_is_in_no_figure_of_its_variant(make_run):
    """Whatever a variant did in a market that cannot be settled: its figures are those of a run without the market."""
    first, _ = VARIANTS
    placed = [row(first, IDS[1], 1, 5.0), row(first, IDS[1], 2, 0.0, size_matched=0.0, size_lapsed=5.0)]
    rejected = [{**order, "market_id": IDS[0], "bet_id": f"{IDS[0]}-{order['bet_id'][-1]}"} for order in placed]
    run = make_run([[*rejected, *placed], [row(VARIANTS[1], IDS[1], 1, -5.0)]])
    [job] = run.jobs
    asked = (("place", "EXPOSURE"), ("place", "STAKES"), ("cancel", "STAKES"))
    refused = [
        Refusal(market_id, *kind, "", times, 11, "BACK", 3.0, 20.0, "no")
        for market_id in IDS[:2]
        for times, kind in enumerate(asked, start=1)
    ] + [Refusal(IDS[0], "place", "THERE ALONE", "", 9, 11, "BACK", 3.0, 20.0, "no")]
    write(job, [*rejected, *placed], [row(VARIANTS[1], IDS[1], 1, -5.0)], refused=refused)
    [*_, summary] = write_results(run, MARKETS[:2].assign(betting_type=["LINE", "ODDS"]))
    datasets = (RESULTS_MARKETS, RESULTS_DAYS, RESULTS_REFUSED)
    figures = [read(run, dataset) for dataset in datasets], read(run, RESULTS_SUMMARY)[0]
    notes = [note for note in json.loads(summary.notes[NOTICES]) if "refused" in note]
    without = replace(run, jobs=(replace(job, sessions=job.sessions[1:]),))
    write(without.jobs[0], placed, [row(VARIANTS[1], IDS[1], 1, -5.0)], refused=refused[len(asked) : -1])
    [*_, summary] = write_results(without, MARKETS[1:2])
    assert figures == ([read(without, dataset) for dataset in datasets], read(without, RESULTS_SUMMARY)[0])
    assert notes == [note for note in json.loads(summary.notes[NOTICES]) if "refused" in note]
    by_kind = [row["times"] for row in read(run, RESULTS_REFUSED) if row["action"] == "place"]
    assert sum(by_kind) == figures[1]["refused"] == 3


def test_a_variant_whose_only_bets_cannot_be_settled_says_so(make_run):
    """Of 5.00 on a line nobody knows the worth; it is no order that was never placed."""
    run = make_run([[row(VARIANTS[0], IDS[0], 1, 5.0)], []])
    for line in (["LINE", "ODDS"], ["LINE", "LINE"]):
        write_results(run, MARKETS[:2].assign(betting_type=line))
        bets, idle = read(run, RESULTS_SUMMARY)
        said = "what it bet in 1 market cannot be settled (line market without a result)"
        assert (bets["orders"], bets["bets"], bets["no_bets"]) == (0, 0, said)
        assert idle["no_bets"] == "it placed no order"


def test_orders_of_a_market_unknown_to_the_catalogue(make_run):
    run = make_run([[row(VARIANTS[0], IDS[0], 1, 5.0)], []])
    with pytest.raises(BalanceError, match=IDS[0]):
        write_results(run, MARKETS[MARKETS["market_id"] != IDS[0]])
    assert find_results(run) is None


def test_orders_of_a_market_that_was_not_replayed(make_run):
    with pytest.raises(BalanceError, match=rf"{VARIANTS[0].id}, chunk 1 of month: orders in {IDS[3]}"):
        make_run([[row(VARIANTS[0], IDS[3], 1, 5.0)], []])


def test_a_market_neither_replayed_nor_rejected(two_chunks):
    job, variant = two_chunks.jobs[0], VARIANTS[0]
    for markets, rejects in ((IDS[:1], ()), (IDS[:2], (Reject(IDS[0], "not replayable"),)), ((*IDS[:2], IDS[0]), ())):
        with pytest.raises(BalanceError, match=r"2 markets went in"):
            write_orders(job, {variant.id: Replayed([], markets, rejects, Dependencies())})


def test_markets_selected_are_those_replayed_and_those_rejected(make_run):
    run = make_run([[row(VARIANTS[0], IDS[0], 1, 5.0)], []])
    for others in (MARKETS[:3], MARKETS[2:], MARKETS):
        with pytest.raises(BalanceError, match=r"markets"):
            write_results(run, others)
    assert find_results(run) is None


def test_a_variant_that_was_not_replayed_everywhere_says_so(make_run):
    run = make_run([[row(VARIANTS[0], IDS[0], 1, 5.0)], []])
    [job], variant = run.jobs, VARIANTS[1]
    delete(*files(job), job)
    rejects = (Reject(IDS[0], "flumine cannot replay it", "KeyError: 7"),)
    replayed = {
        VARIANTS[0].id: Replayed([row(VARIANTS[0], IDS[0], 1, 5.0)], IDS[:2], (), Dependencies()),
        variant.id: Replayed([], IDS[1:2], rejects, Dependencies()),
    }
    write_orders(job, replayed)
    [*_, summary] = write_results(run, MARKETS[:2])
    assert [row["replayed"] for row in read(run, RESULTS_SUMMARY)] == [2, 1]
    [said] = json.loads(summary.notes[NOTICES])
    assert said.startswith(f"{variant.id}: 1 of 2 markets are not in its figures: flumine cannot replay it")


def test_missing_orders_are_no_zeros(two_chunks):
    for file in files(two_chunks.jobs[1]):
        if IDS[3] in file.markets:
            delete(file, two_chunks.jobs[1])
    with pytest.raises(ReplacedOrdersError, match=rf"{VARIANTS[0].id} in {IDS[2]} .* run the simulate stage"):
        write_results(two_chunks, MARKETS)


def test_a_market_whose_orders_nobody_made(two_chunks):
    first, second = two_chunks.jobs
    wider = replace(two_chunks, jobs=(first, replace(second, sessions=alone((*second.market_ids, "1.299999999")))))
    with pytest.raises(ReplacedOrdersError, match=r"in 1\.299999999 are not in the lake"):
        write_results(wider, MARKETS)
    assert find_results(wider) is None


def test_all_orders_are_read(two_chunks):
    parts = find_orders(two_chunks).parts
    assert sorted(read_orders(two_chunks.lake, parts)["profit"]) == [-5.0, 0.0, 4.0, 10.0, 20.0]


def test_how_a_run_is_cut_into_jobs_decides_nothing(two_chunks):
    first, second = two_chunks.jobs
    at_once = replace(first, sessions=(*second.sessions, *first.sessions))
    tables, shared = [], [replace(at_once, variants=(variant,)) for variant in VARIANTS]
    for jobs in ((at_once,), shared, (second, first)):
        other = replace(two_chunks, jobs=tuple(jobs))
        assert other.id == two_chunks.id
        write_results(other, MARKETS)
        tables.append([read(other, dataset) for dataset in (RESULTS_MARKETS, RESULTS_DAYS, RESULTS_SUMMARY)])
    assert tables[0] == tables[1] == tables[2]


def test_what_was_written_is_found(two_chunks):
    assert find_results(two_chunks) is None
    assert write_results(two_chunks, MARKETS) == find_results(two_chunks)
    two_chunks.lake.delete(RESULTS_DAYS.at(two_chunks.id))
    assert find_results(two_chunks) is None


def test_results_of_orders_that_were_made_again_otherwise_are_not_found(two_chunks):
    write_results(two_chunks, MARKETS)
    first, second = VARIANTS
    write(two_chunks.jobs[0], [row(first, IDS[0], 1, 11.0), row(first, IDS[1], 1, -5.0)], [row(second, IDS[1], 1, 4.0)])
    assert find_results(two_chunks) is None
    assert write_results(two_chunks, MARKETS) == find_results(two_chunks)


def test_results_without_what_was_refused_or_left_out_since_are_not_found(make_run):
    """A strategy whose file changed may ask otherwise, and be refused or fail elsewhere, with the same orders."""
    run = make_run([[], []])
    [job], first = run.jobs, VARIANTS[0]
    write_results(run, MARKETS[:2])
    nothing = Replayed([], job.market_ids, (), Dependencies())
    rejected = Reject(IDS[0], "flumine cannot replay it", "KeyError: 7")
    for changed in (
        nothing._replace(refused=[Refusal(IDS[0], "place", "ORDER_VALIDATION", "too small", 1)]),
        nothing._replace(markets=job.market_ids[1:], rejects=[rejected]),
        nothing._replace(carries=["profit"]),
        nothing,
    ):
        write_orders(job, {variant.id: changed if variant == first else nothing for variant in VARIANTS})
        assert find_results(run) is None
        write_results(run, MARKETS[:2])
        assert find_results(run) is not None


def test_results_of_what_another_version_extracted_are_not_found(two_chunks, monkeypatch):
    with monkeypatch.context() as before:
        before.setitem(EXTRACTED_BY, "version", 0)
        write_results(two_chunks, MARKETS.assign(market_base_rate=50.0))
    assert find_results(two_chunks) is None
    write_results(two_chunks, MARKETS)
    assert read(two_chunks, RESULTS_SUMMARY)[0]["commission"] == 1.7
    assert find_results(two_chunks) is not None


def test_the_account_is_written_where_it_was_asked_for_alone(two_chunks):
    write_results(two_chunks, MARKETS)
    assert two_chunks.lake.find(RESULTS_ACCOUNT.at(two_chunks.id)) is None
    run = replace(two_chunks, together=True)
    write_results(run, MARKETS)
    # 10.00 at 7 %; 4.00 − 5.00 is a loss; 20.00 at 5 %.
    assert [(row["gross"], row["commission"]) for row in read(run, RESULTS_ACCOUNT_MARKETS)] == [
        (10.0, 0.7),
        (-1.0, 0.0),
        (20.0, 1.0),
    ]
    (account,) = read(run, RESULTS_ACCOUNT)
    assert (account["orders"], account["bets"], account["net"], account["variants"]) == (5, 4, 27.3, 2)
    assert find_results(run) is not None
    run.lake.delete(RESULTS_ACCOUNT.at(run.id))
    assert find_results(run) is None


def test_another_question_is_another_run(two_chunks):
    lake, variants, archives, jobs = two_chunks.lake, two_chunks.variants, two_chunks.archives, two_chunks.jobs
    runs = [
        two_chunks,
        Run(lake, variants, archives, jobs, Commission(0.07)),
        Run(lake, variants, archives, jobs, Commission(discount_rate=10)),
        Run(lake, variants[:1], archives, jobs, Commission()),
        Run(lake, variants, archives, jobs[:1], Commission()),
        Run(lake, variants, archives, jobs, Commission(), together=True),
    ]
    assert len({run.id for run in runs}) == len(runs)
    assert all(run.id.startswith("month-") for run in runs)
