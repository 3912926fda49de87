"""A strategy costs itself: whatever it does to its process, the others have the orders that they have alone."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pipeline import extract, pack, plan_replays
from served import alive, until
from small_markets import BEGIN, MARKETS, month_in, told

from tasks.errors import BacktestError, ReplayError
from tasks.executor import Executor
from tasks.lake.store import Lake
from tasks.orders.limits import Limits
from tasks.variants.variant import Account, Variant, make_variant
from tasks.workers import worker_pool

RIGHT = [[(11, 2.0, 2.0, 4.0)]] * 3

HEAD = (
    BEGIN
    + """
import atexit, ctypes, builtins, datetime, decimal, faulthandler, gc, locale, logging, os, resource, signal, subprocess
import sys, threading, time, warnings

class OddError(BaseException):
    def __str__(self): raise KeyboardInterrupt
    def __reduce__(self): raise KeyboardInterrupt

def raise_local():
    class LocalError(BaseException):
        def __init__(self, one, other): super().__init__(one, other)
    raise LocalError(1, 2)

def limit(kind, value):
    resource.setrlimit(kind, (value, value))

def leap(error): raise error
"""
)

# What it does on its first tick, and what is said of it.
FAILING = {
    "raise KeyboardInterrupt": "raised KeyboardInterrupt: ",
    "raise GeneratorExit('done')": "raised GeneratorExit: done ",
    "raise SystemExit(3)": "raised SystemExit: 3 ",
    "sys.exit('bye')": "raised SystemExit: bye ",
    "raise StopIteration": "raised StopIteration: ",
    "raise_local()": "raised LocalError: (1, 2) ",
    "raise OddError": "raised OddError: (and raised KeyboardInterrupt when it was asked what) ",
    "raise ValueError('x' * 200_000_000)": "raised ValueError: xxx",
    "raise ValueError('one\\ntwo\\n\\nthree')": "raised ValueError: one two three ",
    "sys.setrecursionlimit(90); self.process_market_book(market, book)": "raised RecursionError: ",
    "builtins.open = None; config.place_latency = 9.0": "changed flumine.config.place_latency",
    "sys.stdout = sys.stderr = None; logging.disable(); sys.excepthook = None; raise ValueError('mute')": (
        "raised ValueError: mute"
    ),
}

# What ends its process: its market is named, and how it ended.
DYING = {
    "os._exit(0)": "the second ended in market 1.900000001",
    "os._exit(7)": "the second ended with exit status 7 in market 1.900000001",
    "os.abort()": "the second died of SIGABRT in market 1.900000001",
    "os.closerange(0, 4096)": "the second ended",
    "limit(resource.RLIMIT_CPU, 1)\n        while True: pass": "in market 1.900000001",
}

# What it may do: it has its orders, and so have the others.
BEARABLE = [
    "os.fork()",
    "os.fork() or os._exit(0)",
    "os.fork() or sys.exit()",
    "os.fork() or os.fork()",
    "ctypes.CDLL(None).fork()",
    "subprocess.Popen(['sleep', '600'])",
    "os.umask(0o777)",
    "os.chdir('/')",
    "os.environ.clear()",
    "limit(resource.RLIMIT_FSIZE, 0)",
    "limit(resource.RLIMIT_NOFILE, 40)",
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "decimal.getcontext().prec = 1",
    "warnings.simplefilter('error')",
    "sys.stdout = sys.stderr = None",
    "os.close(1); os.close(2)",
    "logging.root.handlers.append(None)",
    "builtins.open = None",
    "builtins.print = None",
    "random.random = None",
    "time.time = None",
    "Trade.__init__.__defaults__ = Trade.__init__.__defaults__",
    "threading.Thread(target=time.sleep, args=(600,)).start()",
    "atexit.register(time.sleep, 600)",
    "gc.disable()",
]

STRATEGY = """
class Mine(Bets):
    def process_market_book(self, market, book):
        super().process_market_book(market, book)
        {what}
"""

PLAIN = """
import builtins, random, time
class Mine(Bets):
    def process_market_book(self, market, book):
        print("heard", time.time() and random.random())
        super().process_market_book(market, book)
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with worker_pool(2) as pool:
        yield pool


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    lake = Lake("lake")
    extract(pack(MARKETS, tmp_path / "month.tar"), lake, "all")
    return lake


@pytest.fixture
def written(tmp_path: Path, forget_modules: None) -> Callable[..., Variant]:
    def written(module: str, source: str, **parameters: Any) -> Variant:
        (tmp_path / f"{module}.py").write_text(HEAD + source)
        return make_variant(f"{module}:Mine", parameters, ratings="", window="all", account=Account())

    return written


def failure_of(lake: Lake, pool: Executor, *variants: Variant) -> BacktestError:
    with pytest.raises(BacktestError) as error:
        told(lake, pool, *variants)
    return error.value


