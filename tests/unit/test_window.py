"""Windows: the part of a market that is replayed, by name."""

import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.errors import InputError
from tasks.simulation.window import DEFAULT_WINDOW, Window, listener_arguments


@pytest.mark.parametrize(("window", "seconds"), [("80s", 80.0), ("1s", 1.0), ("3600s", 3600.0), ("080s", 80.0)])
def test_seconds_before_the_off(window, seconds):
    assert listener_arguments(window) == {"inplay": False, "seconds_to_start": seconds}
    assert TypeAdapter(Window).validate_python(window) == window


def test_the_default_is_the_tutorials():
    assert listener_arguments(DEFAULT_WINDOW)["seconds_to_start"] == 80


@pytest.mark.parametrize("window", ["", "80", "s", "0s", "-80s", "1.5s", "80 s", "80m", "80s ", "all"])
def test_what_is_no_window(window):
    with pytest.raises(InputError, match="such as 80s"):
        listener_arguments(window)
    with pytest.raises(ValidationError, match="such as 80s"):
        TypeAdapter(Window).validate_python(window)
