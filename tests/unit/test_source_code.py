"""Digests of sources, while other threads parse Python, as Prefect's do."""

import ast
import gc
import sys
import threading
import time
import typing
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.variants.dependencies.source_code import content_digest

LONG = Path(typing.__file__).read_bytes()


@pytest.fixture
def _switching_often() -> Iterator[None]:
    """Make threads take turns in the middle of parsing, where a garbage collection lets them."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()

    def give_way(*_: object) -> None:
        time.sleep(0)

    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    gc.callbacks.append(give_way)
    yield
    gc.callbacks.remove(give_way)
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_switching_often")
def test_another_thread_parses_meanwhile():
    ended = threading.Event()

    def parse() -> None:
        while not ended.is_set():
            with suppress(SystemError):
                ast.parse(LONG)

    def deep(levels: int, source: bytes) -> str:
        return deep(levels - 1, source) if levels else content_digest("mine.py", source)

    expected = content_digest("mine.py", LONG)
    thread = threading.Thread(target=parse)
    thread.start()
    try:
        # Each with another comment, so that it is parsed anew.
        digests = {deep(20, LONG + f"# {number}\n".encode()) for number in range(30)}
    finally:
        ended.set()
        thread.join()
    assert digests == {expected}
