"""The variant whose code is running, for hooks that cannot tell from their arguments."""

import os


class Running:
    """The variant whose strategy is being called.

    Attributes:
        variant: Its id; empty while none is.
        is_copy: Whether this is a fork that a strategy made of the replaying process.
    """

    __slots__ = ("is_copy", "variant")

    def __init__(self) -> None:
        self.variant = ""
        self.is_copy = False

    def begin(self) -> None:
        """Mark this process as the one that replays."""
        self.variant, self.is_copy = "", False

    def forked(self) -> None:
        """Mark this process as a fork of the one that replays."""
        self.is_copy = True


running = Running()
"""The state of this process, which runs one replay at a time."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=running.forked)
