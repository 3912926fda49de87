"""Orders: which a run wants, which the lake has, and what is still to be replayed."""
