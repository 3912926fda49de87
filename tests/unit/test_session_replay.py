"""One instance of a strategy in several markets: its orders are those of plain flumine's event group."""

import bz2
import gc
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import hostile_across
import orjson
import pytest
from flumine import BaseStrategy
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade
from hostile_bets import Bets
from plain_flumine import Order
from plain_flumine import orders_of as judged_alone
from plain_session import orders_of_session as judged
from side_by_side import Judged, orders_of, orders_of_session

from tasks.errors import LakeError
from tasks.orders.job import ReplayJob
from tasks.orders.session import Session, SessionMarket
from tasks.simulation.lean import LeanStream, WatchedStream
from tasks.simulation.leavings import Leavings
from tasks.simulation.replay import replay_alone, replay_chunk
from tasks.simulation.replayed import Replayed
from tasks.simulation.session_replay import replay_side_by_side
from tasks.simulation.ticks import Streamed, Ticks
from tasks.variants.guarded_config import guard_config
from tasks.variants.variant import Account, Variant, make_variant
from tasks.windows.window import Window

OFF = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)

Make = Callable[[], BaseStrategy]
Race = Callable[..., Any]
InLake = Callable[..., "OneSession"]
WriteModule = Callable[[str, str], object]


@pytest.fixture
def race(hand_made: Callable[..., Any]) -> Callable[..., Any]:
    """Write a market of three runners with prices and twenty ticks, so many seconds after the first one's off."""

    def race(number: int, later: float = 0, **definition: Any) -> Any:
        market = hand_made(f"1.2000{number:05d}", off=OFF + timedelta(seconds=later), **definition).define(100)
        for selection_id in (11, 12, 13):
            market.prices(99, selection_id, 3.0, 3.1)
        for seconds in range(80, 0, -4):
            market.tick(seconds, {"id": 11, "ltp": 3.0})
        return market.close()

    return race


def stamped(market: Any) -> list[tuple[int, bytes]]:
    return [(orjson.loads(line)["pt"], line) for line in market.lines]


def both(session: Sequence[Any], *makers: Make) -> list[list[Order]]:
    """The orders that plain flumine gives each strategy, which are ours."""
    expected = [judged({market.id: market.lines for market in session}, make, {}) for make in makers]
    found = orders_of_session({market.id: stamped(market) for market in session}, makers, Window())
    assert found == expected
    return found


def alone(markets: Iterable[Any], make: Make) -> list[Order]:
    """The same of each market by itself."""
    found: list[Order] = []
    for market in markets:
        expected = judged_alone(market.lines, make, {})
        assert orders_of(stamped(market), [make], Window(), market_id=market.id) == [expected]
        found += expected
    return found


# What one instance lives through


def test_a_strategy_that_stops_after_three_bets_has_three_in_all(race: Race):
    markets = [race(number, later=300 * number) for number in range(45)]
    assert len(both(markets, hostile_across.StopsAfter)[0]) == 3
    assert len(alone(markets, hostile_across.StopsAfter)) == 45


def test_a_strategy_that_needs_two_markets_at_a_time_has_them(race: Race):
    markets = [race(1), race(2, marketType="PLACE")]
    ((order,),) = both(markets, hostile_across.Pairs)
    assert order["market_id"] == markets[0].id
    assert alone(markets, hostile_across.Pairs) == []


def test_of_markets_that_begin_at_the_same_time_the_first_comes_first(race: Race):
    class Sees(Bets):
        """Stakes by the market of the tick before."""

        last = ""

        def check_market_book(self, market: Any, market_book: Any) -> bool:
            self.before, self.last = self.last, market.market_id
            return super().check_market_book(market, market_book)

        def stake(self, market: Any) -> float:  # noqa: ARG002 - its base's
            return 2.0 + int(self.before[-1:] or 0)

    first, second, third = race(3), race(1), race(2)
    ((*orders,),) = both([first, second, third], Sees)
    ((*others,),) = both([third, second, first], Sees)
    assert [order["size"] for order in orders] != [order["size"] for order in others]


