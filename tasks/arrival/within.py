"""Calls that may take for ever, as on a disk that is reached by a network and does not answer."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def within(seconds: float, function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call a function, and wait no longer than that for what it returns.

    Args:
        seconds: How long to wait.
        function: What to call.
        arguments: What it is given.
        named: What it is given by name.

    Returns:
        What it returns.

    Raises:
        TimeoutError: It did not return. Its thread stays behind, which nothing can stop, and ends with the process.
    """
    outcome: Future[R] = Future()

    def call() -> None:
        try:
            outcome.set_result(function(*arguments, **named))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            outcome.set_exception(error)

    Thread(target=call, daemon=True).start()
    return outcome.result(seconds)
