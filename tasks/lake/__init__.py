"""The data lake: its datasets, and the store that reads and writes them."""
