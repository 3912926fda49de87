"""How the command line says a parameter where that does not follow from the field: noted in the field itself."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Option:
    """A field's option, as the second part of its annotation; the UI's form does not see it.

    Attributes:
        word: The option; empty where it is `--` and the field's name with dashes.
        nothing: What stands for None or no elements, where the default is another.
        said: When a run's command, which its report prints, names it: `never` where it decides no figure, `always`
            where its default is another in another environment.
    """

    word: str = ""
    nothing: str = "none"
    said: Literal["where it differs", "always", "never"] = "where it differs"
