"""Amounts and numbers within a sentence. How the report writes them in its tables is in `tasks/report/words.py`."""


def money(amount: float) -> str:
    """Write an amount of money: `−1,234.50`.

    Args:
        amount: The account's currency.

    Returns:
        It with two decimals and a real minus.
    """
    return f"{round(amount, 2) or 0.0:,.2f}".replace("-", "−")


def plural(number: int, one: str) -> str:
    """Return how many there are.

    Args:
        number: How many.
        one: What one of them is called.

    Returns:
        `1 bet`, `1,234 bets`.
    """
    return f"{number:,} {one}{'' if number == 1 else 's'}"
