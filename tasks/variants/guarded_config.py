"""Guard flumine's settings, a module shared by all strategies of a process, against changes by a strategy.

Their values come from the run's `SimulationSettings`.
"""

from types import ModuleType
from typing import Any

from flumine import config

from tasks.variants.running import running
from tasks.variants.settings import DEFAULT_SETTINGS, SimulationSettings

# Flumine's clock sets it on every tick.
_CLOCK = "current_time"

_ABSENT = object()


class ChangedConfigError(Exception):
    """A strategy changed a setting of flumine, shared by all variants of a replay.

    Attributes:
        setting: Its name in `flumine.config`.
    """

    def __init__(self, setting: str) -> None:
        super().__init__(setting)
        self.setting = setting

    def __str__(self) -> str:
        name = self.setting
        instead = f"give the run {name} (--{name.replace('_', '-')}), " if name in DEFAULT_SETTINGS.config else ""
        return f"flumine.config.{name}, which is every variant's: {instead}a strategy cannot set it for itself"


class GuardedConfig(ModuleType):
    """Class assigned to `flumine.config`; raises on a change of a setting."""

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - any value that a strategy sets
        if name != _CLOCK and not _is_same(vars(self).get(name, _ABSENT), value):
            _refuse(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        _refuse(name)


def guard_config(settings: SimulationSettings | None = None) -> None:
    """Set flumine to simulate and to raise strategies' exceptions, and guard its settings from now on.

    Args:
        settings: The run's; None keeps the last ones, at first flumine's own.
    """
    if type(config) is not GuardedConfig:
        # Otherwise flumine logs a strategy's exception and continues.
        config.raise_errors = True
        config.simulated = True
        config.__class__ = GuardedConfig
        _settings.update(_current())
    if settings is not None:
        _settings.update(settings.config)
        vars(config).update(settings.config)


def restore_config() -> None:
    """Undo changes that bypassed the guard.

    Raises:
        ChangedConfigError: There were any.
    """
    now = _current()
    if now == _settings:
        return
    clock = vars(config)[_CLOCK]
    vars(config).clear()
    vars(config).update(_settings, **{_CLOCK: clock})
    raise ChangedConfigError(next(name for name in {**now, **_settings} if now.get(name) != _settings.get(name)))


def take_refusals() -> dict[str, str]:
    """Return, and clear, the refused changes, also those whose exception a strategy caught.

    Returns:
        By variant id, the last setting that it tried to change.
    """
    refused = _refused.copy()
    _refused.clear()
    return refused


_settings: dict[str, Any] = {}
_refused: dict[str, str] = {}


def _current() -> dict[str, Any]:
    return {name: value for name, value in vars(config).items() if name != _CLOCK}


def _refuse(setting: str) -> None:
    _refused[running.variant] = setting
    raise ChangedConfigError(setting)


def _is_same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other