def test_a_market_without_a_book_takes_no_part(race: Race):
    empty = race(2)
    session, window = [race(1), empty, race(3)], Window(seconds_to_start=90)
    for line in empty.lines[:]:
        if orjson.loads(line)["pt"] > (OFF.timestamp() - 95) * 1000:
            empty.lines.remove(line)
    makers = [hostile_across.KeepsBooks, hostile_across.Elsewhere]
    arguments = window.listener_kwargs
    expected = [judged({market.id: market.lines for market in session}, make, arguments) for make in makers]
    assert orders_of_session({market.id: stamped(market) for market in session}, makers, window) == expected
    assert {order["market_id"] for order in expected[0]} == {session[0].id, session[2].id}


class CancelsElsewhere(BaseStrategy):
    """Bets in the first market, cancels it by way of the second, and bets again once its order lives no more."""

    def __init__(self) -> None:
        super().__init__(max_order_exposure=1e4, max_selection_exposure=1e4)
        self.first: Any = None

    def check_market_book(self, market: Any, market_book: Any) -> bool:  # noqa: ARG002 - flumine's signature
        return market_book.status == "OPEN" and bool(market_book.runners[0].ex.available_to_back)

    def process_market_book(self, market: Any, market_book: Any) -> None:  # noqa: ARG002 - flumine's signature
        if self.first is None:
            self.first = market
        orders = list(self.first.blotter)
        if market is self.first:
            if not orders or (len(orders) == 1 and not self.first.blotter.has_live_orders):
                trade = Trade(market.market_id, 11, 0, self)
                market.place_order(trade.create_order("BACK", LimitOrder(50.0, 2.0)))
        elif len(orders) == 1 and orders[0].bet_id and not orders[0].size_cancelled and orders[0].update_data == {}:
            market.cancel_order(orders[0])


def test_an_order_that_is_cancelled_by_way_of_another_market_is_seen_at_a_quiet_tick(race: Race):
    first, second = both([race(1), race(2, later=2)], CancelsElsewhere)[0]
    assert first["size_cancelled"] == 2.0
    assert second["date_time_placed"] < OFF


def test_a_removal_counts_once_for_all_markets_as_in_flumine(hand_made: Callable[..., Any]):
    """A runner that two markets have, with the same factor, reduces prices in the first only: flumine's own slip."""
    markets = []
    for number in (1, 2):
        named = [{"status": "ACTIVE", "sortPriority": n, "id": 10 + n, "adjustmentFactor": 20.0} for n in (1, 2, 3)]
        market = hand_made(f"1.20000000{number}", runners=named).define(100).prices(99, 11, 3.0, 3.1)
        market.tick(80).tick(60, {"id": 11, "ltp": 3.0}).remove(50, 12).tick(40)
        markets.append(market.close())

    class Takes(hostile_across.StopsAfter):
        def check_market_book(self, market: Any, market_book: Any) -> bool:
            return super().check_market_book(market, market_book) and bool(market_book.runners[0].ex.available_to_back)

        def price(self, market: Any, runner: Any) -> float:  # noqa: ARG002 - its base's
            return 3.0

    first, second = both(markets, Takes)[0]
    assert (first["price_matched"], second["price_matched"]) == (2.4, 3.0)
    assert [order["price_matched"] for order in alone(markets, Takes)] == [2.4, 2.4]


