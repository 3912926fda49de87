"""What one variant, market or replay does reaches no other: small markets, habits of people, real processes."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobs import find, found
from pipeline import extract, orders_by_market, pack, simulate, summary
from small_markets import BEGIN, MARKETS, market, month_in, told

from strategies.base import Strategy
from tasks.errors import ChangedSourceError, ReplayError
from tasks.lake.store import Lake
from tasks.orders.coverage import index_orders
from tasks.progress import Piece
from tasks.simulation.instance_times import InstanceTimes
from tasks.simulation.stage import simulate_chunk_task
from tasks.variants.variant import Account, Variant, make_variant
from tasks.workers import WorkerPool, worker_pool


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with worker_pool(2) as pool:
        yield pool


@pytest.fixture
def variant_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget_modules: None) -> Callable[..., Variant]:
    """Make a variant of the class `Mine` of a module that is written for the test."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)

    def variant_of(module: str, source: str = "", **parameters: Any) -> Variant:
        if source:
            Path(f"{module}.py").write_text(BEGIN + source, encoding="utf-8")
        return make_variant(f"{module}:Mine", parameters, ratings="", window="all", account=Account())

    return variant_of


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    extract(pack(MARKETS, tmp_path / "month.tar"), lake, "all")
    return lake


KEEPERS = {
    "marks the market": """
class Mine(Bets):
    def check_market_book(self, market, book): return book.status == "OPEN" and not market.context.get("done")
    def process_market_book(self, market, book):
        market.context["done"] = True
        super().process_market_book(market, book)
""",
    "asks the blotter": """
class Mine(Bets):
    def check_market_book(self, market, book): return book.status == "OPEN" and not list(market.blotter)
""",
    "counts in its class": """
class Mine(Bets):
    bets = 0
    def check_market_book(self, market, book): return super().check_market_book(market, book) and Mine.bets < 1
    def process_market_book(self, market, book):
        Mine.bets += 1
        super().process_market_book(market, book)
""",
    "keeps a set in its module": """
seen = set()
class Mine(Bets):
    def check_market_book(self, market, book): return super().check_market_book(market, book) and not seen
    def process_market_book(self, market, book):
        seen.add(market.market_id)
        super().process_market_book(market, book)
""",
    "keeps a mark in its module until the market is removed": """
marked = set()
class Mine(Bets):
    def check_market_book(self, market, book):
        return super().check_market_book(market, book) and market.market_id not in marked
    def process_market_book(self, market, book):
        marked.add(market.market_id)
        super().process_market_book(market, book)
    def remove_market(self, market_id):
        marked.discard(market_id)
        super().remove_market(market_id)
""",
    "says in its class that it is busy, while its order waits": """
class Mine(Bets):
    busy = False
    def check_market_book(self, market, book): return super().check_market_book(market, book) and not Mine.busy
    def process_market_book(self, market, book):
        Mine.busy = True
        super().process_market_book(market, book)
        self.done = False
    def process_orders(self, market, orders):
        if orders[0].complete:
            Mine.busy, self.done = False, True
""",
    "takes turns": """
class Mine(Bets):
    turn = 0
    def check_market_book(self, market, book):
        Mine.turn = (Mine.turn + 1) % 3
        return super().check_market_book(market, book) and Mine.turn == 1
""",
    "keeps a mark in the environment": """
import os
class Mine(Bets):
    def check_market_book(self, market, book):
        return super().check_market_book(market, book) and "MINE_OF_KEEPER" not in os.environ
    def process_market_book(self, market, book):
        os.environ["MINE_OF_KEEPER"] = "1"
        super().process_market_book(market, book)
""",
    "keeps a mark in the path of imports": """
import sys
class Mine(Bets):
    def check_market_book(self, market, book):
        return super().check_market_book(market, book) and "mark" not in sys.path
    def process_market_book(self, market, book):
        sys.path.append("mark")
        super().process_market_book(market, book)
""",
    "patches flumine's class": """
class Mine(Bets):
    def check_market_book(self, market, book):
        return super().check_market_book(market, book) and not hasattr(BaseStrategy, "done")
    def process_market_book(self, market, book):
        BaseStrategy.done = True
        super().process_market_book(market, book)
""",
}


