"""Variants: a strategy with its parameters, what decides its orders, and what it used to make them."""
