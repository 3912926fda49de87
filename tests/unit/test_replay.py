"""A chunk replayed once for all variants: each bets as it would alone, as in plain flumine, the same every time."""

import bz2
import gc
import pickle
import re
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flumine import FlumineSimulation
from jobs import alone, delete, files, find, found, rows_of
from plain_flumine import orders_of as judged

from strategies import STRATEGIES
from tasks.errors import DamagedFileError, LakeError, ReplayError
from tasks.lake.datasets import MARKETS
from tasks.lake.store import Lake
from tasks.orders.job import ReplayJob
from tasks.orders.limits import Limits
from tasks.simulation import session_replay
from tasks.simulation.framework import make_client
from tasks.simulation.replay import replay_chunk
from tasks.variants import variant as variant_module
from tasks.variants.strategy_class import strategy_maker
from tasks.variants.variant import Account, make_variant
from tasks.workers import worker_pool


def variant_of(name="back_favourite", **parameters):
    return make_variant(name, parameters, ratings="truth", window="80s", account=Account())


@pytest.fixture(scope="session")
def ratings(markets):
    """The true chances as prices, a little off, so that there are backs and lays."""
    return {
        "truth": {
            market.id: {
                runner.selection_id: (0.8 + 0.4 * (runner.box % 2)) / runner.win_probability
                for runner in market.race.runners
            }
            for market in markets.values()
        }
    }


@pytest.fixture
def job(sample_lake, tmp_path, markets, ratings):
    """Make a job on a lake of its own."""

    def job(*variants, kinds=None, lake="lake", **changed):
        root = tmp_path / lake
        if not root.exists():
            shutil.copytree(sample_lake.lake.root, root)
        market_ids, [extraction] = tuple(markets[kind].id for kind in kinds or markets), sample_lake.jobs
        upstream = extraction.fingerprint
        return replace(
            ReplayJob(Lake(root), alone(market_ids, sample_lake.archive.name, upstream=upstream), variants, ratings),
            **changed,
        )

    return job


def orders_of(job):
    done = replay_chunk(job)
    assert (done.failures, done.leavers) == ([], [])
    (file,) = done.files
    rows = rows_of(job)
    assert [covered.variant_id for covered in file.variants.values()] == sorted(rows)
    return rows


def parquet_files(lake):
    return sorted(path.relative_to(lake.root).as_posix() for path in Path(lake.root, "orders").rglob("*.parquet"))


# The same as plain flumine, alone and together

FAVOURITE = variant_of()
FLAT = variant_of("rated_price")
PROPORTIONAL = variant_of("rated_price", staking="proportional", seconds_to_start="30")


