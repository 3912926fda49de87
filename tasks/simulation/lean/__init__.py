"""Flumine's books, loop and matching with less work, equal to flumine's own: proven for the versions in `PROVEN`.

The room has one door, the names below; nothing outside imports its modules. Without it flumine's own stream and loop
replay, as `--engine flumine` asks.
"""

from tasks.simulation.lean.loop import LeanSimulation
from tasks.simulation.lean.stream import PROVEN, LeanStream, engine_is_proven
from tasks.simulation.lean.traded import Removal, TradedVolumes
from tasks.simulation.lean.watched import ChangedBookError, WatchedStream

__all__ = [
    "PROVEN",
    "ChangedBookError",
    "LeanSimulation",
    "LeanStream",
    "Removal",
    "TradedVolumes",
    "WatchedStream",
    "engine_is_proven",
]
