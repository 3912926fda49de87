"""What decides an output, as one short string: equal fingerprints mean that nothing needs doing.

Only the hashing is here; which parts decide an output is known to the stage that makes it.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from importlib.metadata import version

# Every output that these had a part in is redone when one changes; from Python 3.12 on, sums of floats are others.
ENGINE = {
    **{name: version(name) for name in ("flumine", "betfairlightweight")},
    "python": f"{sys.version_info.major}.{sys.version_info.minor}",
}

_DIGITS = 16


def fingerprint(stage: str, *, version: int, **parts: object) -> str:
    """Hash what decides an output.

    Args:
        stage: The stage's name; equal parts in two stages must not collide.
        version: The stage's own version, raised by hand when its code gives other output for the same parts.
        parts: Everything else, of JSON's types (tuples count as lists); order of keys does not matter.

    Returns:
        Sixteen hexadecimal digits.
    """
    canonical = json.dumps([stage, version, parts], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]


def digest(items: Iterable[bytes]) -> str:
    """Hash a sequence of byte strings; where one ends and the next begins counts.

    Args:
        items: The byte strings, in an order that means something.

    Returns:
        Sixteen hexadecimal digits.
    """
    hashed = hashlib.sha256()
    for item in items:
        hashed.update(len(item).to_bytes(8, "big"))
        hashed.update(item)
    return hashed.hexdigest()[:_DIGITS]
