"""What a replay in the terminal prints: each variant's orders, and what they would be worth."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from flows.command_line.terminal import print_table, say
from flows.debug.markets import Markets
from tasks.aggregation.no_bets import kinds_of, say_kind, why_no_bets
from tasks.aggregation.worth import Valued
from tasks.foreign_text import visible
from tasks.rejects import Reject
from tasks.simulation.replayed import Replayed
from tasks.variants.variant import Variant

_NO_TRY = "This was no try: nothing is written, and nothing counts. The same without --debug is one."

_FIGURES = {"to off", "price", "size", "matched", "at", "profit"}
_HEADINGS = (
    "UTC",
    "to off",
    "runner",
    "side",
    "price",
    "size",
    "matched",
    "at",
    "result",
    "profit",
)
_LEAST_OF_A_NAME = 8
_FATES = ("lapsed", "cancelled", "voided")


class Debugged(NamedTuple):
    """The outcome of a replay.

    Attributes:
        variants: In the order given.
        markets: What they were replayed on.
        replayed: By variant id.
        valued: Their orders, by the last definition of their markets.
        settled: Rows of `results/markets`.
    """

    variants: Sequence[Variant]
    markets: Markets
    replayed: Mapping[str, Replayed]
    valued: Valued
    settled: pd.DataFrame


def print_debugged(debugged: Debugged) -> None:
    """Print each variant's orders and money, why it has no bet, and that it was no try."""
    for variant in debugged.variants:
        for sentence in _of_variant(debugged, variant.id):
            say(sentence)
    say(_NO_TRY)


def _of_variant(debugged: Debugged, variant: str) -> Iterator[str]:
    replayed, valued, settled = debugged.replayed[variant], debugged.valued, debugged.settled
    orders = valued.orders[valued.orders["strategy_name"] == variant]
    unsettled = valued.rejects.get(variant, [])
    for market_id, of_market in orders.groupby("market_id", sort=False):
        print_table(_table(f"{variant} in {market_id}", of_market, debugged.markets))
    own = settled[settled["strategy"] == variant]
    if own["bets"].sum():
        gross, commission, net = (own[column].sum() for column in ("gross", "commission", "net"))
        yield f"{variant}: gross {gross:,.2f}, commission {commission:,.2f}, net {net:,.2f}"
    else:
        is_replayed = len(replayed.markets) > len(unsettled)
        yield f"{variant}: no bets: {why_no_bets(orders, replayed.refused, unsettled, is_replayed=is_replayed)}"
    yield from (f"note: {said}" for said in _left_out((*replayed.rejects, *unsettled)))
    yield from (f"note: {say_kind(variant, kind)}" for kind in kinds_of(replayed.refused))


def _left_out(rejects: Iterable[Reject]) -> Iterator[str]:
    for reject in rejects:
        yield f"market {reject.what} is in no figure: {reject.reason} ({reject.detail})"


def _table(title: str, orders: pd.DataFrame, markets: Markets) -> Table:
    table = Table(
        title=Text(visible(title)),
        title_justify="left",
        box=SIMPLE,
        padding=(0, 0, 0, 1),
        show_edge=False,
        pad_edge=False,
    )
    for heading in _HEADINGS:
        # Wrap names, never figures.
        table.add_column(
            heading,
            justify="right" if heading in _FIGURES else "left",
            no_wrap=heading != "runner",
            min_width=_LEAST_OF_A_NAME if heading == "runner" else None,
            overflow="fold",
        )
    offs = dict(zip(markets.catalogue["market_id"], markets.catalogue["market_time"], strict=True))
    keys = (markets.runners[column] for column in ("market_id", "selection_id", "handicap"))
    names = dict(zip(zip(*keys, strict=True), markets.runners["name"], strict=True))
    for order in orders.to_dict("records"):
        name = names.get((order["market_id"], order["selection_id"], order["handicap"]))
        cells = _cells(order, offs[order["market_id"]], "" if pd.isna(name) else f" {name}")
        table.add_row(*(Text(visible(cell)) for cell in cells))
    return table


def _cells(order: Mapping[Any, Any], off: pd.Timestamp, name: str) -> Iterator[str]:
    placed, price, is_matched = order["date_time_placed"], order["price"], order["size_matched"] > 0
    yield "never" if pd.isna(placed) else f"{placed:%H:%M:%S}"
    yield "" if pd.isna(placed) else f"{(off - placed).total_seconds():.1f}"
    yield f"{order['selection_id']}{name}"
    yield order["side"]
    yield "SP" if pd.isna(price) else f"{price:g}"
    yield from (f"{order[size]:,.2f}" for size in ("size", "size_matched"))
    yield f"{order['price_matched']:,.2f}" if is_matched else ""
    yield str(order["runner_status"]) if is_matched else _fate(order)
    yield f"{order['profit']:,.2f}"


def _fate(order: Mapping[Any, Any]) -> str:
    """Return what became of an order that was not matched."""
    return next((fate for fate in _FATES if order[f"size_{fate}"] > 0), order["order_status"].lower())
