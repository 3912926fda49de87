"""What is said of a run beside its figures."""

from datetime import date
from importlib.metadata import version

import pandas as pd
import pytest

from tasks.aggregation.notices import notices, of_settlement, unrated
from tasks.aggregation.worth import Valued
from tasks.orders.coverage import Coverage
from tasks.orders.refusal import Refusal
from tasks.rejects import Reject
from tasks.simulation.instance_times import InstanceTimes, Took
from tasks.variants.settings import SimulationSettings
from tasks.variants.variant import Account, Variant

VOLUMES = pd.DataFrame({"total_matched": [100.0, 0.0]})
SOME_WITHOUT = pd.DataFrame({"total_matched": [100.0, None, None]})
SUMMED = SimulationSettings(calculate_market_tv=True, cumulative_runner_tv=True)
NOTHING = Coverage([], {}, {}, [], {})
HALF = SimulationSettings(calculate_market_tv=True)


def variant_of(number, name="mine:Mine", settings=SUMMED):
    return Variant(name, {}, "", "all", Account(), "lean", "", f"{number:08d}", settings)


def test_nothing_is_said_where_nothing_is_to_be_known():
    assert notices([variant_of(1)], VOLUMES, NOTHING) == []
    assert notices([variant_of(1, settings=SimulationSettings())], VOLUMES, NOTHING) == []


def test_what_would_be_carried_over_is_said_once_a_strategy():
    first, second, third = variant_of(1), variant_of(2), variant_of(3, "mine:Other")
    carries = {first.id: ["a", "b"], second.id: ["a", "b"], third.id: "c"}
    [said, other] = notices([first, second, third], VOLUMES, NOTHING._replace(carries=carries))
    assert said.startswith("mine:Mine keeps a, b when a market is over")
    assert "--session event, day or run" in said
    assert other.startswith("mine:Other keeps c ")


def test_who_was_not_replayed_on_what_is_said_by_variant():
    first, second = variant_of(1), variant_of(2)
    rejects = [Reject(f"1.20000000{n}", "flumine cannot replay it", f"KeyError: {n}") for n in (1, 2)]
    [said] = notices([first, second], VOLUMES, NOTHING._replace(rejects={second.id: rejects}))
    not_in = f"{second.id}: 2 of 2 markets are not in its figures: "
    assert said == not_in + "flumine cannot replay it (1.200000001: KeyError: 1)"
    others = [Reject("1.200000003", "no result", "bet 1"), *rejects]
    [said] = notices([second], VOLUMES, NOTHING._replace(rejects={second.id: others}))
    assert said.endswith(
        "3 of 2 markets are not in its figures: 2 flumine cannot replay it (1.200000001: KeyError: 1); "
        "1 no result (1.200000003: bet 1)"
    )


def test_markets_without_a_rating_are_counted():
    markets = pd.DataFrame({"market_id": ["1.1", "1.2", "1.3"]})
    assert list(unrated({"iggy": {"1.1", "1.2", "1.3"}}, markets)) == []
    [said] = unrated({"mine-0011": {"1.2"}}, markets)
    assert said.startswith("2 of 3 markets have no rating in mine-0011 (first 1.1): ")


def refusal(control, text, **changed):
    return Refusal("1.200000001", "place", control, text, 3, 11, "BACK", 2.5, 20.0, text)._replace(**changed)


def test_what_was_refused_is_said_by_variant_and_kind_with_its_first_example():
    first, second = variant_of(1), variant_of(2)
    refused = [
        refusal("STRATEGY_EXPOSURE", "too large (20)"),
        refusal("", "no", action="cancel", times=1, price=None, size=None),
    ]
    large, cancelled = notices([first, second], VOLUMES, NOTHING._replace(refused={second.id: refused}))
    assert large == (
        f"{second.id}: 3 orders were refused in 1 market by STRATEGY_EXPOSURE: too large (20); "
        "the first was BACK 20.00 at 2.5 on 11 in 1.200000001"
    )
    assert cancelled == (
        f"{second.id}: 1 cancellation was refused in 1 market: no; "
        "the first was BACK at starting price on 11 in 1.200000001"
    )


def test_of_thousands_of_kinds_some_are_said():
    refused = [refusal("OWN", f"reason {'x' * number}") for number in range(1000)]
    said = notices([variant_of(1)], VOLUMES, NOTHING._replace(refused={variant_of(1).id: refused}))
    assert len(said) < 30
    assert said[-1] == "980 more kinds of refusals are in results/refused, with an example of each"


@pytest.mark.parametrize(
    "text", ["Order size is less than min bet size (1) or payout (10) for currency", "Liability is less than min BSP"]
)
def test_least_stakes_of_today_are_said_to_be_of_today(text):
    refused = {variant_of(1).id: [refusal("ORDER_VALIDATION", text)]}
    markets = VOLUMES.assign(market_date=[date(2012, 3, 1), date(2012, 3, 31)])
    [_, said] = notices([variant_of(1)], markets, NOTHING._replace(refused=refused))
    assert f"betfairlightweight {version('betfairlightweight')} has for GBP now" in said
    assert "2012-03-01 to 2012-03-31" in said
    assert "--min-stake" in said
    own = variant_of(1)._replace(account=Account(min_stake=2))
    assert len(notices([own], markets, NOTHING._replace(refused=refused))) == 1


def test_markets_without_a_volume_are_counted():
    for settings in (SimulationSettings(), HALF):
        [said] = notices([variant_of(1, settings=settings)], SOME_WITHOUT, NOTHING)
        assert said.startswith("market_book.total_matched is 0 in 2 of 3 markets")
        assert "--calculate-market-tv and --cumulative-runner-tv" in said
    assert notices([variant_of(1)], SOME_WITHOUT, NOTHING) == []


