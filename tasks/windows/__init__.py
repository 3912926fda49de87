"""Windows: which part of a market is replayed, and the compressed messages that such a replay reads."""
