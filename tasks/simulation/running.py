"""Whose code runs at this moment: for those who look on from below, where nothing else tells."""


class Running:
    """The variant whose strategy is being called.

    Attributes:
        variant: Its id; empty while no strategy is.
    """

    __slots__ = ("variant",)

    def __init__(self) -> None:
        self.variant = ""


running = Running()
"""Of this process, in which one replay runs at a time."""