def test_a_stream_that_is_given_up_is_seen_no_more(race: Race):
    class GivesUp(Bets):
        closes = 0

        def check_market_book(self, market: Any, market_book: Any) -> bool:
            if self.ticks == 20:
                self.streams.remove(self.streams[0])
            return super().check_market_book(market, market_book)

        def process_closed_market(self, market: Any, market_book: Any) -> None:  # noqa: ARG002 - flumine's signature
            self.closes += 1

        def stake(self, market: Any) -> float:  # noqa: ARG002 - its base's
            return 2.0 + self.closes

    markets = [race(1), race(2), race(3, later=600)]
    orders = both(markets, GivesUp)[0]
    assert len({order["market_id"]: 0 for order in orders}) == 3
    late = [order["size"] for order in orders if order["market_id"] == markets[2].id]
    assert set(late) == {3.0}


# What it costs


class Text(list[str]):
    """Messages of which it can be told whether somebody still has them."""


def test_messages_are_read_when_their_market_begins_and_dropped_with_it(race: Race):
    markets = [race(number, later=300 * number) for number in range(6)]
    read: list[str] = []
    alive: weakref.WeakSet[Text] = weakref.WeakSet()
    Text.__hash__ = object.__hash__  # type: ignore[method-assign]
    Text.__eq__ = object.__eq__  # type: ignore[method-assign]

    def read_one(market: Any) -> Text:
        read.append(market.id)
        text = Text(line.decode() for line in market.lines)
        alive.add(text)
        return text

    most = 0

    class Watches(Bets):
        def check_market_book(self, market: Any, market_book: Any) -> bool:
            nonlocal most
            assert market.market_id == read[-1]
            most = max(most, len(alive))
            return super().check_market_book(market, market_book)

    guard_config()
    begins = [stamped(market)[0][0] for market in markets]
    streamed = [
        Streamed(market.id, begin, partial(read_one, market)) for market, begin in zip(markets, begins, strict=True)
    ]
    entry = Judged("v0", Watches, *(market.id for market in markets))
    replay_side_by_side(Ticks(streamed[::-1], LeanStream, {}), [entry], Leavings([]))
    assert isinstance(entry.told, list), entry.told
    assert read == [market.id for market in markets]
    assert most == 1
    gc.collect()
    assert not alive


def test_a_market_that_cannot_be_read_is_no_reject(race: Race):
    def fail() -> list[str]:
        raise ZeroDivisionError("the disk is gone")

    guard_config()
    first = race(1)
    lines = [line.decode() for line in first.lines]
    begins = stamped(first)[5][0]
    session = [Streamed(first.id, 0, lambda: lines), Streamed("1.200000002", begins, fail)]
    entry = Judged("v0", Bets, first.id, "1.200000002")
    with pytest.raises(LakeError, match=r"market 1\.200000002 cannot be read: ZeroDivisionError: the disk is gone"):
        replay_side_by_side(Ticks(session, LeanStream, {}), [entry], Leavings([]))


# In the lake


class OneSession:
    """Jobs of one session of all markets of a lake."""

    def __init__(self, month: Any, markets: Sequence[Any], ratings: dict[str, dict[int, float]]) -> None:
        self.lake, self.ratings = month.lake, ratings
        chunk = {row["market_id"]: row["chunk"] for row in month.catalogue}
        upstream = {job.chunk.number: job.fingerprint for job in month.jobs}
        self.session = Session(
            tuple(
                SessionMarket(
                    market.id,
                    f"digest of {market.id}",
                    month.archive.name,
                    chunk[market.id],
                    upstream[chunk[market.id]],
                )
                for market in markets
            ),
            "2026-01",
        )

    def job(self, *variants: Variant) -> ReplayJob:
        return ReplayJob(self.lake, (self.session,), variants, {"truth": self.ratings})

    def replay(self, variant: Variant) -> Replayed:
        replayed = replay_alone(self.job(variant))
        assert replayed is not None
        return replayed


@pytest.fixture
def in_lake(extract: Callable[..., Any], race: Race) -> Callable[..., OneSession]:
    def in_lake(*markets: Any) -> OneSession:
        month = extract({f"PRO/{market.id}.bz2": bz2.compress(market.raw) for market in markets})
        assert month.rejects == []
        return OneSession(month, markets, {market.id: {11: 2.0, 12: 3.0} for market in markets[1:]})

    return in_lake


