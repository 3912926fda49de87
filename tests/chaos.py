"""How often faults are caused: a few times in `make test`, very often in `make chaos`."""

import os

CHAOS = bool(os.environ.get("BACKTEST_TEST_CHAOS"))


def times(few: int, many: int) -> int:
    """Choose by which of the two runs."""
    return many if CHAOS else few
