"""Orders to results: commission, per market, per variant."""
