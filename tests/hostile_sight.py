"""What a strategy can see on a tick, as one number: the smallest difference anywhere makes it another.

Left out is what differs from run to run in flumine itself: ids that are drawn from the clock or at random, and names
that a run gives.
"""

import datetime as dt
from typing import Any
from zlib import crc32

from betfairlightweight.resources import MarketBook, RunnerBook
from flumine import BaseStrategy
from flumine.markets.market import Market
from flumine.order.order import BaseOrder


def sight(strategy: BaseStrategy, market: Market, book: MarketBook) -> int:
    """Look at everything.

    Args:
        strategy: Who looks.
        market: The market.
        book: Its book.

    Returns:
        A checksum, with the types and the order of what is seen.
    """
    return checksum(_book(book), _market(market, book), _blotter(strategy, market, book), _framework(market))


def checksum(*seen: object) -> int:
    """Make a number of what was seen.

    Args:
        seen: Values that Python writes the same wherever they are equal and of the same types.

    Returns:
        The number.
    """
    return crc32(repr(seen).encode())


def runner_sight(runner: RunnerBook) -> tuple[object, ...]:
    """Look at a runner's book.

    Args:
        runner: Of a book of now, or of one that was kept.

    Returns:
        All that it shows.
    """
    ex, sp = runner.ex, runner.sp
    return (
        (runner.selection_id, runner.handicap, runner.status, runner.adjustment_factor, runner.removal_date),
        (runner.last_price_traded, runner.total_matched),
        (ex.available_to_back, ex.available_to_lay, ex.traded_volume),
        (sp.near_price, sp.far_price, sp.actual_sp, sp.back_stake_taken, sp.lay_liability_taken),
    )


def order_sight(order: BaseOrder) -> tuple[object, ...]:
    """Look at an order.

    Args:
        order: Any of the blotter.

    Returns:
        What decides money of it, and how it fares.
    """
    return (
        (order.selection_id, order.handicap, order.side, order.status.value, order.bet_id, order.runner_status),
        order.order_type.info,
        (order.size_matched, order.average_price_matched, order.size_remaining, order.profit, order.market_notes),
        (order.size_cancelled, order.size_lapsed, order.size_voided, order.simulated.matched, order.complete),
        (order.responses.date_time_placed, order.elapsed_seconds, order.elapsed_seconds_executable),
        (order.trade.status.value, len(order.trade.orders), len(order.status_log)),
    )


def _book(book: MarketBook) -> tuple[object, ...]:
    definition = vars(book.market_definition).copy()
    runners = [vars(runner) for runner in definition.pop("runners")]
    for name in ("price_ladder_definition", "key_line_definitions"):
        definition[name] = definition[name] is not None
    return (
        (book.market_id, book.publish_time, book.publish_time_epoch, book.status, book.version, book.inplay),
        (book.bet_delay, book.bsp_reconciled, book.complete, book.total_matched, book.number_of_winners),
        (book.number_of_active_runners, book.number_of_runners, book.streaming_update),
        (definition, runners, [runner_sight(runner) for runner in book.runners]),
    )


def _market(market: Market, book: MarketBook) -> tuple[object, ...]:
    context = {name: value for name, value in market.context.items() if name != "simulated"}
    return (
        (market.status, market.closed, market.market_type, market.seconds_to_start, market.market_book is book),
        (market.event_id, market.market_start_hour_minute, [*market.event], market.update_market_catalogue, context),
        [
            (key, analytics.traded, analytics.runner.status, analytics.runner.ex.traded_volume)
            for key, analytics in market.context["simulated"].items()
        ],
    )


def _blotter(strategy: BaseStrategy, market: Market, book: MarketBook) -> tuple[object, ...]:
    blotter, client = market.blotter, market.flumine.clients.get_default()
    lookups = [(market.market_id, runner.selection_id, runner.handicap) for runner in book.runners]
    return (
        (len(blotter), blotter.active, blotter.has_live_orders, [order_sight(order) for order in blotter]),
        [order.bet_id for order in blotter.live_orders],
        [order.bet_id for order in blotter.client_orders(client)],
        [order.bet_id for order in blotter.client_strategy_orders(client, strategy, matched_only=True)],
        [order.bet_id for order in blotter.strategy_orders(strategy)],
        [(trade.status.value, len(trade.orders)) for trade in blotter.strategy_trades(strategy)],
        [[order.bet_id for order in blotter.strategy_selection_orders(strategy, *lookup[1:])] for lookup in lookups],
        [blotter.get_exposures(strategy, lookup) for lookup in lookups],
        # Flumine adds up a set, so that the last digits depend on the process.
        round(blotter.market_exposure(strategy, book), 2),
        [_context(strategy, lookup) for lookup in lookups],
    )


def _context(strategy: BaseStrategy, lookup: tuple[Any, ...]) -> tuple[object, ...]:
    context = strategy.get_runner_context(*lookup)
    return context.invested, context.trade_count, context.live_trade_count, context.placed_elapsed_seconds


def _framework(market: Market) -> tuple[object, ...]:
    framework = market.flumine
    client = framework.clients.get_default()
    return (
        (dt.datetime.now(dt.UTC), dt.datetime.utcnow()),  # noqa: DTZ003 - both are flumine's clock
        (list(framework.markets.markets), framework.markets.open_market_ids, framework.markets.live_orders),
        (len(framework.strategies), len(framework.clients), len(framework.streams)),
        (client.transaction_count_total, client.current_transaction_count_total, client.min_bet_size),
    )
