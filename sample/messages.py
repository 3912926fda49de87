"""The exchange's stream of one market: its messages, in order, as lines of JSON.

When something happens is decided here, and what else happens then in `market.py`.
"""

from collections.abc import Callable, Iterator
from random import Random

from sample.market import Market
from sample.races import Race

_STEP = 50  # milliseconds: the resolution of Pro history
_OPENING = (8 * 3600, 10 * 3600)  # seconds before the off
_FIRST_OFFERS = 1400  # seconds after that
_IMAGE = 20_500  # seconds before the off
_CROSS_MATCHING = (3000, 5000)
_UPDATES = (  # (from, to, usual number): seconds before the off
    (20_000, 3600, 40),
    (3600, 180, 100),
    (180, 80, 110),
    (80, 0, 330),
)
_ACTIVITY = (0.6, 1.25)  # of the usual numbers, by market
_NOTICE = 300  # seconds from the word of a postponement to the market time that was
_RESULT = (40, 90)  # seconds from the off to the result


def stream(race: Race, rng: Random) -> Iterator[bytes]:
    """The messages of a race's WIN market.

    Args:
        rng: Decides the market's errors, activity and sizes.

    Yields:
        Lines of JSON, each with its line feed, by publish time.
    """
    opening = rng.uniform(*_OPENING)
    market = Market(race, opening, rng)
    for seconds_to_off, happening in _script(market, race, opening, rng):
        yield from happening(seconds_to_off)


def _script(
    market: Market, race: Race, opening: float, rng: Random
) -> list[tuple[float, Callable[[float], Iterator[bytes]]]]:
    """What happens to a market and when, seconds before the off; after it they are negative."""
    result = -rng.uniform(*_RESULT)
    script = [
        (opening, market.announce),
        (opening - _FIRST_OFFERS, market.open),
        (_IMAGE, market.repeat),
        (rng.uniform(*_CROSS_MATCHING), market.cross_match),
        (0.0, market.take_off),
        (-0.142, market.reconcile),
        (-0.39, market.clear),
        (result, market.settle),
        (result - 2.657, market.close),
    ]
    activity = rng.uniform(*_ACTIVITY)
    for start, end, usual in _UPDATES:
        instants = rng.sample(range(end * 1000 + _STEP, start * 1000, _STEP), round(usual * activity))
        script += [(instant / 1000, market.update) for instant in instants]
    if race.postponed_seconds:
        script.append((race.late_seconds + race.postponed_seconds + _NOTICE, market.postpone))
    if race.withdrawal:
        out = race.withdrawal.seconds_before_off
        script += [(out, market.suspend), (out - 3.2, market.remove), (out - 11.7, market.reopen)]
    return sorted(script, key=lambda happening: -happening[0])