@pytest.mark.parametrize("what", FAILING)
def test_who_fails_is_named_once_with_market_file_and_line(
    lake: Lake, pool: Executor, written: Callable[..., Variant], what: str
):
    bad, good = written("bad", STRATEGY.format(what=what)), written("good", PLAIN)
    text = str(failure_of(lake, pool, bad, good))
    line, _, trace = text.partition("\n")
    assert line.startswith(f"{bad.id} {FAILING[what]}")
    assert line.count("1.900000001") == line.count(bad.id) == 1
    assert re.search(r" in market 1\.900000001 at 2023-11-14T\S+, bad\.py:\d+$", line)
    assert len(line) <= 1000
    assert len(trace) <= 10_010
    assert told(lake, pool, good) == {good.id: RIGHT}


@pytest.mark.parametrize("what", DYING)
def test_who_ends_its_process_is_named(lake: Lake, pool: Executor, written: Callable[..., Variant], what: str):
    bad, good = written("bad", STRATEGY.format(what=what)), written("good", PLAIN)
    line = str(failure_of(lake, pool, bad, good))
    where = f"chunk 1 of {month_in(lake).archive}, markets 1.900000001 to 1.900000003"
    assert line.startswith(f"{bad.id} on {where}: two workers died")
    assert DYING[what] in line
    assert "lake" not in line
    assert told(lake, pool, good) == {good.id: RIGHT}


@pytest.mark.parametrize("what", BEARABLE)
def test_what_can_be_borne_is_borne(lake: Lake, pool: Executor, written: Callable[..., Variant], what: str):
    bad, good, other = written("bad", STRATEGY.format(what=what)), written("good", PLAIN), written("other", PLAIN)
    assert told(lake, pool, bad, good, other) == dict.fromkeys((bad.id, good.id, other.id), RIGHT)
    assert told(lake, pool, bad, good, other) == dict.fromkeys((bad.id, good.id, other.id), RIGHT)


# At other moments

ELSEWHERE = {
    "no function at all": ("class Mine(Bets):\n    __new__ = 5\n", "raised TypeError: 'int' object is not callable"),
    "a constructor that raises": (
        "class Mine(Bets):\n    def __init__(self, **named): raise KeyboardInterrupt\n",
        "raised KeyboardInterrupt: ",
    ),
    "a hook that is no function": (
        "class Mine(Bets):\n    process_market_book = 5\n",
        "raised ",
    ),
    "a hook of other arguments": (
        "class Mine(Bets):\n    def check_market_book(self, book): return True\n",
        "raised TypeError: Mine.check_market_book() takes 2 positional arguments but 3 were given",
    ),
    "orders of other arguments": (
        "class Mine(Bets):\n    def process_orders(self): pass\n",
        "raised TypeError: Mine.process_orders() takes 1 positional argument but 3 were given",
    ),
    "a property that raises": (
        "class Mine(Bets):\n    @property\n    def check_market_book(this): raise MemoryError('mine')\n",
        "raised MemoryError: mine",
    ),
    "a property where flumine sets": (
        "class Mine(Bets):\n    @property\n    def streams(self): return []\n",
        "raised AttributeError: ",
    ),
    "a function of its own": (
        "class Mine(Bets):\n    check_market_book = staticmethod(lambda market, book: leap(OSError('mine')))\n",
        "raised OSError: mine",
    ),
    "in start": ("class Mine(Bets):\n    def start(self, flumine): raise GeneratorExit\n", "raised GeneratorExit: "),
    "in finish": ("class Mine(Bets):\n    def finish(self, flumine): raise GeneratorExit\n", "raised GeneratorExit: "),
}


@pytest.mark.parametrize("engine", ["lean", "flumine"])
@pytest.mark.parametrize("where", ELSEWHERE)
def test_wherever_it_fails_it_is_no_markets_fault(
    lake: Lake, pool: Executor, written: Callable[..., Variant], where: str, engine: str
):
    source, said = ELSEWHERE[where]
    bad = written("bad", source)._replace(engine=engine)
    good = written("good", PLAIN)._replace(engine=engine)
    error = failure_of(lake, pool, bad, good)
    assert isinstance(error, ReplayError)
    line = str(error).partition("\n")[0]
    assert line.startswith(f"{bad.id} {said}")
    assert "in market 1.900000001" in line
    assert told(lake, pool, good) == {good.id: RIGHT}


def test_one_that_raises_as_it_is_deleted_is_borne(lake: Lake, pool: Executor, written: Callable[..., Variant]):
    bad = written("bad", "class Mine(Bets):\n    def __del__(self): raise KeyboardInterrupt\n")
    good = written("good", PLAIN)
    assert told(lake, pool, bad, good) == {bad.id: RIGHT, good.id: RIGHT}


def test_memory_that_a_strategy_forbids_is_its_own_fault(lake: Lake, pool: Executor, written: Callable[..., Variant]):
    what = "limit(resource.RLIMIT_AS, 1); self.kept = bytearray(50_000_000)"
    bad, good = written("bad", STRATEGY.format(what=what)), written("good", PLAIN)
    text = str(failure_of(lake, pool, bad, good))
    assert text.startswith(bad.id)
    assert "MemoryError" in text.partition("\n")[0]
    assert told(lake, pool, good) == {good.id: RIGHT}


