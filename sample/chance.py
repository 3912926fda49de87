"""Randomness that repeats: the one place where a generator is made from a seed."""

from random import Random


def seeded(*parts: object) -> Random:
    """A generator that is decided by its parts, and independent of those made from other parts.

    The standard library's, not numpy's: the draws here are single numbers, at which it is several times faster.

    Args:
        parts: What identifies the use, for instance a seed and a market id.

    Returns:
        The generator. It is for simulation, never for secrets.
    """
    # S311 warns of predictable numbers; being predictable is this function's purpose.
    return Random("/".join(map(str, parts)))  # noqa: S311
