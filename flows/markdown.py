"""Escape text for Prefect's UI, which renders tables, descriptions and reports as Markdown."""

import re

from tasks.foreign_text import visible

# Markdown's special characters: anywhere, at a word's edge, in an address, or at the start of a line.
_SIGNS = re.compile(
    r"[\\`*\[\]<>&|~]"
    r"|(?<!\w)_|_(?!\w)"
    r"|:(?=//)|(?<=www)\.|(?<=\w)@"
    r"|^[-+=#](?=[-+=# ]|$)|(?:(?<=^\d)|(?<=^\d\d))[.)](?= )"
)


def as_text(text: str) -> str:
    """Escape any text as one line of Markdown."""
    return _SIGNS.sub(r"\\\g<0>", visible(text).strip(" "))


def as_code(text: str) -> str:
    """Write any text as inline code, one line of Markdown."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{visible(text)}{pad}{fence}"