def variant_of(name: str, engine: str = "lean", session: str = "run", **parameters: Any) -> Variant:
    return make_variant(
        name, parameters, ratings="truth", window="all", account=Account(), engine=engine, session=session
    )


FIELDS = ("market_id", "selection_id", "side", "price", "price_matched", "size_matched", "profit", "date_time_placed")


@pytest.mark.parametrize("engine", ["lean", "flumine"])
@pytest.mark.parametrize("name", ["StopsAfter", "Bankroll", "Pairs", "Elsewhere"])
def test_from_the_lake_too_orders_are_those_of_an_event_group(in_lake: InLake, race: Race, engine: str, name: str):
    markets = [race(3, later=4), race(1), race(2, marketType="PLACE"), race(4, later=600)]
    variant = variant_of(f"hostile_across:{name}", engine)
    replayed = in_lake(*markets).replay(variant)
    expected = judged({market.id: market.lines for market in markets}, getattr(hostile_across, name), {})
    place = [market.id for market in markets].index
    expected.sort(key=lambda order: place(order["market_id"]))
    assert [tuple(row[field] for field in FIELDS) for row in replayed.rows] == [
        tuple(order[field] for field in FIELDS) for order in expected
    ]
    assert expected
    assert replayed.markets == [market.id for market in markets]


ASKS_RATINGS = """
from hostile_bets import Bets

class Asks(Bets):
    def __init__(self, ratings, **flumine):
        super().__init__(**flumine)
        self.rated = sorted(ratings)

    def stake(self, market):
        return 2.0 + len(self.rated)
"""


def test_it_is_given_the_ratings_of_all_its_markets(in_lake: InLake, race: Race, write_module: WriteModule):
    write_module("asks_of_session", ASKS_RATINGS)
    replayed = in_lake(*[race(number) for number in range(4)]).replay(variant_of("asks_of_session:Asks"))
    assert {row["size"] for row in replayed.rows} == {5.0}


NO_PLACE = """
from hostile_bets import Bets

class NoPlace(Bets):
    '''Bets on a runner that is not there, in the third market: flumine cannot replay it.'''

    def process_market_book(self, market, market_book):
        super().process_market_book(market, market_book)
        if market.market_id.endswith("3"):
            from flumine.order.ordertype import LimitOrder
            from flumine.order.trade import Trade
            trade = Trade(market.market_id, 99, 0, self)
            market.place_order(trade.create_order("BACK", LimitOrder(3.0, 2.0)), force=True)
"""


@pytest.mark.parametrize("engine", ["lean", "flumine"])
def test_where_flumine_cannot_replay_a_market_the_whole_session_is_left_out(
    in_lake: InLake, race: Race, write_module: WriteModule, engine: str
):
    write_module("no_place_of_session", NO_PLACE)
    markets = [race(number) for number in (1, 2, 3)]
    session = in_lake(*markets)
    bad, good = (variant_of(name, engine) for name in ("no_place_of_session:NoPlace", "hostile_bets:Bets"))
    done = replay_chunk(session.job(bad, good))
    assert (done.failures, done.leavers) == ([], [])
    replayed = session.replay(bad)
    assert (list(replayed.rows), list(replayed.markets)) == ([], [])
    assert [reject.what for reject in replayed.rejects] == [market.id for market in markets]
    (detail,) = {reject.detail for reject in replayed.rejects}
    assert f"in market {markets[2].id} at 2026-01-02T02:5" in detail
    assert session.replay(good).rows


RAISES = """
from hostile_bets import Bets

class Raises(Bets):
    def process_market_book(self, market, market_book):
        if market.market_id.endswith("2") and self.ticks > 20:
            raise ValueError("no more")
"""


