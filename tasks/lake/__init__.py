"""The data lake: what its datasets are, and the one door to them."""
