"""What of an address is kept and shown, and which addresses are not taken, because they hold a secret.

Whoever sees a run, its report, its log or Prefect's database reads the addresses in it.
"""

import re
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from tasks.errors import InputError
from tasks.foreign_text import is_encodable, visible

# What follows the scheme is a name on this machine, or within an archive; no server reads it.
_LOCAL = {"", "file", "local", "memory", "zip", "tar", "libarchive"}

# Here, what stands before the @ is a user's name, or Azure's container, and no secret.
_NAMED = {"sftp", "ssh", "ftp", "ftps", "smb", "hdfs", "webhdfs", "abfs", "abfss", "az", "wasb", "wasbs"}
_NAME = re.compile(r"[^:@]+@[^@]*")

_WEB = {"http", "https"}

# Parts of keys; a key that only sounds like one is refused, too.
_CREDENTIAL = re.compile(
    r"(?<![a-z])sig|signature|token|key(?!word)|secret|passw|pwd|auth|cred|session|jwt|hmac|access|policy|"
    r"^(code|user|login|sas|s[eprtv])$",
    re.IGNORECASE,
)
_KEY = re.compile(r"[?#&;]([^=&;?#/]+)=")

# `simplecache::sftp://host/path`: where another address of a chain begins, and no `::` within a password.
_LINK = re.compile(r"::(?=[A-Za-z][\w+.-]*(?:://|::|$))")

_URL = re.compile(r"[A-Za-z][\w+.-]*://[^\s'\"<>]+")
_QUERY = re.compile(r"\?[^\s'\"<>()]*=[^\s'\"<>()]*")

_HIDDEN = "…"

_USER = (
    "holds a user or a password, which everyone who sees the run or its report would read; give them in the "
    "environment (AWS_ACCESS_KEY_ID, FSSPEC_SFTP_PASSWORD) or by fsspec's own configuration, and write an @ of a path "
    "as %40"
)
_SIGNATURE = (
    "its query looks like a key or a signature, which everyone who sees the run or its report would read; download it "
    "and give its path, or give the key by fsspec's own configuration (FSSPEC_HTTPS in the environment)"
)
_ANY_QUERY = "has a query or a fragment, and only the address of ratings may; download it and give its path"


class _Part(NamedTuple):
    """One address of a chain.

    Attributes:
        scheme: In lower case; empty for a path.
        start: Everything up to where a server's name would begin.
        rest: What follows.
    """

    scheme: str
    start: str
    rest: str

    @classmethod
    def of(cls, text: str) -> "_Part":
        scheme, mark, rest = text.partition("://")
        # A single letter is a drive of Windows.
        if not mark or len(scheme) == 1:
            return cls("", "", text)
        return cls(scheme.strip().lower(), f"{scheme}://", rest)

    @property
    def user_end(self) -> int:
        """Where the server's name begins behind a user, which may hold any sign, also unescaped ones; 0 without one."""
        head = re.split(r"[/?#]", self.rest, maxsplit=1)[0]
        if self.scheme in _LOCAL or (self.scheme in _NAMED and _NAME.fullmatch(head)):
            return 0
        # The colon may be that of a port, and the @ one of the path; nobody knows.
        return self.rest.rfind("@") + 1 if ":" in head else head.rfind("@") + 1

    @property
    def has_bad_port(self) -> bool:
        """Whether what stands for the port can be none, but the beginning of a password."""
        head = re.split(r"[/?#]", self.rest, maxsplit=1)[0]
        _, colon, port = head.partition("]")[2].rpartition(":") if head.startswith("[") else head.rpartition(":")
        can_be = not colon or port.isdecimal() or head.startswith("arn:")
        return self.scheme not in _LOCAL and not self.user_end and "@" not in head and not can_be

    @property
    def query(self) -> str:
        """What follows the path; empty where nothing does. In an object's name # is a sign like others."""
        if self.scheme in _LOCAL:
            return ""
        found = re.search(r"[?#].*" if self.scheme in _WEB else r"\?.*", self.rest, re.DOTALL)
        return found[0] if found else ""

    @property
    def is_unclear(self) -> bool:
        """Whether nobody can say where a user ends and a query begins."""
        return "@" in self.query or self.has_bad_port

    @property
    def shown(self) -> str:
        """What everyone may see; where that is unclear, no more than the scheme."""
        if self.is_unclear:
            return f"{self.start}{_HIDDEN}"
        return f"{self.start}{self.rest[self.user_end : len(self.rest) - len(self.query)]}"


def check_address(address: str, *, takes_query: bool = False) -> str:
    """Take an address that everyone may see.

    Args:
        address: A path or an fsspec URL, a chain of them too.
        takes_query: Whether it may have a query that does not look like a secret. Such a one is used, but neither kept
            nor shown.

    Returns:
        The same.

    Raises:
        InputError: It holds a user, a password, a key or a signature, or is no text; the text does not repeat them.
    """
    path = address if "://" in address else str(Path(address).absolute())
    if not is_encodable(path):
        raise InputError(f"{visible(path)}: its name is not UTF-8; rename it")
    for part in _parts(address):
        if part.is_unclear or part.user_end:
            raise InputError(f"{shown(address)}: {_USER}")
        keys = _KEY.findall(part.rest) if part.scheme not in _LOCAL else []
        if any(_CREDENTIAL.search(unquote(key)) for key in keys):
            raise InputError(f"{_without_parameters(shown(address))}: {_SIGNATURE}")
        if part.query and not takes_query:
            raise InputError(f"{shown(address)}: {_ANY_QUERY}")
    return address


def shown(address: str) -> str:
    """Leave out of an address what may be secret: user and password, query and fragment.

    Args:
        address: A path or an fsspec URL, a chain of them too.

    Returns:
        What may be kept and shown; a path as it is.
    """
    parts = _parts(address)
    clear = list(takewhile(lambda part: not part.is_unclear, parts))
    # What follows a part that is unclear may still be of its password.
    return "::".join(part.shown for part in parts[: len(clear) + 1])


def shown_within(text: str) -> str:
    """Leave what may be secret out of each address in a text, such as another library's error.

    Args:
        text: Any text.

    Returns:
        The text.
    """
    return _QUERY.sub("", _URL.sub(lambda found: shown(found[0]), text))


def _parts(address: str) -> list[_Part]:
    return [_Part.of(text) for text in _LINK.split(address)]


def _without_parameters(address: str) -> str:
    return address.partition(";")[0]