@pytest.mark.parametrize("how", KEEPERS)
def test_each_variant_bets_in_each_market_as_it_does_alone(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant], how: str
):
    variants = [variant_of("keeper", KEEPERS[how], stake=stake) for stake in (2, 3, 4)]
    together = told(lake, pool, *variants)
    for variant, stake in zip(variants, (2.0, 3.0, 4.0), strict=True):
        assert together[variant.id] == [[(11, stake, stake, stake * 2)]] * 3
    assert told(lake, pool, variants[2]) == {variants[2].id: together[variants[2].id]}


BRIEF = """
class Mine(Bets):
    busy, ticks = False, 0
    def check_market_book(self, market, book):
        self.ticks += 1
        if self.ticks == 4:
            Mine.busy = False
        return self.ticks == 3 and not Mine.busy
    def process_market_book(self, market, book):
        Mine.busy = True
        super().process_market_book(market, book)
"""


def test_what_one_keeps_for_a_tick_reaches_no_other(lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant]):
    variants = [variant_of("brief", BRIEF, stake=stake) for stake in (2, 3, 4)]
    together = told(lake, pool, *variants)
    for variant, stake in zip(variants, (2.0, 3.0, 4.0), strict=True):
        assert [[order[:2] for order in orders] for orders in together[variant.id]] == [[(11, stake)]] * 3


DICE = """
class Mine(Bets):
    def process_market_book(self, market, book):
        self.stake = float(random.randrange(2, 9))
        super().process_market_book(market, book)
"""


def test_random_numbers_are_the_variants_and_the_markets(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant]
):
    first, second = (variant_of("dice", DICE, stake=stake) for stake in (2, 3))
    together = told(lake, pool, first, second)
    stakes = [orders[0][1] for orders in (*together[first.id], *together[second.id])]
    assert len(set(stakes)) > 1
    ours = make_variant("back_favourite", {}, ratings="", window="all", account=Account())
    for company in ([second], [second, ours], [ours, first, second]):
        shutil.rmtree(Path(lake.root, "orders"))
        assert told(lake, pool, *company)[second.id] == together[second.id]


@pytest.mark.parametrize(
    "change",
    [
        "config.place_latency = 10.0",
        "setattr(config, 'cancel_latency', 10.0)",
        "config.mine = 1",
        "del config.order_sep",
        "vars(config)['place_latency'] = 10.0",
        "\n        try: config.place_latency = 10.0\n        except Exception: pass",
    ],
)
def test_who_changes_flumines_settings_is_refused_by_name(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant], change: str
):
    changing = variant_of("changing", f"\nclass Mine(Bets):\n    def start(self, flumine): {change}\n")
    keeping = variant_of("keeping", "\nclass Mine(Bets): pass\n")
    with pytest.raises(ReplayError, match=rf"^{changing.id} changed flumine\.config\.\w+, which is every variant's"):
        told(lake, pool, changing, keeping)
    assert told(lake, pool, keeping) == {keeping.id: [[(11, 2.0, 2.0, 4.0)]] * 3}


def test_a_module_that_changes_flumines_settings_cannot_be_imported(variant_of: Callable[..., Variant]):
    with pytest.raises(
        Exception, match=r"^changes:Mine: importing 'changes' raised ChangedConfigError: .*place_latency"
    ) as error:
        variant_of("changes", "\nconfig.place_latency = 10.0\nclass Mine(Bets): pass\n")
    assert "\n" not in str(error.value)


def test_an_import_that_sets_the_arithmetic_of_its_process_reaches_no_other(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant]
):
    strict = variant_of("strict", "\nimport numpy as np\nnp.seterr(all='raise')\nclass Mine(Bets): pass\n")
    np.seterr(all="warn")  # the plan imports it in this process, too
    source = """
import numpy as np
class Mine(Bets):
    def start(self, flumine): self.stake = 2.0 if np.geterr()["over"] == "warn" else 7.0
"""
    plain = variant_of("usual", source)
    assert told(lake, pool, strict, plain)[plain.id] == [[(11, 2.0, 2.0, 4.0)]] * 3


