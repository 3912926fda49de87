"""The strategies on markets written tick by tick, by flumine's own simulation: which orders they place, which not."""

import bz2

import pytest
from flumine import FlumineSimulation, config
from flumine.clients import SimulatedClient
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream
from pydantic import ValidationError

from strategies import STRATEGIES, BackFavourite, RatedPrice


@pytest.fixture
def replay(tmp_path, monkeypatch):
    """Replay markets with one strategy; gives its orders in the order of placing."""
    monkeypatch.setitem(vars(config), "raise_errors", True)

    def replay(strategy, *markets):
        streams = []
        for market in markets:
            path = tmp_path / f"{market.id}.bz2"
            path.write_bytes(bz2.compress(market.raw))
            streams.append(BetfairHistoricalStream(file_path=str(path)))
        simulation = FlumineSimulation(SimulatedClient(username="me"))
        strategy.streams = streams
        simulation.add_strategy(strategy)
        simulation.run()
        return [order for market in simulation.markets for order in market.blotter]

    return replay


def bets(orders):
    return [(o.selection_id, o.side, o.order_type.price, o.order_type.size) for o in orders]


def seconds_before(order, market):
    return (market.off - order.responses.date_time_placed).total_seconds()


def back_favourite(**parameters):
    return BackFavourite(BackFavourite.Parameters(**parameters))


def rated_price(ratings, **parameters):
    return RatedPrice(RatedPrice.Parameters(**parameters), ratings)


def test_each_has_its_name_and_defaults():
    assert dict(STRATEGIES) == {"back_favourite": BackFavourite, "rated_price": RatedPrice}
    favourite, rated = BackFavourite.Parameters(), RatedPrice.Parameters()
    assert (favourite.stake, favourite.seconds_to_start) == (5, 60)
    assert (rated.staking, rated.stake, rated.target, rated.seconds_to_start) == ("flat", 5, 10, 60)


# back_favourite


def trade(market, seconds, **last_prices):
    return market.tick(seconds, *({"id": int(name[1:]), "ltp": price} for name, price in last_prices.items()))


def offered(market, seconds=600):
    for selection_id, back in ((11, 4.0), (12, 2.0), (13, 6.0)):
        market.prices(seconds, selection_id, back, back + 0.2)
    return market


def test_the_lowest_last_traded_price_is_backed_at_that_price_once(replay, hand_made):
    market = trade(offered(hand_made().define(3600)), 300, s11=4.2, s12=2.08, s13=6.2)
    trade(trade(market, 90, s11=4.1), 59, s13=6.4)
    trade(trade(market, 40, s11=1.5), 20, s11=1.4)
    [order] = orders = replay(back_favourite(), market.tick(10, {"id": 13, "ltp": 6.0}).close(winner=12))
    assert bets(orders) == [(12, "BACK", 2.08, 5)]
    assert 40 <= seconds_before(order, market) < 59


@pytest.mark.parametrize("seconds", [10, 300.5, 1000])
def test_not_before_its_time(replay, hand_made, seconds):
    market = trade(offered(hand_made().define(3600), 2000), 1900, s12=2.0)
    for tick in (1100, 1000.05, 999.9, 301, 300.4, 11, 9.9, 5, 1):
        trade(market, tick, s12=2.0)
    [order] = replay(back_favourite(seconds_to_start=seconds), market.close())
    assert seconds_before(order, market) <= seconds


def test_stake_and_exposure_are_its_parameters(replay, hand_made):
    market = trade(trade(offered(hand_made().define(3600)), 59, s12=2.0), 30, s12=2.0)
    assert bets(replay(back_favourite(stake=120.5), market.close())) == [(12, "BACK", 2.0, 120.5)]
    assert replay(back_favourite(stake=120.5, max_order_exposure=100), market) == []


def test_a_market_in_which_nothing_was_traded_yet_is_waited_for(replay, hand_made):
    market = offered(hand_made().define(3600)).prices(50, 11, 4.1, 4.3)
    trade(trade(market, 30, s13=6.0), 10, s11=2.0)
    assert bets(replay(back_favourite(), market.close())) == [(13, "BACK", 6.0, 5)]


