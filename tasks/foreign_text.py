"""Escape text from files or users, so that it can control neither a terminal nor the direction of writing."""


def visible(text: str) -> str:
    r"""Escape control characters, line breaks, bidirectional marks and undecodable bytes.

    They become `\x1b`, `\n`, `\u202e`, `\xff`.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def is_encodable(text: str) -> bool:
    """Return whether a text can be encoded as UTF-8; a file name that is not UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _visible(sign: str) -> str:
    if sign.isprintable():
        return sign
    # Python's surrogate escapes for bytes that are not UTF-8.
    if "\udc80" <= sign <= "\udcff":
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign.encode("unicode_escape").decode()
