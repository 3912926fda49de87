"""The replay: flumine over a chunk of markets, orders out. Nothing here imports Prefect."""