def test_a_removed_favourite_is_passed_over(replay, hand_made):
    market = trade(offered(hand_made().define(3600)), 300, s11=4.0, s12=2.0).remove(200, 12)
    market = trade(trade(market, 50, s13=6.0), 20, s13=6.0)
    assert bets(replay(back_favourite(), market.close())) == [(11, "BACK", 4.0, 5)]


def test_nothing_while_suspended_or_in_play(replay, hand_made):
    market = trade(offered(hand_made().define(3600)), 300, s12=2.0).define(70, status="SUSPENDED")
    trade(market, 50, s12=1.9).define(5, status="OPEN", inPlay=True)
    trade(trade(market, -5, s12=1.5), -10, s12=1.4)
    assert replay(back_favourite(), market.close(-90)) == []


def test_through_a_delay_until_the_off(replay, hand_made):
    market = trade(offered(hand_made().define(3600)), -100, s12=2.0)
    trade(market, -200, s12=2.0).define(-210, status="SUSPENDED")
    assert bets(replay(back_favourite(), market.define(-300, status="CLOSED"))) == [(12, "BACK", 2.0, 5)]


def test_one_bet_in_each_market(replay, hand_made):
    markets = []
    for number in (1, 2, 3):
        market = trade(offered(hand_made(f"1.20000000{number}").define(3600)), 50, s12=2.0)
        markets.append(trade(trade(market, 40, s12=2.0), 30, s12=2.0).close())
    orders = replay(back_favourite(), *markets)
    assert [order.market_id for order in orders] == ["1.200000001", "1.200000002", "1.200000003"]


# rated_price


def rated_market(hand_made):
    """Runner 11 at 4.0/4.2, 12 at 2.0/2.2, 13 at 6.0/6.2."""
    market = offered(hand_made().define(3600))
    for seconds in (90, 59, 40, 20, 10):
        trade(market, seconds, s12=2.0)
    return market.close(winner=12)


def test_backed_above_the_rating_and_laid_below(replay, hand_made):
    market = rated_market(hand_made)
    orders = replay(rated_price({market.id: {11: 3.9, 12: 2.3, 13: 6.1}}), market)
    assert bets(orders) == [(11, "BACK", 4.0, 5), (12, "LAY", 2.2, 5)]
    assert all(40 <= seconds_before(order, market) < 59 for order in orders)
    assert [order.size_matched for order in orders] == [5, 5]


@pytest.mark.parametrize("rating", [4.0, 4.1, 4.2])
def test_a_rating_at_or_between_the_prices_is_no_bet(replay, hand_made, rating):
    market = rated_market(hand_made)
    assert replay(rated_price({market.id: {11: rating}}), market) == []


def test_proportional_stakes_win_or_risk_the_target(replay, hand_made):
    market = rated_market(hand_made)
    orders = replay(rated_price({market.id: {11: 3.0, 12: 3.0, 13: 2.0}}, staking="proportional", target=25), market)
    assert bets(orders) == [(11, "BACK", 4.0, 8.33), (12, "LAY", 2.2, 20.83), (13, "BACK", 6.0, 5.0)]


def test_runners_without_a_rating_are_skipped_and_so_are_markets(replay, hand_made):
    market = rated_market(hand_made)
    assert bets(replay(rated_price({market.id: {13: 2.0, 99: 2.0}}), market)) == [(13, "BACK", 6.0, 5)]
    assert replay(rated_price({market.id: {}}), market) == []
    assert replay(rated_price({"1.299999999": {11: 2.0}}), market) == []
    assert replay(rated_price({}), market) == []


@pytest.mark.parametrize("side", ["atb", "atl"])
def test_a_runner_with_an_empty_ladder_is_skipped_until_it_has_one(replay, hand_made, side):
    market = offered(hand_made().define(3600))
    price = {"atb": 4.0, "atl": 4.2}[side]
    market.tick(100, {"id": 11, side: [[price, 0]]})
    trade(trade(market, 50, s12=2.0), 40, s12=2.0).tick(30, {"id": 11, side: [[price, 7]]})
    trade(market, 20, s12=2.0).close()
    orders = replay(rated_price({market.id: {11: 2.0, 13: 2.0}}), market)
    assert [(order.selection_id, order.side) for order in orders] == [(13, "BACK"), (11, "BACK")]
    assert seconds_before(orders[1], market) < 30 < seconds_before(orders[0], market)


