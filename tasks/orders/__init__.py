"""Orders in the lake: what a run needs, what the lake already has, and what is still to be replayed."""
