"""Measures whether intervals and correction keep their promises, on races whose true chances are known; prints a table.

    python -m benchmarks.calibrate [--repeat N]

Nothing is replayed: a race's chances are drawn as the sample's are, bets are struck at prices about fair and settled by
the race's winner. What the bets were truly worth is then a sum over who might have won, and exact.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import typer

from sample.races import MOST_DAYS, draw_month
from tasks.aggregation.bootstrap import DRAWS, can_tell
from tasks.aggregation.figures import Floats
from tasks.aggregation.statistics import weigh

REPETITIONS = 400
COMMISSION = 0.07
STAKE = 5.0
VARIANTS = 50
EDGE = 0.05

_PRICE_STRAYS = 0.05  # standard deviation, in log prices
_RATING_STRAYS = 0.3
_OUTSIDER = 8.0
_LONGEST = 1000.0
_TARGET = 10.0
# A sweep's variants share half of what decides their ratings.
_SHARED = math.sqrt(0.5)
_LEAST_EDGES = (0, 0.05, 0.1, 0.2)
_SIDES = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0))  # backs, lays
_FEWER_DRAWS = 2000


class Month(NamedTuple):
    """Races, each a row; runners that others have more of are padding with no chance.

    Attributes:
        chances: Races × runners: the true chance to win.
        won: Races × runners: whether it did.
    """

    chances: Floats
    won: npt.NDArray[np.bool_]


class Bets(NamedTuple):
    """Bets of one variant, at most one a runner; all races × runners.

    Attributes:
        side: 1 back, −1 lay, 0 none.
        price: Decimal odds.
        stake: The account's currency.
    """

    side: Floats
    price: Floats
    stake: Floats


class Settled(NamedTuple):
    """What bets of some variants came to.

    Attributes:
        net: Races × variants, the account's currency.
        turnover: Races × variants.
        expected: Of each variant, the true expected net of these bets.
        told: Of each variant, whether anything can be told.
    """

    net: Floats
    turnover: Floats
    expected: Floats
    told: npt.NDArray[np.bool_]


class Coverage(NamedTuple):
    """How often intervals held the truth.

    Attributes:
        told: Share of the runs of which anything could be told.
        covered: Share of these whose interval of net held the true expected net.
        below: Share of these whose interval lay below it.
        above: Share of these whose interval lay above it.
    """

    told: float
    covered: float
    below: float
    above: float


def draw(seed: int, races: int) -> Month:
    """Draw a month of races.

    Args:
        seed: Decides everything.
        races: How many.

    Returns:
        The month.
    """
    month = draw_month(seed, races=races, days=min(MOST_DAYS, 3 + races // 20))
    most = max(len(race.starters) for race in month)
    chances, won = np.zeros((races, most)), np.zeros((races, most), dtype=bool)
    for number, race in enumerate(month):
        for box, runner in enumerate(race.starters):
            chances[number, box] = runner.win_probability
            won[number, box] = runner.selection_id == race.winner
    return Month(chances, won)


def settle(month: Month, variants: Sequence[Bets], rate: float) -> Settled:
    """Settle bets, for the winner there was and for every other there might have been.

    Args:
        month: The races.
        variants: The bets of each.
        rate: Of commission, a fraction of a race's winnings.

    Returns:
        What they came to.
    """
    net, turnover, expected, counts = [], [], [], []
    for side, price, stake in variants:
        staked = stake * (side != 0)
        gross = (side * staked * price) - (side * staked).sum(axis=1, keepdims=True)
        nets = gross - np.maximum(gross, 0) * rate
        net.append(nets[month.won])
        turnover.append(staked.sum(axis=1))
        expected.append((month.chances * nets).sum())
        bets_won = ((side > 0) & month.won) | ((side < 0) & ~month.won)
        counts.append([bets_won.any(axis=1).sum(), ((side != 0) & ~bets_won).any(axis=1).sum()])
    return Settled(np.transpose(net), np.transpose(turnover), np.array(expected), can_tell(*np.transpose(counts)))


def _fair(month: Month) -> Floats:
    """Fair prices; padding's is such that nobody bets on it."""
    return np.divide(1, month.chances, out=np.full_like(month.chances, np.inf), where=month.chances > 0)


