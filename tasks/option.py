"""Annotation of a field whose command-line option does not follow from the field itself."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Option:
    """A field's option, as metadata of its `Annotated` type; the UI's form ignores it.

    Attributes:
        word: The option; empty means `--` and the field's name with dashes.
        nothing: The word for None or an empty list, if that is not the default.
        said: When the command that a report prints includes it: `never` if it affects no figure, `always` if its
            default depends on the environment.
    """

    word: str = ""
    nothing: str = "none"
    said: Literal["where it differs", "always", "never"] = "where it differs"