def test_a_module_that_patches_a_strategy_of_ours_reaches_it_not(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant], monkeypatch: pytest.MonkeyPatch
):
    ours = make_variant("back_favourite", {"seconds_to_start": 1e6}, ratings="", window="all", account=Account())
    monkeypatch.setattr(Strategy, "place", Strategy.place)  # the plan imports it in this process, too
    patching = variant_of(
        "patching",
        """
from strategies.base import Strategy
place = Strategy.place
Strategy.place = lambda self, market, runner, side, price, size: place(self, market, runner, side, price, size * 2)
class Mine(Bets): pass
""",
    )
    orders = told(lake, pool, ours, patching)[ours.id]
    assert [order[:2] for (order,) in orders] == [(11, 5.0)] * 3


PATCHES = {
    "a table of betfairlightweight": "metadata.currency_parameters['GBP']['min_bet_size'] = 50",
    "a list of flumine": "utils.PRICES.clear()",
    "a function of Python's": "statistics.mean = lambda _: 7.0",
    "a method of Python's": "fractions.Fraction.__float__ = lambda _: 7.0",
    "a name in a module of Python's": "os.stake = 7.0",
}


@pytest.mark.parametrize("what", PATCHES)
def test_what_one_changes_in_flumine_and_python_reaches_no_other(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant], what: str
):
    source = f"""
import fractions, os, statistics
from betfairlightweight import metadata
from flumine import utils
class Mine(Bets):
    def __init__(self, patches: bool = False, **named):
        super().__init__(**named)
        if patches:
            {PATCHES[what]}
    def process_market_book(self, market, book):
        self.stake = statistics.mean([1.0, 3.0]) * float(fractions.Fraction(1))
        self.stake = getattr(os, "stake", self.stake) if utils.PRICES else 7.0
        super().process_market_book(market, book)
"""
    variants = [variant_of("patching_python", source, patches=patches) for patches in (True, False)]
    assert told(lake, pool, *variants)[variants[1].id] == [[(11, 2.0, 2.0, 4.0)]] * 3


def test_what_a_module_sets_in_another_as_it_is_imported_reaches_no_other(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant]
):
    Path("common.py").write_text("STAKE = 2.0\n", encoding="utf-8")
    setting = variant_of("setting_common", "\nimport common\ncommon.STAKE = 7.0\nclass Mine(Bets): pass\n")
    sys.modules["common"].STAKE = 2.0  # the plan imports it in this process, too
    source = "\nimport common\nclass Mine(Bets):\n    def start(self, flumine): self.stake = common.STAKE\n"
    using, plain = variant_of("using_common", source), variant_of("plain", "\nclass Mine(Bets): pass\n")
    orders = told(lake, pool, setting, using, plain)
    assert orders == dict.fromkeys((setting.id, using.id, plain.id), [[(11, 2.0, 2.0, 4.0)]] * 3)


@pytest.mark.parametrize(
    "names", ["name = 'mine'", "def process_orders(self, market, orders): self._name = self.name_hash = 'mine'"]
)
def test_whatever_a_strategy_calls_itself_it_has_its_orders(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant], names: str
):
    mine = variant_of("named", f"\nclass Mine(Bets):\n    {names}\n")
    plain = variant_of("plain", "\nclass Mine(Bets): pass\n")
    assert told(lake, pool, mine, plain) == dict.fromkeys((mine.id, plain.id), [[(11, 2.0, 2.0, 4.0)]] * 3)
    (job,) = simulate(lake, [month_in(lake)], [mine], pool)
    assert summary(lake, month_in(lake), (job,))[mine.id]["bets"] == 3


def test_settings_that_are_set_to_what_they_are_change_nothing(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant]
):
    setting = variant_of("setting", "\nconfig.simulated = config.raise_errors = True\nclass Mine(Bets): pass\n")
    assert told(lake, pool, setting) == {setting.id: [[(11, 2.0, 2.0, 4.0)]] * 3}


