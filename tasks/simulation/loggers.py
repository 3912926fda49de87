"""What is set on loggers, where whoever knows a logger's name finds it again."""

import logging
import sys
from collections.abc import Iterator

from tasks.variants.dependencies.callers import is_own

_Settings = tuple[object, ...]

_OF_ANY = frozenset(vars(logging.getLogger(__name__)))
_UNSET: _Settings = (logging.NOTSET, False, True, (), (), ())


class Loggers:
    """The settings of all loggers at one moment."""

    def __init__(self) -> None:
        self._settings = _settings()

    def changes(self) -> Iterator[str]:
        """Compare with the present.

        Yields:
            In words, which loggers have other settings; those that a package made for itself as it was imported since
            are left out.
        """
        now = _settings()
        for name in {**self._settings, **now}:
            before = self._settings.get(name, _UNSET)
            if now.get(name, _UNSET) != before and (name in self._settings or not _is_packages(name)):
                yield f"the logger {name or 'root'}"


def _settings() -> dict[str, _Settings]:
    named = logging.root.manager.loggerDict.items()
    loggers = {name: logger for name, logger in named if isinstance(logger, logging.Logger)}
    return {name: _settings_of(logger) for name, logger in {"": logging.root, **loggers}.items()}


def _settings_of(logger: logging.Logger) -> _Settings:
    return (
        *(logger.level, logger.disabled, logger.propagate, tuple(map(id, logger.filters))),
        tuple(map(_settings_of_handler, logger.handlers)),
        tuple((name, id(value)) for name, value in vars(logger).items() if name not in _OF_ANY),
    )


def _settings_of_handler(handler: object) -> _Settings:
    # Anything can stand in a list of handlers.
    level, formatter = getattr(handler, "level", None), getattr(handler, "formatter", None)
    return id(handler), level, id(formatter), *map(id, getattr(handler, "filters", ()))


def _is_packages(name: str) -> bool:
    """Return whether a logger is called like an imported package that is Python's or installed."""
    package = sys.modules.get(name.partition(".")[0])
    return package is not None and not is_own(str(getattr(package, "__file__", None)))
