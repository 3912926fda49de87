"""`backtest run --debug` and `--watch`: a strategy's replay before a person, in a terminal."""

import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from served import BACKTEST
from terminal import CTRL_C, Terminal

HEAD = """
import random
from flumine import BaseStrategy
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade


class Mine(BaseStrategy):
    def check_market_book(self, market, market_book):
        return market_book.status == "OPEN"

    def bet(self, market, runner, price, size):
        trade = Trade(market.market_id, runner.selection_id, runner.handicap, self)
        market.place_order(trade.create_order("BACK", LimitOrder(price, size)))

    def process_market_book(self, market, market_book):
"""

# The order of a set of texts, and random numbers, are others in each process that is not started as workers are.
ERRATIC = """
        if not market.context.get("done"):
            market.context["done"] = True
            runners = {str(runner.selection_id): runner for runner in market_book.runners}
            for name in [*{*runners}][:3]:
                self.bet(market, runners[name], 1.5, round(random.uniform(1, 9), 2))
"""

RATED = HEAD.replace(
    "    def check",
    """    def __init__(self, ratings, **flumine):
        super().__init__(**flumine)
        self.rated = ratings

    def check""",
)

SEEN = "Ctrl-C ends."

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a strategy, or another text, to a file of the user's; return how a command names the strategy."""

    def write(does: str, name: str = "mine.py", head: str = HEAD) -> str:
        (tmp_path / name).write_text(head + does)
        return f"{name}:Mine"

    return write


@pytest.fixture
def show(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Begin a command in the user's folder; what it could write to by itself is there, too."""
    opened = []
    paths = {"PREFECT_HOME": str(tmp_path / "prefect"), "BACKTEST_LAKE": str(tmp_path / "lake")}

    def show(*words: object) -> Terminal:
        opened.append(Terminal([BACKTEST, "run", *words], tmp_path, {**os.environ, **paths}))
        return opened[-1]

    yield show
    for terminal in opened:
        terminal.close()
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.py", "beside.py", "one", "normal", "rated.csv"}, (
        "nothing is written"
    )


@pytest.fixture(scope="module")
def market_ids(month) -> list[str]:
    """Markets of the month."""
    with tarfile.open(month.archive) as tar:
        return sorted(Path(name).name.removesuffix(".bz2") for name in tar.getnames())


@pytest.fixture
def one(month, market_ids, tmp_path) -> Path:
    """One market's file."""
    (tmp_path / "one").mkdir()
    with tarfile.open(month.archive) as tar:
        member = next(member for member in tar.getmembers() if market_ids[0] in member.name)
        found = tar.extractfile(member)
        assert found
        path = tmp_path / "one" / Path(member.name).name
        path.write_bytes(found.read())
    return path


def placed(shown: str) -> list[list[str]]:
    """Market, price, size, matched and price matched (or what became of it) of each order that was shown."""
    found, market_id = [], ""
    for line in shown.splitlines():
        words = line.split()
        if " in 1." in line and len(words) == 3:
            market_id = words[-1]
        elif side := {"BACK", "LAY"}.intersection(words):
            found.append([market_id, *words[words.index(side.pop()) + 1 :][:4]])
    return found


def test_a_debugger_stops_in_the_strategy_and_answers(show, write, one, market_ids):
    mine = write("        print('seen', market_book.status)\n        breakpoint()\n        self.seen = 1\n")
    terminal = show(one, "--strategy", mine, "--debug")
    assert "seen OPEN" in terminal.until("(Pdb) ")
    terminal.type("p market_book.market_id")
    assert market_ids[0] in terminal.until("(Pdb) ")
    terminal.type("c")
    assert "seen OPEN" in terminal.until("(Pdb) ")
    terminal.interrupt("(Pdb) ")
    terminal.type("q")
    status, rest = terminal.end()
    assert status == 1
    assert "Traceback" not in rest


