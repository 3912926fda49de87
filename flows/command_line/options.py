"""A model's fields as options of the command line: their words, their help, and their values as text.

A field is all that an option needs; what the command line asks in another way (archives, strategies, a sweep's grid) is
the business of `verb.py`.
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
        path: Names of the models that it is nested in, and its own.
        field: What pydantic knows of it.
        default: Its value where the option is not given.
        option: What the field itself says of its option.
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
        """Whether it is said without a value: `--word`, or `--no-word`."""
        return self.field.annotation is bool

    @property
    def flags(self) -> tuple[str, str]:
        """A flag's two words: yes and no."""
        return self.word, f"--no-{self.word.removeprefix('--')}"

    @property
    def is_list(self) -> bool:
        """Whether it may be given several times."""
        return get_origin(self.field.annotation) is list

    @property
    def nothing(self) -> str | None:
        """The word for None, or for no elements; None where not giving the option says that, or it cannot be."""
        can_be = self.is_list or NoneType in get_args(self.field.annotation)
        return self.option.nothing if can_be and self.default not in (None, []) else None

    @property
    def kind(self) -> str:
        """Its type, or the choices there are, as `--help` shows it."""
        annotation = self.field.annotation
        if get_origin(annotation) is Literal:
            return f"<{'|'.join(map(str, get_args(annotation)))}>"
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType] or [annotation]
        return f"<{'|'.join(getattr(kind, '__origin__', kind).__name__ for kind in kinds)}>"

    @property
    def help(self) -> str:
        """What it means, and its default."""
        said = [self.field.description or "", "repeatable"] if self.is_list else [self.field.description or ""]
        if self.nothing:
            said.append("may be none" if self.nothing == "none" else f"{self.nothing} for none")
        default = self.flags[not self.default] if self.is_flag else ", ".join(self._texts(self.default))
        return "; ".join((*said, f"default {default or 'none'}"))

    def read(self, given: Any) -> Any:  # noqa: ANN401 - what it is, the model says
        """Read what was given on the command line.

        Args:
            given: A text, a list of texts, a bool; None where the option was not given.

        Returns:
            What the model is to validate.
        """
        if given is None:
            return self.default
        if self.nothing and given in (self.nothing, [self.nothing]):
            return [] if self.is_list else None
        return given

    def say(self, model: BaseModel) -> list[str]:
        """Say a model's value as words of a command.

        Args:
            model: Of the class whose option it is.

        Returns:
            The option and its value, as often as it takes; nothing where that is not to be said.
        """
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
    """List a model's options, those of the models nested in it at their place.

    Returns:
        An option for each field but those that the command line asks in another way.
    """
    return list(_options(model, None, ()))


def nest(values: Sequence[tuple[FieldOption, Any]]) -> dict[str, Any]:
    """Put values where their models have them.

    Args:
        values: Options, each with what the model is to validate.

    Returns:
        The model's fields; what is nested, as dictionaries.
    """
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