def plain_flumine(variant, market, ratings):
    """What the judge says of one market, its times to the millisecond as the lake has them."""
    make = strategy_maker(variant.name, variant.parameters)
    listener = {"inplay": False, "seconds_to_start": 80.0}
    orders = judged([*market.lines], lambda: make({market.id: ratings["truth"][market.id]}), listener)
    for order in orders:
        placed = order["date_time_placed"]
        order["date_time_placed"] = placed.replace(microsecond=placed.microsecond // 1000 * 1000)
    return [tuple(order[field] for field in FIELDS) for order in orders]


FIELDS = [
    *("market_id", "selection_id", "side", "date_time_placed", "price"),
    *("price_matched", "size", "size_matched", "profit", "runner_status"),
]


@pytest.mark.parametrize("variant", [FAVOURITE, FLAT, PROPORTIONAL], ids=["favourite", "flat", "proportional"])
def test_orders_are_those_of_plain_flumine(job, markets, ratings, variant):
    rows = orders_of(job(variant))[variant.id]
    expected = [order for market in markets.values() for order in plain_flumine(variant, market, ratings)]
    assert [tuple(row[field] for field in FIELDS) for row in rows] == expected
    assert len(rows) >= len(markets)
    assert len({row["side"] for row in rows}) == (1 if variant is FAVOURITE else 2)


def test_variants_in_one_replay_bet_as_each_does_alone(job):
    variants = (FAVOURITE, FLAT, PROPORTIONAL)
    together = orders_of(job(*variants, lake="together"))
    for variant in variants:
        assert orders_of(job(variant, lake=f"alone {variant.id}"))[variant.id] == together[variant.id]
    reverse = orders_of(job(*reversed(variants), lake="reverse"))
    assert reverse == together


def test_the_same_bytes_every_time(job):
    written = []
    for lake in ("first", "second"):
        again = job(FAVOURITE, FLAT, lake=lake)
        replay_chunk(again)
        written.append([Path(again.lake.root, path).read_bytes() for path in parquet_files(again.lake)])
    assert written[0] == written[1]


def test_markets_do_not_depend_on_one_another(job, markets):
    together = orders_of(job(FLAT, lake="together"))[FLAT.id]
    alone = [row for kind in markets for row in orders_of(job(FLAT, kinds=[kind], lake=kind))[FLAT.id]]
    assert alone == together


def simulations():
    return [left for left in gc.get_objects() if issubclass(type(left), FlumineSimulation)]


def test_nothing_of_a_simulation_stays_in_memory(job):
    gc.collect()
    before = simulations()
    replay_chunk(job(FAVOURITE, FLAT))
    assert simulations() == before


def test_only_the_selected_markets_are_replayed(job, markets):
    rows = orders_of(job(FLAT, kinds=["second", "british"]))[FLAT.id]
    assert {row["market_id"] for row in rows} == {markets["second"].id, markets["british"].id}


def test_datetime_is_given_back(job):
    replay_chunk(job(FAVOURITE, kinds=["usual"]))
    assert sys.modules["datetime"].datetime is datetime


# What a row says


def test_rows_of_orders(job, markets, ratings):
    rows = orders_of(job(FLAT))[FLAT.id]
    by_id = {market.id: market for market in markets.values()}
    for number, row in enumerate(rows):
        race = by_id[row["market_id"]].race
        market_time = race.market_time.timestamp() + race.postponed_seconds
        # Once due it is up to the next message; matching may take another.
        assert -60.1 < row["date_time_placed"].timestamp() - market_time < race.late_seconds + 0.1
        assert row["strategy_name"] == FLAT.id
        assert row["customer_strategy_ref"] == FLAT.id[:15]
        assert row["window"] == "80s"
        assert row["size"] == 5
        assert 0 <= row["size_matched"] <= 5
        rating = ratings["truth"][row["market_id"]][row["selection_id"]]
        assert row["price"] > rating if row["side"] == "BACK" else row["price"] < rating
        assert row["order_type"] == "LIMIT"
        assert row["order_status"] == "Execution complete" or row["size_matched"] < 5
        assert row["market_note"].count(",") == 2
        if row["size_matched"]:
            assert -80 < row["matched_at"].timestamp() - market_time <= race.late_seconds
            assert row["price_matched"] >= 1.01
        else:
            assert (row["matched_at"], row["price_matched"], row["profit"]) == (None, 0.0, 0.0)
        won = row["selection_id"] == race.winner
        if row["runner_status"] == "REMOVED":
            assert (row["selection_id"], row["profit"], row["bsp"]) == (race.withdrawal.selection_id, 0.0, None)
        else:
            assert row["runner_status"] == ("WINNER" if won else "LOSER")
            assert row["bsp"] > 1
            stake, price = row["size_matched"], row["price_matched"]
            back = stake * (price - 1) if won else -stake
            assert row["profit"] == pytest.approx(back if row["side"] == "BACK" else -back, abs=0.01)
            assert row["value_matched"] == pytest.approx(stake * price, abs=0.005 * stake)
        assert rows[number - 1]["bet_id"] != row["bet_id"]
    assert len({row["bet_id"] for row in rows}) == len({row["customer_order_ref"] for row in rows}) == len(rows)


def test_references_tell_variants_apart(job):
    rows = orders_of(job(FLAT, PROPORTIONAL))
    references = [row["customer_order_ref"] for found in rows.values() for row in found]
    assert len(set(references)) == len(references)


# Found and not made again


def test_orders_are_found_by_what_decided_them(job):
    done = job(FAVOURITE, FLAT)
    assert found(done) == set()
    replay_chunk(replace(done, variants=(FLAT,)))
    assert found(done) == {FLAT.id}


def test_what_decides_orders(job, ratings, markets):
    done = job(FAVOURITE, FLAT)
    replay_chunk(done)
    assert found(done) == {FAVOURITE.id, FLAT.id}
    other = {market_id: dict.fromkeys(rated, 3.0) for market_id, rated in ratings["truth"].items()}
    assert found(replace(done, ratings={"truth": other})) == {FAVOURITE.id}
    shuffled = {market.id: dict(reversed(ratings["truth"][market.id].items())) for market in reversed(markets.values())}
    assert found(replace(done, ratings={"truth": shuffled})) == {FAVOURITE.id, FLAT.id}
    first, *others = done.sessions
    (market,) = first.markets
    changed = first._replace(markets=(market._replace(digest="another"),))
    assert [lacking.sessions for lacking in find(replace(done, sessions=(changed, *others))).lacking] == [(changed,)]


def test_where_markets_lie_does_not_decide_their_orders(job, markets):
    done = job(FAVOURITE, FLAT)
    replay_chunk(done)
    elsewhere = alone(reversed(done.market_ids), "another", 7)
    assert found(replace(done, sessions=elsewhere)) == {FAVOURITE.id, FLAT.id}
    assert found(replace(done, sessions=done.sessions[1:])) == {FAVOURITE.id, FLAT.id}


def test_markets_that_are_added_are_all_that_lacks(job):
    whole = job(FAVOURITE, FLAT)
    replay_chunk(replace(whole, sessions=whole.sessions[:-1]))
    [lacking] = find(whole).lacking
    assert (lacking.sessions, lacking.variants) == (whole.sessions[-1:], whole.variants)
    replay_chunk(lacking)
    assert find(whole).lacking == []
    assert rows_of(whole) == orders_of(replace(whole, lake=job(lake="at once").lake))


def test_a_deleted_file_costs_what_it_had(job):
    whole = job(FAVOURITE, FLAT)
    parts = [replace(whole, sessions=whole.sessions[:2]), replace(whole, sessions=whole.sessions[2:])]
    for part in parts:
        replay_chunk(part)
    for file in files(whole):
        if file.keys[""] == set(parts[0].keys[""]):
            delete(file, whole)
    assert [lacking.sessions for lacking in find(whole).lacking] == [parts[0].sessions]


def test_of_two_files_of_the_same_orders_each_is_taken_once(job):
    whole = job(FAVOURITE, FLAT)
    replay_chunk(replace(whole, sessions=whole.sessions[:3]))
    replay_chunk(whole)
    assert len(files(whole)) == 2
    taken = [(variant, market) for part in find(whole).parts for variant in part.variants for market in part.markets]
    assert len(taken) == len(set(taken)) == 2 * len(whole.market_ids)


def test_a_variant_without_a_bet_has_no_orders(job):
    unrated = job(FAVOURITE, FLAT, ratings={"truth": {}})
    rows = orders_of(unrated)
    assert rows[FLAT.id] == []
    assert rows[FAVOURITE.id] != []


def test_a_market_that_the_messages_lack(job):
    lacking = job(FAVOURITE)
    first = lacking.sessions[0].markets[0]
    more = alone((*lacking.market_ids, "1.299999999"), first.archive, upstream=first.upstream)
    lacking = replace(lacking, sessions=more)
    with pytest.raises(LakeError, match=r"lacks 1 markets of its catalogue \(1\.299999999, …\); extract it again"):
        replay_chunk(lacking)
    assert parquet_files(lacking.lake) == []


def test_a_chunk_without_messages(job):
    lacking = job(FAVOURITE)
    shutil.rmtree(Path(lacking.lake.root) / "windows")
    lacking.lake.delete(MARKETS.at(lacking.sessions[0].markets[0].archive, 1))
    with pytest.raises(LakeError, match=r"markets/archive=month-\w+/chunk=1"):
        replay_chunk(lacking)


@pytest.mark.parametrize("engine", ["lean", "flumine"])
def test_messages_of_another_chunk_are_not_replayed(job, engine):
    """They are whole, and of markets of the same ids: a file that was copied from another lake, say."""
    other = job(FAVOURITE._replace(engine=engine))
    shutil.rmtree(Path(other.lake.root) / "windows")
    first = other.sessions[0].markets[0]
    key = MARKETS.at(first.archive, 1)
    other.lake.write(key, other.lake.read(key), "another")
    with pytest.raises(LakeError, match=r"markets/archive=month-\w+/chunk=1/.* is of other input"):
        replay_chunk(replace(other, sessions=alone(other.market_ids, first.archive, upstream=first.upstream)))


# A strategy that raises

BROKEN = """
from flumine import BaseStrategy

class VariantBreakdown(BaseStrategy):
    def __init__(self, where: str = "process_market_book", market: str = "", **kwargs):
        super().__init__(**kwargs)
        self.where, self.market = where, market
        self.boom("__init__", None)

    def boom(self, where, book):
        if where == self.where:
            raise ZeroDivisionError(f"at {book.publish_time_epoch if book else 0}")

    def process_new_market(self, market, market_book):
        self.boom("process_new_market", market_book)

    def check_market_book(self, market, market_book):
        self.boom("check_market_book", market_book)
        return market.market_id == self.market

    def process_market_book(self, market, market_book):
        self.boom("process_market_book", market_book)

    def process_closed_market(self, market, market_book):
        self.boom("process_closed_market", market_book)

    def add(self, flumine):
        self.boom("add", None)

    def start(self, flumine):
        self.boom("start", None)

    def finish(self, flumine):
        self.boom("finish", None)
"""


@pytest.fixture
def broken(write_module, markets):
    write_module("broken_of_replay", BROKEN)

    def broken(where):
        return variant_of("broken_of_replay:VariantBreakdown", where=where, market=markets["second"].id)

    return broken


def blamed(job, culprit):
    """What is said of a variant that fails; the others have their orders all the same."""
    done = replay_chunk(job)
    assert [failure.variant for failure in done.failures] == [culprit.id]
    assert found(job) == {variant.id for variant in job.variants if variant != culprit}
    return str(done.failures[0])


def spoiled(job):
    """What is said of a replay that gives nobody orders."""
    with worker_pool(1) as pool, pytest.raises(ReplayError) as error:
        pool.run(replay_chunk, job)
    assert parquet_files(job.lake) == []
    return str(error.value)


def test_a_strategy_that_raises_is_named_with_market_tick_and_traceback(job, broken, markets):
    variant = broken("process_market_book")
    text = blamed(job(FAVOURITE, variant, FLAT), variant)
    first, *lines = text.splitlines()
    tick = int(first.split(": at ")[1].split()[0])
    assert first.startswith(f"{variant.id} raised ZeroDivisionError: at {tick} in market {markets['second'].id} at ")
    moment = datetime.fromtimestamp(tick / 1000, tz=UTC)
    assert f" at {moment.isoformat(timespec='milliseconds')}, broken_of_replay.py:" in first
    assert lines[0] == "Traceback (most recent call last):"
    assert any("broken_of_replay.py" in line and "in process_market_book" in line for line in lines)
    assert lines[-1] == f"ZeroDivisionError: at {tick}"


@pytest.mark.parametrize("where", ["process_new_market", "check_market_book", "process_closed_market"])
def test_wherever_it_raises(job, broken, markets, where):
    variant = broken(where)
    first = blamed(job(FAVOURITE, variant), variant).splitlines()[0]
    assert first.startswith(f"{variant.id} raised ZeroDivisionError")
    assert f"in market {markets['usual'].id} at 2026-01-01T" in first


@pytest.mark.parametrize("where", ["__init__", "add", "start"])
def test_before_the_first_tick(job, broken, markets, where):
    variant = broken(where)
    first = blamed(job(FAVOURITE, variant), variant).splitlines()[0]
    assert first.startswith(f"{variant.id} raised ZeroDivisionError")
    assert f"in market {markets['usual'].id}, before its first tick, broken_of_replay.py:" in first


def test_when_all_is_over(job, broken):
    variant = broken("finish")
    assert blamed(job(FAVOURITE, variant), variant).startswith(f"{variant.id} raised ZeroDivisionError")


@pytest.mark.parametrize("where", ["process_market_book", "start", "finish", "__init__"])
def test_nothing_of_a_failed_simulation_stays_in_memory_with_its_error(job, broken, where):
    gc.collect()
    before = simulations()
    (failure,) = replay_chunk(job(FAVOURITE, broken(where))).failures
    assert simulations() == before
    assert failure.variant


def test_one_that_exits_ends_no_worker(job, write_module):
    write_module("exits_of_replay", BROKEN.replace("ZeroDivisionError", "SystemExit"))
    variant = variant_of("exits_of_replay:VariantBreakdown", where="start")
    assert blamed(job(FAVOURITE, variant), variant).startswith(f"{variant.id} raised SystemExit")


SPOIL_NOTES = """def process_orders(self, market, orders):
        for order in orders:
            order.trade.market_notes = 5"""


def test_orders_that_cannot_be_written_down(job, write_module):
    write_module("notes_of_replay", TRADER.replace("def process_orders(self, market, orders):", SPOIL_NOTES))
    variant = variant_of("notes_of_replay:Trader")
    first = blamed(job(FAVOURITE, variant), variant).splitlines()[0]
    assert first.startswith(f"{variant.id} raised ArrowTypeError: ")
    assert first.endswith("when its orders were written down")


def test_a_damaged_page_is_no_fault_of_a_strategy(job):
    done = job(FAVOURITE)
    replay_chunk(done)
    (path,) = Path(done.lake.root, "windows").rglob("*.parquet")
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 3] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DamagedFileError):
        replay_chunk(done)


