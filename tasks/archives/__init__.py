"""Archives: what the exchange ships, what one is, and what the lake has of it; what a run takes of their markets."""
