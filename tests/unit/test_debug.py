"""A replay in this process: which markets it takes, and what it prints."""

import pytest

from flows.command_line.debug_options import IN_MEMORY
from flows.debug.markets import read_markets
from flows.debug.replay import debug
from flows.parameters import BacktestParameters
from tasks.errors import InputError, ReplayError

LOOKS = """
from flumine import BaseStrategy


class Looks(BaseStrategy):
    def start(self, flumine):
        self.met = set()

    def check_market_book(self, market, market_book):
        self.met.add(market.market_id)
        return False

    def finish(self, flumine):
        print("met", sorted(self.met))
"""


@pytest.fixture
def ask(write_tar, markets, tmp_path):
    """Ask for markets of an archive that has three, and one that is damaged."""

    def ask(*market_ids, strategy="back_favourite", **others):
        first = [markets[name] for name in [*markets][:3]]
        address = write_tar(
            tmp_path / "month.tar", {**{one.member: one.packed for one in first}, "PRO/1.299999999.bz2": b"BZh9?"}
        )
        return BacktestParameters.model_validate(
            {
                "archives": [address],
                "strategies": [{"strategy": strategy}] if ":" not in strategy else [],
                "own_strategies": [{"strategy": strategy}] if ":" in strategy else [],
                "markets": {"market_ids": market_ids},
                "lake": IN_MEMORY,
                **others,
            }
        )

    ask.ids = [markets[name].id for name in [*markets][:3]]
    return ask


def show(ask, *market_ids, strategy, **others):
    parameters = ask(*market_ids, strategy=strategy, **others)
    debug(lambda _: parameters, [strategy], read_markets(parameters))


def test_only_what_was_chosen_is_read(ask):
    first, second, _ = ask.ids
    assert set(read_markets(ask(first, second)).catalogue["market_id"]) == {first, second}


@pytest.mark.parametrize(
    ("market_ids", "said"),
    [
        ([], "has 4 files, and --debug replays what you look at; choose with --market: 1."),
        (["1.288888888"], "market 1.288888888 is not in"),
        (["1.299999999"], "no market can be replayed: .*1.299999999"),
    ],
)
def test_what_cannot_be_chosen_is_refused(ask, market_ids, said):
    with pytest.raises(InputError, match=said):
        read_markets(ask(*market_ids))


def test_a_session_has_the_markets_that_were_chosen(ask, write_module, capsys):
    write_module("looks_debug", LOOKS)
    first, second, _ = ask.ids
    show(ask, first, second, strategy="looks_debug:Looks", session="run")
    printed = capsys.readouterr().out
    assert f"met {sorted([first, second])}" in printed
    assert "no bets: it placed no order" in printed
    show(ask, first, second, strategy="looks_debug:Looks")
    assert f"met {[first]}\nmet {[second]}" in capsys.readouterr().out


def test_each_market_has_a_table_and_the_variant_its_money(ask, capsys):
    show(ask, *ask.ids, strategy="back_favourite")
    printed = capsys.readouterr().out
    assert all(f" in {market_id}" in printed for market_id in ask.ids)
    assert printed.count("gross ") == 1
    assert "This was no try" in printed


def test_a_strategy_that_keeps_something_is_told_to_take_one_market(ask, write_module):
    write_module("keeps_debug", f"{LOOKS}\n        type(self).kept = self.met\n")
    with pytest.raises(ReplayError, match="debug one market and one strategy at a time"):
        show(ask, *ask.ids, strategy="keeps_debug:Looks")
    show(ask, ask.ids[0], strategy="keeps_debug:Looks")


def test_what_it_raises_is_raised(ask, write_module):
    write_module("raises_debug", LOOKS.replace("return False", "raise KeyError('its own')"))
    with pytest.raises(KeyError, match="its own"):
        show(ask, ask.ids[0], strategy="raises_debug:Looks")