def test_an_exception_of_flumines_own_kind_is_logged_by_flumine_which_goes_on(job, write_module, markets):
    source = BROKEN.replace("ZeroDivisionError", "OrderError").replace(
        "from flumine import BaseStrategy",
        "from flumine import BaseStrategy\nfrom flumine.exceptions import OrderError",
    )
    write_module("order_error_of_replay", source)
    for where in ("process_new_market", "check_market_book", "process_market_book"):
        variant = variant_of("order_error_of_replay:VariantBreakdown", where=where, market=markets["second"].id)
        assert orders_of(job(FAVOURITE, variant))[variant.id] == []


HUNGRY = """
import time
from flumine import BaseStrategy

class Hungry(BaseStrategy):
    kept = []

    def __init__(self, how: str = "", **kwargs):
        super().__init__(**kwargs)
        self.how = how
        while how == "loop at once":
            sum(range(1000))

    def check_market_book(self, market, market_book):
        return True

    def process_market_book(self, market, market_book):
        while self.how == "loop":
            try:
                sum(range(1000))
            except Exception:
                pass
        if self.how == "sleep":
            time.sleep(100)
        if self.how == "leak":
            self.kept.append(bytearray(100_000_000))
            time.sleep(0.2)
"""


@pytest.mark.parametrize(
    ("how", "limits", "took"),
    [
        ("loop", Limits(1, 1e6), "more than 1 s in"),
        ("sleep", Limits(5, 1e6), "more than 5 s"),
        ("leak", Limits(60, 800), "MB of memory, of 800 in"),
    ],
)
def test_a_strategy_that_loops_or_leaks_is_stopped_and_named(job, write_module, markets, how, limits, took):
    write_module("hungry_of_replay", HUNGRY)
    variant = variant_of("hungry_of_replay:Hungry", how=how)
    first = spoiled(job(FAVOURITE, variant, limits=limits)).splitlines()[0]
    assert first.startswith(f"{variant.id} took ")
    assert took in first
    assert re.search(rf"in market {markets['usual'].id} at 2026-01-01T\S+, hungry_of_replay\.py:\d+; raise ", first)


