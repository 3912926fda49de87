"""Where standard error really goes while bars are drawn, and a pipe has its descriptor.

It imports almost nothing, because the command handles Ctrl-C before its imports.
"""

import os


class StandardError:
    """This process's standard error.

    Attributes:
        descriptor: Of what the user sees.
    """

    def __init__(self) -> None:
        self.descriptor = 2

    def last_word(self, text: str) -> None:
        """Write a line; discard all that is written later by anyone.

        Not through a stream, which may be in the middle of a write.
        """
        seen = os.dup(self.descriptor)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for each in {self.descriptor, 2}:
            os.dup2(nowhere, each)
        # What is on the screen may be a line without an end.
        os.write(seen, f"{os.linesep if os.isatty(seen) else ''}{text}{os.linesep}".encode())


standard_error = StandardError()
