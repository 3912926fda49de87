"""How strategies and their parameters are written as text: on the command line, and in the form of a sweep.

    NAME    NAME:key=value,…    my.py:Class    my.py:Class:key=value,…    module:Class    module:Class:key=value,…

A file's path has no colon, quote or equals sign in it but the colon after a drive. A value is the text up to the next
comma, as it stands; what it means is for the strategy to say. What cannot be written so is written as JSON: a value
that begins with `"`, `[` or `{`, and `null`. A number, true or false that must not be taken for its text has an equals
sign of its own: `key==5`. A key may be a JSON string.
"""

import json
import re
from typing import Any

from tasks.errors import StrategyError

_FILE = re.compile(r'(?:[A-Za-z]:[\\/])?[^=:"]*?\.py(?=:|$)')
_SETTINGS = re.compile(r'\s*"|[^:]*=')
_JSON_BEGINS = ('"', "[", "{")
_AS_JSON = "="
_NULL = "null"
_DECODER = json.JSONDecoder()


def read_strategy(text: str) -> tuple[str, dict[str, Any]]:
    """Read a strategy and its parameters.

    Args:
        text: By the grammar above.

    Returns:
        Its name, file and class, or import path, and its parameters.

    Raises:
        StrategyError: A parameter is not key=value, is given twice, or its JSON is none.
    """
    file = _FILE.match(text)
    name = file[0] if file else text.partition(":")[0]
    colon, settings = text[len(name) : len(name) + 1], text[len(name) + 1 :]
    if colon and not _SETTINGS.match(settings):
        class_name, colon, settings = settings.partition(":")
        name = f"{name}:{class_name}"
    parameters: dict[str, Any] = {}
    following = settings if colon else None
    while following is not None:
        key, following = _read_key(following)
        if key in parameters:
            raise StrategyError(f"{key} is given twice; give each parameter once")
        parameters[key], following = _read_value(key, following)
    return name, parameters


def write_strategy(name: str, parameters: dict[str, str]) -> str:
    """Write a strategy and its parameters.

    Args:
        name: As `read_strategy` gives it.
        parameters: Their values, written.

    Returns:
        What `read_strategy` reads.
    """
    settings = ",".join(f"{_write_key(key)}={value}" for key, value in parameters.items())
    return f"{name}:{settings}" if settings else name


def read_axis(text: str) -> tuple[str, str]:
    """Read a parameter of a sweep.

    Args:
        text: `key=value,…`.

    Returns:
        The parameter, and its values for `read_values`.

    Raises:
        StrategyError: It is not key=value.
    """
    return _read_key(text)


def read_values(parameter: str, text: str) -> list[Any]:
    """Read the values that a parameter takes in a sweep.

    Args:
        parameter: Its name, for the error.
        text: Values, with commas between them.

    Returns:
        The values.

    Raises:
        StrategyError: A value's JSON is none.
    """
    values = []
    following: str | None = text
    while following is not None:
        value, following = _read_value(parameter, following)
        values.append(value)
    return values


def write_value(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """Write a value so that exactly it is read.

    Args:
        value: A value of JSON's types.

    Returns:
        A text as it stands where it can be, else JSON.
    """
    if value is None:
        return _NULL
    if isinstance(value, str) and _stands_for_itself(value):
        return value
    written = json.dumps(value, ensure_ascii=False)
    return written if written.startswith(_JSON_BEGINS) else f"{_AS_JSON}{written}"


def _write_key(key: str) -> str:
    is_plain = key and not {"=", ":"} & set(key) and _stands_for_itself(key)
    return key if is_plain else json.dumps(key, ensure_ascii=False)


def _stands_for_itself(text: str) -> bool:
    is_json = text == _NULL or text.startswith((*_JSON_BEGINS, _AS_JSON))
    return not is_json and "," not in text and text == text.strip() and text.isprintable()


def _read_key(text: str) -> tuple[str, str]:
    begins = text.lstrip()
    key, rest = _read_json(begins, begins) if begins.startswith('"') else ("", begins)
    plain, equals, following = rest.partition("=")
    if not equals or "," in plain or bool(key) == bool(plain.strip()):
        raise StrategyError(f"{text.partition(',')[0]!r} is not key=value")
    return key or plain.strip(), following


def _read_value(key: str, text: str) -> tuple[Any, str | None]:
    """Read the value that a text begins with; give what follows its comma, None where there is none."""
    begins = text.lstrip()
    if begins.startswith((*_JSON_BEGINS, _AS_JSON)):
        value, rest = _read_json(key, begins.removeprefix(_AS_JSON).lstrip())
        plain, comma, following = rest.partition(",")
        if plain.strip():
            raise StrategyError(
                f"{key}: {plain.strip()!r} follows a value in JSON; put a comma between, or quote the whole"
            )
    else:
        plain, comma, following = begins.partition(",")
        value = None if plain.strip() == _NULL else plain.strip()
    return value, following if comma else None


def _read_json(key: str, text: str) -> tuple[Any, str]:
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise StrategyError(
            f"{key}: {text!r} begins like JSON and is none ({error}); write a text that begins so in double quotes"
        ) from None
    return value, text[end:]
