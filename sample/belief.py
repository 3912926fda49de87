"""The market's belief: the true chances, seen through an error that wanders and all but vanishes at the off."""

import math
from collections.abc import Sequence
from random import Random

from sample.races import Runner

OPENING_ERROR = 0.25
"""Standard deviation of the error of a log chance when the market opens."""

CLOSING_ERROR = 0.03
"""Standard deviation of the error of a log chance at the off."""

_VOLATILITY = 0.003  # of the error in between, per square root of a second


class Belief:
    """What the market holds each runner's chance to be, at times that only go forward.

    The error of each log chance is a Brownian bridge from an opening error to a closing error. It is moved on
    for one runner at a time, when its price is asked for: a market's prices move one after the other too.
    """

    def __init__(self, runners: Sequence[Runner], seconds_to_off: float, rng: Random) -> None:
        """Starts the belief.

        Args:
            runners: All runners.
            seconds_to_off: When, seconds before the off.
            rng: Decides the errors.
        """
        self._rng = rng
        self._true = {runner.selection_id: runner.win_probability for runner in runners}
        self._error = {selection_id: rng.gauss(0, OPENING_ERROR) for selection_id in self._true}
        self._closing = {selection_id: rng.gauss(0, CLOSING_ERROR) for selection_id in self._true}
        self._asked = dict.fromkeys(self._true, seconds_to_off)
        self._weight = {selection_id: self._weigh(selection_id) for selection_id in self._true}

    def chance(self, selection_id: int, seconds_to_off: float) -> float:
        """The chance that the market gives a runner.

        Args:
            selection_id: The runner.
            seconds_to_off: When, seconds before the off; not before the last time asked.

        Returns:
            A probability; those of all runners add up to 1 when asked for the same moment.
        """
        before = self._asked[selection_id]
        if seconds_to_off < before:
            left = seconds_to_off / before
            closing = self._closing[selection_id]
            wander = _VOLATILITY * math.sqrt(left * (before - seconds_to_off))
            self._error[selection_id] = (
                closing + (self._error[selection_id] - closing) * left + self._rng.gauss(0, wander)
            )
            self._asked[selection_id] = seconds_to_off
            self._weight[selection_id] = self._weigh(selection_id)
        return self._weight[selection_id] / sum(self._weight.values())

    def remove(self, selection_id: int) -> None:
        """Takes a runner out: its chance goes to the others."""
        del self._weight[selection_id]

    def _weigh(self, selection_id: int) -> float:
        return self._true[selection_id] * math.exp(self._error[selection_id])