# A strategy that changes what all see

SPOILER = """
from flumine import BaseStrategy

class Spoiler(BaseStrategy):
    def __init__(self, market: str = "", how: str = "size", **kwargs):
        super().__init__(**kwargs)
        self.market, self.how = market, how

    def check_market_book(self, market, market_book):
        return market_book.market_id == self.market

    def process_market_book(self, market, market_book):
        levels = market_book.runners[0].ex.available_to_back
        if self.how == "size" and levels:
            levels[0]["size"] = 1e6
        elif self.how == "all":
            market_book.runners.clear()
        elif self.how == "status":
            market_book.runners[0].status = "REMOVED"

class Reader(Spoiler):
    def process_market_book(self, market, market_book):
        if not market_book.runners[0].ex.available_to_back[0]["size"]:
            raise ZeroDivisionError("not there")
"""


@pytest.fixture
def spoiler(write_module, markets):
    write_module("spoiler_of_replay", SPOILER)

    def spoiler(how, name="Spoiler"):
        return variant_of(f"spoiler_of_replay:{name}", market=markets["second"].id, how=how)

    return spoiler


@pytest.mark.parametrize(
    ("how", "what"),
    [("size", "prices"), ("all", "an attribute"), ("status", "a runner")],
    ids=["size", "all", "status"],
)
def test_a_strategy_that_changes_a_book_is_named(job, spoiler, markets, how, what):
    changing = spoiler(how)
    first = spoiled(job(FAVOURITE, changing, FLAT)).splitlines()[0]
    said = f"{changing.id} changed {what} of a market book, where it should change a copy, found in market "
    assert first.startswith(f"{said}{markets['second'].id}")


