"""Text that a file or a user wrote: shown as it is, without what would steer a terminal or a reader's eye."""


def visible(text: str) -> str:
    r"""Make every sign of a text visible.

    Args:
        text: Anything: a member's name, a venue, an error of another library.

    Returns:
        The text, control characters, line breaks, marks that turn the direction of writing, and bytes that were no text
        as `\n`, `\x1b`, `\u202e`, `\xff`.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def is_encodable(text: str) -> bool:
    """Return whether a text can be written as UTF-8; a file's name that is not UTF-8 cannot.

    Args:
        text: Any text.

    Returns:
        Whether it can.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _visible(sign: str) -> str:
    if sign.isprintable():
        return sign
    # Python's stand-ins for bytes that are not UTF-8.
    if "\udc80" <= sign <= "\udcff":
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign.encode("unicode_escape").decode()
