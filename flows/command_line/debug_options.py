"""Which options of `backtest run` go with `--debug`, and what it is given in their place."""

from collections.abc import Callable, Iterable, Sequence

from flows.parameters import BacktestParameters
from tasks.errors import InputError

Ask = Callable[[Sequence[str]], BacktestParameters]
"""Makes the parameters, given the strategies as they were written; that imports them, and so runs their code."""

IN_MEMORY = "memory://debug"
"""The lake of a replay that writes nothing: it ends with the process."""

_NOT_HERE = "it replays in this process, without limits"
_WHY_NOT = {
    "--lake": "it writes nothing",
    "--split": "it is no try that could be judged",
    "--together": "it settles each strategy by itself",
    "--json": "it prints for a person",
    "--quiet": "it prints for a person",
    "--workers": _NOT_HERE,
    "--market-seconds": _NOT_HERE,
    "--worker-megabytes": _NOT_HERE,
    "--chunk-bytes": "it keeps no chunks",
}


def check_debugs(words: Iterable[str]) -> None:
    """Check that the given options make sense with `--debug`.

    Raises:
        InputError: One does not.
    """
    for word in words:
        if reason := _WHY_NOT.get(word):
            raise InputError(f"{word} has no meaning with --debug: {reason}; leave it out")