def test_who_stumbles_over_a_changed_book_is_not_blamed(job, spoiler):
    changing, reading = spoiler("all"), spoiler("", "Reader")
    with pytest.raises(ReplayError, match=r"^the simulation changed an attribute of a market book") as error:
        replay_chunk(job(changing, reading))
    assert error.value.variant == ""
    with pytest.raises(ReplayError) as error:
        replay_chunk(job(changing, FAVOURITE))
    assert error.value.variant == changing.id


def test_strategies_of_this_project_change_nothing(job, monkeypatch):
    variants = (FAVOURITE, FLAT, PROPORTIONAL)
    assert {variant.name for variant in variants} == set(STRATEGIES)
    trusted = orders_of(job(*variants, lake="trusted"))
    monkeypatch.setattr(variant_module, "STRATEGIES", {})
    assert orders_of(job(*variants, lake="watched")) == trusted


def test_one_that_loops_before_it_begins_is_named(job, write_module):
    write_module("hungry_at_once_of_replay", HUNGRY)
    variant = variant_of("hungry_at_once_of_replay:Hungry", how="loop at once")
    first = spoiled(job(FAVOURITE, variant, limits=Limits(1, 1e6))).splitlines()[0]
    assert first.startswith(f"{variant.id} took more than 1 s")
    assert "before its first tick" in first