@pytest.mark.parametrize("engine", ["lean", "flumine"])
def test_a_strategy_that_raises_is_named_with_the_market_whose_tick_it_was(
    in_lake: InLake, race: Race, write_module: WriteModule, engine: str
):
    write_module("raises_of_session", RAISES)
    session = in_lake(*[race(number) for number in (1, 2, 3)])
    (failure,) = replay_chunk(session.job(variant_of("raises_of_session:Raises", engine))).failures
    said = str(failure).splitlines()[0]
    assert "raised ValueError: no more in market 1.200000002 at 2026-01-02T02:59:" in said
    assert said.endswith("raises_of_session.py:7")


SPOILS = """
from hostile_bets import Bets

class Spoils(Bets):
    '''Changes the last book of the first market, which is over, at a tick of the second.'''

    def check_market_book(self, market, market_book):
        first = next(iter(market.flumine.markets))
        if market is not first and first.closed:
            first.market_book.status = "another"
        return False
"""


def test_a_book_of_a_market_that_is_over_is_looked_after_too(in_lake: InLake, race: Race, write_module: WriteModule):
    write_module("spoils_of_session", SPOILS)
    session = in_lake(race(1), race(2, later=600))
    with pytest.raises(Exception, match=r"changed an attribute of a market book.*found in market 1\.200000001 at"):
        session.replay(variant_of("spoils_of_session:Spoils"))


def test_random_numbers_are_the_sessions(in_lake: InLake, race: Race):
    markets = [race(number) for number in (1, 2)]
    session, variant = in_lake(*markets), variant_of("hostile_strategies:GlobalDice")
    rows = session.replay(variant).rows
    assert rows == session.replay(variant).rows
    session.session = session.session._replace(markets=session.session.markets[::-1])
    assert sorted(row["size"] for row in session.replay(variant).rows) != sorted(row["size"] for row in rows)


def test_what_one_session_leaves_for_the_next_is_found_out(in_lake: InLake, race: Race):
    session = in_lake(*[race(number, later=900 * number) for number in range(4)])
    first, second = (Session(session.session.markets[at : at + 2], "2026-01") for at in (0, 2))
    counter = variant_of("hostile_strategies:ClassCounter")
    job = replace(session.job(counter), sessions=(first, second))
    assert replay_chunk(job).leavers == [counter.id]
    # Of one session nobody finds what it leaves.
    assert replay_chunk(session.job(counter)).leavers == []


@pytest.mark.parametrize("name", ["FlumineFunction", "LoggerLevel", "OwnTypes", "FunctionAttribute"])
def test_what_is_left_in_functions_loggers_and_types_is_found_out(in_lake: InLake, race: Race, name: str):
    session = in_lake(*[race(number, later=900 * number) for number in range(2)])
    sessions = tuple(Session((market,), "2026-01") for market in session.session.markets)
    leaver = variant_of(f"hostile_strategies:{name}")
    assert replay_chunk(replace(session.job(leaver), sessions=sessions)).leavers == [leaver.id]


def test_who_leaves_nothing_is_not_replayed_alone(in_lake: InLake, race: Race):
    session = in_lake(*[race(number, later=900 * number) for number in range(2)])
    sessions = tuple(Session((market,), "2026-01") for market in session.session.markets)
    variants = [variant_of(f"hostile_strategies:{name}") for name in ("Tidy", "Counts", "Exposed", "Thrifty")]
    done = replay_chunk(replace(session.job(*variants), sessions=sessions))
    assert (done.failures, done.leavers) == ([], [])


def test_watched_and_unwatched_books_give_the_same(race: Race):
    session = {market.id: stamped(market) for market in (race(1), race(2, later=8))}
    makers = [hostile_across.KeepsBooks, hostile_across.Bankroll]
    watched, lean = (
        orders_of_session(session, makers, Window(), stream=stream) for stream in (WatchedStream, LeanStream)
    )
    assert watched == lean != [[], []]
