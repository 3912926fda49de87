"""The grammar of strategies and their parameters as text, for the command line and a sweep's form.

    NAME    NAME:key=value,…    my.py:Class    my.py:Class:key=value,…    module:Class    module:Class:key=value,…

A file's path must not contain a colon (except after a drive), quote or equals sign. A value is the text up to the next
comma, which the strategy interprets. A value that begins with `"`, `[` or `{`, and `null`, is JSON. A number, true or
false as JSON rather than text has a second equals sign: `key==5`. A key may be a JSON string.
"""

import json
import re
from typing import Any

from tasks.errors import StrategyError
from tasks.variants.word import Word

_FILE = re.compile(r'(?:[A-Za-z]:[\\/])?[^=:"]*?\.py(?=:|$)')
_SETTINGS = re.compile(r'\s*"|[^:]*=')
_JSON_BEGINS = ('"', "[", "{")
_AS_JSON = "="
_NULL = "null"
_DECODER = json.JSONDecoder()


def read_strategy(text: str) -> tuple[str, dict[str, Any]]:
    """Parse a strategy and its parameters, in the grammar above.

    Returns:
        Its name, file and class, or import path; and its parameters.

    Raises:
        StrategyError: A parameter is not key=value, is given twice, or is invalid JSON.
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
    """Write a strategy and its parameters, whose values are already written, for `read_strategy`."""
    settings = ",".join(f"{_write_key(key)}={value}" for key, value in parameters.items())
    return f"{name}:{settings}" if settings else name


def read_axis(text: str) -> tuple[str, str]:
    """Split a sweep's `key=value,…` into the parameter and its values, for `read_values`.

    Raises:
        StrategyError: It is not key=value.
    """
    return _read_key(text)


def read_values(parameter: str, text: str) -> list[Any]:
    """Parse a parameter's comma-separated values in a sweep.

    Args:
        parameter: Its name, for the message.
        text: The values.

    Raises:
        StrategyError: A value is invalid JSON.
    """
    values = []
    following: str | None = text
    while following is not None:
        value, following = _read_value(parameter, following)
        values.append(value)
    return values


def write_value(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """Write a value of JSON's types so that parsing returns it: as a word if possible, else as JSON."""
    if value is None:
        return _NULL
    if isinstance(value, str) and _stands_for_itself(value):
        return value
    written = json.dumps(value, ensure_ascii=False)
    return written if written.startswith(_JSON_BEGINS) else f"{_AS_JSON}{written}"


def write_exactly(value: Any) -> str:  # noqa: ANN401 - as above
    """Write a value as `write_value` does, but text that is no word in quotes, so that it stays text."""
    is_text = isinstance(value, str) and not isinstance(value, Word)
    return json.dumps(value, ensure_ascii=False) if is_text else write_value(value)


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
    """Parse the value at the start of a text; return it and the rest after its comma, None without a comma."""
    begins = text.lstrip()
    if begins.startswith((*_JSON_BEGINS, _AS_JSON)):
        value, rest = _read_json(key, begins.removeprefix(_AS_JSON).lstrip())
        plain, comma, following = rest.partition(",")
        if plain.strip():
            raise StrategyError(
                f"{key}: {plain.strip()!r} follows a JSON value; put a comma between, or quote the whole"
            )
    else:
        plain, comma, following = begins.partition(",")
        value = None if plain.strip() == _NULL else Word(plain.strip())
    return value, following if comma else None


def _read_json(key: str, text: str) -> tuple[Any, str]:
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise StrategyError(
            f"{key}: {text!r} begins like JSON but is invalid ({error}); put such text in double quotes"
        ) from None
    return value, text[end:]
