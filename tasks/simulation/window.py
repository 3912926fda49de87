"""The part of a market that is replayed, by the name a person gives it."""

import re
from typing import Annotated

from pydantic import AfterValidator

from tasks.errors import InputError

DEFAULT_WINDOW = "80s"

_SECONDS_BEFORE = re.compile(r"(\d+)s")


def listener_arguments(window: str) -> dict[str, bool | float]:
    """Say a window in the arguments of flumine's historical listener.

    Args:
        window: `80s`: the last eighty seconds before the scheduled off, and on through a delay until the off.

    Returns:
        `listener_kwargs` of `BetfairHistoricalStream`.

    Raises:
        InputError: It is no window.
    """
    seconds = _SECONDS_BEFORE.fullmatch(window)
    if not seconds or not int(seconds[1]):
        raise InputError(f"window {window!r}: give whole seconds before the off, such as 80s")
    return {"inplay": False, "seconds_to_start": float(seconds[1])}


def _valid(window: str) -> str:
    try:
        listener_arguments(window)
    except InputError as error:
        raise ValueError(str(error)) from None
    return window


Window = Annotated[str, AfterValidator(_valid)]
