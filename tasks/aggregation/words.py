"""Format amounts and numbers in sentences; `tasks/report/words.py` formats those in tables."""


def money(amount: float) -> str:
    """Format an amount of money with two decimals and a true minus sign: `−1,234.50`."""
    return f"{round(amount, 2) or 0.0:,.2f}".replace("-", "−")


def plural(number: int, one: str) -> str:
    """Return a number with its noun: `1 bet`, `1,234 bets`."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"