def test_within_its_limits_nothing_is_different(job):
    assert orders_of(job(FLAT, lake="limited", limits=Limits(60, 4000))) == orders_of(job(FLAT, lake="unlimited"))


def test_after_a_failure_the_next_replay_is_as_ever(job, broken):
    expected = orders_of(job(FLAT, lake="before"))
    blamed(job(broken("process_market_book"), lake="failed"), broken("process_market_book"))
    assert orders_of(job(FLAT, lake="after")) == expected


def test_an_error_of_the_replay_crosses_processes(job, broken):
    done = replay_chunk(job(FAVOURITE, broken("check_market_book")))
    again = pickle.loads(pickle.dumps(done))  # noqa: S301 - our own bytes
    assert str(again.failures[0]) == str(done.failures[0])
    assert again.files == done.files


# Strategies of others

TRADER = """
from flumine import BaseStrategy
from flumine.order.order import OrderStatus
from flumine.order.ordertype import LimitOrder, MarketOnCloseOrder
from flumine.order.trade import Trade

class Trader(BaseStrategy):
    def __init__(self, stake: float = 2.0, **kwargs):
        super().__init__(**kwargs)
        self.max_live_trade_count, self.max_order_exposure, self.max_selection_exposure = 10, 1000, 1000
        self.stake = stake
        self.seen = {}

    def check_market_book(self, market, market_book):
        return market_book.status == "OPEN" and market.seconds_to_start < 60

    def process_market_book(self, market, market_book):
        if market.market_id in self.seen:
            return
        first, second, third = [r for r in market_book.runners if r.status == "ACTIVE"][:3]
        with market.transaction() as t:
            for runner, price in ((first, 1000), (second, 990)):
                trade = Trade(market.market_id, runner.selection_id, runner.handicap, self, notes={"why": "try"})
                t.place_order(trade.create_order(side="BACK", order_type=LimitOrder(price, self.stake)))
                self.seen.setdefault(market.market_id, []).append(trade.orders[0])
            trade = Trade(market.market_id, third.selection_id, third.handicap, self)
            t.place_order(trade.create_order(side="BACK", order_type=MarketOnCloseOrder(liability=self.stake * 5)))

    def process_orders(self, market, orders):
        if market.status != "OPEN":
            return
        cancelled, replaced = self.seen[market.market_id]
        live = [o for o in (cancelled, replaced) if o.status == OrderStatus.EXECUTABLE]
        if len(live) == 2:
            with market.transaction() as t:
                t.cancel_order(cancelled)
                t.replace_order(replaced, 1.01)
"""


