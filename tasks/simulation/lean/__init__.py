"""Flumine's books, loop and matching with less work, and equal results: proven for the versions in `PROVEN`.

Import only the names below from outside. Without this package flumine's own stream and loop replay, as with `--engine
flumine`.
"""

from tasks.simulation.lean.book import actual_sps
from tasks.simulation.lean.loop import LeanSimulation
from tasks.simulation.lean.lull import Lull, common_lull
from tasks.simulation.lean.stream import PROVEN, LeanStream, engine_is_proven
from tasks.simulation.lean.traded import Removal, TradedVolumes
from tasks.simulation.lean.watched import ChangedBookError, WatchedStream

__all__ = [
    "PROVEN",
    "ChangedBookError",
    "LeanSimulation",
    "LeanStream",
    "Lull",
    "Removal",
    "TradedVolumes",
    "WatchedStream",
    "actual_sps",
    "common_lull",
    "engine_is_proven",
]
