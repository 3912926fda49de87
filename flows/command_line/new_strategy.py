"""`backtest new`: a strategy to begin with, as a file of the user's own."""

from importlib.resources import files
from pathlib import Path

from tasks.errors import InputError

_TEMPLATE = "strategy_template.py"


def write_strategy(path: Path) -> None:
    """Write a commented flumine strategy that can be run as it is.

    Raises:
        InputError: The path is no Python file's, is taken, or cannot be written to.
    """
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise InputError(f"{path}: not the name of a Python module; give one such as my_strategy.py")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_without_lint_comments(files(__package__).joinpath(_TEMPLATE).read_text("utf-8")))
    except FileExistsError:
        raise InputError(f"{path}: there is such a file already; give another name") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def _without_lint_comments(source: str) -> str:
    """Leave out what only this project's own checks read."""
    lines = (line.partition("  # noqa")[0].partition("  # type: ignore")[0] for line in source.splitlines())
    return "\n".join(lines) + "\n"
