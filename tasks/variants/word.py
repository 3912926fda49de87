"""A parameter's value as it was typed, whose type is the strategy's to say."""


class Word(str):
    """Text from a command line: `2` may mean a number. Text from anywhere else, or in quotes, is text.

    Only `check_parameters` asks which it is.
    """

    __slots__ = ()