def test_files_that_a_strategy_forbids_are_not_the_lakes_fault(
    lake: Lake, pool: Executor, written: Callable[..., Variant]
):
    source = "class Mine(Bets):\n    def __init__(self, **named):\n"
    source += "        super().__init__(**named)\n        limit(resource.RLIMIT_NOFILE, 0)\n"
    bad, good = written("bad", source), written("good", PLAIN)
    line = str(failure_of(lake, pool, bad, good)).partition("\n")[0]
    assert line.startswith(bad.id)
    assert "Too many open files" in line
    assert "after a change of the limits of the process" in line
    assert told(lake, pool, good) == {good.id: RIGHT}


IMPORTS = [
    "os.umask(0o777)",
    "builtins.print = None",
    "datetime.datetime = None",
    "builtins.open = None",
    "random.random = lambda: 1 / 0",
    "BaseStrategy.validate_order = lambda *_: False",
    "warnings.simplefilter('error')",
    "sys.setrecursionlimit(5000)",
]


@pytest.mark.parametrize("what", IMPORTS)
def test_what_an_import_changes_reaches_no_other(
    lake: Lake, pool: Executor, tmp_path: Path, forget_modules: None, monkeypatch: pytest.MonkeyPatch, what: str
):
    # Only where it is replayed: what it does to this process does not belong to the test.
    guard = f"import multiprocessing\nif multiprocessing.parent_process():\n    {what}\n"
    (tmp_path / "bad.py").write_text(f"{HEAD}{guard}class Mine(Bets): pass\n")
    (tmp_path / "good.py").write_text(HEAD + PLAIN)
    bad, good = (
        make_variant(f"{name}:Mine", {}, ratings="", window="all", account=Account()) for name in ("bad", "good")
    )
    try:
        assert told(lake, pool, bad, good)[good.id] == RIGHT
    except ReplayError as error:
        assert error.variant == bad.id  # noqa: PT017 - it may fail of what it did itself
    assert told(lake, pool, good) == {good.id: RIGHT}


# Limits

SLOW = """
class Mine(Bets):
    def process_market_book(self, market, book):
        {what}
"""

LOOPS = {
    "ignores signals": (
        "[signal.signal(n, signal.SIG_IGN) for n in signal.valid_signals() - {9, 19}]\n"
        "        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
        "        while True:\n            try: time.sleep(0.01)\n            except BaseException: pass"
    ),
    "sleeps": "time.sleep(600)",
    "formats an endless text": "raise Endless",
}

ENDLESS = """
class Endless(Exception):
    def __str__(self):
        while True: pass
"""


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each market take two seconds."""
    limits = Limits(2, 1e6)
    monkeypatch.setattr("pipeline.plan_replays", lambda *given: [_limited(job, limits) for job in plan_replays(*given)])


def _limited(job: Any, limits: Limits) -> Any:
    from dataclasses import replace  # noqa: PLC0415 - for this alone

    return replace(job, limits=limits)


@pytest.mark.parametrize("how", LOOPS)
def test_one_that_takes_too_long_is_named_with_file_and_line(
    lake: Lake, pool: Executor, written: Callable[..., Variant], how: str, limited: None
):
    bad, good = written("bad", ENDLESS + SLOW.format(what=LOOPS[how])), written("good", PLAIN)
    line = str(failure_of(lake, pool, bad, good)).partition("\n")[0]
    said = r"took more than 2 s in market 1\.900000001 at \S+, bad\.py:\d+; raise market_seconds$"
    assert re.match(rf"{re.escape(bad.id)} {said}", line)
    assert told(lake, pool, good) == {good.id: RIGHT}


def test_an_import_that_never_ends_is_named(
    lake: Lake, pool: Executor, tmp_path: Path, forget_modules: None, limited: None
):
    (tmp_path / "bad.py").write_text(
        f"{HEAD}import multiprocessing\nwhile multiprocessing.parent_process(): pass\nclass Mine(Bets): pass\n"
    )
    bad = make_variant("bad:Mine", {}, ratings="", window="all", account=Account())
    line = str(failure_of(lake, pool, bad)).partition("\n")[0]
    assert line.startswith(f"{bad.id} took more than 2 s before the first market, bad.py:")


def test_what_a_strategy_starts_ends_with_its_replay(
    lake: Lake, pool: Executor, written: Callable[..., Variant], tmp_path: Path
):
    what = f"open({str(tmp_path / 'child')!r}, 'a').write(str(subprocess.Popen(['sleep', '600']).pid) + '\\n')"
    bad = written("bad", STRATEGY.format(what=what))
    told(lake, pool, bad)
    children = [int(pid) for pid in (tmp_path / "child").read_text().split()]
    assert children
    until(lambda: not alive([psutil.Process(pid) for pid in children if psutil.pid_exists(pid)]))
