"""The replay: flumine over a chunk of markets, producing orders. Nothing here imports Prefect."""
