"""Foreign text in Prefect's UI, which reads tables, descriptions and reports as Markdown."""

import re

from tasks.foreign_text import visible

# What Markdown reads wherever it stands, what at a word's edge, in an address, or at the beginning of a line.
_SIGNS = re.compile(
    r"[\\`*\[\]<>&|~]"
    r"|(?<!\w)_|_(?!\w)"
    r"|:(?=//)|(?<=www)\.|(?<=\w)@"
    r"|^[-+=#](?=[-+=# ]|$)|(?:(?<=^\d)|(?<=^\d\d))[.)](?= )"
)


def as_text(text: str) -> str:
    """Write a text so that Markdown shows it as it is.

    Args:
        text: Anything.

    Returns:
        One line of Markdown.
    """
    return _SIGNS.sub(r"\\\g<0>", visible(text).strip(" "))


def as_code(text: str) -> str:
    """Write a text as code.

    Args:
        text: Anything.

    Returns:
        One line of Markdown.
    """
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{visible(text)}{pad}{fence}"
