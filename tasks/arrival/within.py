"""Time limits for calls that may block forever, on an unreachable network disk for example."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def within(seconds: float, function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call a function in a thread and return its result, within a time limit.

    Raises:
        TimeoutError: It did not return in time. Its thread cannot be stopped, and ends with the process.
    """
    outcome: Future[R] = Future()

    def call() -> None:
        try:
            outcome.set_result(function(*arguments, **named))
        except BaseException as error:  # noqa: BLE001 - re-raised in the caller
            outcome.set_exception(error)

    Thread(target=call, daemon=True).start()
    return outcome.result(seconds)
