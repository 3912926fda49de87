"""Python's cyclic garbage collector during a replay: rarer, and only over what the replay allocated."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Python's default of 700 collects every dozen ticks, and cycles are rare; a far larger threshold causes more cache
# misses in the processor, which costs as much.
_OBJECTS_BETWEEN_COLLECTIONS = 5_000


@contextmanager
def collected_once() -> Iterator[None]:
    """Collect rarely within the block, and once at its end, when its objects are no longer needed.

    A simulation as a whole is one cycle, so it stays in memory until it is collected. Objects from before the block,
    mainly the imported modules, are frozen: to traverse them would take more than a tenth of a chunk's replay.
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