@pytest.fixture
def trader(write_module):
    write_module("trader_of_replay", TRADER)
    return [variant_of("trader_of_replay:Trader", stake=stake) for stake in (2, 3)]


def test_a_strategy_that_batches_cancels_and_replaces(job, trader, markets):
    first, second = trader
    kinds = ["usual", "second", "late"]
    rows = orders_of(job(first, second, FAVOURITE, kinds=kinds))
    for market_id in (markets[kind].id for kind in kinds):
        cancelled, replaced, at_starting_price, replacement = [
            row for row in rows[first.id] if row["market_id"] == market_id
        ]
        assert (cancelled["price"], cancelled["size_matched"]) == (1000, 0)
        assert (replaced["price"], replaced["size_matched"]) == (990, 0)
        assert (replacement["price"], replacement["size_matched"]) == (1.01, 2)
        assert replacement["price_matched"] > 1.01
        assert replacement["trade_id"] == replaced["trade_id"] != cancelled["trade_id"]
        assert (at_starting_price["price"], at_starting_price["size"], at_starting_price["size_matched"]) == (
            None,
            10,
            10,
        )
        assert at_starting_price["price_matched"] == at_starting_price["bsp"]
        assert at_starting_price["order_type"] == "MARKET_ON_CLOSE"
        assert "try" in cancelled["trade_notes"]
    assert [row["size"] for row in rows[second.id]][:3] == [3, 3, 15]
    for variant in (first, second, FAVOURITE):
        alone = orders_of(job(variant, kinds=kinds, lake=f"alone {variant.id}"))
        assert alone[variant.id] == rows[variant.id]


GREEDY = """
from flumine import BaseStrategy
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade

class Greedy(BaseStrategy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.max_live_trade_count, self.max_selection_exposure = 1000, 100_000

    def check_market_book(self, market, market_book):
        return market_book.status == "OPEN"

    def process_market_book(self, market, market_book):
        runner = next(r for r in market_book.runners if r.status == "ACTIVE")
        trade = Trade(market.market_id, runner.selection_id, runner.handicap, self)
        market.place_order(trade.create_order(side="BACK", order_type=LimitOrder(1000, 2)))
"""


def test_the_limit_of_transactions_is_each_variants_own(job, write_module, monkeypatch):
    write_module("greedy_of_replay", GREEDY)
    greedy = variant_of("greedy_of_replay:Greedy")
    free = orders_of(job(greedy, FAVOURITE, kinds=["usual", "second"], lake="free"))

    def limited_client(username, account, settings):
        client = make_client(username, account, settings)
        client.transaction_limit = 10
        return client

    monkeypatch.setattr(session_replay, "make_client", limited_client)
    limited = orders_of(job(greedy, FAVOURITE, kinds=["usual", "second"], lake="limited"))
    assert len(limited[greedy.id]) < len(free[greedy.id])
    assert limited[FAVOURITE.id] == free[FAVOURITE.id] != []


