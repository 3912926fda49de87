"""Strategies that misbehave: named where they fail, and of no consequence to those beside them."""

import re

import pytest
from chaos import times
from lakes import Difference, rows

from tasks.lake.datasets import ORDERS

THEIRS = '''
import os, signal, threading, time
from flumine import BaseStrategy
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade

class Theirs(BaseStrategy):
    """Does something that nobody should."""

    kept = []

    def __init__(self, market: str = "1.0", **kwargs):
        super().__init__(**kwargs)
        self.market = market

    def check_market_book(self, market, market_book):
        return True

    def process_market_book(self, market, market_book):
        if market_book.market_id == self.market:
            self.misbehave(market, market_book)

class Raises(Theirs):
    def misbehave(self, market, market_book):
        raise ZeroDivisionError("one market too many")

class Loops(Theirs):
    def misbehave(self, market, market_book):
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                pass

class Leaks(Theirs):
    def misbehave(self, market, market_book):
        while True:
            self.kept.append(bytearray(50_000_000))
            time.sleep(0.02)

class Dies(Theirs):
    def misbehave(self, market, market_book):
        os.kill(os.getpid(), signal.SIGKILL)

class Changes(Theirs):
    def misbehave(self, market, market_book):
        for runner in market_book.runners:
            for level in runner.ex.available_to_back:
                level["size"] = 0.01
            runner.ex.available_to_lay.clear()

class Odd(BaseException):
    def __str__(self):
        raise KeyboardInterrupt

    __reduce__ = __str__

class Exits(Theirs):
    def misbehave(self, market, market_book):
        raise Odd

class Taints(Theirs):
    def misbehave(self, market, market_book):
        import builtins, random
        from flumine.order.trade import Trade
        builtins.round = random.random = Trade.create_order = None
        os.environ.clear()
        raise ZeroDivisionError("after it changed what is everybody's")

class Forks(Theirs):
    def misbehave(self, market, market_book):
        os.fork()

class Chains(Theirs):
    def misbehave(self, market, market_book):
        import resource
        for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
            resource.setrlimit(kind, (0, 0))
        os.umask(0o777)
        os.chdir("/")

class Prints(Theirs):
    def process_market_book(self, market, market_book):
        print("a line a tick", flush=True)

class Keeps(Theirs):
    def process_market_book(self, market, market_book):
        self.kept = [*self.kept[-500:], market_book]
        assert all(book.market_id for book in self.kept)

class Threads(Theirs):
    def process_new_market(self, market, market_book):
        threading.Thread(target=time.sleep, args=(600,)).start()
        threading.Thread(target=self.fail, daemon=True).start()

    def fail(self):
        raise RuntimeError("in a thread")

class Absurd(Theirs):
    def process_market_book(self, market, market_book):
        for runner in market_book.runners:
            for price, size in ((0.5, 2), (1e9, 2), (2, -5), (2, 1e12), (float("nan"), 2), (2, float("inf"))):
                trade = Trade(market_book.market_id, runner.selection_id, runner.handicap, self)
                market.place_order(trade.create_order(side="BACK", order_type=LimitOrder(price, size)))
'''

FAILING = {
    "Raises": "raised ZeroDivisionError: one market too many",
    "Loops": "took more than 10 s",
    "Leaks": "MB of memory, of 900",
    "Dies": "two workers died running this task",
    "Exits": "raised Odd: (and raised KeyboardInterrupt when it was asked what)",
    "Taints": "raised ZeroDivisionError: after it changed what is everybody's",
    "Changes": "changed prices of a market book, where it should change a copy,",
}
WHAT = {
    "Raises": "raises",
    "Loops": "loops for ever, and catches all exceptions",
    "Leaks": "leaks memory",
    "Dies": "kills its process",
    "Changes": "changes a market book",
    "Exits": "raises what is no Exception, and says nothing",
    "Taints": "patches flumine and Python, empties the environment and raises",
    "Forks": "forks and goes on in both",
    "Chains": "limits its process, its umask and moves its folder",
    "Prints": "prints",
    "Keeps": "keeps old books",
    "Threads": "starts threads that fail or stay",
    "Absurd": "places absurd orders",
}
# Of the second, one has the others replayed by themselves.
BEARABLE = (("Prints", "Keeps", "Threads", "Absurd"), ("Forks", "Chains"))
LIMITS = ("--market-seconds", 10, "--worker-megabytes", 900)


def of_ours(lake):
    strategy = ORDERS.schema.get_field_index("strategy_name")
    return [row for row in rows(lake, "orders") if str(row[strategy]).startswith(("back_favourite", "rated_price"))]


@pytest.fixture
def theirs(tmp_path):
    (tmp_path / "misbehaving.py").write_text(THEIRS)
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize("number", range(times(1, 5)))
def test_who_fails_is_named_and_the_others_have_their_orders(
    number, theirs, month, asked, undisturbed, tmp_path, backtest, ratings_url, caused
):
    market = month.races[7 + 11 * number].market_id
    bad = [word for name in FAILING for word in ("--strategy", f"misbehaving:{name}:market={market}")]
    lake = tmp_path / "lake"
    failed = backtest(*asked(lake, *bad, *LIMITS), expect=1, BACKTEST_RATINGS_URL=ratings_url, **theirs)
    said = [line for line in failed.stderr.splitlines() if line.startswith(("error: ", "simulate: "))]
    for name, what in FAILING.items():
        [line] = [line for line in said if f"misbehaving.{name}-" in line]
        assert what in line
        assert name == "Dies" or re.search(f"in market {market}(, found)? at 2026-01-", line)
    assert "1 of 7 tasks failed" in failed.stderr
    right, found = set(of_ours(undisturbed)), set(of_ours(lake))
    difference = Difference(len(found - right), len(right - found))
    for name in FAILING:
        caused(f"a strategy that {WHAT[name]}, beside two that do not", difference)


@pytest.mark.parametrize("names", BEARABLE)
def test_what_can_be_borne_is_borne(names, theirs, asked, undisturbed, tmp_path, backtest, ratings_url, caused):
    strange = [word for name in names for word in ("--strategy", f"misbehaving:{name}")]
    lake = tmp_path / "lake"
    # In one chunk: each variant that is strange is replayed by itself, and once more by sessions.
    done = backtest(*asked(lake, *strange, "--chunk-bytes", 10**9), BACKTEST_RATINGS_URL=ratings_url, **theirs)
    assert "a line a tick" not in done.stdout
    assert all(f"misbehaving.{name}-" in done.stdout for name in names)
    right, found = set(of_ours(undisturbed)), set(of_ours(lake))
    difference = Difference(len(found - right), len(right - found))
    for name in names:
        caused(f"a strategy that {WHAT[name]}, beside two that do not", difference)
