"""Windows: which part of a market is replayed, and the messages that a replay of it needs, made once for all."""
