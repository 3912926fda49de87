"""Windows: the part of a market that is replayed, by name."""

import pytest

from tasks.errors import InputError
from tasks.windows.window import DEFAULT_WINDOW, Window


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("80s", {"inplay": False, "seconds_to_start": 80.0}),
        ("3600s", {"inplay": False, "seconds_to_start": 3600.0}),
        ("-30s..", {"seconds_to_start": 30.0}),
        ("0.5s", {"inplay": False, "seconds_to_start": 0.5}),
        ("0s", {"inplay": False, "seconds_to_start": 0.0}),
        ("+5s", {"inplay": False, "seconds_to_start": -5.0}),
        ("0s..", {"seconds_to_start": 0.0}),
        ("+5s..", {"seconds_to_start": -5.0}),
        ("-80s..300s", {"seconds_to_start": 80.0, "max_inplay_seconds": 300.0}),
        ("-80.5s..0.125s", {"seconds_to_start": 80.5, "max_inplay_seconds": 0.125}),
        ("..300s", {"max_inplay_seconds": 300.0}),
        ("..0s", {"max_inplay_seconds": 0.0}),
        ("preoff", {"inplay": False}),
        ("inplay", {"inplay": True}),
        ("inplay..300s", {"inplay": True, "max_inplay_seconds": 300.0}),
        ("all", {}),
    ],
)
def test_a_window_is_said_in_flumines_words(text, arguments):
    assert Window.parse(text).listener_kwargs == arguments


def test_the_default_is_the_tutorials():
    assert Window.parse(DEFAULT_WINDOW).seconds_to_start == 80


NONE = [
    "",
    "80",
    "s",
    "-80s",
    "80 s",
    "80m",
    "80s ",
    "80s\n",
    "80s..",
    "80s..300s",
    "..",
    "inplay..",
    "ALL",
    "-80s..-1s",
]
# A window is written in one way: the text stands in paths of the lake.
WRITTEN_OTHERWISE = ["080s", "80.0s", "0.50s", ".5s", "80.s", "-0s..", "+0s", "8e1s", "\u0668\u0660s", "0.0001s"]


@pytest.mark.parametrize("text", [*NONE, *WRITTEN_OTHERWISE])
def test_what_is_no_window_is_refused_with_what_would_be_one(text):
    with pytest.raises(InputError, match=r"give 80s, -80s\.\., -80s\.\.300s, \.\.300s"):
        Window.parse(text)
