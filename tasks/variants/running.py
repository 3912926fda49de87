"""Whose code runs at this moment: for those who look on from below, where nothing else tells."""

import os


class Running:
    """The variant whose strategy is being called.

    Attributes:
        variant: Its id; empty while no strategy is.
        is_copy: Whether a strategy has forked, and this is not the process that replays.
    """

    __slots__ = ("is_copy", "variant")

    def __init__(self) -> None:
        self.variant = ""
        self.is_copy = False

    def begin(self) -> None:
        """Be the process that replays."""
        self.variant, self.is_copy = "", False

    def forked(self) -> None:
        """Be the copy of a process that replays, which goes on in the other."""
        self.is_copy = True


running = Running()
"""Of this process, in which one replay runs at a time."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=running.forked)