def test_numbers_that_a_module_draws_as_it_is_imported_are_always_the_same(
    lake: Lake, tmp_path: Path, pool: WorkerPool, variant_of: Callable[..., Variant]
):
    source = """
import numpy as np
STAKE = round(random.uniform(2, 5) + np.random.uniform(0, 4), 2)
class Mine(Bets):
    def start(self, flumine): self.stake = STAKE
"""
    drawing, again = variant_of("drawing", source), Lake(tmp_path / "again")
    extract(str(tmp_path / "month.tar"), again, "all")
    assert told(lake, pool, drawing) == told(again, pool, drawing)


# What flumine logs, and what it raises

LOGGED = """
class Mine(Bets):
    def check_market_book(self, market, book): return book.status == "OPEN"
    def process_market_book(self, market, book):
        if not self.done:
            self.done = True
            return self.bet(market, "BACK", LimitOrder(3.2, self.stake))
        (order,) = market.blotter
        market.replace_order(order, 3.2)
        raise AssertionError("flumine raised what it logs, before this")
"""

AT_STARTING_PRICE = """
class Mine(Bets):
    def process_market_book(self, market, book):
        self.done = True
        self.bet(market, "LAY", MarketOnCloseOrder(10.0))
"""

BY_TARGET = """
class Mine(Bets):
    def process_market_book(self, market, book):
        self.done = True
        self.bet(market, "BACK", LimitOrder(3.0, None, bet_target_type="PAYOUT", bet_target_size=5.0))
"""


def test_flumines_own_kind_of_exception_fails_nobody(lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant]):
    logged = variant_of("logged", LOGGED)
    assert told(lake, pool, logged) == {logged.id: [[(11, 2.0, 0.0, 0.0)]] * 3}


def test_a_market_on_which_flumine_raises_is_a_reject_of_that_variant_alone(
    pool: WorkerPool, variant_of: Callable[..., Variant], tmp_path: Path
):
    lake = Lake(tmp_path / "lake")
    bad = market("1.900000002", (None, None, 20.0))  # a removal that reduces, and a runner without a factor
    extract(pack(MARKETS | {"1.900000002": bad}, tmp_path / "month.tar"), lake, "all")
    at_price, plain = variant_of("at_price", AT_STARTING_PRICE), variant_of("plain", "\nclass Mine(Bets): pass\n")
    jobs = simulate(lake, [month_in(lake)], [at_price, plain], pool)
    orders = orders_by_market(jobs, "selection_id")
    assert orders[at_price.id, "1.900000002"] is None
    assert [orders[at_price.id, market_id] for market_id in ("1.900000001", "1.900000003")] == [[(11,)]] * 2
    assert [orders[plain.id, market_id] for market_id in MARKETS] == [[(11,)]] * 3
    [(reject,)] = find(jobs[0]).rejects.values()
    assert (reject.what, reject.reason) == ("1.900000002", "flumine cannot replay it")
    assert reject.detail.startswith(f"{at_price.id}: TypeError: ")
    assert reject.detail.endswith("in market 1.900000002 at 2023-11-14T22:13:28.000+00:00")
    tally = simulate_chunk_task.fn(jobs[0], index_orders(lake, jobs), 1, 1, pool, InstanceTimes(), Piece()).data
    assert (tally.taken, tally.out, tally.rejected, tally.cached) == (3, 2, 1, True)
    figures = summary(lake, month_in(lake), jobs)
    assert (figures[at_price.id]["orders"], figures[plain.id]["orders"]) == (2, 3)


def test_what_flumine_cannot_simulate_is_said_of_each_market(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant]
):
    target = variant_of("target", BY_TARGET)
    (job,) = simulate(lake, [month_in(lake)], [target], pool)
    rejects = find(job).rejects[target.id]
    assert [reject.what for reject in rejects] == list(MARKETS)
    assert "NotImplementedError: Simulated betTargetSize placement not implemented" in rejects[0].detail


# Freshness and counts