def test_the_accounts_currency_decides_the_smallest_bet(job):
    pounds, kronor = (
        make_variant("back_favourite", {"stake": 5}, ratings="", window="80s", account=Account(currency))
        for currency in ("GBP", "SEK")
    )
    rows = orders_of(job(pounds, kronor, kinds=["usual", "second"]))
    assert len(rows[pounds.id]) == 2
    assert rows[kronor.id] == []


# Odd markets


@pytest.fixture
def replay_hand_made(extract, ratings):
    def run(market, *variants):
        month = extract({f"PRO/{market.id}.bz2": bz2.compress(market.raw)})
        assert month.rejects == []
        return orders_of(
            ReplayJob(
                month.lake,
                alone([market.id], month.archive.name, upstream=month.jobs[0].fingerprint),
                variants,
                ratings,
            )
        )

    return run


def ready(hand_made):
    market = hand_made().define(3600).prices(600, 11, 2.0, 2.1).tick(300, {"id": 11, "ltp": 2.0})
    for seconds in (59, 40, 20):
        market.tick(seconds, {"id": 11, "ltp": 2.0})
    return market


def test_a_market_closed_twice_is_settled_once(replay_hand_made, hand_made):
    market = ready(hand_made).close(-60)
    [row] = replay_hand_made(market.define(-3600), FAVOURITE)[FAVOURITE.id]
    assert row["profit"] == 5.0


def test_a_market_opened_again_after_its_close(replay_hand_made, hand_made):
    market = ready(hand_made).close(-60)
    market.define(-100, status="SUSPENDED").define(-200, status="CLOSED")
    [row] = replay_hand_made(market, FAVOURITE)[FAVOURITE.id]
    assert row["profit"] == 5.0


def test_an_abandoned_market_has_void_bets(replay_hand_made, hand_made):
    market = ready(hand_made)
    for selection_id in (11, 12, 13):
        market.remove(-30, selection_id)
    [row] = replay_hand_made(market.close(), FAVOURITE)[FAVOURITE.id]
    assert (row["runner_status"], row["profit"]) == ("REMOVED", 0.0)


def test_prices_that_are_no_numbers_do_no_harm(replay_hand_made, hand_made):
    market = ready(hand_made).tick(10, {"id": 11, "spn": "NaN", "spf": "Infinity"})
    assert len(replay_hand_made(market.close(), FAVOURITE)[FAVOURITE.id]) == 1


READS_ALL_RATINGS = """
from flumine import BaseStrategy
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade

class Reads(BaseStrategy):
    def __init__(self, ratings, other=0, **kwargs):
        super().__init__(max_order_exposure=1e6, max_selection_exposure=1e6, **kwargs)
        self.ratings, self.done = ratings, False

    def check_market_book(self, market, market_book):
        return market_book.status == "OPEN" and not self.done

    def process_market_book(self, market, market_book):
        self.done = True
        size = 2.0 * len(self.ratings) + len(self.ratings[market.market_id])
        self.ratings.pop(market.market_id).clear()  # its own to change
        runner = next(r for r in market_book.runners if r.status == "ACTIVE")
        trade = Trade(market.market_id, runner.selection_id, runner.handicap, self)
        market.place_order(trade.create_order(side="BACK", order_type=LimitOrder(1000, size)))
"""


def test_a_strategy_is_given_the_ratings_of_the_market_alone_and_as_its_own(job, markets, ratings, write_module):
    write_module("reads_ratings_of_replay", READS_ALL_RATINGS)
    variants = [variant_of("reads_ratings_of_replay:Reads", other=other) for other in (1, 2)]
    rows = orders_of(job(*variants, kinds=["usual", "second"]))
    expected = [2.0 + len(ratings["truth"][markets[kind].id]) for kind in ("usual", "second")]
    for variant in variants:
        assert [row["size"] for row in rows[variant.id]] == expected
