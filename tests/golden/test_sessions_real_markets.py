"""Real markets in sessions: the orders of each event, day and run of the archive are plain flumine's event group's."""

import os
import tarfile
from functools import partial
from pathlib import Path

import hostile_across
import orjson
import pytest
from plain_session import orders_of_session as judged
from sameness import Messages, messages_of
from side_by_side import orders_of_session

from tasks.windows.compress import compress_window
from tasks.windows.window import Window

ARCHIVE = "2022_03_MarGreyhoundsPro.tar"
WHOLE = bool(os.environ.get("BACKTEST_TEST_WHOLE"))

MAKERS = [
    # It looks at much on each tick, which takes a minute an event.
    *([partial(hostile_across.ApeAcross, seed=1)] if WHOLE else []),
    hostile_across.Pairs,
    hostile_across.Bankroll,
    partial(hostile_across.StopsAfter, most=7),
    hostile_across.Elsewhere,
]


@pytest.fixture(scope="module")
def archive(data: Path) -> dict[str, Messages]:
    """Messages of each market of the archive, by market time and id."""
    found = {}
    with tarfile.open(data / ARCHIVE) as tar:
        for member in tar:
            raw = tar.extractfile(member)
            if raw:
                found[Path(member.name).stem] = list(messages_of(raw.read()))
    return dict(sorted(found.items(), key=lambda item: (_last_definition(item[1])["marketTime"], item[0])))


def _last_definition(messages: Messages) -> dict[str, str]:
    defined = (orjson.loads(raw)["mc"][0].get("marketDefinition") for _, raw in messages)
    return [definition for definition in defined if definition][-1]


@pytest.mark.parametrize("window", ["80s", "-80s..60s"])
def test_events(archive: dict[str, Messages], window: str):
    events: dict[str, list[str]] = {}
    for market_id, messages in archive.items():
        events.setdefault(_last_definition(messages)["eventId"], []).append(market_id)
    several = sorted((ids for ids in events.values() if len(ids) > 1), key=len)
    assert several
    for market_ids in several if WHOLE else several[:1]:
        assert _compare(archive, market_ids, window)


def test_the_run(archive: dict[str, Messages]):
    """All markets as one session, which is also that of their day."""
    assert _compare(archive, list(archive)[:: 1 if WHOLE else 5], "80s")


def _compare(archive: dict[str, Messages], market_ids: list[str], window: str) -> int:
    asked = Window.parse(window)
    raw = {market_id: [raw for _, raw in archive[market_id]] for market_id in market_ids}
    expected = [judged(raw, make, asked.listener_kwargs) for make in MAKERS]
    compressed = {market_id: list(compress_window(archive[market_id], asked)) for market_id in market_ids}
    assert orders_of_session(compressed, MAKERS, asked) == expected, market_ids
    return sum(len(orders) for orders in expected if isinstance(orders, list))