def test_a_traceback_ends_in_the_strategys_line(show, write, one):
    write("def odds(price):\n    return 1 / price\n", "beside.py", head="")
    mine = write("        import beside\n        print(beside.odds(0))\n")
    status, shown = show(one, "--strategy", mine, "--debug").end()
    assert status == 1
    first, *_, raised = (line.strip() for line in shown.strip().splitlines())
    assert first == "Traceback (most recent call last):"
    assert raised == "ZeroDivisionError: division by zero"
    assert "beside.py" in shown
    assert "return 1 / price" in shown
    assert "session_replay" not in shown


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("        x = (\n", "SyntaxError: '(' was never closed"),
        ("        pass\nimport gone_\n", "No module named 'gone_'"),
        ("        pass\n\n\n1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_a_module_that_cannot_be_imported_shows_its_own_line(show, write, one, does, said):
    status, shown = show(one, "--strategy", write(does), "--debug").end()
    assert status == 1
    assert said in shown
    assert "mine.py" in shown
    assert "importlib" not in shown


def test_its_orders_and_money_are_those_of_a_run(show, write, backtest_json, month, market_ids, tmp_path):
    chosen = [word for market_id in market_ids[:3] for word in ("--market", market_id)]
    asked = (month.archive, *chosen, "--window", "120s", "--place-latency", "0.5", "--strategy")
    mine = write(ERRATIC)
    lake = tmp_path / "normal"
    (variant,) = backtest_json("run", *asked, tmp_path / mine, "--lake", lake)["variants"]
    rows = [row for file in lake.glob("orders/**/*.parquet") for row in pq.ParquetFile(file).read().to_pylist()]
    orders = [
        [
            row["market_id"],
            f"{row['price']:g}",
            f"{row['size']:,.2f}",
            f"{row['size_matched']:,.2f}",
            f"{row['price_matched']:,.2f}" if row["size_matched"] else "lapsed",
        ]
        for row in sorted(rows, key=lambda row: row["bet_id"])
    ]
    status, shown = show(*asked, mine, "--debug").end()
    assert status == 0
    assert len(orders) == 9
    assert len({size for _, _, size, *_ in orders}) == 9, "the sizes are drawn"
    assert placed(shown) == orders
    money = [f"{variant[name]:,.2f}" for name in ("gross", "commission", "net")]
    assert "gross {}, commission {}, net {}".format(*money) in shown
    assert "no try" in shown


@pytest.mark.parametrize("source", ["iggy", "rated.csv"])
def test_ratings_reach_the_strategy(show, write, one, month, ratings_url, monkeypatch, market_ids, tmp_path, source):
    monkeypatch.setenv("BACKTEST_RATINGS_URL", ratings_url)
    race = next(race for race in month.races if race.market_id == market_ids[0])
    rows = "".join(f"{market_ids[0]},{runner.selection_id},2.5\n" for runner in race.runners)
    write(f"market_id,selection_id,rating\n{rows}", "rated.csv", head="")
    mine = write("        print('rated', len(self.rated), min(self.rated[market.market_id].values()))\n", head=RATED)
    status, shown = show(one, "--ratings", source, "--strategy", mine, "--debug").end()
    assert status == 0
    assert ("rated 1 2.5" in shown) == (source == "rated.csv")
    assert "rated 1 " in shown


def test_it_imports_no_prefect(show, write, one):
    write("        pass\n\n\nimport sys\nprint('prefect' in sys.modules)\n")
    assert "False" in show(one, "--strategy", "mine.py:Mine", "--debug").end()[1].splitlines()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "has 60 files, and --debug replays what you look at; choose with --market: 1."),
        ("--market 1.999999999", "market 1.999999999 is not in"),
        ("--lake elsewhere", "--lake has no meaning with --debug: it writes nothing; leave it out"),
        ("--together", "--together has no meaning with --debug"),
        ("--workers 2", "--workers has no meaning with --debug"),
        ("--json", "--json has no meaning with --debug"),
        ("--quiet", "--quiet has no meaning with --debug"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(show, month, words, said):
    status, shown = show(month.archive, "--debug", *words.split()).end()
    assert status == 2
    assert said in shown
    assert len(shown.strip().splitlines()) == 1


def test_watching_takes_a_strategy_of_ones_own(show, one):
    status, shown = show(one, "--watch").end()
    assert (status, "--watch needs a strategy of your own" in shown) == (2, True)


def test_what_is_kept_from_market_to_market_is_refused(show, write, month, market_ids):
    chosen = [word for market_id in market_ids[:2] for word in ("--market", market_id)]
    mine = write("        Mine.total = getattr(Mine, 'total', 0) + 1\n")
    status, shown = show(month.archive, *chosen, "--strategy", mine, "--debug").end()
    assert status == 1
    assert "debug one market and one strategy at a time" in shown


def test_each_save_is_replayed_whatever_it_is(show, write, one, tmp_path):
    write("SIZE = 2\n", "beside.py", head="import os\n")
    bets = """
        import beside
        if not market.context.get("done"):
            market.context["done"] = True
            self.bet(market, market_book.runners[0], 1000, beside.SIZE)
"""
    terminal = show(one, "--strategy", write(bets), "--watch")
    assert [size for _, _, size, *_ in placed(terminal.until(SEEN))] == ["2.00"]
    write("SIZE = 3\n", "beside.py", head="")
    shown = terminal.until(SEEN)
    assert "beside.py saved" in shown
    assert [size for _, _, size, *_ in placed(shown)] == ["3.00"]
    write(f"{bets}        def (:\n")
    assert "SyntaxError" in terminal.until(SEEN)
    write(f"{bets}        raise ValueError('that')\n")
    shown = terminal.until(SEEN)
    assert "raise ValueError('that')" in shown
    assert "ValueError: that" in shown
    write(f"{bets}        breakpoint()\n        self.seen = 1\n")
    terminal.until("(Pdb) ")
    terminal.type("p beside.SIZE")
    assert "3" in terminal.until("(Pdb) ").split()
    terminal.type("q")
    terminal.until(SEEN)
    replaced = tmp_path / "one" / "swap"  # as editors save that write another file first
    replaced.write_text(HEAD + bets.replace("1000", "990"))
    replaced.replace(tmp_path / "mine.py")
    assert [price for _, price, *_ in placed(terminal.until(SEEN))] == ["990"]
    terminal.type(CTRL_C)
    status, rest = terminal.end()
    assert status == 130
    assert rest.split() == ["^C", "interrupted"]


def test_an_interrupt_of_a_replay_ends_with_one_line(show, write, one):
    mine = write("        import time\n        print('here')\n        time.sleep(60)\n")
    for words in ("--debug", "--watch"):
        terminal = show(one, "--strategy", mine, words)
        terminal.until("here\n")
        terminal.type(CTRL_C)
        status, rest = terminal.end()
        assert (status, rest.split()) == (130, ["^C", "interrupted"])