def _proportional(price: Floats) -> Floats:
    """Stakes that win a back, or lose a lay, the same at any price."""
    return _TARGET / np.maximum(price - 1, 0.05)


def fair_ratings(rng: np.random.Generator, month: Month) -> dict[str, Bets]:
    """Bet as the project's strategies do, at prices that stray a little about fair.

    Args:
        rng: Decides prices and the ratings' errors.
        month: The races.

    Returns:
        Bets by the variant's name.
    """
    fair = _fair(month)
    price = np.clip(fair * np.exp(rng.normal(0, _PRICE_STRAYS, fair.shape)), 1.01, _LONGEST)
    rating = fair * np.exp(rng.normal(0, _RATING_STRAYS, fair.shape))
    runs = np.isfinite(fair)
    flat = np.full_like(price, STAKE)
    either = np.where(price > rating, 1.0, -1.0) * runs
    backs, lays = np.maximum(either, 0), np.minimum(either, 0)
    third = rng.random((len(price), 1)) < 1 / 3
    return {
        "rated by true chances": Bets(np.where(price > fair, 1.0, -1.0) * runs, price, flat),
        "rated, flat": Bets(either, price, flat),
        "rated, proportional": Bets(either, price, _proportional(price)),
        "favourites backed": Bets((fair == fair.min(axis=1, keepdims=True)) * 1.0, price, flat),
        "rated, backs alone": Bets(backs, price, flat),
        "rated, lays alone": Bets(lays, price, flat),
        "rated, a third of races": Bets(either * third, price, flat),
        "rated, prices 30 % above": Bets(backs * (price > 1.3 * rating), price, flat),
        "outsiders backed": Bets(backs * (price > _OUTSIDER), price, flat),
    }


def sweep(rng: np.random.Generator, month: Month, variants: int = VARIANTS) -> list[Bets]:
    """Bet as a sweep without an edge does: related ratings, other stakes, sides and minimum edges, at fair prices.

    Args:
        rng: Decides the ratings.
        month: The races.
        variants: How many.

    Returns:
        The bets of each, each bet worth nothing before commission.
    """
    fair = _fair(month)
    runs = fair <= _LONGEST
    price = np.where(runs, fair, _LONGEST)
    stakes = np.full_like(price, STAKE), _proportional(price)
    common = rng.normal(0, _RATING_STRAYS, fair.shape)
    made = []
    for number in range(variants):
        belief = _SHARED * common + _SHARED * rng.normal(0, _RATING_STRAYS, fair.shape)
        least = _LEAST_EDGES[number % len(_LEAST_EDGES)]
        backed, laid = _SIDES[number % len(_SIDES)]
        side = ((belief > least) & runs) * backed - ((belief < -least) & runs) * laid
        made.append(Bets(side, price, stakes[number % len(stakes)]))
    return made


def coverage(races: int, seeds: Sequence[int], draws: int = DRAWS) -> dict[str, Coverage]:
    """Measure how often the 95 % interval of net holds the true expected net of the bets.

    Args:
        races: In a run.
        seeds: One a repetition.
        draws: Of the bootstrap.

    Returns:
        By the variant's name.
    """
    misses: list[Floats] = []
    names: list[str] = []
    for seed in seeds:
        month = draw(seed, races)
        bets = fair_ratings(np.random.default_rng([seed, races]), month)
        names = list(bets)
        settled = settle(month, list(bets.values()), COMMISSION)
        weighed = weigh(settled.net, settled.turnover, settled.told, seed, draws)
        below = np.where(settled.told, weighed["net_high"] < settled.expected, np.nan)
        above = np.where(settled.told, weighed["net_low"] > settled.expected, np.nan)
        misses.append(np.array([below, above]))
    shares = np.nanmean(misses, axis=0)
    told = np.mean(np.isfinite(misses), axis=(0, 1))
    return {
        name: Coverage(float(told[n]), float(1 - shares[:, n].sum()), float(shares[0, n]), float(shares[1, n]))
        for n, name in enumerate(names)
    }


