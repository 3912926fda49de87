"""Flumine strategies and the models of their parameters; a strategy here is what runs live, unchanged."""

from flumine import BaseStrategy

from strategies.back_favourite import BackFavourite
from strategies.rated_price import RatedPrice

STRATEGIES: dict[str, type[BaseStrategy]] = {"back_favourite": BackFavourite, "rated_price": RatedPrice}