def test_removed_runners_are_skipped(replay, hand_made):
    market = offered(hand_made().define(3600)).remove(300, 11)
    trade(trade(market, 50, s12=2.0), 40, s12=2.0).close()
    assert bets(replay(rated_price({market.id: {11: 2.0, 13: 2.0}}), market)) == [(13, "BACK", 6.0, 5)]


def test_one_trade_a_runner_even_where_the_bet_was_not_matched(replay, hand_made):
    market = offered(hand_made().define(3600))
    trade(market, 50, s12=2.0).prices(49.95, 11, 3.5, 3.7)
    for seconds in (40, 30, 20, 10):
        market.prices(seconds, 11, 3.5 + seconds / 100, 4.0)
    [order] = orders = replay(rated_price({market.id: {11: 3.0}}), market.close())
    assert bets(orders) == [(11, "BACK", 4.0, 5)]
    assert order.size_matched == 0


def test_a_refused_stake_is_tried_again_at_later_prices(replay, hand_made):
    market = offered(hand_made().define(3600))
    trade(trade(market, 50, s12=2.0), 40, s12=2.0).prices(30, 11, 1.5, 1.6)
    trade(market, 20, s12=2.0).close()
    strategy = rated_price({market.id: {11: 1.2}}, staking="proportional", target=1)
    [order] = orders = replay(strategy, market)
    assert bets(orders) == [(11, "BACK", 1.5, 2.0)]
    assert seconds_before(order, market) < 30


def test_each_market_by_its_own_ratings(replay, hand_made):
    markets = []
    for number in (1, 2):
        market = offered(hand_made(f"1.20000000{number}").define(3600))
        markets.append(trade(trade(market, 50, s12=2.0), 40, s12=2.0).close())
    orders = replay(rated_price({"1.200000001": {11: 3.0}, "1.200000002": {11: 5.0}}), *markets)
    assert [(order.market_id, order.side) for order in orders] == [("1.200000001", "BACK"), ("1.200000002", "LAY")]


# rated_price: what is bet, and where


@pytest.mark.parametrize(
    ("rating", "min_edge", "bet"),
    [
        (3.2, 0.25, "BACK"),  # at 4.0
        (3.21, 0.25, None),
        (5.25, 0.25, "LAY"),  # at 4.2
        (5.24, 0.25, None),
        (3.99, 0, "BACK"),
        (4.21, 0, "LAY"),
        (4.1, 0, None),
    ],
)
def test_an_edge_is_at_least_the_least(replay, hand_made, rating, min_edge, bet):
    market = rated_market(hand_made)
    orders = replay(rated_price({market.id: {11: rating}}, min_edge=min_edge), market)
    assert [order.side for order in orders] == ([bet] if bet else [])


@pytest.mark.parametrize(("back", "lay", "rating"), [(3.3, 3.4, 3.0), (2.9, 3.0, 3.3)])
def test_a_tenth_is_a_tenth_whatever_floating_point_makes_of_it(replay, hand_made, back, lay, rating):
    market = offered(hand_made().define(3600)).prices(90, 11, back, lay)
    trade(trade(market, 50, s12=2.0), 40, s12=2.0).close()
    assert len(replay(rated_price({market.id: {11: rating}}, min_edge=0.1), market)) == 1


def test_an_edge_that_comes_late_is_bet_when_it_comes(replay, hand_made):
    market = offered(hand_made().define(3600))
    trade(trade(market, 50, s12=2.0), 40, s12=2.0).prices(30, 11, 5.0, 5.2)
    trade(market, 20, s12=2.0).close()
    [order] = orders = replay(rated_price({market.id: {11: 3.5}}, min_edge=0.3), market)
    assert bets(orders) == [(11, "BACK", 5.0, 5)]
    assert seconds_before(order, market) < 30


