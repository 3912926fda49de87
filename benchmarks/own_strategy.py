"""A strategy as a user's own, which sees every book: nobody can believe it when it tells that it sleeps."""

from strategies.rated_price import RatedPrice


class Own(RatedPrice):
    """Bets as `rated_price` does."""
