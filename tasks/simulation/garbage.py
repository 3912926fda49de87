"""Python's collector of cycles during a replay: rarer, and of what the replay made alone."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Python's own 700 looks for cycles every dozen ticks, and there are hardly any; with far more, memory is less often in
# the processor's cache, which costs as much.
_OBJECTS_BETWEEN_COLLECTIONS = 5_000


@contextmanager
def collected_once() -> Iterator[None]:
    """Look for cycles rarely within the block, and once at its end, when what was made in it is no longer needed.

    A simulation as a whole is one cycle, so it stays in memory until somebody looks. What was there before the block,
    all that is imported above all, is not looked at: that would take more than a tenth of a chunk's replay.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        gc.set_threshold(*before)