@pytest.mark.parametrize(
    ("band", "prices"),
    [
        ({}, [4.0, 2.2, 6.0]),
        ({"min_price": 4.0}, [4.0, 6.0]),
        ({"max_price": 4.0}, [4.0, 2.2]),
        ({"min_price": 2.2, "max_price": 5.9}, [4.0, 2.2]),
        ({"min_price": 2.21, "max_price": 3.99}, []),
    ],
)
def test_prices_outside_the_band_are_left_alone(replay, hand_made, band, prices):
    market = rated_market(hand_made)
    orders = replay(rated_price({market.id: {11: 3.0, 12: 3.0, 13: 2.0}}, **band), market)
    assert [order.order_type.price for order in orders] == prices


@pytest.mark.parametrize(("sides", "made"), [("both", ["BACK", "LAY"]), ("back", ["BACK"]), ("lay", ["LAY"])])
def test_only_the_sides_that_are_wanted(replay, hand_made, sides, made):
    market = rated_market(hand_made)
    orders = replay(rated_price({market.id: {11: 3.0, 12: 3.0}}, sides=sides), market)
    assert [order.side for order in orders] == made


@pytest.mark.parametrize(
    ("where", "made"),
    [
        ({}, ["1.200000001", "1.200000002", "1.200000003"]),
        ({"venues": ["larkfield"]}, ["1.200000001"]),
        ({"venues": "THE MEADOWS+Larkfield"}, ["1.200000001", "1.200000002"]),
        ({"countries": "nz"}, ["1.200000002"]),
        ({"countries": ["AU", "NZ"], "venues": "Elsewhere"}, []),
        ({"countries": "AU", "venues": "The Meadows"}, []),
    ],
)
def test_only_the_tracks_and_countries_that_are_wanted(replay, hand_made, where, made):
    places = ({}, {"venue": "The Meadows", "countryCode": "NZ"}, {"venue": None, "countryCode": None})
    markets = []
    for number, place in enumerate(places, start=1):
        market = offered(hand_made(f"1.20000000{number}", **place).define(3600))
        markets.append(trade(trade(market, 50, s12=2.0), 40, s12=2.0).close())
    ratings = {market.id: {11: 3.0} for market in markets}
    assert [order.market_id for order in replay(rated_price(ratings, **where), *markets)] == made


@pytest.mark.parametrize(
    ("staking", "sizes"),
    [
        ({"stake": 7}, [7, 7, 7]),
        ({"stake": 7, "max_stake": 6.5}, [6.5, 6.5, 6.5]),
        ({"staking": "proportional", "target": 25}, [8.33, 20.83, 5.0]),
        ({"staking": "proportional", "target": 25, "max_stake": 8}, [8, 8, 5.0]),
        ({"staking": "proportional", "target": 25, "max_stake": 100}, [8.33, 20.83, 5.0]),
    ],
)
def test_no_stake_is_above_the_largest(replay, hand_made, staking, sizes):
    market = rated_market(hand_made)
    orders = replay(rated_price({market.id: {11: 3.0, 12: 3.0, 13: 2.0}}, **staking), market)
    assert [order.side for order in orders] == ["BACK", "LAY", "BACK"]
    assert [order.order_type.size for order in orders] == sizes


def test_names_are_the_same_however_they_are_written():
    written = ["Devonport+The Meadows", "the meadows + DEVONPORT+", ["The Meadows", "devonport", "Devonport"]]
    assert len({RatedPrice.Parameters(venues=venues).model_dump_json() for venues in written}) == 1
    assert RatedPrice.Parameters(venues="") == RatedPrice.Parameters()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"min_price": 5, "max_price": 3}, "max_price"),
        ({"min_price": 1}, "min_price"),
        ({"min_edge": -0.1}, "min_edge"),
        ({"max_stake": 0}, "max_stake"),
        ({"sides": "neither"}, "sides"),
        ({"venues": 5}, "venues"),
        ({"countries": [5]}, "countries"),
    ],
)
def test_what_could_not_be_meant_is_refused(wrong, named):
    with pytest.raises(ValidationError, match=named):
        RatedPrice.Parameters(**wrong)
