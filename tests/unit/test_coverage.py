"""What of a job's orders there is: files of orders, found by what decided them."""

from dataclasses import replace
from pathlib import Path

import pytest
from jobs import alone, delete, files, find, found

from tasks.lake.store import Lake
from tasks.orders.coverage import index_orders
from tasks.orders.job import ReplayJob
from tasks.orders.refusal import Refusal
from tasks.orders.session import Session
from tasks.rejects import Reject
from tasks.simulation.replayed import Replayed
from tasks.simulation.write_orders import write_orders
from tasks.variants.dependencies.digests import file_digest
from tasks.variants.dependencies.record import Dependencies
from tasks.variants.variant import Account, make_variant

IDS = ("1.200000001", "1.200000002", "1.200000003")
VARIANTS = tuple(
    make_variant("back_favourite", {"stake": stake}, ratings="", window="80s", account=Account()) for stake in (2, 3)
)
FIRST, SECOND = VARIANTS


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return ReplayJob(Lake(tmp_path / "lake"), alone(IDS), VARIANTS, {})


def write(job, variants=VARIANTS, reads="", **changed):
    """Write orders of some variants, of which none placed any."""
    used = Dependencies(files={reads: file_digest(reads)}) if reads else Dependencies()
    replayed = Replayed([], job.market_ids, (), used)._replace(**changed)
    file, failures = write_orders(replace(job, variants=variants), {variant.id: replayed for variant in variants})
    assert failures == []
    return file


def pairs(parts):
    return sorted((variant, market) for part in parts for variant in part.variants for market in part.markets)


def test_what_lacks_is_whole_jobs_of_those_who_lack_the_same(job):
    write(replace(job, sessions=job.sessions[:1]))
    write(replace(job, sessions=job.sessions[1:2]), (FIRST,))
    coverage = find(job)
    assert pairs(coverage.parts) == sorted([(FIRST.id, IDS[0]), (FIRST.id, IDS[1]), (SECOND.id, IDS[0])])
    lacking = [(lacking.variants, lacking.market_ids) for lacking in coverage.lacking]
    assert lacking == [((FIRST,), IDS[2:]), ((SECOND,), IDS[1:])]


def test_files_of_other_months_are_not_looked_at(job):
    write(job)
    later = tuple(session._replace(month="2026-02") for session in job.sessions)
    assert found(replace(job, sessions=later)) == set()


def test_a_session_is_another_than_its_markets(job):
    write(job)
    together = Session(tuple(market for session in job.sessions for market in session.markets), "2026-01")
    assert found(replace(job, sessions=(together,))) == set()
    write(replace(job, sessions=(together,)))
    backwards = together._replace(markets=together.markets[::-1])
    assert found(replace(job, sessions=(together,))) == {FIRST.id, SECOND.id}
    assert found(replace(job, sessions=(backwards,))) == set()


def test_rejects_are_those_of_the_markets_that_are_asked_for(job):
    rejects = [Reject(market_id, "not replayable") for market_id in IDS[:2]]
    write(job, markets=IDS[2:], rejects=rejects)
    assert find(job).rejects == {FIRST.id: rejects, SECOND.id: rejects}
    assert find(replace(job, sessions=job.sessions[1:])).rejects == {FIRST.id: rejects[1:], SECOND.id: rejects[1:]}


def test_what_a_strategy_carries_is_told_of_its_variant(job):
    write(job, (FIRST,), carries=("bank",))
    write(job, (SECOND,))
    assert find(job).carries == {FIRST.id: ["bank"]}


def test_what_was_refused_is_that_of_the_markets_that_are_asked_for(job):
    refused = [
        Refusal(market_id, "place", "STRATEGY_EXPOSURE", "too large (…)", 33, 11, "BACK", 3.0, 20.0, "too large (20.0)")
        for market_id in IDS[:2]
    ]
    write(job, (FIRST,), refused=refused)
    write(job, (SECOND,))
    assert find(job).refused == {FIRST.id: refused}
    assert find(replace(job, sessions=job.sessions[1:])).refused == {FIRST.id: refused[1:]}
    assert find(replace(job, sessions=job.sessions[2:])).refused == {}


@pytest.mark.parametrize("is_late", [False, True], ids=["in the replay", "when it was settled"])
def test_what_was_refused_in_a_reject_is_left_out_with_it(job, is_late):
    refused = [Refusal(market_id, "place", "X", "x", 1, 11, "BACK", 3.0, 20.0, "x") for market_id in IDS]
    rejects = [Reject(IDS[0], "no result")]
    early, late = ([], rejects) if is_late else (rejects, [])
    whole = find(job)._replace(rejects={FIRST.id: early}, refused={FIRST.id: refused, SECOND.id: refused[:1]})
    left = whole.without({FIRST.id: late})
    assert (left.refused, left.rejects) == (
        {FIRST.id: refused[1:], SECOND.id: refused[:1]},
        {FIRST.id: rejects},
    )
    assert left.without({SECOND.id: rejects}).refused == {FIRST.id: refused[1:]}


def test_stale_orders_are_no_orders(job):
    Path("stake.txt").write_text("2", encoding="utf-8")
    write(job, (FIRST,), reads="stake.txt")
    write(job, (SECOND,))
    assert found(job) == {FIRST.id, SECOND.id}
    Path("stake.txt").write_text("3", encoding="utf-8")
    assert found(job) == {SECOND.id}
    Path("stake.txt").write_text("2", encoding="utf-8")
    assert found(job) == {FIRST.id, SECOND.id}


def test_only_files_that_are_worth_nothing_to_anybody_are_superseded(job):
    Path("stake.txt").write_text("2", encoding="utf-8")
    stale = write(job, (FIRST,), reads="stake.txt")
    write(replace(job, sessions=job.sessions[:1]), (SECOND,))
    both = write(replace(job, sessions=job.sessions[1:]), VARIANTS, reads="stake.txt")
    assert index_orders(job.lake, [job]).superseded(VARIANTS) == []
    Path("stake.txt").write_text("3", encoding="utf-8")
    index = index_orders(job.lake, [job])
    assert [file.name for file in index.superseded([FIRST])] == [stale.name]
    assert {file.name for file in index.superseded(VARIANTS)} == {stale.name, both.name}


def test_a_damaged_file_is_deleted_and_lacks(job):
    write(job, (FIRST,))
    file = write(job, (SECOND,))
    path = Path(job.lake.root, "orders", f"month={file.month}", f"{file.name}.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    assert found(job) == {FIRST.id}
    assert not path.exists()


def test_orders_of_another_version_are_made_again_in_their_place(job, monkeypatch):
    file = write(job)
    for module in ("orders.files", "simulation.write_orders"):
        monkeypatch.setattr(f"tasks.{module}.KIND", "another")
    assert found(job) == set()
    assert write(job).name == file.name
    assert found(job) == {FIRST.id, SECOND.id}


def test_a_deleted_file_costs_what_only_it_had(job):
    whole = write(job)
    write(replace(job, sessions=job.sessions[:1]))
    assert len(files(job)) == 2
    delete(whole, job)
    assert [lacking.market_ids for lacking in find(job).lacking] == [IDS[1:]]
