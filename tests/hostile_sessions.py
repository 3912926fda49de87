"""Sessions of hostile markets from a seed: of one event or several, at the same time, after one another, or both."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hostile_markets import lines, market, market_id

Session = dict[str, list[str]]

_TIMES = ("marketTime", "suspendTime", "openDate", "settledTime")
# Milliseconds by which a market is later than it was made: mostly none, so that publish times are often the same.
_LATER = (0, 0, 0, 0, 25, 1000, 30_000, 400_000, 5 * 3_600_000)


def session(seed: int) -> Session:
    """Make a session.

    Args:
        seed: Decides all of it, for ever.

    Returns:
        Two to eight markets and their messages.
    """
    dice = Random(f"session {seed}")  # noqa: S311 - not for secrets
    seeds = dice.sample(range(3000), dice.randrange(2, 9))
    return {market_id(number): lines(_moved(market(number), dice)) for number in seeds}


def _moved(messages: list[dict[str, Any]], dice: Random) -> list[dict[str, Any]]:
    """Move a market to another time, and seldom into another event."""
    later, whole = dice.choice(_LATER), dice.choice((1, 1, 1000))
    told = dice.choice(({}, {}, {}, {"eventId": "34000002"}))
    return [
        {
            **message,
            # Whole seconds are the same in many markets.
            "pt": (message["pt"] + later) // whole * whole,
            "mc": [_change(change, later, told) for change in message["mc"]],
        }
        for message in messages
    ]


def _change(change: dict[str, Any], later: int, told: Mapping[str, str]) -> dict[str, Any]:
    if "marketDefinition" not in change:
        return change
    definition = {**change["marketDefinition"], **told}
    times = {name: _time(definition[name], later) for name in _TIMES if name in definition}
    return {**change, "marketDefinition": {**definition, **times}}


def _time(written: str, later: int) -> str:
    moment = datetime.fromisoformat(written) + timedelta(milliseconds=later)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
