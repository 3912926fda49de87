"""Races drawn again: what is a race, and how wide the intervals are."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tasks.aggregation.bootstrap import bets_to_tell, bootstrap, can_tell, sum_races
from tasks.aggregation.races import Races


def skewed(races, variants, seed=1):
    return np.random.default_rng(seed).exponential(5, (races, variants)) - 5


def sums_of(rejected=None):
    off = pd.Timestamp("2026-01-01 20:00", tz="UTC")
    races = {"win": 0, "place": 0, "idle": 1, "b": 2}
    markets = pd.DataFrame(
        {
            "market_id": list(races),
            "event_id": "34",
            "market_type": ["WIN", "PLACE", "WIN", "WIN"],
            "announced": [[off + pd.Timedelta(minutes=18 * race)] for race in races.values()],
        }
    )
    settled = pd.DataFrame(
        {"strategy": ["x", "x", "x", "y"], "market_id": ["win", "place", "b", "b"], "net": [1.0, 2.0, 5.0, -4.0]}
    ).assign(turnover=2.0)
    return sum_races(Races(pd.DataFrame(), settled, markets, rejected or {}), ["y", "idle", "x"])


def test_every_race_has_a_row_and_every_variant_a_column():
    sums = sums_of()
    assert sums.net.tolist() == [[0, 0, 3], [0, 0, 0], [-4, 0, 5]]
    assert sums.turnover.tolist() == [[0, 0, 4], [0, 0, 0], [2, 0, 2]]


def test_a_race_of_rejects_alone_is_none_of_the_variants():
    sums = sums_of({"idle": frozenset({"win", "b"}), "y": frozenset({"place", "win"})})
    np.testing.assert_array_equal(sums.net, [[np.nan, 0, 3], [0, 0, 0], [-4, np.nan, 5]])


def test_a_race_that_no_variant_was_replayed_on_is_not_drawn():
    sums = sums_of(dict.fromkeys(["x", "y", "idle"], frozenset({"idle"})))
    assert sums.net.tolist() == [[0, 0, 3], [-4, 0, 5]]
    assert sums.seed != sums_of().seed


def test_races_that_a_variant_was_not_replayed_on_tell_nothing_of_it():
    net = skewed(40, 2)
    more = np.vstack([net, np.full((160, 2), np.nan)])
    more[40:, 1] = 0
    few, many = bootstrap(net, np.ones_like(net), 1), bootstrap(more, np.ones_like(more), 1)
    assert many.statistic[0] == pytest.approx(few.statistic[0])
    np.testing.assert_allclose(many.net_interval[:, 0], few.net_interval[:, 0], rtol=0.06, atol=1)
    assert np.ptp(many.net_interval[:, 0]) >= np.ptp(few.net_interval[:, 0]) * 0.94


def test_five_races_won_and_five_lost():
    assert can_tell(np.array([5, 4, 5, 90]), np.array([5, 5, 4, 0])).tolist() == [True, False, False, False]


def test_of_normal_nets_the_interval_is_students():
    net = np.random.default_rng(3).normal(2, 10, (2000, 1))
    drawn = bootstrap(net, np.full_like(net, 5), seed=1)
    mean = stats.t.interval(0.95, 1999, net.mean(), stats.sem(net[:, 0]))
    assert drawn.net_interval[:, 0] == pytest.approx(2000 * np.array(mean), rel=0.05)
    assert drawn.statistic[0] == pytest.approx(net.mean() / stats.sem(net[:, 0]))


def test_draws_spread_as_the_net_does():
    net = skewed(200, 2)
    drawn = bootstrap(net, np.ones_like(net), seed=1)
    assert drawn.nets.mean(axis=0) == pytest.approx(net.sum(axis=0), abs=3)
    assert drawn.nets.std(axis=0) == pytest.approx(net.std(axis=0) * np.sqrt(200), rel=0.03)


def test_an_interval_leans_to_the_tail_that_was_seen_least():
    net = skewed(40, 1)
    low, high = bootstrap(net, np.ones_like(net), seed=1).net_interval[:, 0]
    assert high - net.sum() > 1.2 * (net.sum() - low)


def test_nowhere_narrower_than_students():
    net = skewed(15, 20)
    drawn = bootstrap(net, np.ones_like(net), seed=1)
    least = stats.t.ppf(0.975, 14) * net.std(axis=0, ddof=1) * np.sqrt(15)
    assert (drawn.net_interval[1] - net.sum(axis=0) >= least - 1e-9).all()
    assert (net.sum(axis=0) - drawn.net_interval[0] >= least - 1e-9).all()


def test_with_one_stake_in_every_race_roi_is_net_over_turnover():
    net = skewed(50, 3)
    drawn = bootstrap(net, np.full_like(net, 4), seed=1)
    np.testing.assert_allclose(drawn.roi_interval, drawn.net_interval / 200)


def test_a_variant_that_rarely_bets_has_a_finite_interval():
    net, turnover = np.zeros((300, 1)), np.zeros((300, 1))
    net[:10, 0], turnover[:10] = np.tile([20.0, -5.0], 5), 5
    drawn = bootstrap(net, turnover, seed=1)
    assert np.isfinite([drawn.net_interval, drawn.roi_interval]).all()
    assert drawn.roi_interval[0] < 75 / 50 < drawn.roi_interval[1]


def test_the_seed_decides():
    net = skewed(60, 2)
    once, again, other = (bootstrap(net, np.ones_like(net), seed, 500) for seed in (7, 7, 8))
    assert (once.nets == again.nets).all()
    assert (once.nets != other.nets).any()


def test_the_same_races_are_drawn_for_all_variants_and_runs():
    net = skewed(60, 1)
    pair = bootstrap(np.hstack([net, 2 * net]), np.ones((60, 2)), 7, 500)
    alone = bootstrap(net, np.ones((60, 1)), 7, 500)
    np.testing.assert_allclose(pair.nets[:, 1], 2 * pair.nets[:, 0])
    np.testing.assert_allclose(alone.nets[:, 0], pair.nets[:, 0])


def test_draws_in_chunks_are_the_draws_at_once(monkeypatch):
    net = skewed(60, 2)
    at_once = bootstrap(net, np.ones_like(net), 7, 500)
    monkeypatch.setattr("tasks.aggregation.bootstrap._CELLS", 7 * 60)
    np.testing.assert_allclose(bootstrap(net, np.ones_like(net), 7, 500).draws, at_once.draws)


def test_memory_is_bounded():
    net = skewed(2000, 50)
    tracemalloc.start()
    bootstrap(net, np.ones_like(net), 7)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6


def test_more_bets_are_those_of_the_textbook():
    # t of 2.80 is found four times in five: half the t takes four times the bets.
    assert bets_to_tell(2.8016 / 2, 100) == pytest.approx(300, abs=1)
    assert bets_to_tell(-0.28016, 100) == pytest.approx(9900, abs=5)
    assert bets_to_tell(5, 100) == 1


def test_so_many_more_bets_find_it_four_times_in_five():
    rng = np.random.default_rng(5)
    bets = 100 + bets_to_tell(0.1 / 1.0 * np.sqrt(100), 100)
    found = [stats.ttest_1samp(rng.normal(0.1, 1, bets), 0).pvalue < 0.05 for _ in range(1000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


def test_the_noise_of_an_interval_is_how_far_its_ends_stray_from_seed_to_seed():
    net = skewed(60, 1)
    drawn = [bootstrap(net, np.ones_like(net), seed, 2000) for seed in range(40)]
    for intervals, noises in (
        ([one.net_interval[:, 0] for one in drawn], [one.net_noise[0] for one in drawn]),
        ([one.roi_interval[:, 0] for one in drawn], [one.roi_noise[0] for one in drawn]),
    ):
        assert np.mean(noises) == pytest.approx(np.std(intervals, axis=0).max(), rel=0.4)
