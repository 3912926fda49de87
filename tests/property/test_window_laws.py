"""Windows are flumine's: what lies within one, to the last digit, and what names it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from flumine.streams.betfairhistoricalstream import HistoricListener
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.lake.store import Lake
from tasks.windows.files import WindowsFile
from tasks.windows.window import Gate, Window

OFF = int(datetime(2026, 1, 2, 3, 0, tzinfo=UTC).timestamp() * 1000)
# With all that betfairlightweight requires of one.
DEFINITION: dict[str, Any] = {
    **dict.fromkeys(("bettingType", "eventId", "eventTypeId", "timezone", "version"), "1"),
    **dict.fromkeys(("betDelay", "marketBaseRate", "numberOfActiveRunners", "numberOfWinners"), 1),
    **dict.fromkeys(("bspMarket", "bspReconciled", "complete", "crossMatching", "discountAllowed"), False),
    **dict.fromkeys(("persistenceEnabled", "runnersVoidable", "turnInPlayEnabled"), True),
    "marketTime": "2026-01-02T03:00:00.000Z",
    "status": "OPEN",
    "runners": [],
    "regulators": [],
}


def by_flumine(messages: Sequence[bytes], window: Window) -> list[bool]:
    """Which messages lie within, as flumine's own market stream decides it."""
    listener = HistoricListener(max_latency=None, **window.listener_kwargs)
    listener.register_stream(7, "marketSubscription")
    return [bool(listener.on_data(raw)) for raw in messages]


def by_gate(messages: Sequence[bytes], window: Window) -> list[bool]:
    gate, found = Gate(window), []
    for message in map(orjson.loads, messages):
        (change,) = message["mc"]
        if "marketDefinition" in change:
            gate.define(change["marketDefinition"], message["pt"])
        found.append(gate.opens <= message["pt"] <= gate.closes)
    return found


@st.composite
def messages_and_windows(draw: st.DrawFn) -> tuple[list[bytes], Window]:
    """A market that may turn in-play, and limits at or beside the differences of its times, where floats decide."""
    times = sorted(draw(st.lists(st.integers(-200_000, 200_000), min_size=2, max_size=8)))
    turns = draw(st.sets(st.sampled_from(times)))
    messages, is_in_play = [], False
    for number, time in enumerate(times):
        change: dict[str, Any] = {"id": "1.1"}
        is_in_play ^= time in turns
        if not number or time in turns:
            change["marketDefinition"] = {**DEFINITION, "inPlay": is_in_play}
        messages.append(orjson.dumps({"pt": OFF + time, "mc": [change]}))
    some = st.sampled_from([*(-time for time in times), *(time - times[0] for time in times)])
    beside = st.sampled_from([0, 0, 1e-3, -1e-3, 6e-7, 4e-7, -4e-7, 1e-9, -1e-9, 3e-14, -3e-14])
    limits = st.none() | st.builds(lambda milliseconds, more: milliseconds / 1000 + more, some, beside)
    return messages, Window(draw(st.sampled_from([None, True, False])), draw(limits), draw(limits))


@settings(max_examples=500)
@given(messages_and_windows())
def test_what_lies_within_is_what_flumine_says(asked: tuple[list[bytes], Window]):
    assert by_gate(*asked) == by_flumine(*asked)


def written(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s"


@given(st.integers(1, 10_000_000))
def test_a_window_begins_at_the_millisecond_that_it_names(milliseconds: int):
    text, definition = written(milliseconds), {"status": "OPEN", "marketTime": "2026-01-02T03:00:00.000Z"}
    off = 1_767_322_800_000
    for window, opens in (
        (text, off - milliseconds),
        (f"-{text}..", off - milliseconds),
        (f"+{text}", off + milliseconds),
    ):
        gate = Gate(Window.parse(window))
        gate.define(definition, 0)
        assert gate.opens == opens


NUMBERS = st.integers(1, 100_000_000).map(written)
TEXTS = st.builds(
    str.format,
    st.sampled_from(
        ["{0}", "+{0}", "-{0}..", "+{0}..{1}", "-{0}..{1}", "..{0}", "inplay..{0}", "0s..", "all", "preoff"]
    ),
    NUMBERS,
    NUMBERS | st.just("0s"),
)


@given(TEXTS, TEXTS)
def test_each_window_has_a_folder_of_its_own(tmp_path_factory: Any, one: str, other: str):
    lake = Lake(tmp_path_factory.getbasetemp() / "lake")
    first, second = (WindowsFile(lake, text, "month", 0, "0") for text in (one, other))
    assert (first.key == second.key) == (Window.parse(one) == Window.parse(other)) == (one == other)
    folder = first.key.folder.partition[0]
    # Neither hidden nor a name that Windows shortens.
    assert not folder.startswith(".")
    assert not folder.endswith(".")