def named(races: int, seeds: Sequence[int], rate: float = 0, draws: int = DRAWS) -> dict[str, float]:
    """Measure how often a sweep of edgeless variants names a winner, by each rule.

    Args:
        races: In a run.
        seeds: One a repetition.
        rate: Of commission; without any, the variants' true expected net is exactly 0, which is the hardest.
        draws: Of the bootstrap.

    Returns:
        By rule, the share of the sweeps in which any variant passed it.
    """
    passed = []
    for seed in seeds:
        month = draw(seed, races)
        settled = settle(month, sweep(np.random.default_rng([seed, races]), month), rate)
        weighed = weigh(settled.net, settled.turnover, settled.told, seed, draws)
        passed.append([weighed["net_low"].gt(0).any(), weighed["q"].le(0.05).any(), weighed["winner"].any()])
    alone, found, winner = np.mean(passed, axis=0)
    return {"an interval above 0": alone, "Benjamini–Hochberg": found, "winner": winner}


def power(races: int, seeds: Sequence[int], make: Callable[[np.random.Generator, Month], list[Bets]]) -> float:
    """Measure how often the first of some variants is named a winner.

    Args:
        races: In a run.
        seeds: One a repetition.
        make: Gives the variants' bets.

    Returns:
        The share of the runs.
    """
    found = []
    for seed in seeds:
        month = draw(seed, races)
        settled = settle(month, make(np.random.default_rng([seed, races]), month), rate=0)
        found.append(weigh(settled.net, settled.turnover, settled.told, seed, _FEWER_DRAWS)["winner"].iloc[0])
    return float(np.mean(found))


def favourites_with_edge(_: np.random.Generator, month: Month) -> list[Bets]:
    """Back every favourite at a price that is better than fair by the edge.

    Args:
        month: The races.

    Returns:
        The bets of one variant.
    """
    fair = _fair(month)
    is_favourite = fair == fair.min(axis=1, keepdims=True)
    return [Bets(is_favourite * 1.0, np.minimum(fair, _LONGEST) * (1 + EDGE), np.full_like(fair, STAKE))]


def sweep_with_edge(rng: np.random.Generator, month: Month) -> list[Bets]:
    """Hide the favourites with an edge among a sweep without any.

    Args:
        rng: Decides the others' ratings.
        month: The races.

    Returns:
        The bets of each variant, those with the edge first.
    """
    return [*favourites_with_edge(rng, month), *sweep(rng, month, VARIANTS - 1)]


def _tables(repeat: int) -> Iterator[str]:
    seeds, fewer = range(repeat), range(max(1, repeat // 8))
    yield f"95 % interval of net, {repeat} runs of fair ratings, {COMMISSION:.0%} commission; per cent\n"
    yield from _head("races", "variant", "told", "covered", "below the truth", "above")
    for races in (33, 60, 120):
        for name, held in coverage(races, seeds).items():
            yield _row(races, name, *_per_cent(held))
    yield f"\n{repeat} sweeps of {VARIANTS} variants at fair prices; per cent that name any\n"
    yield from _head("races", "commission", "by an interval above 0", "by Benjamini–Hochberg", "a winner")
    for races, rate in ((60, 0), (120, 0), (60, COMMISSION)):
        yield _row(races, f"{rate:.0%}", *_per_cent(named(races, seeds, rate, _FEWER_DRAWS).values()))
    yield f"\nAn edge of {EDGE:.0%} on favourites, {len(fewer)} runs; per cent that find it\n"
    yield from _head("races", "alone", f"among {VARIANTS}")
    for races in (60, 300, 1200):
        yield _row(races, *_per_cent(power(races, fewer, make) for make in (favourites_with_edge, sweep_with_edge)))


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield "|---:" * len(names) + "|"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _per_cent(shares: Iterable[float]) -> Iterator[str]:
    return (f"{100 * share:.1f}" for share in shares)


def run(repeat: Annotated[int, typer.Option(help="Runs of each kind")] = REPETITIONS) -> None:
    """Measure and print the tables."""
    for line in _tables(repeat):
        print(line, flush=True)


if __name__ == "__main__":
    typer.run(run)