def test_a_variant_that_no_market_is_for_is_named():
    markets = VOLUMES.assign(venue=["Larkfield", None], country_code="AU")
    here, there = (
        variant_of(number, "rated_price")._replace(parameters={"venues": venues, "countries": ["au"]})
        for number, venues in enumerate((["larkfield"], ["thornwick", "nowhere"]))
    )
    [said] = notices([here, there], markets, NOTHING)
    assert said.startswith(f"{there.id} bets at venues thornwick, nowhere alone, and none of the 2 markets")
    assert notices([there._replace(name="mine:Mine")], markets, NOTHING) == []


def test_who_acts_before_the_window_is_named():
    early = variant_of(1)._replace(window="80s", parameters={"seconds_to_start": 300})
    [said] = notices([early, early], VOLUMES, NOTHING)
    assert said == (
        "mine:Mine acts from 300 s before the off, but the window 80s begins 80 s before it; it sees nothing before"
    )


def test_of_strategies_that_read_no_volumes_nothing_is_said():
    ours = variant_of(1, "back_favourite", SimulationSettings())
    assert notices([ours], SOME_WITHOUT, NOTHING) == []
    assert notices([ours, variant_of(2, settings=SimulationSettings())], SOME_WITHOUT, NOTHING) != []


def test_instances_that_take_longer_to_make_than_to_replay_are_named():
    slow, slower, quick = variant_of(1), variant_of(2), variant_of(3, "mine:Quick")
    times = InstanceTimes()
    times.add({slow.id: Took(2, 3, 100), quick.id: Took(2, 3, 100)})
    times.add({slow.id: Took(2, 3, 100), slower.id: Took(9, 1, 100)})
    [said] = times.sentences([slow, slower, quick])
    assert said.startswith("mine:Mine: to make and start its instances took 13.0 s, to replay them 7.0 s;")


def test_what_nobody_waits_for_is_not_said():
    for took in (Took(0.9, 0.1, 10), Took(40, 30, 45_000)):
        times = InstanceTimes()
        times.add({variant_of(1).id: took})
        assert list(times.sentences([variant_of(1)])) == []


BY_WINNINGS, NOT_KNOWN = "the exchange the winnings alone", "how the exchange does there is not known"


@pytest.mark.parametrize(
    ("type_", "status", "factor", "stake", "told"),
    [
        ("PLACE", "REMOVED", 12.5, 2.0, f"1 place market with a withdrawal: … {BY_WINNINGS}"),
        ("OTHER_PLACE", "REMOVED", 12.5, 2.0, f"1 place market with a withdrawal: … {BY_WINNINGS}"),
        ("WITHOUT_FAV", "REMOVED", 12.5, 2.0, f"1 market of WITHOUT_FAV with a withdrawal: … {NOT_KNOWN}"),
        ("A_TYPE_OF_TOMORROW", "REMOVED", 1, 2.0, f"1 market of A_TYPE_OF_TOMORROW with a withdrawal: … {NOT_KNOWN}"),
        (None, "REMOVED", 12.5, 2.0, f"1 market of no type with a withdrawal: … {NOT_KNOWN}"),
        ("WIN", "REMOVED", 12.5, 2.0, None),  # there flumine reduces as the exchange does
        ("EACH_WAY", "REMOVED", 12.5, 2.0, None),
        ("PLACE", "LOSER", 12.5, 2.0, None),
        ("PLACE", "REMOVED", None, 2.0, None),  # a greyhound
        ("PLACE", "REMOVED", 12.5, 0.0, None),  # void, or never matched
    ],
)
def test_bets_are_flagged_where_a_withdrawal_is_not_known_to_reduce_them_so(type_, status, factor, stake, told):
    orders = pd.DataFrame({"strategy_name": ["a"], "market_id": ["1.2"], "turnover": [stake], "profit": [1.0]})
    orders["profit_by_match"] = orders["profit"]
    runners = pd.DataFrame({"market_id": ["1.2"], "status": [status], "adjustment_factor": [factor]}).astype(
        {"adjustment_factor": float}
    )
    nothing = pd.DataFrame(columns=["strategy", "market_id", "rule", "bets", "flumine", "settled"])
    markets = pd.DataFrame({"market_id": ["1.2"], "market_type": [type_]})
    said = list(of_settlement(Valued(orders, {}, nothing), markets, runners))
    begins, _, ends = (told or "").partition(" … ")
    assert [sentence for sentence in said if not sentence.startswith(f"a: 1 bet in {begins}")] == []
    assert [sentence.endswith(ends) for sentence in said] == ([True] if told else [])


def test_what_flumines_average_of_several_prices_does_to_the_gross_is_said():
    profits = pd.DataFrame({"profit": [2079.0, -5.0, 3.0], "profit_by_match": [2080.0, -5.0, 2.99]})
    orders = profits.assign(strategy_name=["a", "a", "b"], market_id="1.2", turnover=2.0)
    nothing = pd.DataFrame(columns=["strategy", "market_id", "rule", "bets", "flumine", "settled"])
    markets, runners = pd.DataFrame({"market_id": [], "market_type": []}), pd.DataFrame({"status": [], "market_id": []})
    said = list(of_settlement(Valued(orders, {}, nothing), markets, runners.assign(adjustment_factor=0.0)))
    averaged = (
        "filled at several prices: at the price of each part, not at flumine's average in two decimals, its gross is"
    )
    assert said == [f"a: 1 bet {averaged} 2,075.00 for 2,074.00", f"b: 1 bet {averaged} 2.99 for 3.00"]
