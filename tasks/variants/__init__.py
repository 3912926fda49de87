"""Variants: a strategy with its parameters, and everything else that its orders depend on."""
