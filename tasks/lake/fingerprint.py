"""Fingerprints: hashes of everything an output depends on; an output with an equal fingerprint is reused.

Each stage decides which parts its output depends on.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from importlib.metadata import version

# Outputs that depend on these are redone when one changes. Python counts because 3.12 changed how floats are summed.
ENGINE = {
    **{name: version(name) for name in ("flumine", "betfairlightweight")},
    "python": f"{sys.version_info.major}.{sys.version_info.minor}",
}

_DIGITS = 16


def fingerprint(stage: str, *, version: int, **parts: object) -> str:
    """Hash everything an output depends on.

    Args:
        stage: The stage's name, so that equal parts in two stages do not collide.
        version: The stage's own version, raised by hand when its code produces other output from the same parts.
        parts: Everything else, of JSON's types (tuples count as lists); order of keys does not matter.

    Returns:
        Sixteen hexadecimal digits.
    """
    canonical = json.dumps([stage, version, parts], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]


def digest(items: Iterable[bytes]) -> str:
    """Hash a sequence of byte strings, their order and boundaries included.

    Returns:
        Sixteen hexadecimal digits.
    """
    hashed = hashlib.sha256()
    for item in items:
        hashed.update(len(item).to_bytes(8, "big"))
        hashed.update(item)
    return hashed.hexdigest()[:_DIGITS]
