"""Refuse addresses with secrets, and strip addresses before they are stored or shown.

Everyone who sees a run, its report, its log or Prefect's database can read the addresses in it.
"""

import re
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from tasks.errors import InputError
from tasks.foreign_text import is_encodable, visible

# Schemes followed by a name on this machine or within an archive, not by a server.
_LOCAL = {"", "file", "local", "memory", "zip", "tar", "libarchive"}

# Schemes where the text before the @ is a user name or Azure's container, not a secret.
_NAMED = {"sftp", "ssh", "ftp", "ftps", "smb", "hdfs", "webhdfs", "abfs", "abfss", "az", "wasb", "wasbs"}
_NAME = re.compile(r"[^:@]+@[^@]*")

_WEB = {"http", "https"}

# Parts of query keys that suggest a credential; false positives are acceptable.
_CREDENTIAL = re.compile(
    r"(?<![a-z])sig|signature|token|key(?!word)|secret|passw|pwd|auth|cred|session|jwt|hmac|access|policy|"
    r"^(code|user|login|sas|s[eprtv])$",
    re.IGNORECASE,
)
_KEY = re.compile(r"[?#&;]([^=&;?#/]+)=")

# `simplecache::sftp://host/path`: where the next address of a chain begins; must not match a `::` within a password.
_LINK = re.compile(r"::(?=[A-Za-z][\w+.-]*(?:://|::|$))")

_URL = re.compile(r"[A-Za-z][\w+.-]*://[^\s'\"<>]+")
_QUERY = re.compile(r"\?[^\s'\"<>()]*=[^\s'\"<>()]*")

_HIDDEN = "…"

_USER = (
    "contains a user or a password, which everyone who sees the run or its report could read; give them in the "
    "environment (AWS_ACCESS_KEY_ID, FSSPEC_SFTP_PASSWORD) or in fsspec's own configuration, and write an @ in a path "
    "as %40"
)
_SIGNATURE = (
    "its query looks like a key or a signature, which everyone who sees the run or its report could read; download it "
    "and give its path, or give the key in fsspec's own configuration (FSSPEC_HTTPS in the environment)"
)
_ANY_QUERY = "has a query or a fragment, which only ratings' addresses may have; download it and give its path"


class _Part(NamedTuple):
    """One address of a chain.

    Attributes:
        scheme: In lower case; empty for a path.
        start: Everything before the server's name, such as `https://`.
        rest: Everything after it.
    """

    scheme: str
    start: str
    rest: str

    @classmethod
    def of(cls, text: str) -> "_Part":
        scheme, mark, rest = text.partition("://")
        # A single letter is a Windows drive.
        if not mark or len(scheme) == 1:
            return cls("", "", text)
        return cls(scheme.strip().lower(), f"{scheme}://", rest)

    @property
    def user_end(self) -> int:
        """Index after the user and password, which may contain unescaped characters; 0 without them."""
        head = re.split(r"[/?#]", self.rest, maxsplit=1)[0]
        if self.scheme in _LOCAL or (self.scheme in _NAMED and _NAME.fullmatch(head)):
            return 0
        # Ambiguous: the colon may precede a port and the @ belong to the path. Assume a password.
        return self.rest.rfind("@") + 1 if ":" in head else head.rfind("@") + 1

    @property
    def has_bad_port(self) -> bool:
        """Whether the port is not a port, and so may be the beginning of a password."""
        head = re.split(r"[/?#]", self.rest, maxsplit=1)[0]
        _, colon, port = head.partition("]")[2].rpartition(":") if head.startswith("[") else head.rpartition(":")
        can_be = not colon or port.isdecimal() or head.startswith("arn:")
        return self.scheme not in _LOCAL and not self.user_end and "@" not in head and not can_be

    @property
    def query(self) -> str:
        """Query and fragment; may be empty. Outside the web, # is an ordinary character of an object's name."""
        if self.scheme in _LOCAL:
            return ""
        found = re.search(r"[?#].*" if self.scheme in _WEB else r"\?.*", self.rest, re.DOTALL)
        return found[0] if found else ""

    @property
    def is_unclear(self) -> bool:
        """Whether it is ambiguous where the user ends and the query begins."""
        return "@" in self.query or self.has_bad_port

    @property
    def shown(self) -> str:
        """The address without secrets; only the scheme if it is ambiguous."""
        if self.is_unclear:
            return f"{self.start}{_HIDDEN}"
        return f"{self.start}{self.rest[self.user_end : len(self.rest) - len(self.query)]}"


def check_address(address: str, *, takes_query: bool = False) -> str:
    """Return an address unchanged, after checking that it contains no secret.

    Args:
        address: A path, an fsspec URL or a chain of URLs.
        takes_query: Whether to allow a query that does not look like a secret. It is used, but neither stored nor
            shown.

    Raises:
        InputError: It contains a user, a password, a key or a signature, which the message does not repeat, or is not
            UTF-8.
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
    """Strip user, password, query and fragment from a URL or a chain of URLs; return a path unchanged."""
    parts = _parts(address)
    clear = list(takewhile(lambda part: not part.is_unclear, parts))
    # After an ambiguous part, the rest may still be its password.
    return "::".join(part.shown for part in parts[: len(clear) + 1])


def shown_within(text: str) -> str:
    """Strip possible secrets from each address in a text, such as another library's error."""
    return _QUERY.sub("", _URL.sub(lambda found: shown(found[0]), text))


def _parts(address: str) -> list[_Part]:
    return [_Part.of(text) for text in _LINK.split(address)]


def _without_parameters(address: str) -> str:
    return address.partition(";")[0]
