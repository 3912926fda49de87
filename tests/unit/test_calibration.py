"""The promises of interval and correction on races of known chances: a small version of `make calibrate`."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.calibrate import VARIANTS, Bets, Month, coverage, draw, favourites_with_edge, named, power, settle

COVERED = 80
SWEPT = 30
DRAWS = 1000


def most(share, runs):
    """So many or fewer, in 999 of 1,000 times."""
    return stats.binom.ppf(0.999, runs, share) / runs


@pytest.fixture(scope="module")
def covered():
    return coverage(60, range(COVERED), DRAWS)


@pytest.mark.parametrize(
    "variant", ["rated by true chances", "rated, flat", "rated, proportional", "favourites backed"]
)
def test_intervals_hold_the_truth(covered, variant):
    held = covered[variant]
    assert held.told > 0.95
    assert 1 - held.covered <= most(0.05, COVERED)
    assert held.covered == pytest.approx(1 - held.below - held.above)


def test_a_sweep_without_an_edge_names_no_winner():
    shares = named(60, range(SWEPT), draws=DRAWS)
    assert shares["winner"] <= most(0.05, SWEPT)
    assert shares["an interval above 0"] > 3 * most(0.05, SWEPT) / 2, "what the correction is for"


def test_a_large_edge_is_found():
    assert power(60, range(20), lambda _, month: [_edged(month, 3.0)]) > 0.6
    assert power(60, range(20), lambda _, month: [_edged(month, 1.0)]) <= most(0.025, 20)


def test_the_truth_is_that_of_the_draw():
    fair = Month(np.tile([0.5, 0.3, 0.2], (2, 1)), np.array([[True, False, False], [False, False, True]]))
    side = np.array([[1.0, 0, 0], [0, -1.0, 0]])
    settled = settle(fair, [Bets(side, 1 / fair.chances, np.full((2, 3), 10.0))], rate=0.1)
    assert settled.net[:, 0] == pytest.approx([9, 9])
    assert settled.turnover[:, 0].tolist() == [10, 10]
    assert settled.expected == pytest.approx([(0.5 * 9 - 0.5 * 10) + (0.7 * 9 - 0.3 * 70 / 3)])


def test_an_edge_is_what_it_is_called():
    month = draw(1, 60)
    settled = settle(month, favourites_with_edge(np.random.default_rng(1), month), rate=0)
    assert settled.expected / settled.turnover.sum() == pytest.approx([0.05])
    assert VARIANTS == 50


def _edged(month, times):
    (bets,) = favourites_with_edge(np.random.default_rng(1), month)
    return bets._replace(price=bets.price / 1.05 * times)
