"""Variants: what decides a strategy's orders is in their fingerprint, and nothing else."""

import pytest

from tasks.errors import InputError, StrategyError
from tasks.variants.settings import SimulationSettings
from tasks.variants.variant import Account, make_variant, unseen


def variant(name="rated_price", parameters=None, **given):
    return make_variant(name, parameters or {}, **{"ratings": "iggy", "window": "80s", "account": Account(), **given})


def test_an_id_tells_the_strategy():
    made = variant()
    assert made.id == f"rated_price-{made.fingerprint[:8]}"
    assert variant("strategies.rated_price:RatedPrice").id.startswith("strategies.rated_price.RatedPrice-")


def test_what_is_the_same_however_it_is_written():
    prints = {
        variant().fingerprint,
        variant(parameters={"stake": 5}).fingerprint,
        variant(parameters={"stake": "5.0", "staking": "flat"}).fingerprint,
        variant(parameters={"staking": "flat", "stake": 5.0}).fingerprint,
        variant(settings=SimulationSettings(place_latency=0.12, simulated_full_match="no")).fingerprint,
    }
    assert len(prints) == 1


def test_what_makes_another():
    made = [
        variant(),
        variant("back_favourite"),
        variant(parameters={"stake": 6}),
        variant(parameters={"staking": "proportional"}),
        variant(ratings="kash"),
        variant(window="90s"),
        variant(account=Account("AUD")),
        variant(account=Account(discount_rate=5)),
        variant(account=Account(min_stake=2)),
        variant(settings=SimulationSettings(place_latency=0)),
        variant(settings=SimulationSettings(transaction_limit=None)),
        variant(session="day"),
    ]
    assert len({one.fingerprint for one in made}) == len({one.id for one in made}) == len(made)


def test_a_latency_is_the_same_written_as_a_whole_number():
    whole, other = (variant(settings=SimulationSettings(place_latency=latency)) for latency in (1, 1.0))
    assert whole.fingerprint == other.fingerprint


def test_flumines_listener_is_told_the_window_and_what_to_sum():
    made = variant(window="-80s..0.5s", settings=SimulationSettings(calculate_market_tv=True))
    assert made.listener_kwargs == {
        "seconds_to_start": 80,
        "max_inplay_seconds": 0.5,
        "calculate_market_tv": True,
        "cumulative_runner_tv": False,
    }


def test_ratings_do_not_matter_to_a_strategy_that_takes_none():
    plain, rated = variant("back_favourite", ratings=""), variant("back_favourite", ratings="iggy")
    assert plain == rated
    assert plain.ratings == ""


def test_a_strategy_that_needs_ratings_and_has_none():
    with pytest.raises(StrategyError, match="rated_price bets on ratings and was given none; add iggy, kash or a CSV"):
        variant(ratings="")


def test_another_source_is_another_variant(write_module):
    source = "from flumine import BaseStrategy\nclass Mine(BaseStrategy): pass\n"
    path = write_module("mine_of_variant", source)
    before = variant("mine_of_variant:Mine")
    assert variant("mine_of_variant:Mine") == before
    path.write_text(f"# A comment decides nothing.\n\n{source}")
    assert variant("mine_of_variant:Mine") == before
    path.write_text(f"{source}STAKE = 2\n")
    assert variant("mine_of_variant:Mine").fingerprint != before.fingerprint


def test_parameters_are_complete():
    assert variant("back_favourite", {"stake": "7"}).parameters["stake"] == 7
    assert variant("back_favourite").parameters["seconds_to_start"] == 60


@pytest.mark.parametrize(("name", "parameters"), [("nobody", {}), ("back_favourite", {"steak": 1})])
def test_what_cannot_be_is_an_input_error(name, parameters):
    with pytest.raises(InputError):
        variant(name, parameters)


def test_an_endless_stake():
    with pytest.raises(StrategyError, match="stake"):
        variant("back_favourite", {"stake": "inf"})


def test_a_context_that_is_no_json(write_module):
    write_module("context_of_variant", "from flumine import BaseStrategy\nclass Mine(BaseStrategy): pass\n")
    with pytest.raises(StrategyError, match="markets"):
        variant("context_of_variant:Mine", {"context.markets": {"1.200000001", "1.200000002"}})


@pytest.mark.parametrize(
    ("window", "begins"),
    [
        ("80s", "80 s before it"),
        ("-80s..300s", "80 s before it"),
        ("0s", "at it"),
        ("+5s..", "5 s after it"),
        ("299.99s", "299.99 s before it"),
        ("300s", ""),
        ("preoff", ""),
        ("..300s", ""),
        ("all", ""),
    ],
)
def test_who_acts_before_the_window_is_told_so(window, begins):
    early = variant("back_favourite", {"seconds_to_start": 300}, window=window)
    expected = f"back_favourite acts from 300 s before the off, but the window {window} begins {begins}; it sees"
    assert [said.startswith(expected) for said in unseen([early, early])] == [True] * bool(begins)


def test_who_bets_before_the_off_alone_cannot_be_shown_what_follows_it_alone():
    with pytest.raises(StrategyError, match=r"back_favourite acts from 60 s .* can never bet; give another --window"):
        unseen([variant("back_favourite", window="inplay..300s")])
    mine = variant("back_favourite", window="inplay")._replace(name="mine:Mine")
    assert unseen([mine]) == [
        "mine:Mine acts from 60 s before the off, but the window inplay begins in-play; it sees nothing before"
    ]
    assert unseen([mine._replace(parameters={"seconds_to_start": value}) for value in (None, "60", True)]) == []
