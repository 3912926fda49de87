"""Windows: the part of a market that is replayed, by name."""

import pytest

from tasks.errors import InputError
from tasks.simulation.window import DEFAULT_WINDOW, Window


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("80s", {"inplay": False, "seconds_to_start": 80.0}),
        ("3600s", {"inplay": False, "seconds_to_start": 3600.0}),
        ("-30s..", {"seconds_to_start": 30.0}),
        ("-80s..300s", {"seconds_to_start": 80.0, "max_inplay_seconds": 300.0}),
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


@pytest.mark.parametrize("text", ["", "80", "s", "0s", "-80s", "1.5s", "80 s", "80m", "80s ", "-0s..", "inplay.."])
def test_what_is_no_window(text):
    with pytest.raises(InputError, match="80s"):
        Window.parse(text)