def test_a_source_that_was_saved_while_the_run_was_under_way(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant]
):
    source = (
        "\nimport helper_of_saved as helper\nclass Mine(Bets):\n    def start(self, _): self.stake = helper.STAKE\n"
    )
    Path("helper_of_saved.py").write_text("STAKE = 2.0\n", encoding="utf-8")
    planned = variant_of("saved", source)
    Path("helper_of_saved.py").write_text("STAKE = 5.0\n", encoding="utf-8")
    with pytest.raises(ChangedSourceError, match=rf"^{planned.id}: its source changed while the run was under way"):
        told(lake, pool, planned)
    again = variant_of("saved")
    assert told(lake, pool, again) == {again.id: [[(11, 5.0, 5.0, 10.0)]] * 3}


def test_orders_are_stale_when_a_file_that_they_were_made_from_changed(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant]
):
    source = "\nclass Mine(Bets):\n    def start(self, flumine): self.stake = float(open('stake.txt').read())\n"
    Path("stake.txt").write_text("2", encoding="utf-8")
    reading = variant_of("reading", source)
    assert told(lake, pool, reading) == {reading.id: [[(11, 2.0, 2.0, 4.0)]] * 3}
    jobs = simulate(lake, [month_in(lake)], [reading], pool)
    before = summary(lake, month_in(lake), jobs)[reading.id]["net"]
    Path("stake.txt").write_text("3", encoding="utf-8")
    assert found(jobs[0]) == set()
    assert told(lake, pool, reading) == {reading.id: [[(11, 3.0, 3.0, 6.0)]] * 3}
    assert summary(lake, month_in(lake), jobs)[reading.id]["net"] == pytest.approx(before * 1.5, abs=0.02)


@pytest.mark.parametrize(
    "keeps",
    [
        "self.stake += len(STATE.read_text()) if STATE.exists() else 0; STATE.write_text('bet')",
        "STATE.touch(); STATE.write_text(STATE.read_text() + 'bet')",
        "STATE.open('a+').write('bet')",
        "STATE.exists() and STATE.read_text() or STATE.open('a').write('bet')",
        "STATE.exists() and STATE.read_text() or Path('new').write_text('bet') and Path('new').replace(STATE)",
        "STATE.exists() or STATE.touch(exist_ok=False)",
    ],
)
def test_a_strategy_that_keeps_its_state_in_a_file_is_refused_by_name(
    lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant], keeps: str
):
    source = f"""
from pathlib import Path
STATE = Path("state.txt")
class Mine(Bets):
    def process_market_book(self, market, book):
        {keeps}
        super().process_market_book(market, book)
"""
    keeping, plain = variant_of("stateful", source), variant_of("plain", "\nclass Mine(Bets): pass\n")
    with pytest.raises(ChangedSourceError, match=rf"^{keeping.id}: state\.txt .*has to stay while it is replayed"):
        told(lake, pool, keeping, plain)
    assert told(lake, pool, plain) == {plain.id: [[(11, 2.0, 2.0, 4.0)]] * 3}


def test_a_strategy_that_fails_costs_itself(lake: Lake, pool: WorkerPool, variant_of: Callable[..., Variant]):
    failing = variant_of("failing", "\nclass Mine(Bets):\n    def process_market_book(self, market, book): 1 / 0\n")
    exiting = variant_of("exiting", "\nimport os\nclass Mine(Bets):\n    def start(self, flumine): os._exit(3)\n")
    plain = variant_of("plain", "\nclass Mine(Bets): pass\n")
    with pytest.raises(
        ReplayError, match=r"^failing.* in market 1\.900000001 at 2023-11-14T22:13:20\.000\+00:00, failing\.py:\d+"
    ):
        told(lake, pool, failing, plain)
    with pytest.raises(Exception, match=rf"{exiting.id}"):
        told(lake, pool, exiting, plain)
    (job,) = simulate(lake, [month_in(lake)], [plain], pool)
    assert simulate_chunk_task.fn(job, index_orders(lake, [job]), 1, 1, pool, InstanceTimes(), Piece()).name == "Cached"
