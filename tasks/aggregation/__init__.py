"""Turn orders into results: settlement, commission, and figures per market and variant."""
