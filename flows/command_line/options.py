"""A model's fields as options of the command line: names, help, and values as text.

`verb.py` handles the fields that are not plain options: archives, strategies and a sweep's grid.
"""

from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tasks.option import Option

_ASKED_OTHERWISE = {"archives", "strategies", "own_strategies", "strategy", "grid"}


class FieldOption(NamedTuple):
    """A field and its option.

    Attributes:
        path: The names of the fields it is nested in, and its own.
        field: Pydantic's description of it.
        default: Its value if the option is not given.
        option: The field's own annotation.
    """

    path: tuple[str, ...]
    field: FieldInfo
    default: Any
    option: Option

    @property
    def word(self) -> str:
        """The option: `--chunk-bytes`."""
        return self.option.word or f"--{self.path[-1].replace('_', '-')}"

    @property
    def is_flag(self) -> bool:
        """Whether it takes no value: `--word` or `--no-word`."""
        return self.field.annotation is bool

    @property
    def flags(self) -> tuple[str, str]:
        """A flag's options for true and false."""
        return self.word, f"--no-{self.word.removeprefix('--')}"

    @property
    def is_list(self) -> bool:
        """Whether it may be given several times."""
        return get_origin(self.field.annotation) is list

    @property
    def nothing(self) -> str | None:
        """The word for None or an empty list; None if that is not allowed, or is the default and has no own word."""
        can_be = self.is_list or NoneType in get_args(self.field.annotation)
        has_own_word = self.option.nothing != Option().nothing
        return self.option.nothing if can_be and (has_own_word or self.default not in (None, [])) else None

    @property
    def kind(self) -> str:
        """Its type or its choices, as `--help` shows them."""
        annotation = self.field.annotation
        if get_origin(annotation) is Literal:
            return f"<{'|'.join(map(str, get_args(annotation)))}>"
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType] or [annotation]
        return f"<{'|'.join(getattr(kind, '__origin__', kind).__name__ for kind in kinds)}>"

    @property
    def help(self) -> str:
        """Its description and default."""
        said = [self.field.description or "", "repeatable"] if self.is_list else [self.field.description or ""]
        if self.nothing:
            said.append("may be none" if self.nothing == "none" else f"{self.nothing} for none")
        default = self.flags[not self.default] if self.is_flag else ", ".join(self._texts(self.default))
        return "; ".join((*said, f"default {default or self.nothing or 'none'}"))

    def read(self, given: Any) -> Any:  # noqa: ANN401 - the model validates it
        """Return the value for the model to validate.

        Args:
            given: A text, a list of texts or a bool; None if the option was not given.
        """
        if given is None:
            return self.default
        if self.nothing and given in (self.nothing, [self.nothing]):
            return [] if self.is_list else None
        return given

    def say(self, model: BaseModel) -> list[str]:
        """Return the option and its value in a model as words of a command; empty if the command omits it."""
        value: Any = model
        for name in self.path:
            value = getattr(value, name)
        if self.option.said == "never" or (self.option.said != "always" and value == self.default):
            return []
        if self.is_flag:
            return [self.flags[not value]]
        return [word for text in self._texts(value) or [self.nothing or ""] for word in (self.word, text)]

    def _texts(self, value: Any) -> list[str]:  # noqa: ANN401 - as above
        return list(map(str, value)) if self.is_list else [] if value is None else [str(value)]


def options_of(model: type[BaseModel]) -> list[FieldOption]:
    """List the options of a model and its nested models, in the fields' order, except those `verb.py` handles."""
    return list(_options(model, None, ()))


def nest(values: Sequence[tuple[FieldOption, Any]]) -> dict[str, Any]:
    """Return options' values as the model's fields, with nested models as dictionaries."""
    nested: dict[str, Any] = {}
    for option, value in values:
        *models, name = option.path
        inner = nested
        for model in models:
            inner = inner.setdefault(model, {})
        inner[name] = value
    return nested


def _options(model: type[BaseModel], defaults: BaseModel | None, path: tuple[str, ...]) -> Iterator[FieldOption]:
    for name, field in model.model_fields.items():
        if not path and name in _ASKED_OTHERWISE:
            continue
        default = getattr(defaults, name) if defaults else field.get_default(call_default_factory=True)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _options(kind, default, (*path, name))
        else:
            noted = next((note for note in field.metadata if isinstance(note, Option)), Option())
            yield FieldOption((*path, name), field, default, noted)
